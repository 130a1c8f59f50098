/* SPDX-License-Identifier: Apache-2.0 */
/* bench_text.h - text to measure tokenizers on, when none is given.
 *
 * Words of a short passage in random order, and one in sixteen made up: a passage repeated
 * as it is would flatter a tokenizer that remembers words.  The same text every time. */
#ifndef CLI_BENCH_TEXT_H
#define CLI_BENCH_TEXT_H

#include "base/buf.h"
#include "base/err.h"

enum { BENCH_TEXTS = 8 };

/* Appends text i < BENCH_TEXTS: English, code, Chinese, then some that are hostile.  Returns its
 * name.  Borrowed: static; NULL on failure.  Errors: ERR_LIMIT. */
const char *bench_text(int i, struct buf *out, struct err *err) CHECKED;

#endif
