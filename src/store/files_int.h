/* SPDX-License-Identifier: Apache-2.0 */
/* files_int.h - contents on the disk, and rows, for uploads and for what jobs write. */
#ifndef STORE_FILES_INT_H
#define STORE_FILES_INT_H

#include "store/files.h"
#include "store/sha256_int.h"
#include "store/store_int.h"

/* A content that is being written. */
struct content {
    const struct store *store; /* borrowed; only its folder is looked at */
    char id[UUID_TEXT];
    char sha256[SHA256_TEXT]; /* from content_keep() on */
    int64_t n_bytes;
    struct sha256 sum;
    int fd; /* -1: none */
    bool is_kept;
};

/* Begins a content of a new id.  Owned: content_close().  Errors: ERR_IO, ERR_LIMIT. */
bool content_begin(struct content *content, const struct store *store, struct err *err) CHECKED;

/* Appends n bytes.  Errors: ERR_LIMIT for want of memory, ERR_IO. */
bool content_add(struct content *content, const void *bytes, size_t n, struct err *err) CHECKED;

/* Stores what was written and gives it its name.  Errors: ERR_IO. */
bool content_keep(struct content *content, struct err *err) CHECKED;

/* Frees; a content that was not kept, or is not to be, is removed. */
void content_close(struct content *content, bool keep);

/* Appends the path of the content of that id.  Errors: ERR_LIMIT. */
bool content_path(const struct store *store, const char *id, struct buf *path,
                  struct err *err) CHECKED;

/* Removes the content of that id, if there is one. */
void content_remove(const struct store *store, const char *id);

/* Writes what of name may be stored to text: [LIMIT_FILE_NAME + 1]: its last part, UTF-8 without
 * control characters, "file" when that leaves nothing. */
void file_clean_name(struct span name, char *text);

/* Copies mime to text: [LIMIT_MIME_BYTES + 1] in lower case, or "" when it is no media type. */
void file_clean_mime(struct span mime, char *text);

/* Adds the row of a file.  For who has the store.  Errors: those of the store. */
bool file_insert(struct store *store, const struct file_info *info, struct err *err) CHECKED;

/* Reads the row of a file that a viewer may see.  For who has the store.
 * Errors: ERR_NOT_FOUND; those of the store; ERR_LIMIT. */
bool file_find(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err) CHECKED;

/* Joins the words of the bits set in mask, of n words, to ",a,b," for LIKE in text: [size]; "" for
 * an empty mask, which means any. */
void store_word_set(uint32_t mask, unsigned n, const char *(*word)(unsigned), char *text,
                    size_t size);

/* Appends search as a pattern that finds it anywhere.  Errors: ERR_LIMIT. */
bool store_pattern(struct span search, struct buf *pattern, struct err *err) CHECKED;

#endif
