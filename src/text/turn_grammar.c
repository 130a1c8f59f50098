/* SPDX-License-Identifier: Apache-2.0 */
#include "text/turn_grammar.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/chat.h"
#include "text/constraint.h"
#include "text/grammar.h"
#include "text/json_rules_int.h"
#include "text/prompt_format.h"
#include "text/regex.h"

struct turn {
    const struct prompt_format *format;
    const struct turn_request *request;
    struct grammar_builder *builder;
    struct regex_set *set;
    struct json_rules rules;
    struct constraint answer; /* what the request wants instead of text */
    uint32_t text;            /* any text, also none */
    struct err *err;
};

static bool has(const struct turn *t, enum prompt_control control)
{
    return t->format->ids[control] >= 0;
}

static uint32_t control(const struct turn *t, enum prompt_control which)
{
    return grammar_control(t->builder, &t->format->ids[which], 1);
}

static uint32_t sequence(const struct turn *t, uint32_t a, uint32_t b)
{
    uint32_t symbols[] = {a, b};
    return grammar_sequence(t->builder, symbols, 2);
}

static uint32_t choice(const struct turn *t, uint32_t a, uint32_t b)
{
    uint32_t symbols[] = {a, b};
    return grammar_choice(t->builder, symbols, 2);
}

static uint32_t literal(const struct turn *t, const char *text)
{
    return regex_literal(t->set, text, strlen(text));
}

/* One blank or line break, or nothing: what SentencePiece writes first is a blank. */
static uint32_t lead(const struct turn *t)
{
    return regex_optional(t->set, regex_or(t->set, literal(t, " "), literal(t, "\n")));
}

/* --- thoughts --------------------------------------------------------------- */

static bool thinks_in_text(const struct turn *t)
{
    return t->format->traits && t->format->traits->has_think_tag;
}

static bool thinks_in_control(const struct turn *t)
{
    return t->format->version >= 13 && has(t, CONTROL_THINK) && has(t, CONTROL_END_THINK);
}

/* From inside a thought to its end: text, and what closes it. */
static uint32_t end_of_thought(const struct turn *t)
{
    if (!thinks_in_text(t))
        return sequence(t, t->text, control(t, CONTROL_END_THINK));
    /* Up to the first closing tag. */
    uint32_t byte = regex_byte_range(t->set, 0, 255);
    uint32_t closed =
        regex_cat(t->set, regex_repeat(t->set, byte, 0, REGEX_FOREVER), literal(t, "</think>"));
    uint32_t longer = regex_cat(t->set, closed, regex_repeat(t->set, byte, 1, REGEX_FOREVER));
    uint32_t first = regex_and(t->set, closed, regex_not(t->set, longer));
    uint32_t lines = regex_repeat(t->set, regex_byte(t->set, '\n'), 0, 2);
    return grammar_terminal(t->builder, regex_cat(t->set, first, lines));
}

/* What may stand before the rest of the turn. */
static uint32_t thought(const struct turn *t)
{
    enum turn_thinking thinking = t->request->thinking;
    if (thinking == TURN_IN_THOUGHT)
        return end_of_thought(t);
    if (thinking == TURN_NO_THINKING || (!thinks_in_text(t) && !thinks_in_control(t)))
        return GRAMMAR_EMPTY;
    /* The reference leaves thoughts out before JSON where they are not a setting of their own. */
    bool only_when_asked = t->answer.kind != CONSTRAINT_NONE && t->format->version < 15;
    if (only_when_asked && thinking != TURN_DOES_THINK && !thinks_in_text(t))
        return GRAMMAR_EMPTY;
    uint32_t begin =
        thinks_in_text(t) ? grammar_text(t->builder, "<think>", 7) : control(t, CONTROL_THINK);
    return choice(t, GRAMMAR_EMPTY, sequence(t, begin, end_of_thought(t)));
}

/* --- calls -------------------------------------------------------------------- */

static bool is_enforced(const struct turn *t, const struct chat_tool *tool)
{
    return tool->is_strict || t->request->guard == TURN_GUARD_SCHEMA;
}

/* The arguments of a tool. */
static bool arguments(const struct turn *t, size_t i, uint32_t *symbol)
{
    const struct chat_tool *tool = &t->request->tools[i];
    struct schema_options options = t->request->schema;
    char name[64];
    if (!is_enforced(t, tool)) {
        struct json_rules rules = t->rules;
        *symbol = json_rules_object(&rules);
        return true;
    }
    if (!tool->parameters || !tool->parameters->n) {
        *symbol = json_rules_brackets(&t->rules, true, GRAMMAR_FAILED, true);
        return true;
    }
    snprintf(name, sizeof name, "tools[%zu].function.parameters", i);
    options.name = name;
    options.objects_only = true;
    return schema_build(t->builder, tool->parameters, &options, symbol, t->err);
}

