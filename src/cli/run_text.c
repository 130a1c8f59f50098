/* SPDX-License-Identifier: Apache-2.0 */
/* run_text.c - "bise run" for a model that chats in no format: continues a text. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/run_int.h"
#include "cli/typed.h"
#include "data/utf8.h"
#include "model/model.h"
#include "text/tokenizer.h"

struct answer {
    struct generator *gen;
    struct token_ids prompt;
    struct buf text; /* the whole answer for JSON, else the newest piece */
    char last;       /* character that was printed */
    bool interrupted;
};

static bool print(struct answer *a, const char *text, size_t n, struct err *err)
{
    if (n)
        a->last = text[n - 1];
    return console_text(text, n, err);
}

/* Prints the prompt with U+FFFD for what is ill-formed, as the model gets it. */
static bool echo(struct answer *a, const char *text, size_t n, struct err *err)
{
    size_t begin = 0;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) == UTF8_OK)
            continue;
        if (!print(a, text + begin, i - begin, err) || !print(a, "\xef\xbf\xbd", 3, err))
            return false;
        begin = i + len;
    }
    return print(a, text + begin, n - begin, err);
}

static bool check_prompt(const struct run *run, const struct answer *a, struct err *err)
{
    if (!a->prompt.n)
        return err_set(err, ERR_ARG, "the prompt is empty and this model needs one; give a text");
    if (a->prompt.n <= run_room(run))
        return true;
    return err_set(err, ERR_LIMIT, "the prompt has %zu token%s and the context %u; shorten it%s",
                   a->prompt.n, plural(a->prompt.n), run_room(run),
                   run_may_grow(run) ? " or ask for a larger --context" : "");
}

/* In the steps that the model takes anyway, so that Ctrl-C needs to wait for one only. */
static bool feed_prompt(struct answer *a, struct err *err)
{
    for (size_t i = 0, n; i < a->prompt.n && !a->interrupted; i += n) {
        n = a->prompt.n - i < MODEL_MAX_TOKENS ? a->prompt.n - i : MODEL_MAX_TOKENS;
        if (!generator_prompt(a->gen, a->prompt.ids + i, n, err))
            return false;
        a->interrupted = interrupt_came();
    }
    return true;
}

static bool stream_answer(const struct run *run, struct answer *a, struct err *err)
{
    for (int32_t id = 0; id >= 0 && !a->interrupted; a->interrupted = interrupt_came()) {
        if (!run->json)
            buf_clear(&a->text);
        if (!generator_next(a->gen, &id, &a->text, err))
            return false;
        if (!run->json && !print(a, a->text.data, a->text.len, err))
            return false;
    }
    return true;
}

static struct run_end end_of(const struct answer *a)
{
    struct generator_stats stats = generator_stats(a->gen);
    return (struct run_end){.why = generator_finish(a->gen),
                            .interrupted = a->interrupted,
                            .n_prompt = stats.n_prompt,
                            .n_answer = stats.n_answer,
                            .prompt_s = stats.prompt_s,
                            .answer_s = stats.answer_s};
}

static void print_json(const struct run *run, const struct answer *a)
{
    struct run_end end = end_of(a);
    printf("{\"text\":");
    json_text(a->text.data, a->text.len);
    printf(",\"finish_reason\":\"%s\"", run_end_name(&end));
    run_print_usage(run, end.n_prompt, end.n_answer);
}

/* What comes after the answer, and the exit code. */
static int finish(struct run *run, const struct answer *a, const struct err *err)
{
    /* Text that came before a failure stays, on a line of its own. */
    if (a->last && a->last != '\n')
        putchar('\n');
    if (err->code) {
        fflush(stdout);
        return console_fail(err);
    }
    int code = console_finish(a->interrupted ? EXIT_INTERRUPTED : EXIT_DONE);
    struct run_end end = end_of(a);
    run_explain_end(run, &end, "");
    if (run->stats)
        run_print_stats(run, &end, generator_stats(a->gen).kv_bytes);
    return code;
}

/* Prints the answer to one prompt.  Returns the exit code. */
static int answer(struct run *run, const char *prompt, size_t n)
{
    struct err err = {0};
    struct answer a = {0};
    buf_init(&a.text, LIMIT_TEXT_BYTES);
    interrupt_hold();
    if (!runtime_prompt(&run->rt, prompt, n, &a.prompt, &err))
        goto out;
    a.gen = generator_open(run->rt.model, run->rt.tok, &run->wanted, &err);
    if (!a.gen || !check_prompt(run, &a, &err))
        goto out;
    run_announce(run);
    if (!run->json && !echo(&a, prompt, n, &err))
        goto out;
    if (!feed_prompt(&a, &err) || !stream_answer(run, &a, &err))
        goto out;
    if (run->json)
        print_json(run, &a);
out:;
    int code = finish(run, &a, &err);
    interrupt_release();
    generator_close(a.gen);
    token_ids_free(&a.prompt);
    buf_free(&a.text);
    return code;
}

/* Each line that is typed is a prompt of its own, and a failure concerns that line alone.
 * Ctrl-C drops a line or stops an answer; Ctrl-D ends. */
static int answer_lines(struct run *run)
{
    struct typed typed;
    const char *line;
    typed_open(&typed);
    for (ssize_t n; (n = typed_line(&typed, "> ", &line)) != LINE_END;)
        if (n > 0 && !typed_is_blank(line, (size_t)n))
            (void)answer(run, line, (size_t)n);
    typed_close(&typed);
    return EXIT_DONE;
}

int run_text(struct run *run, const char *prompt)
{
    struct err err = {0};
    struct buf text;
    int code;
    if (prompt)
        return answer(run, prompt, strlen(prompt));
    if (input_is_terminal())
        return answer_lines(run);
    buf_init(&text, LIMIT_TEXT_BYTES);
    if (input_prompt(&text, &err) && (text.len || err_set(&err, ERR_ARG, INPUT_EMPTY)))
        code = answer(run, text.data, text.len);
    else
        code = console_fail(&err);
    buf_free(&text);
    return code;
}
