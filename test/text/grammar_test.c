/* SPDX-License-Identifier: Apache-2.0 */
/* Random grammars beside the plain definition of their languages.
 *
 * The oracle knows all texts of at most 5 letters of every symbol, found by repeating the
 * definition until nothing is added.  Where no longer text has come up, it knows the whole
 * language, and then also which beginnings may be written. */
#include "text/grammar.h"

#include <string.h>

#include "base/mem.h"
#include "text/matcher.h"
#include "text/regex.h"
#include "text/small_languages.h"
#include "text/token_trie.h"
#include "text/toy_vocabulary.h"

#define NO_MASK UINT32_MAX

enum { MAX_SYMBOLS = 24, MAX_PARTS = 4, MAX_PRODUCTIONS = 4, MAX_MEMBERS = 6 };

enum kind { TERMINAL, RULE, REPEAT, LIST };

struct oracle_symbol {
    enum kind kind;
    uint32_t id; /* in the grammar */
    uint64_t texts;
    int n_productions, n_parts[MAX_PRODUCTIONS], parts[MAX_PRODUCTIONS][MAX_PARTS];
    int body;
    uint32_t lo, hi;
    struct grammar_list list;
    struct grammar_member members[MAX_MEMBERS];             /* ids of the grammar */
    int names[MAX_MEMBERS], values[MAX_MEMBERS], separator; /* -1 for GRAMMAR_EMPTY */
};

struct oracle {
    struct grammar_builder *b;
    struct oracle_symbol symbols[MAX_SYMBOLS];
    int n;
    uint64_t random;
    bool is_cut;                  /* a text was too long */
    bool has_unique, may_run_out; /* of values that differ */
};

static uint32_t pick(struct oracle *o, uint32_t n)
{
    return test_random(&o->random) % n;
}

/* --- making ---------------------------------------------------------------------- */

static uint64_t texts_of(struct regex_set *set, uint32_t regex, bool *is_cut)
{
    struct err err;
    uint64_t texts = 0;
    bool within;
    for (int i = 0; i < SMALL_TEXTS; i++) {
        char s[SMALL_LETTERS + 1];
        bool yes;
        int n = small_text_of(i, s);
        assert_true(regex_matches(set, regex, s, (size_t)n, &yes, &err));
        texts |= yes ? UINT64_C(1) << i : 0;
    }
    uint32_t letters = regex_repeat(set, regex_byte_range(set, 'a', 'b'), 0, SMALL_LETTERS);
    assert_true(regex_is_within(set, regex, letters, &within, &err));
    *is_cut = *is_cut || !within;
    return texts;
}

static void make_terminal(struct oracle *o, struct oracle_symbol *s)
{
    static const char *const patterns[] = {"a",      "b",     "ab",    "a|b", "aa|b",
                                           "a*",     "b+",    "(ab)*", "a?b", "[ab]{2}",
                                           "a{0,2}", "ba|bb", "a[ab]", "b?"};
    struct err err;
    struct regex_set *set = grammar_regexes(o->b);
    const char *pattern = patterns[pick(o, sizeof patterns / sizeof *patterns)];
    uint32_t regex = regex_parse(set, pattern, strlen(pattern), REGEX_WHOLE, &err);
    s->texts = texts_of(set, regex, &o->is_cut);
    s->id = grammar_terminal(o->b, regex);
}

static void make_productions(struct oracle *o, struct oracle_symbol *s)
{
    s->n_productions = 1 + (int)pick(o, MAX_PRODUCTIONS);
    for (int p = 0; p < s->n_productions; p++) {
        uint32_t ids[MAX_PARTS];
        s->n_parts[p] = (int)pick(o, MAX_PARTS);
        for (int i = 0; i < s->n_parts[p]; i++) {
            s->parts[p][i] = (int)pick(o, (uint32_t)o->n);
            ids[i] = o->symbols[s->parts[p][i]].id;
        }
        grammar_produce(o->b, s->id, ids, (size_t)s->n_parts[p]);
    }
}

