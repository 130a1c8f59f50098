/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/lexer_int.h"

/* --- opening ------------------------------------------------------------------- */

/* Values to be excluded come while the lexer runs and may tell any two bytes apart. */
static bool find_classes(struct lexer *lexer, struct err *err)
{
    const struct grammar *g = lexer->grammar;
    struct id_list regexes = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < g->n_terminals; i++)
        ok = id_list_add(&regexes, g->terminals[i].regex, err);
    if (ok && g->has_unique) {
        lexer->n_classes = 256;
        for (uint32_t b = 0; b < 256; b++)
            lexer->class_of[b] = (uint8_t)b;
    } else if (ok) {
        lexer->n_classes = regex_classes(g->set, regexes.ids, regexes.n, lexer->class_of);
        ok = lexer->n_classes || !regex_set_ok(g->set, err);
    }
    for (uint32_t b = 256; b--;)
        lexer->byte_of[lexer->class_of[b]] = (uint8_t)b;
    free(regexes.ids);
    return ok && lexer->n_classes;
}

struct lexer *lexer_open(struct grammar *grammar, struct err *err)
{
    struct lexer *lexer = mem_new(1, sizeof *lexer, err);
    if (!lexer)
        return NULL;
    enum { FIRST_PLACES = 16 };
    lexer->grammar = grammar;
    lexer->n_states = LEX_FIRST;
    lexer->n_sets = 1; /* 0 is the empty set */
    if (!find_classes(lexer, err))
        goto fail;
    lexer->states = mem_new(FIRST_PLACES, sizeof *lexer->states, err);
    lexer->next = mem_new((size_t)FIRST_PLACES * lexer->n_classes, sizeof *lexer->next, err);
    lexer->sets = mem_new(FIRST_PLACES, sizeof *lexer->sets, err);
    if (!lexer->states || !lexer->next || !lexer->sets)
        goto fail;
    lexer->n_state_places = lexer->n_set_places = FIRST_PLACES;
    return lexer;
fail:
    lexer_close(lexer);
    return NULL;
}

void lexer_close(struct lexer *lexer)
{
    if (!lexer)
        return;
    lexer_drop_walks(lexer);
    free(lexer->states);
    free(lexer->next);
    free(lexer->pairs);
    free(lexer->sets);
    free(lexer->members.ids);
    free(lexer->scratch);
    id_table_free(&lexer->state_table);
    id_table_free(&lexer->set_table);
    free(lexer);
}

size_t lexer_bytes(const struct lexer *lexer)
{
    return sizeof *lexer + lexer->walk_bytes +
           lexer->n_state_places *
               (sizeof *lexer->states + lexer->n_classes * sizeof *lexer->next) +
           lexer->n_pair_places * sizeof *lexer->pairs + lexer->n_set_places * sizeof *lexer->sets +
           lexer->members.n_places * sizeof *lexer->members.ids +
           id_table_bytes(&lexer->state_table) + id_table_bytes(&lexer->set_table);
}

/* --- sets ------------------------------------------------------------------------ */

bool lexer_set(struct lexer *lexer, const uint32_t *terminals, uint32_t n, uint32_t *id,
               struct err *err)
{
    *id = 0;
    if (!n)
        return true;
    uint32_t hash = id_hash_all(1, terminals, n);
    for (uint32_t at = hash; id_table_probe(&lexer->set_table, hash, &at, id);) {
        const struct lex_set *set = &lexer->sets[*id];
        if (set->n == n &&
            !memcmp(lexer->members.ids + set->first, terminals, n * sizeof *terminals))
            return true;
    }
    struct lex_set *sets =
        array_more(lexer->sets, lexer->n_sets, &lexer->n_set_places, 1, sizeof *sets, err);
    if (!sets)
        return false;
    lexer->sets = sets;
    uint32_t first = lexer->members.n;
    if (!id_list_add_all(&lexer->members, terminals, n, err) ||
        !id_table_add(&lexer->set_table, hash, lexer->n_sets, err))
        return false;
    sets[lexer->n_sets] = (struct lex_set){first, n};
    *id = lexer->n_sets++;
    return true;
}

/* --- states ---------------------------------------------------------------------- */