/* The id of a call: nine letters and digits. */
static uint32_t call_id(const struct turn *t)
{
    uint32_t letter =
        regex_or(t->set, regex_byte_range(t->set, 'A', 'Z'), regex_byte_range(t->set, 'a', 'z'));
    letter = regex_or(t->set, letter, regex_byte_range(t->set, '0', '9'));
    return regex_repeat(t->set, letter, 9, 9);
}

/* Up to v7 a call is an object in a list: {"name": ..., "arguments": ..., "id": ...}. */
static bool call_in_list(const struct turn *t, size_t i, uint32_t *symbol)
{
    struct json_rules rules = t->rules;
    struct span name = t->request->tools[i].name;
    uint32_t id = json_rules_quoted(&rules, call_id(t));
    struct grammar_member members[] = {
        {.name = json_rules_name(&rules, SPAN("name")),
         .value = grammar_terminal(
             t->builder, json_rules_quoted(&rules, regex_literal(t->set, name.s, name.n))),
         .is_required = true},
        {.name = json_rules_name(&rules, SPAN("arguments")), .is_required = true},
        {.name = json_rules_name(&rules, SPAN("id")), .value = grammar_terminal(t->builder, id)},
    };
    struct grammar_list list = {.order = GRAMMAR_IN_ORDER,
                                .fixed = members,
                                .n_fixed = t->format->version >= 3 ? 3 : 2,
                                .separator = rules.comma,
                                .max = GRAMMAR_FOREVER,
                                .max_marked = GRAMMAR_FOREVER};
    if (!arguments(t, i, &members[1].value))
        return false;
    *symbol = json_rules_brackets(&rules, true, grammar_list(t->builder, &list), false);
    return true;
}

/* From v11 on its parts stand between control tokens. */
static bool call_in_parts(const struct turn *t, size_t i, uint32_t *symbol)
{
    struct span name = t->request->tools[i].name;
    uint32_t value, id = GRAMMAR_EMPTY;
    uint32_t title = regex_cat(t->set, lead(t), regex_literal(t->set, name.s, name.n));
    if (t->format->version == 11 && has(t, CONTROL_CALL_ID))
        id = choice(
            t, GRAMMAR_EMPTY,
            sequence(t, control(t, CONTROL_CALL_ID), grammar_terminal(t->builder, call_id(t))));
    if (!arguments(t, i, &value))
        return false;
    uint32_t parts[] = {control(t, CONTROL_CALLS), grammar_terminal(t->builder, title),   id,
                        control(t, CONTROL_ARGS),  grammar_terminal(t->builder, lead(t)), value};
    *symbol = grammar_sequence(t->builder, parts, 6);
    return true;
}

static bool is_called(const struct turn *t, const struct chat_tool *tool)
{
    return t->request->choice != TURN_NAMED || span_same(tool->name, t->request->choice_name);
}

/* One call of any tool that may be called. */
static bool any_call(const struct turn *t, uint32_t *symbol)
{
    bool in_list = t->format->version < 11, ok = true;
    *symbol = grammar_rule(t->builder);
    for (size_t i = 0; i < t->request->n_tools && ok; i++) {
        uint32_t call;
        if (!is_called(t, &t->request->tools[i]))
            continue;
        ok = in_list ? call_in_list(t, i, &call) : call_in_parts(t, i, &call);
        if (ok)
            grammar_produce(t->builder, *symbol, &call, 1);
    }
    return ok;
}

static bool calls(const struct turn *t, uint32_t *symbol)
{
    uint32_t call,
        most = t->request->one_call || t->request->choice == TURN_NAMED ? 1 : GRAMMAR_FOREVER;
    if (!any_call(t, &call))
        return false;
    if (t->format->version >= 11) {
        *symbol = grammar_repeat(t->builder, call, 1, most);
        return true;
    }
    struct grammar_member member = {.name = GRAMMAR_EMPTY, .value = call};
    struct grammar_list list = {.order = GRAMMAR_IN_ORDER,
                                .free = &member,
                                .n_free = 1,
                                .separator = t->rules.comma,
                                .min = 1,
                                .max = most,
                                .max_marked = GRAMMAR_FOREVER};
    uint32_t parts[] = {
        control(t, CONTROL_CALLS), grammar_terminal(t->builder, lead(t)),
        json_rules_brackets(&t->rules, false, grammar_list(t->builder, &list), false)};
    *symbol = grammar_sequence(t->builder, parts, 3);
    return true;
}

/* --- the turn ------------------------------------------------------------------- */

static bool has_tool(const struct turn_request *request)
{
    for (size_t i = 0; i < request->n_tools; i++)
        if (span_same(request->tools[i].name, request->choice_name))
            return true;
    return false;
}

