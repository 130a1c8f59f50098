/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "data/utf8.h"
#include "text/spm_int.h"

/* What the unknown piece decodes to when the file does not say. */
#define UNKNOWN_TEXT " \xe2\x81\x87 "

struct tokenizer *spm_new(size_t n, struct err *err)
{
    struct tokenizer *tok = tokenizer_new(n, err);
    if (!tok)
        return NULL;
    tok->add_space = true;
    buf_init(&tok->unknown, LIMIT_TOKEN_BYTES);
    tok->ranks = mem_new(n, sizeof *tok->ranks, err);
    tok->spans = mem_new(256, 256, err);
    if (tok->ranks && tok->spans &&
        buf_add(&tok->unknown, UNKNOWN_TEXT, sizeof UNKNOWN_TEXT - 1, err))
        return tok;
    tokenizer_close(tok);
    return NULL;
}

/* Turns a score into a number that is lower the higher the score is, and equal for
 * equal scores: the bits of floats of one sign are ordered as the floats are. */
static uint32_t rank_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

float spm_score(uint32_t rank)
{
    uint32_t bits = rank >> 31 ? rank : ~rank & 0x7fffffffu;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int spm_byte(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    int high = hex_digit(s[3]), low = hex_digit(s[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool enter_byte(struct tokenizer *tok, const char *s, size_t n, struct err *err)
{
    int byte = spm_byte(s, n);
    if (byte < 0)
        return err_set(err, ERR_FORMAT, "piece %u: a byte is named like <0x0A>", tok->vocab.n);
    if (tok->byte_ids[byte] >= 0)
        return err_set(err, ERR_FORMAT, "piece %u: byte <0x%02X> occurs twice", tok->vocab.n,
                       (unsigned)byte);
    tok->byte_ids[byte] = (int32_t)tok->vocab.n;
    return true;
}

size_t spm_plain_spaces(const char *s, size_t n, char *out)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n;) {
        bool mark = n - i >= 3 && memcmp(s + i, SPACE_MARK, 3) == 0;
        out[n_out++] = mark ? ' ' : s[i];
        i += mark ? 3 : 1;
    }
    return n_out;
}

static bool check_piece(uint32_t id, const char *s, size_t n, float score, uint32_t kind,
                        struct err *err)
{
    if (kind < TOKEN_NORMAL || kind > TOKEN_BYTE)
        return err_set(err, ERR_FORMAT, "piece %u: unknown type %u", id, kind);
    if (!n || n > LIMIT_TOKEN_BYTES)
        return err_set(err, n ? ERR_LIMIT : ERR_FORMAT, "piece %u: %zu bytes; expected 1 to %u", id,
                       n, LIMIT_TOKEN_BYTES);
    if (!utf8_valid(s, n))
        return err_set(err, ERR_FORMAT, "piece %u: not UTF-8", id);
    if (!isfinite(score))
        return err_set(err, ERR_FORMAT, "piece %u: its score is not a number", id);
    return true;
}

bool spm_add(struct tokenizer *tok, const char *s, size_t n, float score, uint32_t kind,
             struct err *err)
{
    uint32_t id = tok->vocab.n;
    if (!check_piece(id, s, n, score, kind, err))
        return false;
    tok->ranks[id] = rank_of(score);
    if (kind == TOKEN_BYTE && !enter_byte(tok, s, n, err))
        return false;
    if (kind == TOKEN_BYTE || kind == TOKEN_CONTROL || kind == TOKEN_UNKNOWN)
        return tokenizer_add(tok, kind, s, n, err);
    char *plain = mem_new(n, 1, err);
    bool ok = plain && tokenizer_add(tok, kind, plain, spm_plain_spaces(s, n, plain), err);
    free(plain);
    return ok;
}

/* Notes what the encoder wants to know about a piece that text can produce. */
static bool note_piece(struct tokenizer *tok, uint32_t id, struct err *err)
{
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, id, &n);
    uint8_t first = (uint8_t)s[0];
    if (tok->kinds[id] == TOKEN_USER && n > UINT8_MAX)
        return err_set(err, ERR_LIMIT, "piece %u: user-defined, %u bytes; at most %d are read", id,
                       n, UINT8_MAX);
    if (tok->kinds[id] == TOKEN_USER && n > tok->user[first])
        tok->user[first] = (uint8_t)n;
    if (n == 1)
        tok->ascii[first] = (int32_t)id;
    for (uint32_t i = 1; i < n; i++)
        if (((uint8_t)s[i] & 0xc0) != 0x80)
            tok->spans[(uint8_t)s[i - 1] << 8 | (uint8_t)s[i]] = 1;
    return true;
}

/* The generations differ in their control tokens.  Those of v2 and of the first files of v3
 * (Mistral 7B v0.3, Mixtral 8x22B) are the same byte for byte, and only v3 has models. */
static int find_version(const struct tokenizer *tok)
{
    return tok->vocab.n == 32000                            ? 1
           : tokenizer_control(tok, "[SYSTEM_PROMPT]") >= 0 ? 7
           : tokenizer_control(tok, "[TOOL_CALLS]") >= 0    ? 3
                                                            : 0;
}

bool spm_finish(struct tokenizer *tok, struct err *err)
{
    for (int b = 0; b < 256; b++)
        if (tok->byte_ids[b] < 0)
            return err_set(err, ERR_FORMAT, "piece <0x%02X> is missing", (unsigned)b);
    if (!tokenizer_index(tok, err))
        return false;
    for (uint32_t id = 0; id < tok->vocab.n; id++) {
        uint8_t kind = tok->kinds[id];
        bool ordinary = kind == TOKEN_NORMAL || kind == TOKEN_USER || kind == TOKEN_UNUSED;
        if (ordinary && !note_piece(tok, id, err))
            return false;
    }
    tok->traits.version = find_version(tok);
    snprintf(tok->about, sizeof tok->about, "SentencePiece, %u piece%s", tok->vocab.n,
             plural(tok->vocab.n));
    return true;
}
