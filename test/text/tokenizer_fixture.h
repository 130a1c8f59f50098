/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_fixture.h - the tokenizers of test/data, opened once for all tests. */
#ifndef TOKENIZER_FIXTURE_H
#define TOKENIZER_FIXTURE_H

#include "base/buf.h"
#include "text/split_int.h"
#include "text/tokenizer.h"

/* Returns "spm-v1", "spm-v3", "spm-v7" or "tekken".  Borrowed: for ever. */
const struct tokenizer *fixture_tokenizer(const char *name);

/* Returns the tokenizer of a prompt format as the golden files name them: "spm-v1" to "spm-v7",
 * "spm-v2" (the file of v3: none of v2 was released), "spm-v7m1", and "tekken-" with any
 * generation of tekken-heads.json, such as "tekken-v13-image".  Borrowed: for ever. */
const struct tokenizer *fixture_generation(const char *name);

/* Makes the same vocabulary as a Hugging Face tokenizer.json, or inside a GGUF file, and opens
 * that. name as for fixture_generation().  Owned: tokenizer_close(). */
struct tokenizer *fixture_as_hf(const char *name);
struct tokenizer *fixture_as_gguf(const char *name);

/* Returns the version to ask for with that tokenizer: 0, its own, but 2 for "spm-v2". */
int fixture_version(const char *name);

/* Writes the tekken.json of a generation of tekken-heads.json such as "v13-image".
 * Owned: buf_free(). */
void fixture_heads(struct buf *json, const char *generation);

/* Writes a tekken.json of n_special control tokens (their list left out when names is
 * NULL) and the byte strings whose base64 lines stand in text; version such as "v3". */
void fixture_tekken(struct buf *json, const char *version, const char *names, int n_special,
                    const char *text);

/* The base64 lines of the 256 single bytes.  Owned: buf_free(). */
void fixture_byte_lines(struct buf *lines);

/* Asserts that encoding text[n] gives want: [n_want]. */
void assert_ids(const struct tokenizer *tok, const char *name, const char *text, size_t n,
                const int32_t *want, size_t n_want);

/* Asserts that tok encodes and decodes all vectors of a golden file such as "text-tekken". */
void assert_golden_texts(const struct tokenizer *tok, const char *file);

/* Writes the character that stands for a byte in GGUF and Hugging Face files: [3], with
 * a NUL. */
void fixture_byte_char(int b, char *out);

#endif
