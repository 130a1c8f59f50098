/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl.h - JSON Lines: a JSON object in every line, checked as the bytes come.
 *
 *     struct jsonl lines;
 *     jsonl_init(&lines, each, arg);
 *     while (more)
 *         ok = ok && jsonl_add(&lines, bytes, n, err);
 *     ok = ok && jsonl_end(&lines, err);
 *     jsonl_free(&lines);
 *
 * Lines end with "\n" or "\r\n", the last one also with the file.  An empty line is an error, as is
 * a line that is an array or a number.
 * Thread: any; one struct by one thread at a time. */
#ifndef DATA_JSONL_H
#define DATA_JSONL_H

#include <stdint.h>

#include "base/buf.h"
#include "data/json_tree.h"

/* Gets line index, counted from 0, as object; text is the line.  Both are borrowed until it
 * returns.  Errors: any; jsonl_add() ends with it. */
typedef bool jsonl_fn(void *arg, uint64_t index, const struct json_node *object, struct span text,
                      struct err *err);

struct jsonl {
    jsonl_fn *each; /* or NULL */
    void *arg;
    struct buf rest;       /* of a line whose end has not come */
    struct json_tree tree; /* of the last line */
    uint64_t n_lines;
};

/* Begins.  Allocates nothing. */
void jsonl_init(struct jsonl *lines, jsonl_fn *each, void *arg);
void jsonl_free(struct jsonl *lines);

/* Takes bytes: [n], a part of the file.  Errors: ERR_FORMAT "line 3: ..."; ERR_LIMIT for a line of
 * more than LIMIT_JSONL_LINE bytes, more than LIMIT_JSONL_LINES lines, or without memory. */
bool jsonl_add(struct jsonl *lines, const void *bytes, size_t n, struct err *err) CHECKED;

/* Takes the last line when it has no end.  Errors: as jsonl_add(). */
bool jsonl_end(struct jsonl *lines, struct err *err) CHECKED;

#endif
