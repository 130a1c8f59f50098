/* SPDX-License-Identifier: Apache-2.0 */
/* Reads SentencePiece .model files: a protocol buffer with the pieces, how they were
 * trained and how text is normalised.  What would need a different algorithm is
 * refused, so that no text is ever cut wrongly. */
#include <string.h>

#include "base/limits.h"
#include "data/protobuf.h"
#include "data/utf8.h"
#include "text/spm_int.h"

enum { /* field numbers of the file format */
       MODEL_PIECE = 1,
       MODEL_TRAINER = 2,
       MODEL_NORMALIZER = 3,
       MODEL_DENORMALIZER = 5,
       PIECE_TEXT = 1,
       PIECE_SCORE = 2,
       PIECE_TYPE = 3,
       TRAINER_TYPE = 3,
       TRAINER_SUFFIX = 24,
       TRAINER_BYTE_FALLBACK = 35,
       TRAINER_BOS = 41,
       TRAINER_EOS = 42,
       TRAINER_UNKNOWN_TEXT = 44,
       NORMALIZER_CHARSMAP = 2,
       NORMALIZER_ADD_SPACE = 3,
       NORMALIZER_TRIM = 4,
       NORMALIZER_ESCAPE = 5,
};

enum { TYPE_BPE = 2 };

/* The settings of a file, with the defaults of the format. */
struct spm_spec {
    size_t n_pieces;
    uint64_t type; /* 1 unigram, 2 BPE, 3 words, 4 characters */
    uint64_t suffix, byte_fallback;
    uint64_t bos, eos;
    struct protobuf unknown; /* p is NULL when absent */
    bool has_charsmap;
    uint64_t add_space, trim, escape;
};

/* Says whether the field has the wire type that its number asks for. */
static bool expect(const struct protobuf_field *field, enum protobuf_wire wire, struct err *err)
{
    return field->wire == wire ||
           err_set(err, ERR_FORMAT, "field %u has wire type %d instead of %d", field->number,
                   (int)field->wire, (int)wire);
}

/* Return where a setting goes, or NULL for one that does not matter. */
static uint64_t *trainer_number(struct spm_spec *spec, uint32_t field)
{
    switch (field) {
    case TRAINER_TYPE:
        return &spec->type;
    case TRAINER_SUFFIX:
        return &spec->suffix;
    case TRAINER_BYTE_FALLBACK:
        return &spec->byte_fallback;
    case TRAINER_BOS:
        return &spec->bos;
    case TRAINER_EOS:
        return &spec->eos;
    default:
        return NULL;
    }
}

static uint64_t *normalizer_number(struct spm_spec *spec, uint32_t field)
{
    switch (field) {
    case NORMALIZER_ADD_SPACE:
        return &spec->add_space;
    case NORMALIZER_TRIM:
        return &spec->trim;
    case NORMALIZER_ESCAPE:
        return &spec->escape;
    default:
        return NULL;
    }
}

static bool read_settings(struct spm_spec *spec, bool is_trainer, struct protobuf in,
                          struct err *err)
{
    struct protobuf_field field;
    while (protobuf_next(&in, &field, err)) {
        uint64_t *number =
            is_trainer ? trainer_number(spec, field.number) : normalizer_number(spec, field.number);
        bool is_bytes = field.number == (is_trainer ? TRAINER_UNKNOWN_TEXT : NORMALIZER_CHARSMAP);
        if (!number && !is_bytes)
            continue;
        if (!expect(&field, number ? PROTOBUF_VARINT : PROTOBUF_BYTES, err))
            return false;
        if (number)
            *number = field.value;
        else if (is_trainer)
            spec->unknown = field.bytes;
        else
            spec->has_charsmap |= field.bytes.n > 0;
    }
    return in.n == 0;
}

/* The pass that sets everything but the pieces, which it counts. */
static bool read_spec(struct spm_spec *spec, struct protobuf in, struct err *err)
{
    struct protobuf_field field;
    while (protobuf_next(&in, &field, err)) {
        bool known = field.number == MODEL_PIECE || field.number == MODEL_TRAINER ||
                     field.number == MODEL_NORMALIZER || field.number == MODEL_DENORMALIZER;
        if (!known)
            continue;
        if (!expect(&field, PROTOBUF_BYTES, err))
            return false;
        /* Only a character map could matter in the way back. */
        struct spm_spec back = {0};
        bool is_back = field.number == MODEL_DENORMALIZER,
             is_trainer = field.number == MODEL_TRAINER;
        if (field.number == MODEL_PIECE)
            spec->n_pieces++;
        else if (!read_settings(is_back ? &back : spec, is_trainer, field.bytes, err))
            return err_add(err, is_trainer ? "trainer" : "normalizer");
        spec->has_charsmap |= back.has_charsmap;
    }
    return in.n == 0;
}