static void make_repeat(struct oracle *o, struct oracle_symbol *s, int n_before)
{
    static const uint32_t bounds[][2] = {{0, GRAMMAR_FOREVER},
                                         {1, GRAMMAR_FOREVER},
                                         {0, 2},
                                         {1, 3},
                                         {2, 2},
                                         {2, GRAMMAR_FOREVER},
                                         {0, 40}};
    const uint32_t *b = bounds[pick(o, sizeof bounds / sizeof *bounds)];
    s->body = (int)pick(o, (uint32_t)n_before);
    s->lo = b[0];
    s->hi = b[1];
    s->id = grammar_repeat(o->b, o->symbols[s->body].id, s->lo, s->hi);
}

static void make_list(struct oracle *o, struct oracle_symbol *s, int n_before)
{
    static const uint32_t maxima[] = {0, 1, 2, 3, GRAMMAR_FOREVER, GRAMMAR_FOREVER};
    struct grammar_list *list = &s->list;
    list->order = (enum grammar_order)pick(o, 3);
    list->n_fixed = pick(o, 4);
    list->n_free = pick(o, 3);
    list->is_unique = !pick(o, 3);
    for (uint32_t i = 0; i < list->n_fixed + list->n_free; i++) {
        bool is_free = i >= list->n_fixed;
        s->names[i] =
            !pick(o, 3) && !(is_free && list->is_unique) ? -1 : (int)pick(o, (uint32_t)n_before);
        while (is_free && list->is_unique && o->symbols[s->names[i]].kind != TERMINAL)
            s->names[i] = (int)pick(o, (uint32_t)n_before);
        s->values[i] = pick(o, 3) ? (int)pick(o, (uint32_t)n_before) : -1;
        s->members[i] = (struct grammar_member){
            .name = s->names[i] < 0 ? GRAMMAR_EMPTY : o->symbols[s->names[i]].id,
            .value = s->values[i] < 0 ? GRAMMAR_EMPTY : o->symbols[s->values[i]].id,
            .is_required = !is_free && !pick(o, 3),
            .is_marked = !pick(o, 3),
        };
    }
    s->separator = pick(o, 3) ? (int)pick(o, (uint32_t)n_before) : -1;
    list->separator = s->separator < 0 ? GRAMMAR_EMPTY : o->symbols[s->separator].id;
    list->fixed = s->members;
    list->free = s->members + list->n_fixed;
    list->min = pick(o, 3);
    list->max = maxima[pick(o, 6)];
    list->min_marked = pick(o, 5) / 3;
    list->max_marked = maxima[pick(o, 6)];
    o->has_unique = o->has_unique || (list->is_unique && list->n_free);
    o->may_run_out = o->may_run_out || (list->is_unique && (list->min > 1 || list->min_marked));
    s->id = grammar_list(o->b, list);
}

static void make_symbols(struct oracle *o)
{
    uint32_t n_terminals = 2 + pick(o, 4), n_rules = 1 + pick(o, 6), n_other = pick(o, 5);
    for (uint32_t i = 0; i < n_terminals; i++)
        make_terminal(o, &o->symbols[o->n++]);
    /* Rules first as names, so that they can mention each other. */
    int first_rule = o->n;
    for (uint32_t i = 0; i < n_rules; i++) {
        o->symbols[o->n].kind = RULE;
        o->symbols[o->n++].id = grammar_rule(o->b);
    }
    for (uint32_t i = 0; i < n_other; i++) {
        struct oracle_symbol *s = &o->symbols[o->n];
        s->kind = pick(o, 2) ? REPEAT : LIST;
        if (s->kind == REPEAT)
            make_repeat(o, s, o->n);
        else
            make_list(o, s, o->n);
        o->n++;
    }
    for (uint32_t i = 0; i < n_rules; i++)
        make_productions(o, &o->symbols[first_rule + (int)i]);
}

/* --- the plain definition ---------------------------------------------------------- */

static uint64_t join(struct oracle *o, uint64_t a, uint64_t b)
{
    for (int i = 0; i < SMALL_TEXTS; i++)
        for (int k = 0; a >> i & 1 && k < SMALL_TEXTS; k++)
            o->is_cut = o->is_cut || (b >> k & 1 && small_join(i, k) < 0);
    return small_cat(a, b);
}

