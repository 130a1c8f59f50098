/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "cli/chat_answer.h"
#include "cli/chat_command.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/typed.h"
#include "cli/vocabulary.h"

static bool has_media(const struct chat_message *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].kind == PART_IMAGE || m->parts[i].kind == PART_AUDIO)
            return true;
    return false;
}

/* What would be left out of the prompt, or stand in it as empty places, is refused. */
static bool check_abilities(const struct chat_session *s, const struct chat *chat, struct err *err)
{
    if (chat->n_tools && s->format.version == 1)
        return err_set(err, ERR_UNSUPPORTED, "a model of prompt format v1 knows no tools");
    for (size_t i = 0; i < chat->n_messages; i++)
        if (has_media(&chat->messages[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "messages[%zu]: this version reads no pictures and no sound", i);
    return true;
}

/* Builds the prompt for the conversation's next message. */
static bool render(const struct chat_session *s, const struct chat_log *log, struct chat *chat,
                   struct prompt *prompt, struct buf *request, struct err *err)
{
    const struct prompt_options options = {.mode = CHAT_TEST};
    return chat_log_request(log, request, err) &&
           chat_read(chat, CHAT_MISTRAL, "conversation", request->data, request->len, err) &&
           check_abilities(s, chat, err) && prompt_chat(&s->format, chat, &options, prompt, err);
}

/* A conversation that has ended is one to which the user can say something. */
bool chat_session_check(const struct chat_session *s, const struct chat_log *log, struct err *err)
{
    struct chat_log asked = {0};
    struct chat chat = {0};
    struct prompt prompt = {0};
    struct buf request;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    bool answered = !log->n || log->entries[log->n - 1].role == CHAT_ASSISTANT ||
                    log->entries[log->n - 1].role == CHAT_SYSTEM;
    bool ok = chat_log_copy(&asked, log, err) &&
              (!answered || chat_log_say(&asked, SPAN("?"), err)) &&
              render(s, &asked, &chat, &prompt, &request, err);
    prompt_free(&prompt);
    chat_free(&chat);
    chat_log_free(&asked);
    buf_free(&request);
    return ok;
}

/* Of the conversation that --load names, nothing is changed. */
static bool load(struct chat_session *s, const char *path, struct err *err)
{
    return chat_log_load(&s->log, path, err) &&
           (chat_session_check(s, &s->log, err) || err_add(err, "%s", path));
}

static bool set_up(struct chat_session *s, struct err *err)
{
    const struct run *run = s->run;
    if (run->effort && !chat_log_set_effort(&s->log, run->effort, err))
        return false;
    if (run->tools && !chat_log_read_tools(&s->log, run->tools, err))
        return false;
    if (run->load && !load(s, run->load, err))
        return false;
    if (chat_log_has_system(&s->log))
        return true;
    if (run->system)
        return chat_log_set_system(&s->log, (struct span){run->system, strlen(run->system)}, err);
    return !run->system_file || chat_log_read_system(&s->log, run->system_file, &s->format, err);
}

bool chat_session_open(struct chat_session *s, struct run *run, int version, struct err *err)
{
    *s = (struct chat_session){.run = run};
    if (!vocabulary_format(run->rt.tok, version, &s->format, err))
        return false;
    s->gen = generator_open(run->rt.model, run->rt.tok, &run->wanted, err);
    if (!s->gen)
        return false;
    return set_up(s, err) && chat_session_check(s, &s->log, err);
}

void chat_session_close(struct chat_session *s)
{
    chat_log_free(&s->log);
    generator_close(s->gen);
    *s = (struct chat_session){0};
}

static bool check_room(const struct chat_session *s, const struct prompt *prompt, struct err *err)
{
    if (prompt->ids.n <= run_room(s->run))
        return true;
    return err_set(err, ERR_LIMIT, "the conversation has %zu token%s and the context %u; %s%s",
                   prompt->ids.n, plural(prompt->ids.n), run_room(s->run),
                   s->typed ? "/reset begins a new one" : "shorten it",
                   run_may_grow(s->run) ? " or ask for a larger --context" : "");
}

/* Answers the conversation as it stands. */
static bool answer(struct chat_session *s, struct chat_answer *a, struct err *err)
{
    struct chat chat = {0};
    struct prompt prompt = {0};
    struct buf request;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    bool ok = render(s, &s->log, &chat, &prompt, &request, err) && check_room(s, &prompt, err);
    if (ok) {
        run_announce(s->run);
        interrupt_hold();
        ok = chat_answer_get(a, s, &prompt, err) &&
             (!s->run->json || chat_answer_print(a, s->run, err));
        interrupt_release();
    }
    prompt_free(&prompt);
    chat_free(&chat);
    buf_free(&request);
    return ok;
}

static void explain(const struct chat_session *s, const struct chat_answer *a)
{
    if (a->said.error.s && a->is_whole)
        console_note("not understood: %.*s", (int)a->said.error.n, a->said.error.s);
    if (!a->is_whole && a->said.message.n_calls && s->typed)
        console_note("the answer ended early, so its calls are left out");
    run_explain_end(s->run, &a->end, s->typed ? "; /reset begins a new conversation" : "");
    if (s->run->stats)
        run_print_stats(s->run, &a->end, generator_stats(s->gen).kv_bytes);
}

/* How far the user got with the results of calls. */
struct results {
    bool all;  /* there is one for each */
    bool moot; /* a command has put another conversation in the place of the calls */
};

/* Runs a command that came in the place of a result.  *moot: whether the conversation no longer
 * ends where it was asked for. */
static bool interject(struct chat_session *s, const char *line, bool *moot, struct err *err)
{
    const struct chat_log *log = &s->log;
    const char *json = log->entries[log->n - 1].json;
    char *last = mem_string(json, strlen(json), err);
    if (!last)
        return false;
    chat_command(s, line);
    *moot = !log->n || strcmp(log->entries[log->n - 1].json, last) != 0;
    free(last);
    return true;
}

/* Asks until there is a result or there will be none. */
static bool ask_result(struct chat_session *s, const struct chat_call *call, struct buf *text,
                       struct results *r, struct err *err)
{
    char question[128];
    bool is_quoted, is_command;
    snprintf(question, sizeof question, "result of %.*s",
             call->name.n > 64 ? 64 : (int)call->name.n, call->name.s);
    console_clean(question);
    strncat(question, "> ", sizeof question - strlen(question) - 1);
    do {
        ssize_t n = typed_message(s->typed, question, text, &is_quoted, err);
        s->is_over = n == LINE_END;
        r->all = n >= 0;
        is_command = r->all && chat_command_is(text, is_quoted);
        if (err->code || (is_command && !interject(s, text->data, &r->moot, err)))
            return false;
    } while (is_command && !r->moot && !s->is_over);
    r->all &= !is_command;
    return !r->all || chat_log_result(&s->log, call, chat_command_text(text, is_quoted), err);
}

/* Asks the user for what each call gives. */
static bool ask_results(struct chat_session *s, const struct chat_message *m, struct results *r,
                        struct err *err)
{
    struct buf text;
    bool ok = true;
    *r = (struct results){.all = true};
    buf_init(&text, LIMIT_REQUEST_BYTES);
    for (size_t i = 0; ok && r->all && i < m->n_calls; i++)
        ok = ask_result(s, &m->calls[i], &text, r, err);
    buf_free(&text);
    return ok;
}

/* One answer, and the results of its calls.  *more: the model goes on with them.
 * *code: the exit code, when nothing failed. */
static bool step(struct chat_session *s, bool *more, bool *said, int *code, struct err *err)
{
    struct chat_answer a = {0};
    *more = *said = false;
    bool ok = answer(s, &a, err);
    if (ok) {
        explain(s, &a);
        *code = a.end.interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
        ok = chat_answer_log(&a, s, said, err);
        if (a.unsayable.code)
            console_note("the call stays text: %s", a.unsayable.text);
        if (ok && !*said && s->typed)
            console_note("there is no answer, so the question is dropped");
    }
    if (ok && *said && a.said.message.n_calls && s->typed) {
        struct results results;
        ok = ask_results(s, &a.said.message, &results, err);
        *more = results.all;
        *said = results.all || results.moot;
        if (ok && !*said && !s->is_over)
            console_note("without a result the question is dropped");
    }
    chat_answer_free(&a);
    return ok;
}

/* Answers the conversation, and the results of calls, until the model has said all.  Unless
 * that ends well, before is the conversation again; it is taken over. */
static int turn(struct chat_session *s, struct chat_log *before)
{
    struct err err = {0};
    bool ok, more, said;
    int code = EXIT_DONE;
    do
        ok = step(s, &more, &said, &code, &err);
    while (ok && more);
    if (!ok || !said) {
        struct chat_log dropped = s->log;
        s->log = *before;
        *before = dropped;
    }
    chat_log_free(before);
    return ok ? code : console_fail(&err);
}

int chat_session_say(struct chat_session *s, struct span text)
{
    struct err err = {0};
    struct chat_log before;
    if (!chat_log_copy(&before, &s->log, &err) || !chat_log_say(&s->log, text, &err)) {
        chat_log_free(&before);
        return console_fail(&err);
    }
    return turn(s, &before);
}

bool chat_session_is_asked(const struct chat_session *s)
{
    enum chat_role last = s->log.n ? s->log.entries[s->log.n - 1].role : CHAT_SYSTEM;
    return last == CHAT_USER || last == CHAT_TOOL;
}

void chat_session_note(const struct chat_session *s)
{
    console_note("%zu message%s%s", s->log.n, plural(s->log.n),
                 chat_session_is_asked(s) ? "; /regenerate answers the last" : "");
}

int chat_session_again(struct chat_session *s)
{
    struct err err = {0};
    struct chat_log before;
    size_t n = s->log.n;
    while (n && s->log.entries[n - 1].role == CHAT_ASSISTANT)
        n--;
    if (!n || s->log.entries[n - 1].role == CHAT_SYSTEM) {
        console_error("bise: nothing is asked yet");
        return EXIT_FAILED;
    }
    if (!chat_log_copy(&before, &s->log, &err)) {
        chat_log_free(&before);
        return console_fail(&err);
    }
    chat_log_cut(&s->log, n);
    return turn(s, &before);
}
