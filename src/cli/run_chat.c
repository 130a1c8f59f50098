/* SPDX-License-Identifier: Apache-2.0 */
/* run_chat.c - "bise run" for a model that chats: one answer, or a conversation that is typed. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/chat_command.h"
#include "cli/chat_session.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/typed.h"

static void take_line(struct chat_session *s, const struct buf *text, bool is_quoted)
{
    if (chat_command_is(text, is_quoted))
        chat_command(s, text->data);
    else
        (void)chat_session_say(s, chat_command_text(text, is_quoted));
}

/* Ctrl-C drops what is typed or stops an answer, whose beginning stays; Ctrl-D ends. */
static int converse(struct chat_session *s)
{
    struct typed typed;
    struct buf text;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    typed_open(&typed);
    s->typed = &typed;
    if (s->run->load)
        chat_session_note(s);
    while (!s->is_over) {
        struct err err = {0};
        bool is_quoted;
        ssize_t n = typed_message(&typed, "> ", &text, &is_quoted, &err);
        if (err.code)
            (void)console_fail(&err);
        s->is_over = n == LINE_END;
        if (n > 0 && !typed_is_blank(text.data, (size_t)n))
            take_line(s, &text, is_quoted);
    }
    typed_close(&typed);
    s->typed = NULL;
    buf_free(&text);
    return EXIT_DONE;
}

/* Answers the message that a loaded conversation ends with. */
static int answer_last(struct chat_session *s)
{
    if (chat_session_is_asked(s))
        return chat_session_again(s);
    console_error("bise: %s: nothing to answer: its last message is neither the user's nor a "
                  "result; give a PROMPT",
                  s->run->load);
    return EXIT_FAILED;
}

static int answer_input(struct chat_session *s)
{
    struct err err = {0};
    struct buf text;
    int code;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    bool ok = input_prompt(&text, &err);
    if (ok && !text.len && s->run->load)
        code = answer_last(s);
    else if (ok && (text.len || err_set(&err, ERR_ARG, INPUT_EMPTY)))
        code = chat_session_say(s, (struct span){text.data, text.len});
    else
        code = console_fail(&err);
    buf_free(&text);
    return code;
}

int run_chat(struct run *run, int version, const char *prompt)
{
    struct chat_session s;
    struct err err = {0};
    int code;
    if (!chat_session_open(&s, run, version, &err))
        code = console_fail(&err);
    else if (prompt)
        code = chat_session_say(&s, (struct span){prompt, strlen(prompt)});
    else if (input_is_terminal())
        code = converse(&s);
    else
        code = answer_input(&s);
    chat_session_close(&s);
    return code;
}
