/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "data/json_tree.h"

enum { MAX_CHOICES = 64, MAX_DETAIL = 300 };

static bool on_event(void *arg, const struct sse_event *event, struct err *err);

void load_answer_init(struct load_answer *answer, const struct load_answer_options *options)
{
    *answer = (struct load_answer){.options = *options};
    buf_init(&answer->text, LIMIT_ANSWER_BYTES);
    buf_init(&answer->body, LIMIT_ANSWER_BYTES);
    sse_init(&answer->sse, LIMIT_SSE_EVENT_BYTES, on_event, answer);
}

void load_answer_free(struct load_answer *answer)
{
    buf_free(&answer->text);
    buf_free(&answer->body);
    sse_free(&answer->sse);
}

void load_answer_begin(struct load_answer *answer, double due, struct latency *gaps)
{
    struct buf text = answer->text, body = answer->body;
    struct sse_parser sse = answer->sse;
    *answer = (struct load_answer){.options = answer->options, .begun = due, .gaps = gaps};
    buf_clear(&text);
    buf_clear(&body);
    sse_reset(&sse);
    answer->text = text;
    answer->body = body;
    answer->sse = sse;
}

/* Notes the first thing that is wrong.  Returns false: nothing that follows counts. */
static bool fail(struct load_answer *a, enum load_kind kind, const char *fmt, ...) PRINTF(3, 4);
static bool fail(struct load_answer *a, enum load_kind kind, const char *fmt, ...)
{
    char text[MAX_DETAIL];
    va_list args;
    if (a->kind != LOAD_OK)
        return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    a->kind = kind;
    return err_set(&a->why, ERR_FORMAT, "%s", text);
}

/* --- what servers say ----------------------------------------------------------------------- */

/* Finds a member of what may not be there itself. */
static const struct json_node *member(const struct json_node *object, const char *key)
{
    return object ? json_member(object, key) : NULL;
}

static bool is_text(const struct json_node *node)
{
    return node && node->kind == NODE_STRING;
}

/* Adds a text, or those of a list.  Returns how many bytes that was. */
static size_t add_text(struct load_answer *a, const struct json_node *node)
{
    size_t n = 0;
    struct err err = {0};
    if (is_text(node)) {
        if (a->options.keep_text && !buf_add(&a->text, node->text.s, node->text.n, &err))
            fail(a, LOAD_UNREADABLE, "the text: %s", err.text);
        return node->text.n;
    }
    if (!node || node->kind != NODE_ARRAY)
        return 0;
    for (const struct json_node *item = node->first; item; item = item->next)
        n += add_text(a, member(item, "thinking")) + add_text(a, member(item, "text"));
    return n;
}

static size_t add_calls(struct load_answer *a, const struct json_node *calls)
{
    size_t n = 0;
    if (!calls || calls->kind != NODE_ARRAY)
        return 0;
    for (const struct json_node *call = calls->first; call; call = call->next) {
        const struct json_node *function = member(call, "function");
        n += add_text(a, member(function, "name"));
        n += add_text(a, member(function, "arguments"));
    }
    return n;
}

/* Adds what a choice brings.  Returns how many bytes of text that is. */
static size_t add_choice_text(struct load_answer *a, const struct json_node *choice)
{
    const struct json_node *delta = member(choice, a->options.stream ? "delta" : "message");
    return add_text(a, member(delta, "reasoning_content")) +
           add_text(a, member(delta, "reasoning")) + add_text(a, member(delta, "content")) +
           add_calls(a, member(delta, "tool_calls")) + add_text(a, member(choice, "text"));
}

static bool take_choice(struct load_answer *a, const struct json_node *choice, size_t *n_text)
{
    int64_t index = 0;
    const struct json_node *finish = member(choice, "finish_reason");
    const struct json_node *number = member(choice, "index");
    if (number && !json_node_int(number, 0, MAX_CHOICES - 1, &index))
        return fail(a, LOAD_UNREADABLE, "a choice has an index that is none");
    uint64_t bit = 1ull << index;
    size_t n = add_choice_text(a, choice);
    *n_text += n;
    a->seen |= bit;
    if (a->options.check && n && a->finished & bit)
        return fail(a, LOAD_REORDERED, "text comes behind the finish_reason");
    if (!is_text(finish))
        return true;
    if (a->options.check && a->finished & bit)
        return fail(a, LOAD_WRONG, "a choice has two finish_reasons");
    a->finished |= bit;
    snprintf(a->finish, sizeof a->finish, "%.*s", (int)finish->text.n, finish->text.s);
    return true;
}

static void read_count(const struct json_node *object, const char *name, uint32_t *count)
{
    const struct json_node *node = member(object, name);
    int64_t n;
    if (node && json_node_int(node, 0, UINT32_MAX, &n))
        *count = (uint32_t)n;
}

