/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - uploaded files, and what batch jobs write.
 *
 * A row says what a file is; its content is a file of the store's folder that has the id as its
 * name.  What a client calls a file is a note only and never part of a path.  A content is written
 * under another name, stored and renamed before its row is there: a row always has its content.
 * Contents without a row, left by a crash, are removed by files_sweep().
 * A viewer that may not see a file gets ERR_NOT_FOUND, as for one that is not there.
 * Thread: any; all wait for the store or the disk. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "base/arena.h"
#include "base/span.h"
#include "base/uuid.h"
#include "store/store.h"

enum file_purpose {
    PURPOSE_FINE_TUNE,
    PURPOSE_BATCH,
    PURPOSE_OCR,
    PURPOSE_USER_DATA,
    PURPOSE_ASSISTANTS,
    PURPOSE_VISION,
    PURPOSE_EVALS,
    N_PURPOSES,
};

enum sample_type {
    SAMPLE_PRETRAIN,
    SAMPLE_INSTRUCT,
    SAMPLE_BATCH_REQUEST,
    SAMPLE_BATCH_RESULT,
    SAMPLE_BATCH_ERROR,
    N_SAMPLE_TYPES,
};

enum file_source { SOURCE_UPLOAD, SOURCE_REPOSITORY, SOURCE_MISTRAL, N_FILE_SOURCES };
enum file_visibility { VISIBLE_WORKSPACE, VISIBLE_USER, N_VISIBILITIES };

/* The words of the API, "fine-tune", "batch_request".  Find returns false for any other word.
 * Borrowed: static. */
const char *file_purpose_name(enum file_purpose purpose);
const char *sample_type_name(enum sample_type type);
const char *file_source_name(enum file_source source);
const char *file_visibility_name(enum file_visibility visibility);
bool file_purpose_find(struct span word, enum file_purpose *purpose);
bool sample_type_find(struct span word, enum sample_type *type);
bool file_source_find(struct span word, enum file_source *source);
bool file_visibility_find(struct span word, enum file_visibility *visibility);

struct file_info {
    char id[UUID_TEXT];
    const char *owner; /* id of a key */
    const char *name;  /* UTF-8 without control characters */
    const char *mime;  /* "" when not known */
    const char *sha256;
    enum file_purpose purpose;
    enum sample_type sample_type;
    enum file_source source;
    enum file_visibility visibility;
    int64_t n_bytes, n_lines;       /* n_lines: of .jsonl; else -1 */
    int64_t created_at, expires_at; /* seconds since 1970; expires_at 0: never */
};

struct file_list {
    struct file_info *items; /* [n], newest first; of the arena, with their texts */
    size_t n;
    int64_t total; /* that match, on all pages */
};

enum { FILE_FILTER_MIMES = 8 };

/* All zero lists everything: page 0 of 100. */
struct file_filter {
    uint32_t page, page_size; /* page_size 0: 100; at most LIMIT_PAGE_SIZE */
    uint32_t sample_types;    /* bits 1 << enum sample_type; 0: any */
    uint32_t sources;         /* bits 1 << enum file_source; 0: any */
    uint32_t purposes;        /* bits 1 << enum file_purpose; 0: any */
    struct span search;       /* part of the name, upper or lower case of ASCII alike */
    struct span mimes[FILE_FILTER_MIMES];
    size_t n_mimes; /* 0: any */
};

/* What is said about a file before its bytes come.  All is borrowed until file_upload_begin()
 * returns. */
struct file_upload_about {
    const char *owner; /* id of a key, or "" */
    struct span name;  /* of the client: its last part counts; ill-formed bytes become U+FFFD */
    struct span mime;  /* or nothing; dropped when it is no media type */
    enum file_purpose purpose;
    enum file_visibility visibility;
    enum file_source source;
    int64_t expires_at; /* 0: never */
};

struct file_upload;

/* Begins a file.  Does not ask the database.
 * Owned: file_upload_close().  Errors: ERR_IO naming the folder, ERR_LIMIT. */
struct file_upload *file_upload_begin(struct store *store, const struct file_upload_about *about,
                                      struct err *err) CHECKED;

/* Appends bytes: [n].  Does not ask the database.  Lines of a name that ends in .jsonl are checked
 * as they come; after a failure the upload can only be closed.
 * Errors: ERR_LIMIT past LIMIT_FILE_BYTES; ERR_FORMAT "line 3: ..." for a line that is no JSON
 * object; ERR_IO, as for a full disk. */
bool file_upload_add(struct file_upload *upload, const void *bytes, size_t n,
                     struct err *err) CHECKED;

/* Puts the file into the store.  info's texts are in the arena.
 * Errors: as file_upload_add(), and those of the store; then there is no such file. */
bool file_upload_finish(struct file_upload *upload, struct arena *arena, struct file_info *info,
                        struct err *err) CHECKED;

/* Frees; without file_upload_finish() nothing stays behind. */
void file_upload_close(struct file_upload *upload);

/* Lists files.  Errors: ERR_ARG for a page that is too large; those of the store; ERR_LIMIT. */
bool files_list(struct store *store, const struct viewer *viewer, const struct file_filter *filter,
                struct arena *arena, struct file_list *list, struct err *err) CHECKED;

/* Finds a file.  Errors: ERR_NOT_FOUND; those of the store; ERR_LIMIT. */
bool files_get(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err) CHECKED;

/* Finds a file and opens its content, info->n_bytes long, for reading; it stays readable when the
 * file is deleted meanwhile.
 * Owned: the descriptor, close(); -1 on failure.  Errors: as files_get(); ERR_IO. */
int files_open(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err) CHECKED;

/* Removes a file.  Errors: ERR_NOT_FOUND; those of the store. */
bool files_delete(struct store *store, const struct viewer *viewer, const char *id,
                  struct err *err) CHECKED;

/* Removes files that have expired, and contents that nothing has named for a day.  To be called
 * every few minutes.  Errors: those of the store, ERR_IO. */
bool files_sweep(struct store *store, size_t *n_removed, struct err *err) CHECKED;

#endif
