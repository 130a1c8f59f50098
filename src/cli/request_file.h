/* SPDX-License-Identifier: Apache-2.0 */
/* request_file.h - a file of requests: JSON Lines, each line a request of the API, or one in the
 * "body" of a batch's line.
 *
 * The file is mapped, so it may be larger than memory.
 * Thread: one at a time. */
#ifndef CLI_REQUEST_FILE_H
#define CLI_REQUEST_FILE_H

#include "base/err.h"
#include "base/file.h"
#include "base/span.h"
#include "data/json_tree.h"

struct request_file {
    const char *path; /* borrowed */
    struct file_map map;
    struct span *lines; /* [n_lines] */
    size_t n_lines, cap;
};

/* Looks at line index, counted from 0, when a file is opened; what is said of it gets the file and
 * the line in front.  Errors: any. */
typedef bool request_check_fn(void *arg, size_t index, const struct json_node *line,
                              struct err *err);

/* Opens a file whose every line is a JSON object that check takes.  Owned: request_file_close(),
 * also after a failure.  Errors: as file_map() and jsonl_add(), those of check; ERR_FORMAT for a
 * file without a line. */
bool request_file_open(struct request_file *file, const char *path, request_check_fn *check,
                       void *arg, struct err *err) CHECKED;
void request_file_close(struct request_file *file);

/* Parses line index.  Owned: json_tree_free(), also after a failure.
 * Errors: ERR_IO when the file is not what it was, ERR_LIMIT. */
bool request_file_parse(const struct request_file *file, size_t index, struct json_tree *tree,
                        struct err *err) CHECKED;

/* Returns the request of a line.  Borrowed: of the line. */
const struct json_node *request_of(const struct json_node *line);

#endif
