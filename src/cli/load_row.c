/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_row.h"

#include <stdio.h>
#include <string.h>

void load_tally_add(struct load_tally *tally, const char *name, const char *text)
{
    int i = 0;
    while (i < tally->n && strcmp(tally->items[i].name, name) != 0)
        i++;
    if (i == LOAD_TALLY_ITEMS)
        i--;
    if (i == tally->n) {
        const char *shown = i == LOAD_TALLY_ITEMS - 1 ? "other" : name;
        snprintf(tally->items[i].name, LOAD_TALLY_NAME, "%s", shown);
        snprintf(tally->items[i].text, LOAD_TALLY_TEXT, "%s", text);
        tally->n++;
    }
    tally->items[i].n++;
}

static void add_failure(struct load_row *row, enum load_kind kind, long status,
                        const struct err *why)
{
    char name[LOAD_TALLY_NAME];
    row->n_failed++;
    if (kind == LOAD_STATUS)
        snprintf(name, sizeof name, "status %ld", status);
    else
        snprintf(name, sizeof name, "%s", load_kind_name(kind));
    load_tally_add(&row->errors, name, why->text);
}

static void add_times(struct load_row *row, const struct load_answer *a, uint32_t n_tokens)
{
    latency_add(&row->whole, a->end_at - a->begun);
    if (!a->first_at || !a->options.stream)
        return;
    latency_add(&row->first, a->first_at - a->begun);
    /* Of the first chunk's tokens nobody knows when each came: one is taken off, as others do. */
    if (n_tokens > 1 && a->n_texts > 1)
        latency_add(&row->token, (a->text_at - a->first_at) / (n_tokens - 1));
}

void load_row_add(struct load_row *row, const struct load_answer *a, enum load_kind kind,
                  long status, const struct err *why)
{
    row->kinds[kind]++;
    if (kind != LOAD_OK) {
        add_failure(row, kind, status, why);
        return;
    }
    uint32_t n = load_answer_tokens(a), n_prompt = a->usage.prompt;
    load_tally_add(&row->finishes, *a->finish ? a->finish : "unsaid", "");
    row->n_done++;
    row->n_output += n;
    row->n_prompt += n_prompt;
    row->n_cached += a->usage.cached;
    row->n_counted += a->usage.known;
    if (row->n_done == 1 || n_prompt < row->least_prompt)
        row->least_prompt = n_prompt;
    if (n_prompt > row->most_prompt)
        row->most_prompt = n_prompt;
    add_times(row, a, n);
}
