/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize.c - "bise tokenize": text to token ids, and back. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/options.h"
#include "data/gguf.h"
#include "data/json.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"
#include "text/tokenizer.h"

static bool is_gguf(const char *path)
{
    struct err ignored = {0};
    struct file_map map;
    if (!file_map(&map, path, &ignored))
        return false;
    bool yes = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    file_unmap(&map);
    return yes;
}

/* A folder whose only model is a .gguf file: the checkpoint knows which. */
static struct tokenizer *open_from_checkpoint(const char *path, struct err *err)
{
    struct checkpoint *ckpt = checkpoint_open(path, err);
    if (!ckpt)
        return NULL;
    struct tokenizer *tok = runtime_tokenizer(ckpt, err);
    checkpoint_close(ckpt);
    return tok;
}

/* The weights are not looked at where the tokenizer can be had without them. */
static struct tokenizer *open_any(const char *path, struct err *err)
{
    struct err first = {0};
    if (is_gguf(path)) {
        struct gguf gguf = {0};
        if (!gguf_open(&gguf, path, err))
            return NULL;
        struct tokenizer *tok = tokenizer_from_gguf(&gguf, err);
        gguf_close(&gguf);
        return tok;
    }
    struct tokenizer *tok = tokenizer_open(path, &first);
    if (tok)
        return tok;
    if (first.code == ERR_NOT_FOUND && file_is_dir(path)) {
        struct err ignored = {0};
        tok = open_from_checkpoint(path, &ignored);
    }
    if (!tok)
        *err = first;
    return tok;
}

static bool print_ids(const struct tokenizer *tok, const struct buf *text, struct err *err)
{
    struct token_ids ids = {0};
    bool ok = tokenizer_encode(tok, text->data, text->len, &ids, err);
    if (ok) {
        putchar('[');
        for (size_t i = 0; i < ids.n; i++)
            printf("%s%d", i ? "," : "", ids.ids[i]);
        puts("]");
    }
    token_ids_free(&ids);
    return ok;
}

static bool decode_ids(const struct tokenizer *tok, const struct json *ids, bool keep_special,
                       struct buf *out, struct err *err)
{
    struct text_decoder decoder;
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < json_count(ids); i++) {
        struct json item = json_item(ids, i);
        int64_t id;
        if (!json_read_int(&item, 0, tokenizer_n_vocab(tok) - 1, &id, err))
            return false;
        if (keep_special ? !tokenizer_piece(tok, (int32_t)id, out, err)
                         : !text_decoder_add(&decoder, (int32_t)id, out, err))
            return false;
    }
    return keep_special || text_decoder_end(&decoder, out, err);
}

/* The text is printed as it is, without a newline behind it. */
static bool print_text(const struct tokenizer *tok, const struct buf *input, bool keep_special,
                       struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    struct json_doc *doc = json_parse("standard input", input->data, input->len, err);
    bool ok = doc != NULL;
    if (ok) {
        struct json root = json_root(doc);
        ok = json_is_array(&root)
                 ? decode_ids(tok, &root, keep_special, &text, err)
                 : json_fail(&root, err, ERR_FORMAT, "expected an array of ids such as [1,2,3]");
    }
    ok = ok && console_text(text.data, text.len, err);
    json_close(doc);
    buf_free(&text);
    return ok;
}

static int tokenize(int argc, char **argv)
{
    bool decode = false, keep_special = false;
    const struct option options[] = {
        option_flag("decode", &decode),
        option_flag("keep-special", &keep_special),
        {.name = NULL},
    };
    int code = options_parse(&verb_tokenize, options, &argc, argv);
    if (code >= 0)
        return code;
    if (keep_special && !decode)
        return options_wrong(&verb_tokenize, "--keep-special: goes with --decode only");

    struct err err = {0};
    struct buf path, input;
    struct tokenizer *tok = NULL;
    buf_init(&path, LIMIT_JSON_BYTES);
    buf_init(&input, LIMIT_TEXT_BYTES);
    bool ok = bundled_or(argc ? argv[0] : NULL, &path, &err);
    if (ok) {
        tok = open_any(path.data, &err);
        ok = tok && input_read(&input, &err) &&
             (decode ? print_text(tok, &input, keep_special, &err) : print_ids(tok, &input, &err));
    }
    code = ok ? console_finish(EXIT_DONE) : console_fail(&err);
    tokenizer_close(tok);
    buf_free(&input);
    buf_free(&path);
    return code;
}

const struct verb verb_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token ids, and back",
    .help =
        "usage: bise tokenize [--decode [--keep-special]] [MODEL]\n"
        "\n"
        "Reads text from standard input and prints its token ids as a JSON array.  No start or\n"
        "end token is added, and text that looks like a control token is text.  MODEL may also\n"
        "be a tokenizer file alone: tekken.json or tokenizer.model.\n"
        "\n"
        "    printf 'Once upon a time' | bise tokenize\n"
        "    echo '[1,403,407]' | bise tokenize --decode\n"
        "\n"
        "    --decode         the other way: a JSON array of ids to text\n"
        "    --keep-special   with --decode: print every token as its piece, control tokens\n"
        "                     by name\n",
    .max_args = 1,
    .run = tokenize,
};
