/* SPDX-License-Identifier: Apache-2.0 */
#include "api/turn_options.h"

#include <math.h>
#include <string.h>

#include "api/fields.h"
#include "text/turn_grammar.h"

static bool read_named(const struct json_node *choice, struct turn_request *turn, struct err *err)
{
    const struct json_node *function = field_find(choice, "function");
    struct span name = {0};
    if (!field_text(function ? function : choice, "name", &name, err))
        return false;
    if (!name.s)
        return json_node_fail(choice, err, "expected the name of a function");
    turn->choice = TURN_NAMED;
    turn->choice_name = name;
    return true;
}

/* {"type": "allowed_tools", "allowed_tools": {"mode": ..., "tools": [...]}}: only these may be
 * called. */
static bool read_allowed(const struct json_node *choice, struct chat *chat,
                         struct turn_request *turn, struct err *err)
{
    const struct json_node *allowed = field_find(choice, "allowed_tools");
    if (!allowed)
        allowed = choice;
    const struct json_node *list = field_need(allowed, "tools", NODE_ARRAY, err);
    struct span mode = SPAN("auto");
    if (!list || !field_text(allowed, "mode", &mode, err))
        return false;
    struct chat_tool *tools = arena_new(&chat->arena, chat->n_tools + 1, sizeof *tools, err);
    if (!tools)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < turn->n_tools; i++)
        for (const struct json_node *item = list->first; item; item = item->next) {
            const struct json_node *function = field_find(item, "function");
            const struct json_node *name = field_find(function ? function : item, "name");
            if (name && span_same(name->text, turn->tools[i].name)) {
                tools[n++] = turn->tools[i];
                break;
            }
        }
    turn->tools = tools;
    turn->n_tools = n;
    turn->choice = span_is(mode, "required") ? TURN_ANY : TURN_AUTO;
    return true;
}

static bool read_choice(const struct json_node *body, struct chat *chat, struct turn_request *turn,
                        struct err *err)
{
    const struct json_node *choice = field_find(body, "tool_choice");
    if (!choice)
        return true;
    if (choice->kind == NODE_OBJECT) {
        struct span type = {0};
        if (!field_text(choice, "type", &type, err))
            return false;
        return span_is(type, "allowed_tools") ? read_allowed(choice, chat, turn, err)
                                              : read_named(choice, turn, err);
    }
    bool is_text = choice->kind == NODE_STRING;
    if (is_text && span_is(choice->text, "none"))
        turn->choice = TURN_NONE;
    else if (is_text && (span_is(choice->text, "any") || span_is(choice->text, "required")))
        turn->choice = TURN_ANY;
    else if (!is_text || !span_is(choice->text, "auto"))
        return json_node_fail(choice, err,
                              "expected \"auto\", \"none\", \"any\", \"required\" or a function");
    return true;
}

/* An object of one member, as "guided_json": {...} becomes {"json": {...}}. */
static const struct json_node *wrap(struct arena *arena, const struct json_node *value,
                                    const char *key, struct err *err)
{
    struct json_node *nodes = arena_new(arena, 2, sizeof *nodes, err);
    if (!nodes)
        return NULL;
    nodes[1] = *value;
    nodes[1].key = (struct span){key, strlen(key)};
    nodes[1].next = NULL;
    nodes[1].up = &nodes[0];
    nodes[0] =
        (struct json_node){.kind = NODE_OBJECT, .n = 1, .first = &nodes[1], .name = value->name};
    return nodes;
}

/* The constraint by any of its names. */
static bool find_constraint(const struct json_node *body, struct arena *arena,
                            const struct json_node **out, struct err *err)
{
    static const struct {
        const char *name, *key;
    } others[] = {
        {"guided_json", "json"},       {"guided_regex", "regex"}, {"guided_choice", "choice"},
        {"guided_grammar", "grammar"}, {"grammar", "grammar"},    {"json_schema", "json"},
    };
    *out = field_find(body, "structured_outputs");
    for (size_t i = 0; !*out && i < sizeof others / sizeof *others; i++) {
        const struct json_node *value = field_find(body, others[i].name);
        if (value && !(*out = wrap(arena, value, others[i].key, err)))
            return false;
    }
    return true;
}

static bool says_no_thinking(const struct json_node *body)
{
    const struct json_node *effort = field_find(body, "reasoning_effort");
    const struct json_node *more = field_find(body, "chat_template_kwargs");
    const struct json_node *enable = more ? field_find(more, "enable_thinking") : NULL;
    return (effort && effort->kind == NODE_STRING && span_is(effort->text, "none")) ||
           (enable && enable->kind == NODE_FALSE);
}

