/* SPDX-License-Identifier: Apache-2.0 */
/* object_text.h - what a model wrote as the arguments of a call, made one JSON object as it comes.
 *
 *     struct object_text object = {0};
 *     for each piece:
 *         if (!object_text_add(&object, piece, &out, err)) ...
 *     if (!object_text_end(&object, all_pieces, &out, err)) ...
 *
 * What is a JSON object goes through as it is, but for white space behind commas.  What is none is
 * mended, so that out is an object whenever the end comes: line ends in texts are escaped, behind
 * the first byte that cannot be JSON nothing more is taken, what is open is closed; what does not
 * begin as an object becomes the text of a member "arguments".
 * Thread: one at a time.  Nothing to free. */
#ifndef API_OBJECT_TEXT_H
#define API_OBJECT_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"

enum object_place {
    OBJECT_START,
    OBJECT_NONE,       /* something else: all of it is a text */
    OBJECT_KEY_OR_END, /* behind '{' */
    OBJECT_KEY,        /* behind a ',' in an object */
    OBJECT_IN_KEY,
    OBJECT_COLON,
    OBJECT_VALUE,        /* behind ':', or a ',' in a list */
    OBJECT_VALUE_OR_END, /* behind '[' */
    OBJECT_IN_TEXT,
    OBJECT_IN_NUMBER,
    OBJECT_IN_WORD,
    OBJECT_AFTER_VALUE,
    OBJECT_END, /* nothing more is taken */
};

/* All zero is the start. */
struct object_text {
    enum object_place place;
    bool has_comma;   /* one that waits for what follows it */
    uint8_t escape;   /* in a text: 1 behind a backslash, else hexadecimal digits to come + 1 */
    uint8_t number;   /* in a number: see object_text.c */
    const char *word; /* in a word: the rest of it */
    uint32_t depth;   /* brackets that are open */
    bool in_object[LIMIT_REQUEST_DEPTH]; /* [depth] whether each of them is '{' */
};

/* Takes the next piece, whole characters of UTF-8, and appends what is certain.
 * Errors: ERR_LIMIT. */
bool object_text_add(struct object_text *object, struct span piece, struct buf *out,
                     struct err *err) CHECKED;

/* Nothing more comes; all: the pieces together.  Appends what is missing.  Errors: ERR_LIMIT. */
bool object_text_end(struct object_text *object, struct span all, struct buf *out,
                     struct err *err) CHECKED;

#endif