struct place {
    int text; /* so far */
    uint32_t used, n_fixed, count, marked, n_names;
    int last_fixed;
    bool any_free;
    int names[SMALL_LETTERS + 1];
};

static bool is_next(const struct oracle_symbol *s, const struct place *at, uint32_t i)
{
    const struct grammar_list *list = &s->list;
    bool is_free = i >= list->n_fixed;
    if (is_free)
        return list->order != GRAMMAR_PREFIX || at->n_fixed == list->n_fixed;
    if (list->order == GRAMMAR_ANY_ORDER)
        return !(at->used >> i & 1);
    if (list->order == GRAMMAR_PREFIX)
        return i == at->n_fixed && !at->any_free;
    return (int)i > at->last_fixed && !at->any_free;
}

static bool is_whole(const struct oracle_symbol *s, const struct place *at)
{
    for (uint32_t i = 0; i < s->list.n_fixed; i++)
        if (s->members[i].is_required && !(at->used >> i & 1))
            return false;
    return at->count >= s->list.min && at->count <= s->list.max &&
           at->marked >= s->list.min_marked && at->marked <= s->list.max_marked;
}

static uint64_t texts_or_empty(const struct oracle *o, int symbol)
{
    return symbol < 0 ? 1 : o->symbols[symbol].texts;
}

static uint64_t list_texts(struct oracle *o, const struct oracle_symbol *s, struct place at);

/* All texts that go on with one name of member i. */
static uint64_t member_texts(struct oracle *o, const struct oracle_symbol *s, struct place at,
                             uint32_t i, uint64_t before, int name)
{
    bool is_free = i >= s->list.n_fixed;
    uint64_t all = 0;
    for (uint32_t k = 0; is_free && s->list.is_unique && k < at.n_names; k++)
        if (at.names[k] == name)
            return 0;
    if (is_free && at.n_names <= SMALL_LETTERS)
        at.names[at.n_names++] = name;
    at.any_free = at.any_free || is_free;
    if (!is_free) {
        at.used |= 1u << i;
        at.n_fixed++;
        at.last_fixed = (int)i;
    }
    at.count++;
    at.marked += s->members[i].is_marked;
    if (at.count > s->list.max || at.marked > s->list.max_marked)
        return 0;
    uint64_t texts = join(o, before, UINT64_C(1) << name);
    texts = join(o, texts, texts_or_empty(o, s->values[i]));
    for (int text = 0; text < SMALL_TEXTS; text++)
        if (texts >> text & 1) {
            at.text = text;
            all |= list_texts(o, s, at);
        }
    return all;
}

static uint64_t list_texts(struct oracle *o, const struct oracle_symbol *s, struct place at)
{
    uint64_t all = is_whole(s, &at) ? UINT64_C(1) << at.text : 0;
    uint64_t before = UINT64_C(1) << at.text;
    if (at.count)
        before = join(o, before, texts_or_empty(o, s->separator));
    for (uint32_t i = 0; before && i < s->list.n_fixed + s->list.n_free; i++) {
        uint64_t names = is_next(s, &at, i) ? texts_or_empty(o, s->names[i]) : 0;
        for (int name = 0; name < SMALL_TEXTS; name++)
            if (names >> name & 1)
                all |= member_texts(o, s, at, i, before, name);
    }
    return all;
}

static uint64_t define(struct oracle *o, const struct oracle_symbol *s)
{
    uint64_t all = 0;
    if (s->kind == TERMINAL)
        return s->texts;
    if (s->kind == LIST)
        return list_texts(o, s, (struct place){.last_fixed = -1});
    if (s->kind == REPEAT) {
        uint64_t power = 1;
        for (uint32_t n = 0; n <= s->hi && n <= s->lo + SMALL_LETTERS + 2; n++) {
            all |= n >= s->lo ? power : 0;
            power = n < s->hi ? join(o, power, o->symbols[s->body].texts) : 0;
        }
        return all;
    }
    for (int p = 0; p < s->n_productions; p++) {
        uint64_t texts = 1;
        for (int i = 0; i < s->n_parts[p]; i++)
            texts = join(o, texts, o->symbols[s->parts[p][i]].texts);
        all |= texts;
    }
    return all;
}

