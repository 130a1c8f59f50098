/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - the one way a function says why it failed.
 *
 * A function that can fail returns bool (true = done) or a pointer (NULL =
 * failed) and takes a struct err as its last parameter.  On failure it has
 * called err_set() exactly once; on success *err is untouched. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define CHECKED            __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Longer messages lose their middle: the start names the file, the end the cause. */
#define ERR_TEXT_BYTES 1024

enum err_code {
    ERR_NONE,
    ERR_ARG,         /* the caller or the request is wrong        -> 400 */
    ERR_NOT_FOUND,   /* no such model, file, id                   -> 404 */
    ERR_LIMIT,       /* a documented limit was reached            -> 413 */
    ERR_BUSY,        /* try again later                           -> 429 */
    ERR_FORMAT,      /* bytes from outside do not parse           -> 400 */
    ERR_UNSUPPORTED, /* valid, but this build or model cannot     -> 422 */
    ERR_IO,          /* the operating system refused              -> 500 */
    ERR_CANCELLED,   /* the client went away                      -> 499 */
};

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES]; /* one sentence for a person, no newline */
};

/* Records a failure.  Always returns false, so callers can write
 * "return err_set(err, ...)". */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* Prefixes the recorded text with context ("layer 12: ...").  Returns false. */
bool err_add(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Appends "; REMEDY" to a recorded failure of that code which has no remedy, that is no
 * ';', yet.  Returns false. */
bool err_remedy(struct err *err, enum err_code code, const char *remedy);

#endif
