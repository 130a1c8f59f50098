/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize.c - "bise tokenize": text to token ids, and back. */
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/vocabulary.h"

static void print_ids(const struct token_ids *ids)
{
    putchar('[');
    for (size_t i = 0; i < ids->n; i++)
        printf("%s%d", i ? "," : "", ids->ids[i]);
    puts("]");
}

static bool decode_ids(const struct tokenizer *tok, const struct token_ids *ids, bool keep_special,
                       struct buf *out, struct err *err)
{
    struct text_decoder decoder;
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < ids->n; i++)
        if (keep_special ? !tokenizer_piece(tok, ids->ids[i], out, err)
                         : !text_decoder_add(&decoder, ids->ids[i], out, err))
            return false;
    return keep_special || text_decoder_end(&decoder, out, err);
}

/* The text is printed as it is, without a newline behind it. */
static bool print_text(const struct tokenizer *tok, const struct token_ids *ids, bool keep_special,
                       struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    bool ok =
        decode_ids(tok, ids, keep_special, &text, err) && console_text(text.data, text.len, err);
    buf_free(&text);
    return ok;
}

struct wishes {
    bool decode, keep_special, count, pieces;
};

static bool print(const struct wishes *wishes, const struct tokenizer *tok, const struct buf *input,
                  struct err *err)
{
    struct token_ids ids = {0};
    bool ok = wishes->decode ? vocabulary_ids(tok, input, &ids, err)
                             : tokenizer_encode(tok, input->data, input->len, &ids, err);
    if (ok && wishes->pieces)
        ok = vocabulary_print(tok, &ids, err);
    else if (ok && wishes->count)
        printf("%zu\n", ids.n);
    else if (ok && wishes->decode)
        ok = print_text(tok, &ids, wishes->keep_special, err);
    else if (ok)
        print_ids(&ids);
    token_ids_free(&ids);
    return ok;
}

static int parse(struct wishes *wishes, int *argc, char **argv)
{
    const struct option options[] = {
        option_flag("decode", &wishes->decode),
        option_flag("keep-special", &wishes->keep_special),
        option_flag("count", &wishes->count),
        option_flag("pieces", &wishes->pieces),
        {.name = NULL},
    };
    int code = options_parse(&verb_tokenize, options, argc, argv);
    if (code >= 0)
        return code;
    if (wishes->keep_special && !wishes->decode)
        return options_wrong(&verb_tokenize, "--keep-special: goes with --decode only");
    if (wishes->count + wishes->pieces + wishes->keep_special > 1)
        return options_wrong(&verb_tokenize, "give one of --count, --pieces and --keep-special");
    return -1;
}

static int tokenize(int argc, char **argv)
{
    struct wishes wishes = {0};
    int code = parse(&wishes, &argc, argv);
    if (code >= 0)
        return code;
    struct err err = {0};
    struct buf input;
    buf_init(&input, LIMIT_TEXT_BYTES);
    struct tokenizer *tok = vocabulary_open(argc ? argv[0] : NULL, &err);
    bool ok = tok && input_read(&input, &err) && print(&wishes, tok, &input, &err);
    code = ok ? console_finish(EXIT_DONE) : console_fail(&err);
    tokenizer_close(tok);
    buf_free(&input);
    return code;
}

const struct verb verb_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token ids, and back",
    .help =
        "usage: bise tokenize [--decode [--keep-special]] [--count | --pieces] [MODEL]\n"
        "\n"
        "Reads text from standard input and prints its token ids as a JSON array.  No start or\n"
        "end token is added, and text that looks like a control token is text.  MODEL may also\n"
        "be a tokenizer file alone: tekken.json, tokenizer.model or tokenizer.json.\n"
        "\n"
        "    printf 'Once upon a time' | bise tokenize\n"
        "    echo '[1,403,407]' | bise tokenize --decode\n"
        "\n"
        "    --decode         the other way, to text: from a JSON array of ids, or from what\n"
        "                     'bise render' prints\n"
        "    --keep-special   with --decode: print every token as its piece, control tokens\n"
        "                     by name\n"
        "    --count          print the number of tokens only\n"
        "    --pieces         print each id with its piece on a line of its own, and \"control\"\n"
        "                     behind control tokens\n",
    .max_args = 1,
    .run = tokenize,
};
