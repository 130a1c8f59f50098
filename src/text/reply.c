/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/json_tree.h"
#include "text/call_list.h"
#include "text/prompt_format.h"
#include "text/tokenizer.h"

/* The reference's sentences (mistral-common, experimental/tools.py and think.py). */
static const char no_list[] = "Invalid tool call tokenization. Expected a JSON list of tool calls.";
static const char no_object[] = "Invalid tool call arguments tokenization. Expected a dict.";
static const char no_json[] = "Invalid tokenized tool call arguments.";
static const char no_args[] = "Control token [ARGS] not found in the list of tokens.";
static const char two_args[] = "Control token [ARGS] found more than once in the list of tokens.";
static const char nested[] = "Nested think chunks are not allowed.";
static const char no_thought[] = "End think token found without a begin think token.";
static const char no_name[] = "Invalid tool call tokenization. Expected the name of a function.";

enum state {
    IN_TEXT,
    IN_THINKING,
    IN_LIST,    /* of calls as JSON */
    AFTER_LIST, /* only white space so far */
    IN_NAME,
    IN_ID,
    IN_ARGUMENTS,
};

struct reply {
    const struct prompt_format *format;
    bool think_tags, stopped;
    enum state state;
    struct text_decoder decoder;
    struct buf text;       /* decoded, with what no event stands for yet at its end */
    size_t from, seen;     /* in text: where that begins, what was looked at */
    size_t mark;           /* in text: IN_LIST where the call began, IN_ID where its name ended */
    bool blank;            /* IN_NAME: only white space so far */
    uint32_t n_calls;      /* whose name is known */
    bool in_call;          /* the last of them has not ended */
    bool faulty;           /* an error about it was reported */
    bool any_call;         /* IN_LIST: one has ended */
    bool run_is_arguments; /* text from from to seen is, of a call in a list */
    struct call_list list;
    struct call_value value;        /* the arguments */
    struct buf name, id, arguments; /* of a call; in a list, the first two with quotes */
    struct arena arena;             /* of the events */
    struct reply_event *events;     /* [n_places] */
    size_t n_events, n_places, n_taken;
};

struct reply *reply_open(const struct prompt_format *format, const struct reply_options *options,
                         struct err *err)
{
    struct reply *r = mem_new(1, sizeof *r, err);
    if (!r)
        return NULL;
    r->format = format;
    r->think_tags = options->think_tags;
    text_decoder_init(&r->decoder, format->tok);
    buf_init(&r->text, LIMIT_TEXT_BYTES);
    buf_init(&r->name, LIMIT_TEXT_BYTES);
    buf_init(&r->id, LIMIT_TEXT_BYTES);
    buf_init(&r->arguments, LIMIT_TEXT_BYTES);
    return r;
}

void reply_close(struct reply *r)
{
    if (!r)
        return;
    buf_free(&r->text);
    buf_free(&r->name);
    buf_free(&r->id);
    buf_free(&r->arguments);
    arena_free(&r->arena);
    free(r->events);
    free(r);
}

bool reply_next(struct reply *r, struct reply_event *event)
{
    if (r->n_taken == r->n_events)
        return false;
    *event = r->events[r->n_taken++];
    return true;
}

/* The decoded text from begin to end. */
static struct span slice(const struct reply *r, size_t begin, size_t end)
{
    return (struct span){end > begin ? r->text.data + begin : "", end - begin};
}