static bool check_spec(const struct spm_spec *spec, struct err *err)
{
    if (spec->type != TYPE_BPE)
        return err_set(err, ERR_UNSUPPORTED, "model type %llu; only BPE (2) is read",
                       (unsigned long long)spec->type);
    if (spec->has_charsmap)
        return err_set(err, ERR_UNSUPPORTED,
                       "it normalises characters; only models that leave "
                       "text as it is are read");
    if (!spec->byte_fallback || spec->suffix || !spec->escape)
        return err_set(err, ERR_UNSUPPORTED, "its %s; such models are not read",
                       spec->suffix           ? "words end with their space"
                       : !spec->byte_fallback ? "unknown characters are not bytes"
                                              : "spaces stay spaces");
    if (!utf8_valid((const char *)spec->unknown.p, spec->unknown.n))
        return err_set(err, ERR_FORMAT, "the text of the unknown piece is not UTF-8");
    return true;
}

static bool read_piece(struct tokenizer *tok, struct protobuf in, struct err *err)
{
    struct protobuf_field field;
    struct protobuf text = {NULL, 0};
    uint64_t kind = TOKEN_NORMAL;
    float score = 0.0f;
    bool ok = true;
    while (ok && protobuf_next(&in, &field, err)) {
        if (field.number == PIECE_TEXT) {
            ok = expect(&field, PROTOBUF_BYTES, err);
            text = field.bytes;
        } else if (field.number == PIECE_SCORE) {
            ok = expect(&field, PROTOBUF_I32, err);
            score = protobuf_f32(&field);
        } else if (field.number == PIECE_TYPE) {
            ok = expect(&field, PROTOBUF_VARINT, err);
            kind = field.value;
        }
    }
    if (in.n)
        return err_add(err, "piece %u", tok->vocab.n);
    /* The reference takes these apart again after merging; no released file has any. */
    if (kind == TOKEN_UNUSED)
        return err_set(err, ERR_UNSUPPORTED, "piece %u: unused pieces are not read", tok->vocab.n);
    return spm_add(tok, (const char *)text.p, text.n, score,
                   kind > UINT32_MAX ? UINT32_MAX : (uint32_t)kind, err);
}

static bool read_pieces(struct tokenizer *tok, struct protobuf in, struct err *err)
{
    struct protobuf_field field;
    while (protobuf_next(&in, &field, err))
        if (field.number == MODEL_PIECE && !read_piece(tok, field.bytes, err))
            return false;
    return in.n == 0;
}

static bool apply_spec(struct tokenizer *tok, const struct spm_spec *spec, struct err *err)
{
    tok->add_space = spec->add_space;
    tok->trim_spaces = spec->trim;
    if (spec->unknown.p) {
        buf_clear(&tok->unknown);
        if (!buf_add(&tok->unknown, spec->unknown.p, spec->unknown.n, err))
            return err_add(err, "the text of the unknown piece");
    }
    return tokenizer_set_bos(tok, (uint32_t)spec->bos, err) &&
           tokenizer_set_eos(tok, (uint32_t)spec->eos, err);
}

/* Says whether there is a piece with a text: what has none is no model, and no damaged one. */
static bool has_piece(struct protobuf in)
{
    struct protobuf_field field, part;
    struct err ignored;
    while (protobuf_next(&in, &field, &ignored)) {
        if (field.number != MODEL_PIECE || field.wire != PROTOBUF_BYTES)
            continue;
        while (protobuf_next(&field.bytes, &part, &ignored))
            if (part.number == PIECE_TEXT && part.wire == PROTOBUF_BYTES)
                return true;
    }
    return false;
}

struct tokenizer *tokenizer_from_spm(const char *name, const void *bytes, size_t n, struct err *err)
{
    struct spm_spec spec = {.type = 1, .bos = 1, .eos = 2, .add_space = 1, .trim = 1, .escape = 1};
    struct protobuf in = {bytes, n};
    struct tokenizer *tok = NULL;
    if (!has_piece(in)) {
        err_set(
            err, ERR_FORMAT,
            "not a tokenizer; give tekken.json, tokenizer.model, tokenizer.json or a .gguf file");
        goto fail;
    }
    if (!read_spec(&spec, in, err) || !check_spec(&spec, err))
        goto fail;
    tok = spm_new(spec.n_pieces, err);
    if (tok && read_pieces(tok, in, err) && apply_spec(tok, &spec, err) && spm_finish(tok, err))
        return tok;
fail:
    err_remedy(err, ERR_FORMAT, "download it again");
    err_add(err, "%s", name);
    tokenizer_close(tok);
    return NULL;
}
