/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_int.h - what both families share: the vocabulary and its kinds.
 *
 * A SentencePiece vocabulary is kept with a plain space where the file writes
 * U+2581, the mark for one.  Text then needs no rewriting before it is merged nor
 * after it is decoded, and a boundary between words is one byte. */
#ifndef TEXT_TOKENIZER_INT_H
#define TEXT_TOKENIZER_INT_H

#include "text/merges_int.h"
#include "text/tokenizer.h"
#include "text/traits.h"
#include "text/vocab_int.h"

/* The key under which a GGUF file written here names the version of its prompts. */
#define GGUF_PROMPT_VERSION "bise.prompt_version"

#define SPACE_MARK "\xe2\x96\x81" /* U+2581 */

enum token_kind { /* numbers of the file formats */
                  TOKEN_NORMAL = 1,
                  TOKEN_UNKNOWN,
                  TOKEN_CONTROL,
                  TOKEN_USER, /* SentencePiece: found in text before anything is merged */
                  TOKEN_UNUSED,
                  TOKEN_BYTE,
};

struct tokenizer {
    bool is_tekken;
    struct vocab vocab;        /* text of each ordinary id, name of each other */
    struct vocab_index pieces; /* what text can produce */
    struct vocab_index names;  /* control tokens */
    uint8_t *kinds;            /* [n_vocab] enum token_kind */
    uint32_t *ranks;           /* [n_vocab] the lowest merges first; NULL: the rank is the id */
    struct merges merges;      /* Hugging Face: these alone merge; empty elsewhere */
    int32_t byte_ids[256];     /* ids of the single bytes, -1 where there is none */
    int32_t bos, eos;
    char about[64];
    struct traits traits;

    /* SentencePiece only. */
    bool add_space;     /* a text starts with a space of its own */
    bool trim_spaces;   /* runs of spaces count as one, at both ends as none */
    uint8_t user[256];  /* [first byte] longest user-defined piece that starts so */
    uint8_t *spans;     /* [256][256] some piece has these bytes around a character boundary */
    struct buf unknown; /* what the unknown token decodes to */
    int32_t ascii[128]; /* ids of one-character pieces, -1 where there is none */
};

/* Makes a tokenizer for n tokens with none in it yet.  Owned: tokenizer_close().
 * Errors: ERR_LIMIT. */
struct tokenizer *tokenizer_new(size_t n, struct err *err) CHECKED;

/* Appends a token.  Errors: ERR_LIMIT. */
bool tokenizer_add(struct tokenizer *tok, enum token_kind kind, const char *s, size_t n,
                   struct err *err) CHECKED;

/* Enters every token into its index, when all are there.
 * Errors: ERR_FORMAT when one occurs twice, ERR_LIMIT. */
bool tokenizer_index(struct tokenizer *tok, struct err *err) CHECKED;

/* Set tok->bos and tok->eos to an id of the file; UINT32_MAX means none.
 * Errors: ERR_FORMAT when it is no control token. */
bool tokenizer_set_bos(struct tokenizer *tok, uint32_t id, struct err *err) CHECKED;
bool tokenizer_set_eos(struct tokenizer *tok, uint32_t id, struct err *err) CHECKED;

/* Sets what a chat template says, template.s NULL when there is none, and, where the files
 * name no version (is_named false), the version that it and the control tokens imply. */
void traits_set_template(struct tokenizer *tok, struct span template, bool is_named);

/* Append the ids of text: [n] bytes, n > 0.  Errors: ERR_LIMIT. */
bool spm_encode(const struct tokenizer *tok, const char *text, size_t n, struct token_ids *out,
                struct err *err) CHECKED;
bool tekken_encode(const struct tokenizer *tok, const char *text, size_t n, struct token_ids *out,
                   struct err *err) CHECKED;

#endif
