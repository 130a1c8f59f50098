/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.h - text to token ids and back, exactly as the reference tokenizer.
 *
 * Two families: SentencePiece BPE (.model files, GGUF "llama" vocabularies) and
 * tekken, a byte-level BPE (tekken.json, GGUF "gpt2" vocabularies); a Hugging Face
 * tokenizer.json holds either.  Text never
 * produces a control token: those are looked up by name and placed by id.
 * A tokenizer is immutable once open.  Thread: any. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct gguf;
struct tokenizer;
struct traits;

/* A growable list of ids.  All zero is empty. */
struct token_ids {
    int32_t *ids; /* [n] */
    size_t n, n_places;
};

/* Appends one id.  Errors: ERR_LIMIT. */
bool token_ids_add(struct token_ids *list, int32_t id, struct err *err) CHECKED;
void token_ids_free(struct token_ids *list);

/* Opens a tokenizer file, or the one that a checkpoint folder holds: tekken.json,
 * else the last *.model.v<N>, else tokenizer.model, else tokenizer.json, else the first
 * *.gguf.  A file is recognised by its content; a chat template and special tokens are
 * taken from the files beside it.
 * Owned: tokenizer_close().
 * Errors: ERR_NOT_FOUND, ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT, ERR_IO. */
struct tokenizer *tokenizer_open(const char *path, struct err *err) CHECKED;

/* Names the file that tokenizer_open() would take of a folder.  name: [size], with a NUL.
 * Errors: ERR_NOT_FOUND when there is none, else those of file_fail(). */
bool tokenizer_choose(const char *folder, char *name, size_t size, struct err *err) CHECKED;

/* Opens the vocabulary inside a GGUF file, which may be closed afterwards.
 * Owned: tokenizer_close().
 * Errors: ERR_NOT_FOUND when there is none ("no_vocab"), else as tokenizer_open(). */
struct tokenizer *tokenizer_from_gguf(const struct gguf *gguf, struct err *err) CHECKED;

/* The same from file images, for tests and fuzzing.  name is for messages.
 * bytes: [n].  Owned: tokenizer_close().  Errors: as tokenizer_open(). */
struct tokenizer *tokenizer_from_spm(const char *name, const void *bytes, size_t n,
                                     struct err *err) CHECKED;
struct tokenizer *tokenizer_from_tekken(const char *name, const void *bytes, size_t n,
                                        struct err *err) CHECKED;
struct tokenizer *tokenizer_from_hf(const char *name, const void *bytes, size_t n,
                                    struct err *err) CHECKED;
void tokenizer_close(struct tokenizer *tok);

/* Appends the ids of text: no BOS, no EOS, no control token.  Bytes that are not
 * UTF-8 become U+FFFD as the reference does it.  text: [n] bytes.
 * Errors: ERR_LIMIT past LIMIT_TEXT_BYTES or without memory. */
bool tokenizer_encode(const struct tokenizer *tok, const char *text, size_t n,
                      struct token_ids *out, struct err *err) CHECKED;

/* Facts.  bos and eos are -1 when the vocabulary has none; control returns the id
 * of the control token of that name, or -1. */
int32_t tokenizer_n_vocab(const struct tokenizer *tok);
int32_t tokenizer_bos(const struct tokenizer *tok);
int32_t tokenizer_eos(const struct tokenizer *tok);
int32_t tokenizer_control(const struct tokenizer *tok, const char *name);
bool tokenizer_is_control(const struct tokenizer *tok, int32_t id);

/* What the files say about prompts.  Borrowed: until tokenizer_close(). */
const struct traits *tokenizer_traits(const struct tokenizer *tok);

/* Says whether it is tekken, or a byte-level vocabulary like it; else SentencePiece. */
bool tokenizer_is_tekken(const struct tokenizer *tok);

/* Says which kind it is: "SentencePiece, 512 pieces", "tekken v3, 131072 tokens".
 * Borrowed: until tokenizer_close(). */
const char *tokenizer_describe(const struct tokenizer *tok);

/* Appends the text of one id alone with control tokens by name: raw pieces, for
 * logs ("keep" in the reference).  Unknown ids add nothing.  Errors: ERR_LIMIT. */
bool tokenizer_piece(const struct tokenizer *tok, int32_t id, struct buf *out,
                     struct err *err) CHECKED;

/* Turns a stream of ids into text that is valid UTF-8 at every moment: the bytes
 * of an unfinished character are held back.  All state is in the struct; nothing
 * to free. */
struct text_decoder {
    const struct tokenizer *tok;
    char held[4]; /* [n_held] bytes of an unfinished character */
    size_t n_held;
    bool any_text; /* a piece has yielded text: the leading space is gone */
};

/* Starts a new text: the next piece is the first. */
void text_decoder_init(struct text_decoder *decoder, const struct tokenizer *tok);

/* Appends the text that id completes.  Control ids add nothing but end a
 * character; ids outside the vocabulary add nothing.  Errors: ERR_LIMIT. */
bool text_decoder_add(struct text_decoder *decoder, int32_t id, struct buf *out,
                      struct err *err) CHECKED;

/* Appends what is held back, as U+FFFD.  Errors: ERR_LIMIT. */
bool text_decoder_end(struct text_decoder *decoder, struct buf *out, struct err *err) CHECKED;

#endif
