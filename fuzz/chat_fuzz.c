/* SPDX-License-Identifier: Apache-2.0 */
/* A request of any bytes gives, in every prompt format, the control tokens that the same
 * request with harmless texts gives, in the same order: none comes from text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/prompt.h"
#include "text/spm_int.h"
#include "text/tekken_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
    if (!ok)
        __builtin_trap();
}

/* Pieces of the control tokens' names, so that they could merge to one. */
static const char *const words[] = {"[/",  "INST", "[INST", "</", "/s",
                                    "</s", "<s",   " [",    "]]", "TOOL"};
enum { N_WORDS = sizeof words / sizeof *words, N_TOKENS = N_CONTROLS + 256 + N_WORDS };

static void set_traits(struct tokenizer *tok)
{
    static const struct span values[] = {{"none", 4}, {"high", 4}};
    struct err err = {0};
    tok->traits.image = (struct image_traits){.patch_size = 14, .max_size = 140, .merge = 2};
    tok->traits.effort = (struct effort_traits){.present = true,
                                                .accepts_none = true,
                                                .values = values,
                                                .n_values = 2,
                                                .preset = values[0]};
    need(tokenizer_set_bos(tok, CONTROL_BOS, &err) && tokenizer_set_eos(tok, CONTROL_EOS, &err));
}

static struct tokenizer *open_spm(void)
{
    struct err err = {0};
    struct tokenizer *tok = spm_new(N_TOKENS + 3, &err);
    need(tok != NULL);
    for (int i = 0; i < N_CONTROLS; i++) {
        const char *name = prompt_control_name((enum prompt_control)i);
        need(spm_add(tok, name, strlen(name), 0, TOKEN_CONTROL, &err));
    }
    for (unsigned b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        need(spm_add(tok, name, 6, 0, TOKEN_BYTE, &err));
    }
    for (int i = 0; i < N_WORDS; i++)
        need(spm_add(tok, words[i], strlen(words[i]), (float)-i, TOKEN_NORMAL, &err));
    need(spm_add(tok, "[REF]", 5, 0, TOKEN_USER, &err));
    /* What fill in the middle needs: U+263A is two tokens, of which the first is a space. */
    need(spm_add(tok, SPACE_MARK, 3, -100, TOKEN_NORMAL, &err));
    need(spm_add(tok, "\xe2\x98\xba", 3, -101, TOKEN_NORMAL, &err));
    need(spm_finish(tok, &err));
    set_traits(tok);
    return tok;
}

static struct tokenizer *open_tekken(void)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(N_TOKENS + 1, &err);
    need(tok != NULL);
    tok->is_tekken = true;
    for (int i = 0; i < N_CONTROLS; i++) {
        const char *name = prompt_control_name((enum prompt_control)i);
        need(tokenizer_add(tok, TOKEN_CONTROL, name, strlen(name), &err));
    }
    for (unsigned b = 0; b < 256; b++)
        need(tokenizer_add(tok, TOKEN_NORMAL, &(char){(char)b}, 1, &err));
    for (int i = 0; i < N_WORDS; i++)
        need(tokenizer_add(tok, TOKEN_NORMAL, words[i], strlen(words[i]), &err));
    need(tokenizer_add(tok, TOKEN_NORMAL, "\xe2\x98", 2, &err)); /* U+263A is two tokens */
    need(tekken_finish(tok, &err));
    set_traits(tok);
    return tok;
}

static void *copy(const void *list, size_t n, size_t size)
{
    void *p = malloc(n * size + 1);
    need(p != NULL);
    if (n)
        memcpy(p, list, n * size);
    return p;
}

/* Replaces a text by one without danger, empty if it was. */
static void tame(struct span *text)
{
    if (text->n)
        *text = SPAN("x");
}

