/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - "bise render": a request to the token ids that its model is asked with. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/json_text.h"
#include "cli/options.h"
#include "cli/vocabulary.h"
#include "text/prompt_request.h"

struct render {
    int version; /* 0: the model's */
    struct prompt_request_options options;
    bool pieces;
    struct prompt_request request;
    struct buf text; /* the prompt for a person to read */
};

static void print_slot(const struct prompt_slot *slot)
{
    if (slot->kind == SLOT_IMAGE)
        printf("{\"kind\": \"image\", \"at\": %zu, \"n\": %zu, \"width\": %u, \"height\": %u}",
               slot->at, slot->n, slot->width, slot->height);
    else
        printf("{\"kind\": \"audio\", \"at\": %zu, \"n\": %zu, \"samples\": %llu}", slot->at,
               slot->n, (unsigned long long)slot->n_samples);
}

static void print(const struct render *render)
{
    const struct prompt *prompt = &render->request.prompt;
    fputs("{\"tokens\": [", stdout);
    for (size_t i = 0; i < prompt->ids.n; i++)
        printf("%s%d", i ? ", " : "", prompt->ids.ids[i]);
    fputs("], \"text\": ", stdout);
    json_text(render->text.data, render->text.len);
    if (prompt->n_prefix)
        printf(", \"n_prefix\": %zu", prompt->n_prefix);
    for (size_t i = 0; i < prompt->n_slots; i++) {
        fputs(i ? ", " : ", \"slots\": [", stdout);
        print_slot(&prompt->slots[i]);
    }
    if (prompt->n_slots)
        putchar(']');
    if (render->request.is_streaming)
        printf(", \"pads\": {\"left\": %llu, \"right\": %llu}",
               (unsigned long long)render->request.pads.left,
               (unsigned long long)render->request.pads.right);
    puts("}");
}

static bool read_request(struct prompt_request *request, const struct prompt_format *format,
                         const struct prompt_request_options *options, const struct buf *input,
                         struct err *err)
{
    return prompt_request_read(request, format, options, "standard input", input->data, input->len,
                               err);
}

/* Names the option where the spelling is all that is wrong.  Returns false. */
static bool suggest_openai(const struct render *render, const struct prompt_format *format,
                           const struct buf *input, struct err *err)
{
    struct prompt_request_options options = render->options;
    struct prompt_request again;
    struct err ignored = {0};
    if (options.spelling == CHAT_OPENAI || err->code != ERR_ARG)
        return false;
    options.spelling = CHAT_OPENAI;
    if (read_request(&again, format, &options, input, &ignored))
        err_remedy(err, ERR_ARG, "--openai reads it");
    prompt_request_free(&again);
    return false;
}

static bool render_input(struct render *render, const struct tokenizer *tok,
                         const struct buf *input, struct err *err)
{
    struct prompt_format format;
    if (!vocabulary_format(tok, render->version, &format, err))
        return false;
    if (!read_request(&render->request, &format, &render->options, input, err))
        return suggest_openai(render, &format, input, err);
    if (render->pieces)
        return vocabulary_print(tok, &render->request.prompt.ids, err);
    if (!prompt_text(&format, &render->request.prompt.ids, &render->text, err))
        return false;
    print(render);
    return true;
}

static enum chat_mode mode_from_name(const char *name)
{
    return strcmp(name, "serving") == 0      ? CHAT_SERVING
           : strcmp(name, "finetuning") == 0 ? CHAT_FINETUNING
                                             : CHAT_TEST;
}

static int render_verb(int argc, char **argv)
{
    static const char *const modes[] = {"test", "serving", "finetuning", NULL};
    struct render render = {0};
    const char *mode = modes[0];
    bool openai = false;
    const struct option options[] = {
        {.name = "mode",
         .kind = OPTION_WORD,
         .value = &mode,
         .words = modes,
         .expected = "test, serving or finetuning"},
        option_format(&render.version),
        option_flag("openai", &openai),
        option_flag("pieces", &render.pieces),
        option_u32("truncate-at-max-tokens", &render.options.max_tokens, 1, LIMIT_CONTEXT),
        {.name = NULL},
    };
    int code = options_parse(&verb_render, options, &argc, argv);
    if (code >= 0)
        return code;

    struct err err = {0};
    struct buf input;
    struct tokenizer *tok = vocabulary_open(argc ? argv[0] : NULL, &err);
    buf_init(&input, LIMIT_REQUEST_BYTES);
    buf_init(&render.text, LIMIT_TEXT_BYTES);
    render.options.spelling = openai ? CHAT_OPENAI : CHAT_MISTRAL;
    render.options.mode = mode_from_name(mode);
    bool ok = tok && input_read(&input, &err) && render_input(&render, tok, &input, &err);
    code = ok ? console_finish(EXIT_DONE) : console_fail(&err);
    prompt_request_free(&render.request);
    buf_free(&render.text);
    buf_free(&input);
    tokenizer_close(tok);
    return code;
}

const struct verb verb_render = {
    .name = "render",
    .summary = "show the exact prompt that a request becomes",
    .help =
        "usage: bise render [options] [MODEL]\n"
        "\n"
        "Reads a request as JSON from standard input and prints the prompt that MODEL was trained\n"
        "on, as {\"tokens\": [...], \"text\": \"...\"}.  MODEL may also be a tokenizer file "
        "alone:\n"
        "tekken.json, tokenizer.model or tokenizer.json.\n"
        "\n"
        "    echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' | bise render "
        "MODEL\n"
        "    echo '{\"prompt\": \"def f(\", \"suffix\": \"return a\"}' | bise render MODEL\n"
        "\n"
        "    --mode MODE        how strictly messages are checked: test (default), serving or\n"
        "                       finetuning\n"
        "    --format VERSION   the prompt format, v1, v2, v3, v7, v11, v13 or v15, where the\n"
        "                       model's files do not say it\n"
        "    --openai           the request is spelled as OpenAI's: \"developer\" is a system\n"
        "                       message, and ids of calls may have any form\n"
        "    --truncate-at-max-tokens N\n"
        "                       drop the oldest messages until no more than N tokens are left;\n"
        "                       from v7\n"
        "    --pieces           print each id with its piece on a line of its own instead, and\n"
        "                       \"control\" behind control tokens\n"
        "\n"
        "A chat has messages and maybe tools, as in the Mistral API.  A picture may be given by\n"
        "its size, {\"type\": \"image\", \"width\": 640, \"height\": 480}, and sound by its "
        "length,\n"
        "{\"type\": \"audio\", \"samples\": 16000}; \"slots\" then says where they stand.  "
        "\"n_prefix\"\n"
        "counts the tokens at the end which are the answer's first.  Other requests:\n"
        "\n"
        "    {\"transcription\": {\"samples\": 16000, \"language\": \"fr\"}}\n"
        "    {\"streaming\": {\"samples\": 16000, \"delay_ms\": 480}}\n"
        "    {\"speech\": {\"input\": \"Bonjour\", \"voice\": \"fr_male\"}}\n",
    .max_args = 1,
    .run = render_verb,
};
