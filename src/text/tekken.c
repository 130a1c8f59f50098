/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tekken.json: byte strings in base64 in the order in which they merge, and the
 * names of the control tokens, which come first in the ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/plural.h"
#include "data/json.h"
#include "text/split_int.h"
#include "text/tekken_int.h"

/* Files up to this version may leave out the control tokens; they all have these. */
enum { LAST_IMPLIED_VERSION = 7 };
static const char *const implied_names[] = {
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};
enum { N_IMPLIED = sizeof implied_names / sizeof *implied_names };

struct reader {
    const char *name; /* of the file, for messages that JSON does not make */
    struct json root;
    uint32_t n_vocab, n_special, version;
    struct tokenizer *tok;
};

bool tekken_finish(struct tokenizer *tok, struct err *err)
{
    if (!tokenizer_index(tok, err))
        return false;
    for (int b = 0; b < 256; b++) {
        tok->byte_ids[b] = vocab_find(&tok->pieces, &tok->vocab, &(char){(char)b}, 1);
        if (tok->byte_ids[b] < 0)
            return err_set(err, ERR_FORMAT, "no token for byte 0x%02X", (unsigned)b);
    }
    return true;
}

/* Reads a version such as "v13". */
static bool read_version(const struct json *config, uint32_t *version, struct err *err)
{
    struct json value;
    const char *s;
    size_t n;
    if (!json_need(config, "version", &value, err) || !json_read_string(&value, &s, &n, err))
        return false;
    *version = 0;
    for (size_t i = 1; i < n && i < 5 && s[i] >= '0' && s[i] <= '9'; i++)
        *version = *version * 10 + (uint32_t)(s[i] - '0');
    char again[16];
    snprintf(again, sizeof again, "v%u", *version);
    return strcmp(again, s) == 0 ||
           json_fail(&value, err, ERR_FORMAT, "expected a version such as \"v3\"");
}

static bool read_config(struct reader *in, struct err *err)
{
    struct json config, pattern;
    const char *s;
    size_t n;
    if (!json_need(&in->root, "config", &config, err) ||
        !read_version(&config, &in->version, err) ||
        !json_u32(&config, "default_vocab_size", 256, LIMIT_VOCAB, &in->n_vocab, err) ||
        !json_u32(&config, "default_num_special_tokens", 0, in->n_vocab - 256, &in->n_special,
                  err) ||
        !json_need(&config, "pattern", &pattern, err) || !json_read_string(&pattern, &s, &n, err))
        return false;
    return strcmp(s, SPLIT_PATTERN) == 0 ||
           json_fail(&pattern, err, ERR_UNSUPPORTED,
                     "not the pattern of any known tekken file; use a newer version");
}

/* Takes the name of control token id from the file: entries are in the order of their
 * ids, but some may be left out. */
static bool read_special(const struct json *list, size_t *next, uint32_t n_special, uint32_t id,
                         const char **name, struct err *err)
{
    if (*next == json_count(list))
        return true;
    struct json item = json_item(list, *next), text;
    uint32_t rank = (uint32_t)*next;
    size_t n;
    if (!json_opt_u32(&item, "rank", 0, n_special - 1, &rank, err))
        return false;
    if (rank < id)
        return json_fail(&item, err, ERR_FORMAT, "rank %u comes too late", rank);
    if (rank > id)
        return true;
    ++*next;
    return json_need(&item, "token_str", &text, err) && json_read_string(&text, name, &n, err);
}

static bool add_specials(struct reader *in, struct err *err)
{
    struct json list;
    size_t next = 0;
    bool in_file = json_find(&in->root, "special_tokens", &list);
    if (!in_file && in->version > LAST_IMPLIED_VERSION)
        return json_fail(&in->root, err, ERR_FORMAT,
                         "special_tokens: missing; version %u needs them", in->version);
    if (!in_file && in->n_special < N_IMPLIED)
        return json_fail(&in->root, err, ERR_FORMAT, "%u special tokens; expected %d or more",
                         in->n_special, N_IMPLIED);
    if (in_file && (!json_is_array(&list) || json_count(&list) > in->n_special))
        return json_fail(&list, err, ERR_FORMAT, "expected a list of at most %u tokens",
                         in->n_special);
    for (uint32_t id = 0; id < in->n_special; id++) {
        char filler[32];
        snprintf(filler, sizeof filler, "<SPECIAL_%u>", id);
        const char *name = !in_file && id < N_IMPLIED ? implied_names[id] : filler;
        if (in_file && !read_special(&list, &next, in->n_special, id, &name, err))
            return false;
        if (!tokenizer_add(in->tok, TOKEN_CONTROL, name, strlen(name), err))
            return err_add(err, "%s", in->name);
    }
    return true;
}

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Decodes s[n] into out, which has room for 3 bytes per 4.  Returns the length, or
 * SIZE_MAX when s is not base64 with all its padding. */