static bool scratch_add(struct lexer *lexer, uint32_t terminal, uint32_t regex, struct err *err)
{
    struct lex_pair *pairs = array_more(lexer->scratch, lexer->n_scratch, &lexer->n_scratch_places,
                                        1, sizeof *pairs, err);
    if (!pairs)
        return false;
    lexer->scratch = pairs;
    pairs[lexer->n_scratch++] = (struct lex_pair){terminal, regex};
    return true;
}

/* Failures of the set while the lexer runs belong to one step, not to the grammar. */
static bool set_failed(struct lexer *lexer, struct err *err)
{
    struct regex_set *set = lexer->grammar->set;
    if (regex_set_ok(set, err))
        return err_set(err, ERR_LIMIT, "out of memory");
    regex_forgive(set);
    return false;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct lex_pair *x = a, *y = b;
    return (x->terminal > y->terminal) - (x->terminal < y->terminal);
}

/* Sorts the pairs in the scratch, joins those of one terminal and drops those that have no
 * text. */
static bool normalise(struct lexer *lexer, struct err *err)
{
    struct regex_set *set = lexer->grammar->set;
    struct lex_pair *pairs = lexer->scratch;
    uint32_t n = 0;
    bool is_sorted = true;
    for (uint32_t i = 1; i < lexer->n_scratch; i++)
        is_sorted = is_sorted && pairs[i - 1].terminal < pairs[i].terminal;
    if (!is_sorted)
        qsort(pairs, lexer->n_scratch, sizeof *pairs, compare_pairs);
    for (uint32_t i = 0; i < lexer->n_scratch; i++) {
        if (n && pairs[n - 1].terminal == pairs[i].terminal)
            pairs[n - 1].regex = regex_or(set, pairs[n - 1].regex, pairs[i].regex);
        else
            pairs[n++] = pairs[i];
    }
    lexer->n_scratch = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool is_empty = pairs[i].regex == REGEX_NOTHING;
        if (pairs[i].regex == REGEX_FAILED)
            return set_failed(lexer, err);
        if (regex_at(set, pairs[i].regex)->flags & REGEX_LOGIC &&
            !regex_is_empty(set, pairs[i].regex, &is_empty, err)) {
            regex_forgive(set);
            return false;
        }
        if (!is_empty)
            pairs[lexer->n_scratch++] = pairs[i];
    }
    return true;
}

/* Works out what may end in a new state. */
static bool find_accepts(struct lexer *lexer, struct lex_state *state, struct err *err)
{
    struct id_list list = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < lexer->n_scratch; i++) {
        const struct lex_pair *pair = &lexer->scratch[i];
        const struct terminal *terminal = &lexer->grammar->terminals[pair->terminal];
        if (!regex_is_nullable(lexer->grammar->set, pair->regex))
            continue;
        for (int w = 0; w < 4; w++)
            state->follow[w] |= terminal->follow[w];
        state->has_unique = state->has_unique || terminal->is_unique;
        ok = id_list_add(&list, pair->terminal, err);
    }
    ok = ok && lexer_set(lexer, list.ids, list.n, &state->accept, err);
    free(list.ids);
    return ok;
}

static bool grow_states(struct lexer *lexer, struct err *err)
{
    if (lexer->n_states < lexer->n_state_places)
        return true;
    uint32_t n_places = 2 * lexer->n_state_places;
    size_t n_old = (size_t)lexer->n_state_places * lexer->n_classes;
    struct lex_state *states = mem_resize(lexer->states, n_places, sizeof *states, err);
    if (!states)
        return false;
    lexer->states = states;
    uint32_t *next = mem_resize(lexer->next, 2 * n_old, sizeof *next, err);
    if (!next)
        return false;
    memset(next + n_old, 0, n_old * sizeof *next);
    lexer->next = next;
    lexer->n_state_places = n_places;
    return true;
}

