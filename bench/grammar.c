/* SPDX-License-Identifier: Apache-2.0 */
/* grammar.c - how long a constrained token takes: masks, steps and the making of grammars.
 * usage: bench_grammar TOKENIZER [rounds]
 * CSV, microseconds of one core: grammar; what; how many; median, 99 %, 99.9 %, longest.  "first"
 * masks are those of a grammar that has just been made, "warm" ones come after a whole text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/json_grammar.h"
#include "text/matcher.h"
#include "text/token_trie.h"
#include "text/tokenizer.h"

enum { MAX_TIMES = 1 << 20 };

struct times {
    double *us; /* [n] */
    size_t n;
};

static double begun;

/* Microseconds of this thread alone, so that a busy machine shows little. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void start(void)
{
    begun = now();
}

static void stop(struct times *times)
{
    if (times->n < MAX_TIMES)
        times->us[times->n++] = now() - begun;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *grammar, const char *what, struct times *times)
{
    static const double shares[] = {0.5, 0.99, 0.999};
    qsort(times->us, times->n, sizeof *times->us, compare);
    printf("%s,%s,%zu", grammar, what, times->n);
    for (int i = 0; i < 3; i++)
        printf(",%.1f", times->us[(size_t)(shares[i] * (double)(times->n - 1))]);
    printf(",%.1f\n", times->us[times->n - 1]);
}

static uint32_t any_json(struct json_symbols *j)
{
    return j->value;
}

static uint32_t text_of(struct json_symbols *j, const char *pattern)
{
    struct err err;
    uint32_t text = regex_parse(j->set, pattern, strlen(pattern), REGEX_SEARCH, &err);
    uint32_t quote = regex_byte(j->set, '"');
    uint32_t parts[] = {quote, regex_json_spelling(j->set, text), quote};
    return grammar_terminal(j->b, regex_cat_all(j->set, parts, 3));
}

/* A record such as a tool's arguments. */
static uint32_t record(struct json_symbols *j)
{
    struct regex_set *set = j->set;
    uint32_t short_text = grammar_terminal(j->b, regex_json_string(set, 1, 40));
    struct {
        const char *name;
        uint32_t value;
        bool is_required;
    } fields[] = {
        {"title", grammar_terminal(j->b, regex_json_string(set, 0, 200)), true},
        {"date", text_of(j, "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$"), true},
        {"status", text_of(j, "^(open|closed|in progress|unknown)$"), false},
        {"id", text_of(j, "^[a-z]{2,4}-[0-9]{1,6}$"), true},
        {"score", j->number, false},
        {"tags", json_array_of(j, short_text, 0, 10), true},
        {"done", j->word, false},
        {"text", j->string, true},
        {"extra", j->object, false},
    };
    enum { N = sizeof fields / sizeof *fields };
    struct grammar_member members[N];
    for (int i = 0; i < N; i++)
        members[i] = (struct grammar_member){json_name(j, fields[i].name, strlen(fields[i].name)),
                                             fields[i].value, fields[i].is_required, false};
    struct grammar_list list = {
        .fixed = members, .n_fixed = N, .separator = j->comma, .max = GRAMMAR_FOREVER};
    return json_braces(j, grammar_list(j->b, &list));
}

static const char json_text[] =
    "{\"name\": \"A longer text, with some words in it and a \\\"quote\\\".\", \"list\": [1, 2.5, "
    "-3e4, true, null], \"deep\": {\"er\": {\"est\": [[], {}, [\"x\", \"y\"]]}}, \"unicode\": "
    "\"caf\xc3\xa9 \\u00e9 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\",\n  \"indented\": [\n    "
    "\"one\",\n    \"two\"\n  ], \"empty\": \"\"}";
static const char record_text[] =
    "{\"title\": \"Report about the second quarter\", \"date\": \"2024-07-15\", \"status\": \"in "
    "progress\", \"id\": \"abc-12345\", \"score\": 98.25, \"tags\": [\"finance\", \"quarterly "
    "report\", \"draft\"], \"done\": false, \"text\": \"The numbers are better than they were a "
    "year ago; see \\\"Appendix B\\\" for all of them.\", \"extra\": {\"pages\": 12, \"authors\": "
    "[\"Ann\", \"Bob\"]}}";

struct set_of_times {
    struct times compile, first, warm, accept;
};

static bool run(struct matcher *m, const struct token_ids *ids, uint32_t *mask, struct times *masks,
                struct times *accepts, struct err *err)
{
    for (size_t i = 0; i < ids->n; i++) {
        start();
        if (!matcher_mask(m, mask, NULL, err))
            return false;
        stop(masks);
        start();
        if (!matcher_accept(m, ids->ids[i], err))
            return err_add(err, "token %zu", i);
        stop(accepts);
    }
    matcher_rollback(m, ids->n);
    return true;
}

static bool measure(const struct token_trie *trie, const struct token_ids *ids, bool is_unique,
                    uint32_t (*root)(struct json_symbols *j), struct set_of_times *times,
                    struct err *err)
{
    struct json_symbols j;
    int32_t end = 2;
    uint32_t *mask = calloc(token_trie_mask_words(trie), sizeof *mask);
    start();
    json_symbols(&j, grammar_builder_open(err), is_unique);
    struct grammar *grammar = grammar_finish(j.b, root(&j), err);
    stop(&times->compile);
    struct matcher *m = grammar ? matcher_open(grammar, trie, &end, 1, err) : NULL;
    bool ok = m && run(m, ids, mask, &times->first, &times->accept, err) &&
              run(m, ids, mask, &times->warm, &times->accept, err);
    matcher_close(m);
    grammar_unref(grammar);
    free(mask);
    return ok;
}

static bool measure_all(const struct tokenizer *tok, const struct token_trie *trie, int n_rounds,
                        struct err *err)
{
    static const struct {
        const char *name, *text;
        uint32_t (*root)(struct json_symbols *j);
        bool is_unique;
    } cases[] = {{"json", json_text, any_json, false},
                 {"json_unique", json_text, any_json, true},
                 {"record", record_text, record, false}};
    for (int i = 0; i < 3; i++) {
        struct token_ids ids = {0};
        struct set_of_times times;
        struct times *all[] = {&times.compile, &times.first, &times.warm, &times.accept};
        for (int k = 0; k < 4; k++)
            *all[k] = (struct times){calloc(MAX_TIMES, sizeof(double)), 0};
        bool ok = tokenizer_encode(tok, cases[i].text, strlen(cases[i].text), &ids, err);
        for (int round = 0; ok && round < n_rounds; round++)
            ok = measure(trie, &ids, cases[i].is_unique, cases[i].root, &times, err);
        static const char *const names[] = {"compile", "first", "warm", "accept"};
        for (int k = 0; k < 4; k++) {
            if (ok)
                report(cases[i].name, names[k], all[k]);
            free(all[k]->us);
        }
        token_ids_free(&ids);
        if (!ok)
            return err_add(err, "%s", cases[i].name);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int n_rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 100;
    struct tokenizer *tok = argc > 1 ? tokenizer_open(argv[1], &err) : NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_grammar TOKENIZER [rounds]\n");
        return 2;
    }
    start();
    struct token_trie *trie = tok ? token_trie_open(tok, &err) : NULL;
    printf("grammar,what,n,p50,p99,p99_9,max\n,trie,1,%.0f,,,\n", now() - begun);
    bool ok = trie && measure_all(tok, trie, n_rounds, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.text);
    token_trie_close(trie);
    tokenizer_close(tok);
    return !ok;
}