/* Stop strings cut free text, never JSON or what a grammar makes. */
static bool is_free(const struct turn_request *turn)
{
    const struct json_node *type =
        turn->response_format ? field_find(turn->response_format, "type") : NULL;
    return !turn->constraint &&
           (!type || (type->kind == NODE_STRING && span_is(type->text, "text")));
}

/* An object that declares no members and says nothing of others: the tool takes no arguments. */
static bool takes_nothing(const struct json_node *parameters)
{
    static const char *const harmless[] = {"type", "properties", "required", "description",
                                           "title"};
    const struct json_node *properties = json_member(parameters, "properties");
    if (!properties || properties->n)
        return false;
    for (const struct json_node *member = parameters->first; member; member = member->next) {
        size_t i = 0, n = sizeof harmless / sizeof *harmless;
        while (i < n && !span_is(member->key, harmless[i]))
            i++;
        if (i == n)
            return false;
    }
    return true;
}

/* The tools as the grammar is to see them. */
static bool copy_tools(struct chat *chat, struct turn_request *turn, struct err *err)
{
    struct chat_tool *tools = arena_new(&chat->arena, chat->n_tools + 1, sizeof *tools, err);
    if (!tools)
        return false;
    for (size_t i = 0; i < chat->n_tools; i++) {
        tools[i] = chat->tools[i];
        if (tools[i].parameters && takes_nothing(tools[i].parameters))
            tools[i].parameters = NULL;
    }
    turn->tools = tools;
    turn->n_tools = chat->n_tools;
    return true;
}

static bool read(struct completion *c, struct chat *chat, const struct json_node *body,
                 struct turn_request *turn, struct err *err)
{
    bool parallel = true;
    *turn = (struct turn_request){0};
    if (!copy_tools(chat, turn, err))
        return false;
    turn->response_format = field_find(body, "response_format");
    if (turn->response_format && turn->response_format->kind != NODE_OBJECT)
        return json_node_fail(turn->response_format, err, "expected an object");
    if (!read_choice(body, chat, turn, err) ||
        !field_bool(body, "parallel_tool_calls", &parallel, err) ||
        !find_constraint(body, &c->call->arena, &turn->constraint, err))
        return false;
    turn->one_call = !parallel;
    if (turn->choice == TURN_ANY || turn->choice == TURN_NAMED)
        turn->guard = TURN_GUARD_SCHEMA; /* a call that is demanded has the arguments asked for */
    turn->thinking = says_no_thinking(body) ? TURN_NO_THINKING : TURN_MAY_THINK;
    if (field_find(body, "prompt_mode"))
        turn->thinking = TURN_DOES_THINK;
    if (!is_free(turn))
        c->sampling.n_stop = 0;
    return true;
}

/* Without a grammar, which would see to it: no thought begins. */
static bool ban_thinking(struct completion *c, struct err *err)
{
    struct job_params *job = &c->sampling.job;
    int32_t id = c->model->format->ids[CONTROL_THINK];
    if (id < 0)
        return true;
    struct token_bias *biases = arena_new(&c->call->arena, job->n_biases + 1, sizeof *biases, err);
    if (!biases)
        return false;
    for (size_t i = 0; i < job->n_biases; i++)
        biases[i] = job->biases[i];
    biases[job->n_biases++] = (struct token_bias){.id = id, .bias = -INFINITY};
    job->biases = biases;
    return true;
}

bool turn_options_read(struct completion *c, struct chat *chat, const struct json_node *body)
{
    struct err err = {0};
    struct turn_request turn;
    if (!read(c, chat, body, &turn, &err)) {
        call_fail_err(c->call, &err);
        return false;
    }
    /* An answer that goes on whatever comes is a measurement, which no tool needs to be right. */
    if (c->sampling.job.ignore_eos && is_free(&turn) && turn.choice == TURN_AUTO)
        return true;
    if (turn_grammar(c->model->format, &turn, &c->grammar, &err) &&
        (c->grammar || turn.thinking != TURN_NO_THINKING || ban_thinking(c, &err)))
        return true;
    struct api_error error;
    api_error_of(&error, &err);
    if (err.code == ERR_ARG || err.code == ERR_LIMIT) {
        error.status = error.param[0] ? 422 : 400;
        error.code = error.param[0] ? NULL : "invalid_schema";
        error.nested_code = error.code;
    }
    call_fail(c->call, &error);
    return false;
}