static void settle(struct oracle *o)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < o->n; i++) {
            uint64_t texts = define(o, &o->symbols[i]);
            changed = changed || texts != o->symbols[i].texts;
            o->symbols[i].texts = texts;
        }
    }
}

/* --- comparing --------------------------------------------------------------------- */

static struct matcher *open_matcher(struct grammar *grammar, const struct token_trie *trie)
{
    struct err err = {0};
    int32_t end = TOY_END;
    struct matcher *m = matcher_open(grammar, trie, &end, 1, &err);
    if (!m)
        fail_msg("%s", err.text);
    return m;
}

static void check_text(struct grammar *grammar, int i, uint64_t texts, bool is_all, int round)
{
    struct err err = {0};
    struct matcher *m = open_matcher(grammar, NULL);
    char s[SMALL_LETTERS + 1];
    size_t n_good;
    int n = small_text_of(i, s);
    bool ends = false, is_beginning = false;
    bool fits = matcher_accept_bytes(m, s, (size_t)n, &n_good, &err);
    assert_true(fits || err.code == ERR_ARG);
    assert_true(!fits || matcher_can_end(m, &ends, &err));
    if (ends != (texts >> i & 1))
        fail_msg("round %d, text '%s': %d (%s)", round, s, ends, fits ? "fits" : "refused");
    for (int k = 0; k < SMALL_TEXTS; k++) {
        char longer[SMALL_LETTERS + 1];
        small_text_of(k, longer);
        is_beginning = is_beginning || (texts >> k & 1 && !strncmp(longer, s, (size_t)n));
    }
    if (is_all ? fits != is_beginning : is_beginning && !fits)
        fail_msg("round %d, beginning '%s': %d", round, s, fits);
    matcher_close(m);
}

/* Every bit of a mask against what the matcher accepts. */
static uint32_t check_mask(struct matcher *m, const struct token_trie *trie, uint32_t *allowed,
                           bool has_unique, int round)
{
    struct err err = {0};
    uint32_t mask[32], n = 0;
    struct mask_info info;
    assert_in_range(token_trie_mask_words(trie), 1, 32);
    if (!matcher_mask(m, mask, &info, &err)) {
        if (err.code != ERR_LIMIT)
            fail_msg("round %d: %s", round, err.text);
        return NO_MASK; /* some of these grammars are wildly ambiguous */
    }
    for (uint32_t id = 0; id < token_trie_mask_words(trie) * 32; id++) {
        bool is_set = mask[id >> 5] >> (id & 31) & 1;
        bool fits = id < token_trie_n_vocab(trie) && matcher_accept(m, (int32_t)id, &err);
        if (fits)
            matcher_rollback(m, 1);
        /* A value that must differ from one in the same token is left out. */
        if (is_set != fits && !(has_unique && fits))
            fail_msg("round %d, token %u: mask %d, accept %d", round, id, is_set, fits);
        if (is_set)
            allowed[n++] = id;
    }
    assert_int_equal(n, info.n_allowed);
    return n;
}

static bool walk(struct oracle *o, struct grammar *grammar, const struct token_trie *trie,
                 int round)
{
    struct err err = {0};
    uint32_t allowed[1024], n;
    struct matcher *m = open_matcher(grammar, trie);
    for (int step = 0; step < 10; step++) {
        bool ends, is_complete;
        n = check_mask(m, trie, allowed, o->has_unique, round);
        if (n == NO_MASK) {
            matcher_close(m);
            return false;
        }
        assert_true(matcher_can_end(m, &ends, &err));
        assert_true(matcher_is_complete(m, &is_complete, &err));
        assert_true(!is_complete || (ends && n == 1));
        if (!n && o->may_run_out)
            break;
        if (!n)
            fail_msg("round %d: stuck after %d tokens", round, step);
        uint32_t id = allowed[pick(o, n)];
        assert_true(matcher_accept(m, (int32_t)id, &err));
        if (id == TOY_END)
            break;
    }
    matcher_close(m);
    return true;
}