/* The state of the pairs in the scratch, which are normal. */
static bool intern(struct lexer *lexer, uint32_t *id, struct err *err)
{
    uint32_t n = lexer->n_scratch, hash = id_hash(2, n);
    for (uint32_t i = 0; i < n; i++)
        hash = id_hash(id_hash(hash, lexer->scratch[i].terminal), lexer->scratch[i].regex);
    for (uint32_t at = hash; id_table_probe(&lexer->state_table, hash, &at, id);) {
        const struct lex_state *state = &lexer->states[*id];
        if (state->n == n &&
            !memcmp(lexer->pairs + state->first, lexer->scratch, n * sizeof *lexer->scratch))
            return true;
    }
    if (lexer->n_states >= LIMIT_GRAMMAR_STATES)
        return err_set(err, ERR_LIMIT, "the grammar has used all %u states of its lexer",
                       LIMIT_GRAMMAR_STATES);
    struct lex_state state = {.first = lexer->n_pairs, .n = n};
    struct lex_pair *pairs =
        array_more(lexer->pairs, lexer->n_pairs, &lexer->n_pair_places, n, sizeof *pairs, err);
    if (!pairs)
        return false;
    lexer->pairs = pairs;
    if (!grow_states(lexer, err) || !find_accepts(lexer, &state, err) ||
        !id_table_add(&lexer->state_table, hash, lexer->n_states, err))
        return false;
    memcpy(pairs + lexer->n_pairs, lexer->scratch, n * sizeof *pairs);
    lexer->n_pairs += n;
    lexer->states[lexer->n_states] = state;
    *id = lexer->n_states++;
    return true;
}

static bool finish_state(struct lexer *lexer, uint32_t *id, struct err *err)
{
    *id = LEX_DEAD;
    return normalise(lexer, err) && (!lexer->n_scratch || intern(lexer, id, err));
}

bool lexer_state(struct lexer *lexer, const struct lex_pair *pairs, uint32_t n, uint32_t *state,
                 struct err *err)
{
    lexer->n_scratch = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!scratch_add(lexer, pairs[i].terminal, pairs[i].regex, err))
            return false;
    return finish_state(lexer, state, err);
}

static bool has_follow(const struct lex_state *state)
{
    return state->follow[0] | state->follow[1] | state->follow[2] | state->follow[3];
}

/* Enters a transition for all bytes that the state does not tell apart. */
static void enter(struct lexer *lexer, uint32_t state, uint32_t to, const uint64_t cell[4])
{
    uint32_t *next = lexer->next + (size_t)state * lexer->n_classes;
    for (uint32_t i = 0; i < lexer->n_classes; i++) {
        uint8_t byte = lexer->byte_of[i];
        if (cell[byte >> 6] >> (byte & 63) & 1)
            next[i] = to;
    }
}

uint32_t lexer_build(struct lexer *lexer, uint32_t state, uint8_t any_byte, struct err *err)
{
    struct regex_set *set = lexer->grammar->set;
    struct lex_state from = lexer->states[state];
    uint64_t cell[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint8_t byte = lexer->byte_of[lexer->class_of[any_byte]];
    uint32_t to;
    lexer->n_scratch = 0;
    for (uint32_t i = 0; i < from.n; i++) {
        struct lex_pair pair = lexer->pairs[from.first + i];
        uint32_t rest = regex_derive(set, pair.regex, byte);
        if (!regex_same_bytes(set, pair.regex, byte, cell))
            rest = REGEX_FAILED;
        if (rest == REGEX_FAILED) {
            set_failed(lexer, err);
            return LEX_UNBUILT;
        }
        if (rest != REGEX_NOTHING && !scratch_add(lexer, pair.terminal, rest, err))
            return LEX_UNBUILT;
    }
    if (!finish_state(lexer, &to, err))
        return LEX_UNBUILT;
    if (to != LEX_DEAD && has_follow(&lexer->states[to]))
        to |= LEX_CROSS;
    enter(lexer, state, to, cell);
    return to;
}

bool lexer_clamp(struct lexer *lexer, uint32_t state, uint32_t *clamped, struct err *err)
{
    struct regex_set *set = lexer->grammar->set;
    struct lex_state from = lexer->states[state];
    *clamped = from.clamped;
    if (*clamped)
        return true;
    *clamped = state;
    bool is_far = false;
    for (uint32_t i = 0; i < from.n; i++)
        is_far = is_far || regex_at(set, lexer->pairs[from.first + i].regex)->flags & REGEX_FAR;
    lexer->n_scratch = 0;
    for (uint32_t i = 0; is_far && i < from.n; i++) {
        struct lex_pair pair = lexer->pairs[from.first + i];
        uint32_t near = regex_clamp(set, pair.regex, lexer->trie->max_bytes + 1);
        if (!scratch_add(lexer, pair.terminal, near, err))
            return false;
    }
    if (is_far && !finish_state(lexer, clamped, err))
        return false;
    lexer->states[state].clamped = *clamped;
    return true;
}
