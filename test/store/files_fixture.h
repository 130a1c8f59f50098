/* SPDX-License-Identifier: Apache-2.0 */
/* files_fixture.h - files in a store of a test. */
#ifndef TEST_FILES_FIXTURE_H
#define TEST_FILES_FIXTURE_H

#include <string.h>

#include "database.h"
#include "store/files.h"
#include "test.h"

/* Uploads text; its info's own texts are not valid any more. */
static inline struct file_info put_file(struct store *store, const char *owner, const char *name,
                                        const char *text)
{
    struct err err = {0};
    struct arena arena = {0};
    struct file_info info;
    const struct file_upload_about about = {
        .owner = owner, .name = {name, strlen(name)}, .purpose = PURPOSE_BATCH};
    struct file_upload *upload = file_upload_begin(store, &about, &err);
    if (!upload || !file_upload_add(upload, text, strlen(text), &err) ||
        !file_upload_finish(upload, &arena, &info, &err))
        fail_msg("%s: %s", name, err.text);
    file_upload_close(upload);
    info.owner = info.name = info.mime = info.sha256 = NULL;
    arena_free(&arena);
    return info;
}

#endif