/* Makes grammar number round.  Returns NULL where it has no text or must be refused. */
static struct grammar *make(struct oracle *o, int round, int *root)
{
    struct err err = {0};
    *o = (struct oracle){.random = (uint64_t)round + 1};
    o->b = grammar_builder_open(&err);
    assert_non_null(o->b);
    make_symbols(o);
    *root = (int)pick(o, (uint32_t)o->n);
    struct grammar *grammar = grammar_finish(o->b, o->symbols[*root].id, &err);
    if (!grammar && err.code != ERR_ARG)
        fail_msg("round %d: %s", round, err.text);
    /* Members that may be empty are refused, and the definition would not end. */
    if (grammar || strstr(err.text, "no text"))
        settle(o);
    if (!grammar && o->symbols[*root].kind != TERMINAL && o->symbols[*root].texts)
        fail_msg("round %d: %s", round, err.text);
    return grammar;
}

TEST(grammar, random_grammars_have_the_texts_of_their_definition)
{
    struct err err = {0};
    struct oracle o;
    int n_made = 0, n_exact = 0, n_limited = 0;
    struct tokenizer *tok = toy_tokenizer();
    struct token_trie *trie = token_trie_open(tok, &err);
    for (int round = 0; round < 400; round++) {
        int root;
        struct grammar *grammar = make(&o, round, &root);
        if (!grammar)
            continue;
        n_made++;
        n_exact += !o.is_cut;
        for (int i = 0; i < SMALL_TEXTS; i++)
            check_text(grammar, i, o.symbols[root].texts, !o.is_cut && !o.has_unique, round);
        n_limited += !walk(&o, grammar, trie, round);
        grammar_unref(grammar);
    }
    assert_in_range(n_made, 200, 400);
    assert_in_range(n_exact, 10, 400);
    assert_in_range(n_limited, 0, 30);
    token_trie_close(trie);
    tokenizer_close(tok);
}

TEST(grammar, every_failed_allocation_is_told)
{
    for (int round = 3; round < 40; round += 9) {
        for (size_t n = 0;; n += 1 + n / 20) {
            struct err err = {0};
            struct oracle o = {.random = (uint64_t)round + 1};
            struct matcher *m = NULL;
            o.b = grammar_builder_open(&err);
            assert_non_null(o.b);
            make_symbols(&o);
            mem_fail_after(n);
            struct grammar *grammar = grammar_finish(o.b, o.symbols[o.n - 1].id, &err);
            if (grammar)
                m = matcher_open(grammar, NULL, NULL, 0, &err);
            bool fits = m && matcher_accept_bytes(m, "ab", 2, NULL, &err);
            bool failed = mem_n_failed() > 0;
            mem_fail_never();
            if (failed && !fits)
                assert_true(err.code == ERR_LIMIT || err.code == ERR_ARG);
            matcher_close(m);
            grammar_unref(grammar);
            if (!failed)
                break;
        }
    }
}

TEST(grammar, construction_tells_its_first_failure)
{
    struct err err = {0};
    struct grammar_builder *b = grammar_builder_open(&err);
    uint32_t far = regex_repeat(grammar_regexes(b), REGEX_EPSILON, 1000001, 1000001);
    uint32_t failed = grammar_terminal(b, far);
    assert_int_equal(failed, GRAMMAR_FAILED);
    assert_int_equal(grammar_repeat(b, failed, 0, 1), GRAMMAR_FAILED);
    assert_false(grammar_builder_ok(b, &err));
    assert_null(grammar_finish(b, failed, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "a repetition of 1000001"));

    b = grammar_builder_open(&err);
    uint32_t rule = grammar_rule(b);
    grammar_produce(b, rule, &rule, 1);
    assert_null(grammar_finish(b, rule, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_string_equal(err.text, "the grammar has no text at all");

    b = grammar_builder_open(&err);
    int32_t id = -1;
    assert_int_equal(grammar_control(b, &id, 1), GRAMMAR_FAILED);
    assert_null(grammar_finish(b, grammar_text(b, "a", 1), &err));
    assert_string_equal(err.text, "-1 is no token");
}
