/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/files.h"
#include "store/jobs.h"
#include "test.h"

static struct span word(const char *text)
{
    return (struct span){text, strlen(text)};
}

TEST(file_words, are_found_as_they_are_written)
{
    enum file_purpose purpose;
    enum sample_type type;
    enum file_source source;
    enum file_visibility visibility;
    enum job_status status;
    for (int i = 0; i < N_PURPOSES; i++)
        assert_true(file_purpose_find(word(file_purpose_name((enum file_purpose)i)), &purpose) &&
                    (int)purpose == i);
    for (int i = 0; i < N_SAMPLE_TYPES; i++)
        assert_true(sample_type_find(word(sample_type_name((enum sample_type)i)), &type) &&
                    (int)type == i);
    for (int i = 0; i < N_FILE_SOURCES; i++)
        assert_true(file_source_find(word(file_source_name((enum file_source)i)), &source) &&
                    (int)source == i);
    for (int i = 0; i < N_VISIBILITIES; i++)
        assert_true(file_visibility_find(word(file_visibility_name((enum file_visibility)i)),
                                         &visibility) &&
                    (int)visibility == i);
    for (int i = 0; i < N_JOB_STATUSES; i++)
        assert_true(job_status_find(word(job_status_name((enum job_status)i)), &status) &&
                    (int)status == i);
}

TEST(file_words, are_the_only_ones)
{
    enum file_purpose purpose;
    enum job_status status;
    assert_true(file_purpose_find(SPAN("fine-tune"), &purpose));
    assert_int_equal(purpose, PURPOSE_FINE_TUNE);
    assert_false(file_purpose_find(SPAN("fine_tune"), &purpose));
    assert_false(file_purpose_find(SPAN(""), &purpose));
    assert_false(file_purpose_find((struct span){NULL, 0}, &purpose));
    assert_false(job_status_find(SPAN("queued"), &status));
    assert_false(job_status_find(SPAN("RUNNING "), &status));
}