static bool has_strict_tool(const struct turn_request *request)
{
    for (size_t i = 0; i < request->n_tools; i++)
        if (request->tools[i].is_strict)
            return true;
    return false;
}

/* What makes no sense, in the words of the reference where it has them. */
static bool check(const struct turn *t)
{
    const struct turn_request *request = t->request;
    bool demands = request->choice == TURN_ANY || request->choice == TURN_NAMED;
    if (request->choice == TURN_NAMED && !has_tool(request))
        return err_set(t->err, ERR_ARG,
                       "Tool choice requires the %.*s tool but no tools with this name has been "
                       "passed.",
                       (int)(request->choice_name.n < 200 ? request->choice_name.n : 200),
                       request->choice_name.s);
    if (demands && !request->n_tools)
        return err_set(t->err, ERR_ARG, "tool_choice demands a call, but there are no tools");
    if (demands && !has(t, CONTROL_CALLS))
        return err_set(t->err, ERR_ARG,
                       "tool_choice demands a call, but the prompt format v%d "
                       "has none",
                       t->format->version);
    for (size_t i = 0; i < request->n_tools; i++)
        if (!request->tools[i].name.n || span_has(request->tools[i].name, "\n"))
            return err_set(t->err, ERR_ARG, "tools[%zu].function.name: expected a text of one line",
                           i);
    return true;
}

/* The answer that the request describes, instead of text. */
static bool answer(const struct turn *t, uint32_t *symbol)
{
    if (!constraint_build(t->builder, &t->answer, t->format->tok, symbol, t->err))
        return false;
    if (constraint_is_json(&t->answer))
        *symbol = sequence(t, grammar_terminal(t->builder, lead(t)), *symbol);
    return true;
}

/* What may follow the thoughts. */
static bool body(const struct turn *t, uint32_t *symbol)
{
    const struct turn_request *request = t->request;
    bool has_answer = t->answer.kind != CONSTRAINT_NONE;
    bool demands = request->choice == TURN_ANY || request->choice == TURN_NAMED;
    bool may_call = request->n_tools && request->choice != TURN_NONE && has(t, CONTROL_CALLS);
    uint32_t section;
    *symbol = t->text;
    if (has_answer && !demands && !answer(t, symbol))
        return false;
    if (!may_call)
        return true;
    if (!calls(t, &section))
        return false;
    if (demands)
        *symbol = request->text_before_calls ? sequence(t, t->text, section) : section;
    else if (has_answer)
        *symbol = choice(t, *symbol, section);
    else
        *symbol = sequence(t, t->text, choice(t, GRAMMAR_EMPTY, section));
    return true;
}

static bool read_answer(struct turn *t)
{
    const struct turn_request *request = t->request;
    struct constraint other;
    if (!constraint_of_format(request->response_format, &request->schema, &t->answer, t->err) ||
        !constraint_of_outputs(request->constraint, &request->schema, &other, t->err))
        return false;
    if (t->answer.kind != CONSTRAINT_NONE && other.kind != CONSTRAINT_NONE)
        return json_node_fail(request->constraint, t->err,
                              "only one constraint is possible, and response_format is one");
    if (other.kind != CONSTRAINT_NONE)
        t->answer = other;
    return true;
}

/* Says whether anything is asked of the turn. */
static bool is_constrained(const struct turn *t)
{
    const struct turn_request *request = t->request;
    if (t->answer.kind != CONSTRAINT_NONE)
        return true;
    if (!request->n_tools)
        return false;
    return request->guard != TURN_GUARD_OFF || request->choice == TURN_ANY ||
           request->choice == TURN_NAMED || has_strict_tool(request);
}

static bool build(struct turn *t, uint32_t *root)
{
    uint32_t any = regex_repeat(t->set, regex_byte_range(t->set, 0, 255), 0, REGEX_FOREVER);
    uint32_t rest;
    if (!json_rules_init(&t->rules, t->builder, &t->request->schema, t->err))
        return false;
    json_rules_object(&t->rules);
    t->text = grammar_terminal(t->builder, any);
    if (!body(t, &rest))
        return false;
    *root = sequence(t, thought(t), rest);
    return grammar_builder_ok(t->builder, t->err);
}

bool turn_grammar(const struct prompt_format *format, const struct turn_request *request,
                  struct grammar **grammar, struct err *err)
{
    struct turn t = {.format = format, .request = request, .err = err};
    uint32_t root;
    *grammar = NULL;
    if (!check(&t) || !read_answer(&t))
        return false;
    if (!is_constrained(&t))
        return true;
    t.builder = grammar_builder_open(err);
    if (!t.builder)
        return false;
    t.set = grammar_regexes(t.builder);
    if (!build(&t, &root)) {
        grammar_builder_close(t.builder);
        return false;
    }
    *grammar = grammar_finish(t.builder, root, err);
    return *grammar;
}