static bool take_usage(struct load_answer *a, const struct json_node *usage)
{
    struct load_usage found = {.known = true};
    if (!usage || usage->kind != NODE_OBJECT)
        return true;
    read_count(usage, "prompt_tokens", &found.prompt);
    read_count(usage, "completion_tokens", &found.completion);
    read_count(member(usage, "prompt_tokens_details"), "cached_tokens", &found.cached);
    uint32_t before = a->usage.completion;
    a->usage = found;
    /* Servers that count in every chunk count up. */
    return !a->options.check || found.completion >= before ||
           fail(a, LOAD_REORDERED, "completion_tokens falls from %u to %u", before,
                found.completion);
}

/* Writes the message of an error, whichever of their ways a server has; also "" for null.
 * Returns whether there is one. */
static bool describe_error(const struct json_node *root, char *text, size_t size)
{
    const struct json_node *error = member(root, "error"), *message = error;
    if (error && error->kind == NODE_OBJECT)
        message = member(error, "message");
    if (!is_text(message))
        message = member(root, "message");
    if (!is_text(message))
        message = member(root, "detail");
    if (is_text(message))
        snprintf(text, size, "%.*s", (int)(message->text.n < size ? message->text.n : size),
                 message->text.s);
    else
        snprintf(text, size, "an error without a message");
    return is_text(message) || (error && error->kind != NODE_NULL);
}

/* Every event of a stream has the same id. */
static bool take_id(struct load_answer *a, const struct json_node *id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    if (!a->options.check || !is_text(id) || !id->text.n)
        return true;
    for (size_t i = 0; i < id->text.n; i++)
        hash = (hash ^ (uint8_t)id->text.s[i]) * 1099511628211u;
    if (a->has_id && hash != a->id_hash)
        return fail(a, LOAD_REORDERED, "an event has the id of another stream, %.*s",
                    (int)(id->text.n < 80 ? id->text.n : 80), id->text.s);
    a->id_hash = hash;
    a->has_id = true;
    return true;
}

/* Takes an object: a chunk of a stream, or a whole answer. */
static bool take_object(struct load_answer *a, const struct json_node *root, size_t *n_text)
{
    char text[MAX_DETAIL];
    const struct json_node *choices = member(root, "choices");
    if (member(root, "error") && describe_error(root, text, sizeof text))
        return fail(a, LOAD_ERROR, "%s", text);
    if (!choices || choices->kind != NODE_ARRAY)
        return !a->options.check || fail(a, LOAD_UNREADABLE, "an object without a list of choices");
    bool ok = take_id(a, member(root, "id"));
    for (const struct json_node *choice = choices->first; ok && choice; choice = choice->next)
        ok = take_choice(a, choice, n_text);
    return ok && take_usage(a, member(root, "usage"));
}

/* --- events --------------------------------------------------------------------------------- */

static void note_text(struct load_answer *a)
{
    double now = clock_now();
    if (!a->n_texts)
        a->first_at = now;
    else
        latency_add(a->gaps, now - a->text_at);
    a->n_texts++;
    a->text_at = now;
}

static bool take_json(struct load_answer *a, struct span json, const char *name)
{
    struct json_tree tree = {0};
    struct err err = {0};
    size_t n_text = 0;
    bool ok = json_tree_parse(&tree, name, json.s, json.n, &err) ||
              fail(a, LOAD_UNREADABLE, "%s", err.text);
    ok = ok && take_object(a, tree.root, &n_text);
    if (ok && n_text)
        note_text(a);
    json_tree_free(&tree);
    return ok;
}

static bool on_event(void *arg, const struct sse_event *event, struct err *err)
{
    struct load_answer *a = arg;
    bool ok;
    if (a->done)
        ok = !a->options.check || fail(a, LOAD_REORDERED, "an event comes behind [DONE]");
    else if (span_is(event->data, "[DONE]"))
        ok = a->done = true;
    else
        ok = take_json(a, event->data, "an event");
    return ok || err_set(err, ERR_FORMAT, "%s", a->why.text);
}