static struct span span_of(const struct buf *buf)
{
    return (struct span){buf->len ? buf->data : "", buf->len};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct span trimmed(struct span s)
{
    while (s.n && is_blank(s.s[s.n - 1]))
        s.n--;
    for (; s.n && is_blank(*s.s); s.s++)
        s.n--;
    return s;
}

static bool keep(struct reply *r, struct span s, struct span *out, struct err *err)
{
    const char *copy = arena_string(&r->arena, s.s ? s.s : "", s.n, err);
    *out = (struct span){copy, s.n};
    return copy != NULL;
}

/* Adds an event that stands for the text up to end.  Borrowed: until the next; NULL when there
 * is no memory. */
static struct reply_event *emit(struct reply *r, enum reply_event_kind kind, size_t end,
                                struct err *err)
{
    if (r->n_events == r->n_places) {
        size_t n = r->n_places ? 2 * r->n_places : 8;
        struct reply_event *more = mem_resize(r->events, n, sizeof *more, err);
        if (!more)
            return NULL;
        r->events = more;
        r->n_places = n;
    }
    struct reply_event *e = &r->events[r->n_events];
    *e = (struct reply_event){.kind = kind};
    if (!keep(r, slice(r, r->from, end), &e->raw, err))
        return NULL;
    r->from = end;
    r->n_events++;
    return e;
}

/* The same for events whose text is what they stand for; none for no text. */
static bool emit_text(struct reply *r, enum reply_event_kind kind, size_t end, struct err *err)
{
    if (end == r->from)
        return true;
    struct reply_event *e = emit(r, kind, end, err);
    if (!e)
        return false;
    if (kind == REPLY_ARGUMENTS)
        e->index = r->n_calls - 1;
    if (kind != REPLY_SYNTAX)
        e->text = e->raw;
    return true;
}

static bool emit_error(struct reply *r, const char *sentence, struct err *err)
{
    struct reply_event *e = emit(r, REPLY_ERROR, r->from, err);
    if (!e)
        return false;
    e->text = (struct span){sentence, strlen(sentence)};
    return true;
}

/* Begins a call, which stands for the text up to end. */
static bool begin_call(struct reply *r, size_t end, struct span name, struct span id,
                       struct err *err)
{
    struct reply_event *e = emit(r, REPLY_CALL, end, err);
    if (!e || !keep(r, name, &e->name, err) || (id.n && !keep(r, id, &e->id, err)))
        return false;
    e->index = r->n_calls++;
    r->in_call = true;
    r->faulty = false;
    return true;
}

/* Takes the text up to end as arguments. */
static bool add_arguments(struct reply *r, size_t end, struct err *err)
{
    struct span piece = slice(r, r->from, end);
    return !piece.n || (buf_add(&r->arguments, piece.s, piece.n, err) &&
                        emit_text(r, REPLY_ARGUMENTS, end, err));
}

/* Sets *error to what is wrong with the arguments of the call, or to NULL. */
static bool check_arguments(const struct reply *r, const char *bad_json, const char **error,
                            struct err *err)
{
    struct json_tree tree = {0};
    struct err why = {0};
    struct span text = span_of(&r->arguments);
    *error = bad_json;
    /* What the parser has no room for is not its failure. */
    if (text.n > LIMIT_REQUEST_BYTES || r->value.deepest > LIMIT_REQUEST_DEPTH ||
        r->value.n_values >= LIMIT_REQUEST_VALUES)
        return true;
    bool ok = json_tree_parse(&tree, "arguments", text.s, text.n, &why);
    if (ok)
        *error = tree.root->kind == NODE_OBJECT ? NULL : no_object;
    json_tree_free(&tree);
    if (ok || why.code == ERR_FORMAT)
        return true;
    *err = why;
    return false;
}

/* Ends a call; error, if not NULL, says what is wrong with it. */
static bool end_call(struct reply *r, const char *error, struct span id, struct err *err)
{
    if (error && !r->faulty && !emit_error(r, error, err))
        return false;
    struct reply_event *e = emit(r, REPLY_CALL_END, r->from, err);
    if (!e || (id.n && !keep(r, id, &e->id, err)))
        return false;
    e->index = r->n_calls - 1;
    r->in_call = false;
    return true;
}

/* --- Text and thinking ---------------------------------------------------- */

/* Finds tag in s, or how much of s may be the beginning of it: *n bytes at its end. */
static const char *find_tag(struct span s, struct span tag, size_t *n)
{
    const char *at = s.n ? memmem(s.s, s.n, tag.s, tag.n) : NULL;
    for (*n = tag.n - 1; *n > s.n || memcmp(s.s + s.n - *n, tag.s, *n) != 0;)
        --*n;
    return at;
}

static bool read_text(struct reply *r, struct err *err)
{
    bool thinking = r->state == IN_THINKING;
    enum reply_event_kind kind = thinking ? REPLY_THINKING : REPLY_TEXT;
    if (!r->think_tags)
        return emit_text(r, kind, r->text.len, err);
    struct span tag = thinking ? SPAN("</think>") : SPAN("<think>");
    struct span s = slice(r, r->from, r->text.len);
    size_t n_held;
    const char *at = find_tag(s, tag, &n_held);
    if (!at)
        return emit_text(r, kind, r->text.len - n_held, err);
    r->state = thinking ? IN_TEXT : IN_THINKING;
    return emit_text(r, kind, r->from + (size_t)(at - s.s), err) &&
           emit(r, thinking ? REPLY_THINKING_END : REPLY_THINKING_BEGIN, r->from + tag.n, err);
}

/* --- Calls as a JSON list ------------------------------------------------- */

static void begin_list(struct reply *r)
{
    r->state = IN_LIST;
    r->list = (struct call_list){0};
    r->seen = r->mark = r->from;
    r->any_call = false;
}

/* Reads a JSON string; *out has s NULL when it is none. */
static bool read_string(struct reply *r, const struct buf *json, struct span *out, struct err *err)
{
    struct json_tree tree = {0};
    struct err why = {0};
    *out = (struct span){0};
    bool ok = json_tree_parse(&tree, "name", json->data, json->len, &why);
    if (ok)
        ok = keep(r, tree.root->text, out, &why);
    json_tree_free(&tree);
    if (ok || why.code == ERR_FORMAT)
        return true;
    *err = why;
    return false;
}

/* Emits what lies before the byte at end; of a call without a name yet, nothing. */
static bool flush_list(struct reply *r, size_t end, struct err *err)
{
    if (!r->in_call)
        return true;
    return r->run_is_arguments ? add_arguments(r, end, err) : emit_text(r, REPLY_SYNTAX, end, err);
}

/* The name of the call is complete with the byte before end. */
static bool name_call(struct reply *r, size_t end, struct err *err)
{
    struct span name, id = {0}, early = span_of(&r->arguments);
    if (!read_string(r, &r->name, &name, err) || (r->id.len && !read_string(r, &r->id, &id, err)))
        return false;
    if (!name.n)
        return true;
    if (!begin_call(r, end, name, id, err))
        return false;
    if (!early.n)
        return true;
    struct reply_event *e = emit(r, REPLY_ARGUMENTS, end, err);
    if (!e)
        return false;
    e->index = r->n_calls - 1;
    return keep(r, early, &e->text, err);
}

/* A call of a list ends with the byte before end. */
static bool end_item(struct reply *r, size_t end, struct err *err)
{
    struct span id = {0};
    const char *error;
    if (!r->in_call)
        return emit_text(r, REPLY_SYNTAX, r->mark, err) && emit_error(r, no_name, err) &&
               emit_text(r, REPLY_TEXT, end, err);
    return flush_list(r, end, err) && check_arguments(r, no_list, &error, err) &&
           (!r->id.len || read_string(r, &r->id, &id, err)) && end_call(r, error, id, err);
}

/* The text ends, or goes on as something else, before the list is complete. */
static bool break_list(struct reply *r, size_t end, struct err *err)
{
    struct span id = {0};
    r->state = IN_TEXT;
    if (r->in_call)
        return flush_list(r, end, err) && (!r->id.len || read_string(r, &r->id, &id, err)) &&
               end_call(r, no_list, id, err);
    return emit_error(r, no_list, err);
}

static bool open_item(struct reply *r, size_t at)
{
    r->mark = at;
    r->run_is_arguments = false;
    r->value = (struct call_value){0};
    buf_clear(&r->name);
    buf_clear(&r->id);
    buf_clear(&r->arguments);
    return true;
}

/* Takes the byte at `at` of a list, which is of kind part. */
static bool read_list_byte(struct reply *r, enum call_list_part part, size_t at, struct err *err)
{
    const char *c = r->text.data + at;
    bool is_arguments = part == LIST_ARGUMENTS;
    if (part != LIST_BAD && is_arguments != r->run_is_arguments) {
        if (!flush_list(r, at, err))
            return false;
        r->run_is_arguments = is_arguments;
    }
    switch (part) {
    case LIST_OPEN:
        return open_item(r, at);
    case LIST_NAME:
        return r->in_call ||
               (buf_add(&r->name, c, 1, err) && (!r->list.value_done || name_call(r, at + 1, err)));
    case LIST_ID:
        return buf_add(&r->id, c, 1, err);
    case LIST_ARGUMENTS:
        call_value_add(&r->value, *c);
        return r->in_call || buf_add(&r->arguments, c, 1, err);
    case LIST_CLOSE:
        r->any_call = true;
        if (r->list.place == PLACE_END)
            r->state = AFTER_LIST;
        return end_item(r, at + 1, err);
    case LIST_END:
        r->state = AFTER_LIST;
        return emit_text(r, REPLY_SYNTAX, at + 1, err);
    case LIST_BAD:
        return break_list(r, at, err);
    default:
        return true;
    }
}

static bool read_list(struct reply *r, struct err *err)
{
    while (r->state == IN_LIST && r->seen < r->text.len) {
        size_t at = r->seen++;
        if (!read_list_byte(r, call_list_add(&r->list, r->text.data[at]), at, err))
            return false;
    }
    return r->state != IN_LIST || flush_list(r, r->seen, err);
}

/* White space behind a list belongs to the text that follows, if there is any. */
static void read_after_list(struct reply *r)
{
    for (; r->state == AFTER_LIST && r->seen < r->text.len; r->seen++)
        if (!is_blank(r->text.data[r->seen]))
            r->state = IN_TEXT;
}

/* --- Calls with a name before the arguments ------------------------------- */

static void begin_name(struct reply *r)
{
    r->state = IN_NAME;
    r->seen = r->from;
    r->blank = true;
}

/* The arguments begin at end: what lies before is the name, and the id if there is one. */
static bool begin_arguments(struct reply *r, size_t end, struct err *err)
{
    size_t name_end = r->state == IN_ID ? r->mark : end;
    struct span name = trimmed(slice(r, r->from, name_end)), id = trimmed(slice(r, name_end, end));
    r->state = name.n ? IN_ARGUMENTS : IN_TEXT;
    if (!name.n)
        return emit_error(r, no_name, err);
    r->value = (struct call_value){0};
    r->seen = end;
    buf_clear(&r->id);
    buf_clear(&r->arguments);
    return (!id.n || buf_add(&r->id, id.s, id.n, err)) && begin_call(r, end, name, id, err);
}

/* Reads a name or an id.  Older fine-tunes leave [ARGS] out, or write the list of the
 * generations before. */
static bool read_name(struct reply *r, struct err *err)
{
    for (; r->seen < r->text.len; r->seen++) {
        char c = r->text.data[r->seen];
        if (r->state == IN_NAME && r->blank && (c == '{' || c == '[')) {
            begin_list(r);
            return true;
        }
        if (c == '{')
            return begin_arguments(r, r->seen, err);
        r->blank = r->blank && is_blank(c);
    }
    return true;
}

static bool read_arguments(struct reply *r, struct err *err)
{
    for (; r->seen < r->text.len; r->seen++)
        call_value_add(&r->value, r->text.data[r->seen]);
    return add_arguments(r, r->text.len, err);
}

/* --- All together --------------------------------------------------------- */

/* Looks at new text until the state stays what it is. */
static bool read_state(struct reply *r, struct err *err)
{
    switch (r->state) {
    case IN_LIST:
        return read_list(r, err);
    case AFTER_LIST:
        read_after_list(r);
        return true;
    case IN_NAME:
    case IN_ID:
        return read_name(r, err);
    case IN_ARGUMENTS:
        return read_arguments(r, err);
    default:
        return read_text(r, err);
    }
}

static bool read_new(struct reply *r, struct err *err)
{
    enum state before;
    do {
        before = r->state;
        if (!read_state(r, err))
            return false;
    } while (r->state != before && r->from < r->text.len);
    return true;
}

/* A list that is not complete: what no call stands for is text, unless it only joins calls. */
static bool leave_list(struct reply *r, struct err *err)
{
    bool joins = r->any_call && !call_list_in_call(&r->list);
    return break_list(r, r->text.len, err) &&
           emit_text(r, joins ? REPLY_SYNTAX : REPLY_TEXT, r->text.len, err);
}

/* Ends whatever goes on, but not a thought. */
static bool leave(struct reply *r, struct err *err)
{
    enum state state = r->state;
    const char *error;
    if (state != IN_THINKING)
        r->state = IN_TEXT;
    switch (state) {
    case IN_LIST:
        return leave_list(r, err);
    case AFTER_LIST:
        return emit_text(r, REPLY_SYNTAX, r->text.len, err);
    case IN_NAME:
    case IN_ID:
        return emit_error(r, no_args, err) && emit_text(r, REPLY_TEXT, r->text.len, err);
    case IN_ARGUMENTS:
        return check_arguments(r, no_json, &error, err) && end_call(r, error, span_of(&r->id), err);
    default:
        return emit_text(r, state == IN_THINKING ? REPLY_THINKING : REPLY_TEXT, r->text.len, err);
    }
}

static bool begin_calls(struct reply *r, struct err *err)
{
    if (!leave(r, err) || (r->state == IN_THINKING && !emit(r, REPLY_THINKING_END, r->from, err)))
        return false;
    if (r->format->version <= 7)
        begin_list(r);
    else
        begin_name(r);
    return true;
}

static bool begin_thought(struct reply *r, struct err *err)
{
    if (r->state == IN_THINKING)
        return emit_error(r, nested, err);
    if (!leave(r, err))
        return false;
    r->state = IN_THINKING;
    return emit(r, REPLY_THINKING_BEGIN, r->from, err) != NULL;
}

static bool end_thought(struct reply *r, struct err *err)
{
    if (r->state != IN_THINKING)
        return emit_error(r, no_thought, err);
    if (!leave(r, err))
        return false;
    r->state = IN_TEXT;
    return emit(r, REPLY_THINKING_END, r->from, err) != NULL;
}

static bool take_args(struct reply *r, struct err *err)
{
    if (r->state == IN_NAME || r->state == IN_ID)
        return begin_arguments(r, r->text.len, err);
    if (r->state != IN_ARGUMENTS || r->faulty)
        return true;
    r->faulty = true;
    return emit_error(r, two_args, err);
}

/* Does what a control token says; most say nothing here. */
static bool take_marker(struct reply *r, int32_t id, struct err *err)
{
    const int32_t *ids = r->format->ids;
    if (id < 0)
        return true;
    if (id == ids[CONTROL_EOS]) {
        r->stopped = true;
        return leave(r, err);
    }
    if (id == ids[CONTROL_CALLS])
        return begin_calls(r, err);
    if (id == ids[CONTROL_THINK])
        return begin_thought(r, err);
    if (id == ids[CONTROL_END_THINK])
        return end_thought(r, err);
    if (id == ids[CONTROL_ARGS])
        return take_args(r, err);
    if (id == ids[CONTROL_CALL_ID] && r->state == IN_NAME) {
        r->state = IN_ID;
        r->mark = r->text.len;
    }
    return true;
}

/* Forgets the text that events stand for, and the events when all were taken. */
static void forget(struct reply *r)
{
    size_t gone = r->from;
    if (r->n_taken == r->n_events) {
        r->n_events = r->n_taken = 0;
        arena_reset(&r->arena);
    }
    buf_drop(&r->text, gone);
    r->from = 0;
    r->seen = r->seen > gone ? r->seen - gone : 0;
    r->mark = r->mark > gone ? r->mark - gone : 0;
}

bool reply_add(struct reply *r, int32_t id, struct err *err)
{
    forget(r);
    return text_decoder_add(&r->decoder, id, &r->text, err) && read_new(r, err) &&
           take_marker(r, id, err);
}

bool reply_end(struct reply *r, bool stopped, struct err *err)
{
    forget(r);
    if (!text_decoder_end(&r->decoder, &r->text, err) || !read_new(r, err) || !leave(r, err))
        return false;
    struct reply_event *e = emit(r, REPLY_END, r->from, err);
    if (!e)
        return false;
    e->stopped = stopped || r->stopped;
    return true;
}