/* Makes a copy of chat with harmless texts; names and ids of functions are checked ones. */
static void tame_chat(const struct chat *chat, struct chat *out)
{
    struct chat_message *messages = copy(chat->messages, chat->n_messages, sizeof *messages);
    struct chat_tool *tools = copy(chat->tools, chat->n_tools, sizeof *tools);
    *out = *chat;
    out->messages = messages;
    out->tools = tools;
    for (size_t i = 0; i < chat->n_messages; i++) {
        struct chat_message *m = &messages[i];
        struct chat_part *parts = copy(m->parts, m->n_parts, sizeof *parts);
        struct chat_call *calls = copy(m->calls, m->n_calls, sizeof *calls);
        for (size_t k = 0; k < m->n_parts; k++)
            tame(&parts[k].text);
        for (size_t k = 0; k < m->n_calls; k++)
            tame(&calls[k].arguments);
        m->parts = parts;
        m->calls = calls;
    }
    for (size_t i = 0; i < chat->n_tools; i++) {
        tame(&tools[i].description);
        tools[i].parameters = NULL;
    }
}

static void free_tame(struct chat *chat)
{
    union {
        const void *from;
        void *to;
    } p;
    for (size_t i = 0; i < chat->n_messages; i++) {
        p.from = chat->messages[i].parts;
        free(p.to);
        p.from = chat->messages[i].calls;
        free(p.to);
    }
    p.from = chat->messages;
    free(p.to);
    p.from = chat->tools;
    free(p.to);
}

/* Leaves only the control tokens. */
static void keep_controls(const struct tokenizer *tok, struct token_ids *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (tokenizer_is_control(tok, list->ids[i]))
            list->ids[n++] = list->ids[i];
    list->n = n;
}

static void check_chat(const struct prompt_format *format, const struct chat *chat,
                       const struct chat *tamed)
{
    static const struct prompt_options options = {.mode = CHAT_TEST};
    struct prompt prompt = {0}, want = {0};
    struct err err = {0};
    if (prompt_chat(format, chat, &options, &prompt, &err)) {
        need(prompt_chat(format, tamed, &options, &want, &err));
        for (size_t i = 0; i < prompt.n_slots; i++)
            need(prompt.slots[i].at + prompt.slots[i].n <= prompt.ids.n);
        need(prompt.n_slots == want.n_slots && prompt.n_prefix < prompt.ids.n);
        keep_controls(format->tok, &prompt.ids);
        keep_controls(format->tok, &want.ids);
        need(prompt.ids.n == want.ids.n);
        need(memcmp(prompt.ids.ids, want.ids.ids, want.ids.n * sizeof *want.ids.ids) == 0);
    } else {
        need(err.code != ERR_NONE && err.text[0]);
    }
    prompt_free(&prompt);
    prompt_free(&want);
}

static void check_fim(const struct prompt_format *format, const char *text, size_t n)
{
    struct prompt prompt = {0};
    struct err err = {0};
    const struct span before = {text, n / 2}, after = {text + n / 2, n - n / 2};
    if (format->version < 3)
        return;
    need(prompt_fim(format, before, after, &prompt, &err));
    keep_controls(format->tok, &prompt.ids);
    need(prompt.ids.n == 3 && prompt.ids.ids[0] == CONTROL_BOS &&
         prompt.ids.ids[1] == CONTROL_SUFFIX && prompt.ids.ids[2] == CONTROL_PREFIX);
    prompt_free(&prompt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int versions[] = {1, 2, 3, 7, 11, 13, 15};
    static struct prompt_format formats[11];
    struct err err = {0};
    if (!formats[0].tok) {
        const struct tokenizer *spm = open_spm(), *tekken = open_tekken();
        for (int i = 0; i < 11; i++)
            need(prompt_format_init(&formats[i], i < 4 ? spm : tekken, versions[i < 4 ? i : i - 4],
                                    &err));
    }
    for (int i = 0; i < 11; i++)
        check_fim(&formats[i], (const char *)data, size);
    for (int spelling = CHAT_MISTRAL; spelling <= CHAT_OPENAI; spelling++) {
        struct chat chat, tamed;
        if (chat_read(&chat, (enum chat_spelling)spelling, "f", data, size, &err)) {
            chat.truncate = false;
            tame_chat(&chat, &tamed);
            for (int i = 0; i < 11; i++)
                check_chat(&formats[i], &chat, &tamed);
            free_tame(&tamed);
        }
        chat_free(&chat);
    }
    return 0;
}