bool load_answer_take(struct load_answer *a, const struct http_call *call, const void *bytes,
                      size_t n, struct err *err)
{
    bool is_stream = strncasecmp(call->type, "text/event-stream", 17) == 0;
    if (call->status == 200 && a->options.stream && is_stream) {
        if (sse_feed(&a->sse, bytes, n, err))
            return true;
    } else if (buf_add(&a->body, bytes, n, err)) {
        return true;
    }
    fail(a, LOAD_UNREADABLE, "%s", err->text); /* unless the reason is known */
    return false;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Says what a server answers that answers with an error, or with no stream. */
static void explain_body(struct load_answer *a, enum load_kind kind)
{
    struct json_tree tree = {0};
    struct err err = {0};
    char text[MAX_DETAIL];
    const char *body = a->body.data ? a->body.data : "";
    bool is_json = a->body.len && json_tree_parse(&tree, "answer", body, a->body.len, &err);
    if (is_json && describe_error(tree.root, text, sizeof text))
        fail(a, kind, "%s", text);
    else if (a->body.len)
        fail(a, kind, "%.*s", (int)(a->body.len < 200 ? a->body.len : 200), body);
    else
        fail(a, kind, "without a text");
    json_tree_free(&tree);
}

static enum load_kind kind_of(enum http_end end)
{
    switch (end) {
    case HTTP_NONE:
        return LOAD_NO_CONNECTION;
    case HTTP_LATE:
        return LOAD_LATE;
    case HTTP_REFUSED:
        return LOAD_UNREADABLE;
    default:
        return LOAD_UNFINISHED;
    }
}

/* What is wrong with an answer whose every byte came. */
static void check_whole(struct load_answer *a)
{
    bool said_why = a->seen && a->seen == a->finished;
    if (strcmp(a->finish, "error") == 0)
        fail(a, LOAD_ERROR, "a finish_reason says error");
    else if (!said_why && (a->options.check || !a->done))
        fail(a, LOAD_UNFINISHED, "the answer ends without a finish_reason");
    else if (a->options.check && a->options.stream && !a->done)
        fail(a, LOAD_UNFINISHED, "the stream ends without [DONE]");
    else if (a->options.check && sse_is_amid(&a->sse))
        fail(a, LOAD_UNFINISHED, "the stream ends in the middle of an event");
    else if (a->options.check && !a->usage.known)
        fail(a, LOAD_WRONG, "the answer has no usage");
}

enum load_kind load_answer_end(struct load_answer *a, const struct http_call *call, struct err *why)
{
    double now = clock_now();
    bool is_body = a->body.len > 0 || !a->options.stream;
    if (call->end != HTTP_WHOLE) {
        fail(a, kind_of(call->end), "%s", call->err.text);
    } else if (call->status != 200) {
        explain_body(a, LOAD_STATUS);
    } else if (is_body && a->options.stream) {
        explain_body(a, LOAD_UNREADABLE);
    } else {
        if (is_body)
            take_json(a, (struct span){a->body.data ? a->body.data : "", a->body.len}, "answer");
        check_whole(a);
    }
    a->end_at = now;
    if (a->kind != LOAD_OK)
        *why = a->why;
    return a->kind;
}

/* Says whether a and b have the same bytes in some order. */
static bool same_bytes(struct span a, struct span b)
{
    size_t counts[256] = {0}, wrong = 0;
    for (size_t i = 0; i < a.n; i++)
        counts[(uint8_t)a.s[i]]++;
    for (size_t i = 0; i < b.n; i++)
        counts[(uint8_t)b.s[i]]--;
    for (size_t i = 0; i < 256; i++)
        wrong += counts[i] != 0;
    return wrong == 0;
}

/* Says whether what of want is missing in part lies in one place. */
static bool lacks_a_piece(struct span part, struct span want)
{
    size_t head = 0, tail = 0;
    while (head < part.n && part.s[head] == want.s[head])
        head++;
    while (tail < part.n && part.s[part.n - 1 - tail] == want.s[want.n - 1 - tail])
        tail++;
    return part.n < want.n && head + tail >= part.n;
}

enum load_kind load_answer_compare(const struct load_answer *a, struct span want, struct err *why)
{
    struct span got = {a->text.data ? a->text.data : "", a->text.len};
    size_t at = 0;
    if (span_same(got, want))
        return LOAD_OK;
    while (at < got.n && at < want.n && got.s[at] == want.s[at])
        at++;
    bool lost = lacks_a_piece(got, want), reordered = same_bytes(got, want);
    err_set(why, ERR_FORMAT, "the text is not that of the same request before: byte %zu of %zu %s",
            at, want.n, lost ? "is missing" : "differs");
    return lost ? LOAD_LOST : reordered ? LOAD_REORDERED : LOAD_WRONG;
}

uint32_t load_answer_tokens(const struct load_answer *a)
{
    return a->usage.known ? a->usage.completion : a->n_texts;
}

const char *load_kind_name(enum load_kind kind)
{
    static const char *const names[LOAD_KINDS] = {
        [LOAD_OK] = "done",
        [LOAD_STATUS] = "status",
        [LOAD_NO_CONNECTION] = "no connection",
        [LOAD_LATE] = "too late",
        [LOAD_ERROR] = "error",
        [LOAD_UNREADABLE] = "unreadable",
        [LOAD_UNFINISHED] = "unfinished",
        [LOAD_LOST] = "lost",
        [LOAD_REORDERED] = "reordered",
        [LOAD_WRONG] = "wrong",
    };
    return names[kind];
}
