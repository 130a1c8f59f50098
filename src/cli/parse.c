/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - "bise parse": what a model said, as a message or as events. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/drawn_id.h"
#include "cli/id_stream.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/vocabulary.h"
#include "text/prompt_format.h"
#include "text/reply.h"
#include "text/reply_message.h"
#include "text/traits.h"

struct parse {
    bool stream, draw_ids;
    struct reply *reply;
    struct reply_message message;
    struct buf line; /* what is printed next */
};

static const char *event_name(enum reply_event_kind kind)
{
    static const char *const names[] = {
        [REPLY_TEXT] = "text",         [REPLY_THINKING_BEGIN] = "thinking_begin",
        [REPLY_THINKING] = "thinking", [REPLY_THINKING_END] = "thinking_end",
        [REPLY_CALL] = "call",         [REPLY_ARGUMENTS] = "arguments",
        [REPLY_CALL_END] = "call_end", [REPLY_SYNTAX] = "syntax",
        [REPLY_ERROR] = "error",       [REPLY_END] = "end",
    };
    return names[kind];
}

static bool add(struct buf *line, const char *s, struct err *err)
{
    return buf_add(line, s, strlen(s), err);
}

/* Appends a member when there is a text. */
static bool add_member(struct buf *line, const char *key, struct span text, struct err *err)
{
    return !text.s || (add(line, ", \"", err) && add(line, key, err) && add(line, "\": ", err) &&
                       json_write_text(text, line, err));
}

/* Prints the line with a newline, and empties it. */
static bool print_line(struct buf *line, struct err *err)
{
    bool ok = add(line, "\n", err) && console_text(line->data, line->len, err);
    buf_clear(line);
    return ok;
}

static bool print_event(struct buf *line, const struct reply_event *e, struct err *err)
{
    bool of_call = e->kind == REPLY_CALL || e->kind == REPLY_ARGUMENTS || e->kind == REPLY_CALL_END;
    char index[32];
    snprintf(index, sizeof index, ", \"index\": %u", e->index);
    return add(line, "{\"event\": \"", err) && add(line, event_name(e->kind), err) &&
           add(line, "\"", err) && (!of_call || add(line, index, err)) &&
           add_member(line, "name", e->name, err) && add_member(line, "id", e->id, err) &&
           add_member(line, "text", e->kind == REPLY_SYNTAX ? e->raw : e->text, err) &&
           (e->kind != REPLY_END ||
            add(line, e->stopped ? ", \"stopped\": true" : ", \"stopped\": false", err)) &&
           add(line, "}", err) && print_line(line, err);
}

static bool take(struct parse *parse, struct reply_event *e, struct err *err)
{
    struct drawn_id drawn;
    if (parse->draw_ids && e->kind == REPLY_CALL_END && !drawn_id_replace(&drawn, &e->id, err))
        return false;
    return parse->stream ? print_event(&parse->line, e, err)
                         : reply_message_add(&parse->message, e, err);
}

static bool take_all(struct parse *parse, struct err *err)
{
    for (struct reply_event e; reply_next(parse->reply, &e);)
        if (!take(parse, &e, err))
            return false;
    return true;
}

static bool add_id(struct parse *parse, int32_t id, struct err *err)
{
    return reply_add(parse->reply, id, err) && take_all(parse, err);
}

static bool end(struct parse *parse, struct err *err)
{
    return reply_end(parse->reply, false, err) && take_all(parse, err);
}

/* The events of each id are printed before the next one is waited for. */
static bool print_events(struct parse *parse, const struct tokenizer *tok, struct err *err)
{
    struct id_stream stream = {.n_vocab = tokenizer_n_vocab(tok)};
    int32_t id;
    do {
        if (!id_stream_next(&stream, &id, err) || (id >= 0 && !add_id(parse, id, err)))
            return false;
    } while (id >= 0);
    return end(parse, err);
}

static bool print_message(struct parse *parse, const struct tokenizer *tok, struct err *err)
{
    struct token_ids ids = {0};
    struct buf input;
    buf_init(&input, LIMIT_TEXT_BYTES);
    bool ok = input_read(&input, err) && vocabulary_ids(tok, &input, &ids, err);
    for (size_t i = 0; ok && i < ids.n; i++)
        ok = add_id(parse, ids.ids[i], err);
    ok = ok && end(parse, err) && reply_message_write(&parse->message, &parse->line, err) &&
         print_line(&parse->line, err);
    token_ids_free(&ids);
    buf_free(&input);
    return ok;
}

static bool parse_input(struct parse *parse, const struct tokenizer *tok, int version,
                        bool think_tags, struct err *err)
{
    struct reply_options options = {think_tags || tokenizer_traits(tok)->has_think_tag};
    struct prompt_format format;
    if (!vocabulary_format(tok, version, &format, err))
        return false;
    parse->reply = reply_open(&format, &options, err);
    bool ok = parse->reply && (parse->stream ? print_events : print_message)(parse, tok, err);
    reply_close(parse->reply);
    return ok;
}

static int parse_verb(int argc, char **argv)
{
    struct parse parse = {0};
    bool think_tags = false;
    int version = 0; /* the model's */
    const struct option options[] = {
        option_flag("stream", &parse.stream),
        option_flag("draw-ids", &parse.draw_ids),
        option_format(&version),
        option_flag("think-tags", &think_tags),
        {.name = NULL},
    };
    int code = options_parse(&verb_parse, options, &argc, argv);
    if (code >= 0)
        return code;

    struct err err = {0};
    buf_init(&parse.line, LIMIT_TEXT_BYTES);
    struct tokenizer *tok = vocabulary_open(argc ? argv[0] : NULL, &err);
    bool ok = tok && parse_input(&parse, tok, version, think_tags, &err);
    code = ok ? console_finish(EXIT_DONE) : console_fail(&err);
    reply_message_free(&parse.message);
    buf_free(&parse.line);
    tokenizer_close(tok);
    return code;
}

const struct verb verb_parse = {
    .name = "parse",
    .summary = "understand a model's output ids: text, thinking, calls",
    .help =
        "usage: bise parse [options] [MODEL]\n"
        "\n"
        "Reads a JSON array of the token ids that a model wrote from standard input and prints\n"
        "the message they are, as JSON: content, thinking, tool_calls.  What looks like a call\n"
        "and cannot be understood stays text, with a sentence in parse_error.  MODEL may also be\n"
        "a tokenizer file alone: tekken.json, tokenizer.model or tokenizer.json.\n"
        "\n"
        "    echo '[9,1102,32,30620,2]' | bise parse tekken.json\n"
        "\n"
        "    --stream           print one event a line, as soon as the id has come that completes "
        "it,\n"
        "                       instead of the message\n"
        "    --draw-ids         give a call without an id one of nine random letters and digits, "
        "so\n"
        "                       that the message can be sent back; else it is \"null\", as in the\n"
        "                       reference library\n"
        "    --format VERSION   the prompt format, v1, v2, v3, v7, v11, v13 or v15, where the\n"
        "                       model's files do not say it\n"
        "    --think-tags       thoughts stand between <think> and </think> written as text\n",
    .max_args = 1,
    .run = parse_verb,
};
