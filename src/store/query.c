/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/utf8.h"
#include "store/store_int.h"

/* Finds the statement of a literal, or gives it a place.  Equal literals of several files may be
 * several: that costs a place, nothing else. */
static struct statement *find_statement(struct store *store, const char *sql)
{
    for (size_t i = 0; i < store->n_statements; i++)
        if (store->statements[i].sql == sql)
            return &store->statements[i];
    assert(store->n_statements < STORE_STATEMENTS);
    struct statement *statement = &store->statements[store->n_statements++];
    *statement = (struct statement){.sql = sql};
    return statement;
}

void query_init(struct query *query, struct store *store, const char *sql)
{
    query->store = store;
    query->statement = find_statement(store, sql);
    query->n_args = 0;
    query->rows = NULL;
    query->row = -1;
    query->n_changed = 0;
    query->has_started = query->has_failed = false;
}

void query_int(struct query *query, int64_t number)
{
    assert(query->n_args < QUERY_ARGS);
    struct query_arg *arg = &query->args[query->n_args++];
    *arg = (struct query_arg){.number = number};
    snprintf(arg->digits, sizeof arg->digits, "%" PRId64, number);
}

void query_span(struct query *query, struct span text)
{
    assert(query->n_args < QUERY_ARGS);
    query->args[query->n_args++] = (struct query_arg){.text = text.s ? text : SPAN("")};
}

void query_text(struct query *query, const char *text)
{
    query_span(query, (struct span){text, text ? strlen(text) : 0});
}

/* PostgreSQL refuses such texts; so that both engines do the same, none gets them. */
static bool check_texts(const struct query *query, struct err *err)
{
    for (int i = 0; i < query->n_args; i++) {
        struct span text = query->args[i].text;
        if (text.s && text.n && (memchr(text.s, 0, text.n) || !utf8_valid(text.s, text.n)))
            return err_set(err, ERR_ARG, "a text is not UTF-8 or has the character U+0000 in it");
    }
    return true;
}

bool query_next(struct query *query, struct err *err)
{
    const struct engine *engine = query->store->engine;
    if (query->has_failed)
        return false;
    if (!query->has_started) {
        query->has_started = true;
        if (!check_texts(query, err) ||
            (!query->statement->handle && !engine->prepare(query, err)) ||
            !engine->start(query, err)) {
            query->has_failed = true;
            return false;
        }
    }
    enum query_step step = engine->step(query, err);
    query->has_failed = step == STEP_FAILED;
    return step == STEP_ROW;
}

int64_t query_get_int(const struct query *query, int column)
{
    return query->store->engine->get_int(query, column);
}

struct span query_get_span(const struct query *query, int column)
{
    return query->store->engine->get_text(query, column);
}

const char *query_get_text(const struct query *query, int column, struct arena *arena,
                           struct err *err)
{
    struct span text = query_get_span(query, column);
    return arena_string(arena, text.s, text.n, err);
}

bool query_end(struct query *query)
{
    if (query->has_started)
        query->store->engine->finish(query);
    query->has_started = false;
    return !query->has_failed;
}

bool query_run(struct query *query, int64_t *n_changed, struct err *err)
{
    while (query_next(query, err))
        continue;
    if (n_changed)
        *n_changed = query->n_changed;
    return query_end(query);
}