static size_t base64_decode(const char *s, size_t n, char *out)
{
    size_t n_out = 0, n_pad = 0;
    if (n % 4)
        return SIZE_MAX;
    while (n_pad < 2 && n_pad < n && s[n - 1 - n_pad] == '=')
        n_pad++;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        size_t n_digits = i + 4 == n ? 4 - n_pad : 4;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < n_digits ? base64_digit(s[i + k]) : 0;
            if (digit < 0)
                return SIZE_MAX;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (size_t k = 0; k + 1 < n_digits; k++)
            out[n_out++] = (char)(bits >> (16 - 8 * k));
    }
    return n_out;
}

static bool add_ordinary(struct reader *in, const struct json *item, uint32_t rank,
                         struct buf *scratch, struct err *err)
{
    struct json value;
    const char *s;
    size_t n;
    uint32_t stated;
    if (!json_u32(item, "rank", 0, LIMIT_VOCAB, &stated, err))
        return false;
    if (stated != rank)
        return json_fail(item, err, ERR_FORMAT, "rank %u; expected %u", stated, rank);
    if (!json_need(item, "token_bytes", &value, err) || !json_read_string(&value, &s, &n, err))
        return false;
    const size_t max = (size_t)2 * LIMIT_TOKEN_BYTES;
    if (!n || n > max)
        return json_fail(&value, err, ERR_LIMIT, "%zu character%s; expected 4 to %zu", n, plural(n),
                         max);
    /* As much room as the base64 takes is more than enough for what it says. */
    buf_clear(scratch);
    if (!buf_add(scratch, s, n, err))
        return err_add(err, "%s", in->name);
    size_t n_bytes = base64_decode(s, n, scratch->data);
    if (n_bytes == SIZE_MAX)
        return json_fail(&value, err, ERR_FORMAT, "expected base64");
    if (rank < 256 && (n_bytes != 1 || (uint8_t)scratch->data[0] != rank))
        return json_fail(&value, err, ERR_FORMAT, "expected the single byte 0x%02X", rank);
    return tokenizer_add(in->tok, TOKEN_NORMAL, scratch->data, n_bytes, err) ||
           err_add(err, "%s", in->name);
}

static bool add_vocab(struct reader *in, struct err *err)
{
    struct json vocab;
    struct buf scratch;
    uint32_t n = in->n_vocab - in->n_special;
    bool ok = true;
    if (!json_need(&in->root, "vocab", &vocab, err))
        return false;
    if (!json_is_array(&vocab) || json_count(&vocab) < n)
        return json_fail(&vocab, err, ERR_FORMAT, "expected a list of at least %u tokens", n);
    buf_init(&scratch, (size_t)2 * LIMIT_TOKEN_BYTES);
    /* Released files go on behind what is in use. */
    for (uint32_t rank = 0; ok && rank < n; rank++) {
        struct json item = json_item(&vocab, rank);
        ok = add_ordinary(in, &item, rank, &scratch, err);
    }
    buf_free(&scratch);
    return ok;
}

static bool fill(struct reader *in, struct err *err)
{
    struct tokenizer *tok = in->tok;
    tok->is_tekken = true;
    tok->traits.version = (int)in->version;
    if (!add_specials(in, err) || !add_vocab(in, err) || !tekken_traits(tok, &in->root, err))
        return false;
    if (!tekken_finish(tok, err))
        return err_add(err, "%s", in->name);
    tok->bos = tokenizer_control(tok, "<s>");
    tok->eos = tokenizer_control(tok, "</s>");
    snprintf(tok->about, sizeof tok->about, "tekken v%u, %u token%s", in->version, in->n_vocab,
             plural(in->n_vocab));
    return true;
}

struct tokenizer *tekken_read(const char *name, const struct json *root, struct err *err)
{
    struct reader in = {.name = name, .root = *root};
    if (!read_config(&in, err))
        return NULL;
    in.tok = tokenizer_new(in.n_vocab, err);
    if (!in.tok) {
        err_add(err, "%s", name);
        return NULL;
    }
    if (fill(&in, err))
        return in.tok;
    tokenizer_close(in.tok);
    return NULL;
}
