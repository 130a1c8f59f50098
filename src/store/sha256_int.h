/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_int.h - digests of contents, keys and steps of the schema. */
#ifndef STORE_SHA256_INT_H
#define STORE_SHA256_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { SHA256_BYTES = 32, SHA256_TEXT = 65 };

/* All zero is none. */
struct sha256 {
    void *state;
};

/* Begins a digest.  Owned: sha256_free().  Errors: ERR_LIMIT. */
bool sha256_begin(struct sha256 *sum, struct err *err) CHECKED;
void sha256_free(struct sha256 *sum);

/* Adds n bytes.  Errors: ERR_LIMIT. */
bool sha256_add(struct sha256 *sum, const void *bytes, size_t n, struct err *err) CHECKED;

/* Writes the digits to text: [SHA256_TEXT].  Errors: ERR_LIMIT. */
bool sha256_end(struct sha256 *sum, char *text, struct err *err) CHECKED;

/* The whole of it for n bytes, to digest: [SHA256_BYTES].  Errors: ERR_LIMIT. */
bool sha256_of(const void *bytes, size_t n, uint8_t *digest, struct err *err) CHECKED;

/* Write a digest as digits to text: [SHA256_TEXT], and read them; false when text: [n] is none. */
void sha256_write(const uint8_t *digest, char *text);
bool sha256_read(const char *text, size_t n, uint8_t *digest);

/* Says whether two digests: [SHA256_BYTES] are equal, in a time that does not tell where not. */
bool sha256_same(const uint8_t *a, const uint8_t *b);

#endif
