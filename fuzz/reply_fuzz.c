/* SPDX-License-Identifier: Apache-2.0 */
/* Any sequence of ids as the output of a model of any generation: what holds for all events,
 * and the message they make is JSON.
 *
 * The first byte chooses the generation.  Of the others, 1 to 7 are control tokens, those from
 * 0xf8 on, which occur in no UTF-8, are words, and the rest are tokens of one byte. */
#include <stdio.h>
#include <stdlib.h>

#include "../test/text/reply_check.h"
#include "text/tekken_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    enum prompt_control control;
} controls[] = {
    {"</s>", CONTROL_EOS},    {"[TOOL_CALLS]", CONTROL_CALLS}, {"[CALL_ID]", CONTROL_CALL_ID},
    {"[ARGS]", CONTROL_ARGS}, {"[THINK]", CONTROL_THINK},      {"[/THINK]", CONTROL_END_THINK},
    {"[INST]", CONTROL_INST},
};
static const char *const words[] = {
    "[{\"name\": \"f\", ", "\"arguments\": {", "}}]", "{\"a\": 1}",
    "\"id\": \"i\"",       "a</think>b",       "<th", "\xf0\x9f\x98"};
enum { N_CONTROLS_HERE = 7, N_WORDS = 8, FIRST_WORD = 0xf8 };

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    __builtin_trap();
}

static void open_format(struct prompt_format *format)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(N_CONTROLS_HERE + 256 + N_WORDS, &err);
    need(tok != NULL, err.text);
    tok->is_tekken = true;
    for (int i = 0; i < N_CONTROLS; i++)
        format->ids[i] = -1;
    for (int i = 0; i < N_CONTROLS_HERE; i++) {
        const char *name = controls[i].name;
        format->ids[controls[i].control] = i;
        need(tokenizer_add(tok, TOKEN_CONTROL, name, strlen(name), &err), err.text);
    }
    for (unsigned b = 0; b < 256; b++)
        need(tokenizer_add(tok, TOKEN_NORMAL, &(char){(char)b}, 1, &err), err.text);
    for (int i = 0; i < N_WORDS; i++)
        need(tokenizer_add(tok, TOKEN_NORMAL, words[i], strlen(words[i]), &err), err.text);
    need(tekken_finish(tok, &err), err.text);
    format->tok = tok;
    format->is_tekken = true;
}

static int32_t id_of(uint8_t byte)
{
    if (byte && byte <= N_CONTROLS_HERE)
        return byte - 1;
    return N_CONTROLS_HERE + (byte < FIRST_WORD ? byte : 256 + byte - FIRST_WORD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int versions[] = {3, 7, 11, 13};
    static struct prompt_format format;
    if (!format.tok)
        open_format(&format);
    if (!size)
        return 0;
    struct err err = {0};
    struct buf json;
    struct json_tree tree = {0};
    int32_t *ids = calloc(size, sizeof *ids);
    need(ids != NULL, "no memory");
    for (size_t i = 1; i < size; i++)
        ids[i - 1] = id_of(data[i]);
    format.version = versions[data[0] % 4];
    buf_init(&json, LIMIT_TEXT_BYTES);
    const char *wrong = reply_check(&format, data[0] & 4, ids, size - 1, &json);
    need(!wrong, wrong);
    need(json_tree_parse(&tree, "message", json.data, json.len, &err), err.text);
    json_tree_free(&tree);
    buf_free(&json);
    free(ids);
    return 0;
}
