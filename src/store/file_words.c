/* SPDX-License-Identifier: Apache-2.0 */
/* file_words.c - the words of the API for what files and jobs are. */
#include "store/files.h"
#include "store/jobs.h"

static const char *const purposes[N_PURPOSES] = {
    [PURPOSE_FINE_TUNE] = "fine-tune",
    [PURPOSE_BATCH] = "batch",
    [PURPOSE_OCR] = "ocr",
    [PURPOSE_USER_DATA] = "user_data",
    [PURPOSE_ASSISTANTS] = "assistants",
    [PURPOSE_VISION] = "vision",
    [PURPOSE_EVALS] = "evals",
};

static const char *const sample_types[N_SAMPLE_TYPES] = {
    [SAMPLE_PRETRAIN] = "pretrain",           [SAMPLE_INSTRUCT] = "instruct",
    [SAMPLE_BATCH_REQUEST] = "batch_request", [SAMPLE_BATCH_RESULT] = "batch_result",
    [SAMPLE_BATCH_ERROR] = "batch_error",
};

static const char *const sources[N_FILE_SOURCES] = {
    [SOURCE_UPLOAD] = "upload",
    [SOURCE_REPOSITORY] = "repository",
    [SOURCE_MISTRAL] = "mistral",
};

static const char *const visibilities[N_VISIBILITIES] = {
    [VISIBLE_WORKSPACE] = "workspace",
    [VISIBLE_USER] = "user",
};

static const char *const statuses[N_JOB_STATUSES] = {
    [JOB_QUEUED] = "QUEUED",
    [JOB_RUNNING] = "RUNNING",
    [JOB_SUCCESS] = "SUCCESS",
    [JOB_FAILED] = "FAILED",
    [JOB_TIMEOUT_EXCEEDED] = "TIMEOUT_EXCEEDED",
    [JOB_CANCELLATION_REQUESTED] = "CANCELLATION_REQUESTED",
    [JOB_CANCELLED] = "CANCELLED",
};

/* Returns the place of word among words: [n], or n. */
static unsigned find(const char *const *words, unsigned n, struct span word)
{
    unsigned i = 0;
    while (i < n && !(word.s && span_is(word, words[i])))
        i++;
    return i;
}

const char *file_purpose_name(enum file_purpose purpose)
{
    return purposes[purpose];
}

const char *sample_type_name(enum sample_type type)
{
    return sample_types[type];
}

const char *file_source_name(enum file_source source)
{
    return sources[source];
}

const char *file_visibility_name(enum file_visibility visibility)
{
    return visibilities[visibility];
}

const char *job_status_name(enum job_status status)
{
    return statuses[status];
}

bool file_purpose_find(struct span word, enum file_purpose *purpose)
{
    unsigned i = find(purposes, N_PURPOSES, word);
    if (i < N_PURPOSES)
        *purpose = (enum file_purpose)i;
    return i < N_PURPOSES;
}

bool sample_type_find(struct span word, enum sample_type *type)
{
    unsigned i = find(sample_types, N_SAMPLE_TYPES, word);
    if (i < N_SAMPLE_TYPES)
        *type = (enum sample_type)i;
    return i < N_SAMPLE_TYPES;
}

bool file_source_find(struct span word, enum file_source *source)
{
    unsigned i = find(sources, N_FILE_SOURCES, word);
    if (i < N_FILE_SOURCES)
        *source = (enum file_source)i;
    return i < N_FILE_SOURCES;
}

bool file_visibility_find(struct span word, enum file_visibility *visibility)
{
    unsigned i = find(visibilities, N_VISIBILITIES, word);
    if (i < N_VISIBILITIES)
        *visibility = (enum file_visibility)i;
    return i < N_VISIBILITIES;
}

bool job_status_find(struct span word, enum job_status *status)
{
    unsigned i = find(statuses, N_JOB_STATUSES, word);
    if (i < N_JOB_STATUSES)
        *status = (enum job_status)i;
    return i < N_JOB_STATUSES;
}
