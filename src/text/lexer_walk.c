/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over the trie of tokens, from a state of the lexer, kept for later.
 *
 * A walk finds the tokens that stay inside the terminals which are alive, and the nodes where a
 * terminal may end and a token goes on; the parser then says what may begin there, and the walk
 * goes on below these nodes from another state. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "text/lexer_int.h"

/* --- slices ---------------------------------------------------------------------- */

/* Places between bytes: a state, and how much of a character has been seen as in the automaton
 * of UTF-8, in one number. */
enum { UTF8_STATES = 8, UTF8_BAD_BYTE = 255, MAX_SEEN = 512 };

struct slicer {
    struct lexer *lexer;
    struct id_list seen;
    struct id_list now, later; /* to be looked at: in this character, at the end of it */
    bool fits;
    struct err *err;
};

/* Where a byte of a plain character leads. */
static uint8_t utf8_next(uint8_t utf8, uint8_t byte)
{
    static const uint8_t lo[UTF8_STATES] = {0, 0x80, 0x80, 0x80, 0xA0, 0x80, 0x90, 0x80};
    static const uint8_t hi[UTF8_STATES] = {0, 0xBF, 0xBF, 0xBF, 0xBF, 0x9F, 0xBF, 0x8F};
    static const uint8_t next[UTF8_STATES] = {0, 0, 1, 2, 1, 1, 2, 2};
    if (utf8)
        return byte >= lo[utf8] && byte <= hi[utf8] ? next[utf8] : (uint8_t)UTF8_BAD_BYTE;
    if (byte < 0x80)
        return trie_is_plain(byte) ? 0 : (uint8_t)UTF8_BAD_BYTE;
    if (byte < 0xC2 || byte > 0xF4)
        return UTF8_BAD_BYTE;
    if (byte < 0xE0)
        return 1;
    if (byte < 0xF0)
        return byte == 0xE0 ? 4 : byte == 0xED ? 5 : 2;
    return byte == 0xF0 ? 6 : byte == 0xF4 ? 7 : 3;
}

static bool see(struct slicer *s, uint32_t state, uint8_t utf8)
{
    uint32_t place = state * UTF8_STATES + utf8;
    /* Most were seen just now. */
    for (uint32_t i = s->seen.n; i--;)
        if (s->seen.ids[i] == place)
            return true;
    if (s->seen.n == MAX_SEEN) {
        s->fits = false;
        return true;
    }
    return id_list_add(&s->seen, place, s->err) &&
           id_list_add(utf8 ? &s->now : &s->later, place, s->err);
}

/* Lists what the bytes of plain characters may be at each place in a character, by class. */
static void list_plain(struct lexer *lexer)
{
    for (uint32_t utf8 = 0; utf8 < UTF8_STATES; utf8++) {
        uint32_t done[UTF8_STATES][256 / 32] = {{0}};
        lexer->n_plain[utf8] = 0;
        for (uint32_t byte = 0x20; byte < 256; byte++) {
            uint8_t to = utf8_next((uint8_t)utf8, (uint8_t)byte);
            uint32_t class_id = lexer->class_of[byte];
            if (to == UTF8_BAD_BYTE || trie_bit(done[to], class_id))
                continue;
            trie_set_bit(done[to], class_id);
            lexer->plain[utf8][lexer->n_plain[utf8]++] = (struct lex_plain){(uint8_t)byte, to};
        }
    }
}

/* Looks at every byte that a plain character may have at a place. */
static bool expand(struct slicer *s, uint32_t place)
{
    uint32_t utf8 = place % UTF8_STATES;
    for (uint32_t i = 0; i < s->lexer->n_plain[utf8] && s->fits; i++) {
        struct lex_plain plain = s->lexer->plain[utf8][i];
        uint32_t to = lexer_next(s->lexer, place / UTF8_STATES, plain.byte, s->err);
        if (to == LEX_UNBUILT)
            return false;
        s->fits = to != LEX_DEAD && !(to & LEX_CROSS);
        if (s->fits && !see(s, to, plain.utf8))
            return false;
    }
    return true;
}

/* Counts up to max plain characters all of which a state takes without the end of a terminal. */
static bool count_chars(struct slicer *s, uint32_t state, uint32_t max, uint32_t *n_chars)
{
    *n_chars = 0;
    if (!see(s, state, 0))
        return false;
    while (*n_chars < max) {
        struct id_list swap = s->now;
        s->now = s->later;
        s->later = swap;
        s->later.n = 0;
        while (s->now.n && s->fits)
            if (!expand(s, s->now.ids[--s->now.n]))
                return false;
        if (!s->fits)
            return true;
        *n_chars = s->later.n ? *n_chars + 1 : max;
    }
    return true;
}

bool lexer_slice(struct lexer *lexer, uint32_t state, int *slice, struct err *err)
{
    const struct token_trie *trie = lexer->trie;
    struct slicer s = {.lexer = lexer, .fits = true, .err = err};
    uint32_t n_chars;
    *slice = -1;
    bool ok = count_chars(&s, state, trie->max_bytes, &n_chars);
    for (int i = TRIE_SLICES; ok && i--;) {
        uint32_t max = trie->slices[i].max_chars;
        if (n_chars >= (max < trie->max_bytes ? max : trie->max_bytes))
            *slice = i;
    }
    free(s.seen.ids);
    free(s.now.ids);
    free(s.later.ids);
    return ok;
}

/* --- node sets ------------------------------------------------------------------- */

/* Stores the number of a set of nodes: [n] rising, copied. */
static bool node_set(struct lexer *lexer, const uint32_t *nodes, uint32_t n, uint32_t part,
                     uint32_t *id, struct err *err)
{
    uint32_t hash = id_hash_all(part, nodes, n);
    for (uint32_t at = hash; id_table_probe(&lexer->node_set_table, hash, &at, id);) {
        const struct node_set *set = &lexer->node_sets[*id];
        if (set->n == n && set->part == part && !memcmp(set->nodes, nodes, n * sizeof *nodes))
            return true;
    }
    struct node_set *sets = array_more(lexer->node_sets, lexer->n_node_sets,
                                       &lexer->n_node_set_places, 1, sizeof *sets, err);
    if (!sets)
        return false;
    lexer->node_sets = sets;
    uint32_t *copy = mem_new(n, sizeof *copy, err);
    if (!copy || !id_table_add(&lexer->node_set_table, hash, lexer->n_node_sets, err)) {
        free(copy);
        return false;
    }
    memcpy(copy, nodes, n * sizeof *nodes);
    sets[lexer->n_node_sets] = (struct node_set){copy, n, part};
    lexer->walk_bytes += n * sizeof *nodes;
    *id = lexer->n_node_sets++;
    return true;
}

/* --- walking --------------------------------------------------------------------- */

struct crossing {
    uint32_t accept, node;
};

struct walker {
    struct lexer *lexer;
    const struct trie_node *nodes;
    uint32_t part;
    struct crossing *crossings; /* [n] */
    uint32_t n, n_places;
    uint32_t n_tokens; /* in lexer->tokens, NO_LIST when they are bits of lexer->mask */
    struct err *err;
};

#define NO_LIST UINT32_MAX

static const struct trie_part *part_of(const struct token_trie *trie, uint32_t part)
{
    return part ? &trie->slices[part - 1].rest : &trie->all;
}

/* Whether a byte that may come behind a terminal is the first of a child. */
static bool goes_on(const struct walker *w, uint32_t node, const struct lex_state *state)
{
    uint32_t end = node + trie_size(&w->nodes[node]);
    for (uint32_t child = node + 1; child < end; child += trie_size(&w->nodes[child]))
        if (lex_follows(state, (uint8_t)w->nodes[child].token_byte))
            return true;
    return false;
}

static bool note_crossing(struct walker *w, uint32_t node, uint32_t state_id)
{
    const struct lex_state *state = &w->lexer->states[state_id];
    if (!goes_on(w, node, state))
        return true;
    struct crossing *crossings =
        array_more(w->crossings, w->n, &w->n_places, 1, sizeof *crossings, w->err);
    if (!crossings)
        return false;
    w->crossings = crossings;
    crossings[w->n++] = (struct crossing){state->accept, node};
    return true;
}

/* Tokens are listed until bits take less room. */
static void add_token(struct walker *w, uint32_t token)
{
    struct lexer *lexer = w->lexer;
    if (w->n_tokens == lexer->trie->n_words) {
        for (uint32_t i = 0; i < w->n_tokens; i++)
            trie_set_bit(lexer->mask, lexer->tokens[i]);
        w->n_tokens = NO_LIST;
    }
    if (w->n_tokens == NO_LIST)
        trie_set_bit(lexer->mask, token);
    else
        lexer->tokens[w->n_tokens++] = token;
}

/* Walks over nodes from..end-1, which are the children of one node and all below them. */
static bool walk_range(struct walker *w, uint32_t state, uint32_t from, uint32_t end)
{
    uint32_t stack[TRIE_MAX_BYTES + 1];
    struct lexer *lexer = w->lexer;
    const struct trie_node *nodes = w->nodes;
    uint32_t n_classes = lexer->n_classes;
    const uint8_t *class_of = lexer->class_of;
    int depth = 0;
    stack[0] = state;
    for (uint32_t i = from; i < end;) {
        uint32_t token_byte = nodes[i].token_byte, size_pop = nodes[i].size_pop;
        uint32_t to = lexer->next[(size_t)stack[depth] * n_classes + class_of[token_byte & 255]];
        if (to == LEX_UNBUILT)
            to = lexer_build(lexer, stack[depth], (uint8_t)token_byte, w->err);
        if (to == LEX_DEAD) {
            i += size_pop >> 8;
            depth -= (int)(size_pop & 255);
            continue;
        }
        if (to == LEX_UNBUILT)
            return false;
        bool is_leaf = size_pop >> 8 == 1;
        if (to & LEX_CROSS) {
            to &= ~LEX_CROSS;
            if (!is_leaf && !note_crossing(w, i, to))
                return false;
        }
        uint32_t token = token_byte >> 8;
        if (token != TRIE_NO_TOKEN)
            add_token(w, token);
        i++;
        if (is_leaf)
            depth -= (int)(size_pop & 255);
        else
            stack[++depth] = to;
    }
    return true;
}

static int compare_crossings(const void *a, const void *b)
{
    const struct crossing *x = a, *y = b;
    if (x->accept != y->accept)
        return (x->accept > y->accept) - (x->accept < y->accept);
    return (x->node > y->node) - (x->node < y->node);
}

/* Groups the crossings by what may end there. */
static bool group_crossings(struct walker *w, struct lex_walk *walk)
{
    struct id_list nodes = {0};
    uint32_t n_groups = 0;
    if (w->n)
        qsort(w->crossings, w->n, sizeof *w->crossings, compare_crossings);
    for (uint32_t i = 0; i < w->n; i++)
        n_groups += !i || w->crossings[i].accept != w->crossings[i - 1].accept;
    walk->crosses = mem_new(n_groups, sizeof *walk->crosses, w->err);
    bool ok = walk->crosses;
    for (uint32_t i = 0; ok && i < w->n; i++) {
        if (!nodes.n || nodes.ids[nodes.n - 1] != w->crossings[i].node)
            ok = id_list_add(&nodes, w->crossings[i].node, w->err);
        if (i + 1 < w->n && w->crossings[i + 1].accept == w->crossings[i].accept)
            continue;
        struct lex_cross *cross = &walk->crosses[walk->n_crosses++];
        cross->accept = w->crossings[i].accept;
        ok = ok && node_set(w->lexer, nodes.ids, nodes.n, w->part, &cross->nodes, w->err);
        nodes.n = 0;
    }
    w->lexer->walk_bytes += n_groups * sizeof *walk->crosses;
    free(nodes.ids);
    return ok;
}

/* Adds the twins of the tokens of a list, whose bits are set in the mask. */
static void add_twins(struct walker *w)
{
    const struct token_trie *trie = w->lexer->trie;
    for (uint32_t i = 0; i < trie->n_twins; i++)
        if (trie_bit(w->lexer->mask, trie->twins[(size_t)2 * i]) &&
            !trie_bit(w->lexer->mask, trie->twins[(size_t)2 * i + 1]))
            add_token(w, trie->twins[(size_t)2 * i + 1]);
}

static bool keep_bits(struct walker *w, struct lex_walk *walk)
{
    struct lexer *lexer = w->lexer;
    size_t n_words = lexer->trie->n_words;
    walk->mask = mem_new(n_words, sizeof *walk->mask, w->err);
    if (!walk->mask)
        return false;
    memcpy(walk->mask, lexer->mask, n_words * sizeof *walk->mask);
    walk->n_inside = trie_count_bits(lexer->mask, n_words);
    lexer->walk_bytes += n_words * sizeof *walk->mask;
    return true;
}

static bool keep_list(struct walker *w, struct lex_walk *walk)
{
    struct lexer *lexer = w->lexer;
    walk->ids = mem_new(w->n_tokens, sizeof *walk->ids, w->err);
    if (!walk->ids)
        return false;
    memcpy(walk->ids, lexer->tokens, w->n_tokens * sizeof *walk->ids);
    walk->n_inside = w->n_tokens;
    lexer->walk_bytes += w->n_tokens * sizeof *walk->ids;
    return true;
}

/* Keeps the tokens as bits, or as ids where these are fewer bytes, and clears the mask. */
static bool keep_tokens(struct walker *w, struct lex_walk *walk)
{
    struct lexer *lexer = w->lexer;
    if (lexer->trie->n_twins) {
        for (uint32_t i = 0; w->n_tokens != NO_LIST && i < w->n_tokens; i++)
            trie_set_bit(lexer->mask, lexer->tokens[i]);
        add_twins(w);
    }
    bool is_list = w->n_tokens != NO_LIST;
    bool ok = is_list ? keep_list(w, walk) : keep_bits(w, walk);
    if (!is_list)
        memset(lexer->mask, 0, lexer->trie->n_words * sizeof *lexer->mask);
    for (uint32_t i = 0; is_list && i < w->n_tokens; i++)
        lexer->mask[lexer->tokens[i] >> 5] = 0;
    return ok;
}

static bool walk_root(struct walker *w, uint32_t state)
{
    struct lexer *lexer = w->lexer;
    int slice;
    if (!lexer_slice(lexer, state, &slice, w->err))
        return false;
    w->part = (uint32_t)(slice + 1);
    if (slice >= 0) {
        w->n_tokens = NO_LIST;
        memcpy(lexer->mask, lexer->trie->slices[slice].mask,
               lexer->trie->n_words * sizeof *lexer->mask);
    }
    const struct trie_part *part = part_of(lexer->trie, w->part);
    w->nodes = part->nodes;
    return walk_range(w, state, 0, part->n);
}

static bool walk_nodes(struct walker *w, uint32_t state, uint32_t set_id)
{
    struct node_set set = w->lexer->node_sets[set_id];
    w->part = set.part;
    w->nodes = part_of(w->lexer->trie, set.part)->nodes;
    for (uint32_t i = 0; i < set.n; i++)
        if (!walk_range(w, state, set.nodes[i] + 1,
                        set.nodes[i] + trie_size(&w->nodes[set.nodes[i]])))
            return false;
    return true;
}

static bool make_walk(struct lexer *lexer, struct lex_walk *walk, struct err *err)
{
    struct walker w = {.lexer = lexer, .err = err};
    bool ok = walk->nodes ? walk_nodes(&w, walk->state, walk->nodes) : walk_root(&w, walk->state);
    ok = ok && group_crossings(&w, walk) && keep_tokens(&w, walk);
    if (!ok)
        memset(lexer->mask, 0, lexer->trie->n_words * sizeof *lexer->mask);
    free(w.crossings);
    return ok;
}

/* --- keeping --------------------------------------------------------------------- */

bool lexer_use_trie(struct lexer *lexer, const struct token_trie *trie, struct err *err)
{
    if (lexer->trie == trie)
        return true;
    if (lexer->trie)
        return err_set(err, ERR_ARG, "a grammar serves one vocabulary only");
    lexer->mask = mem_new(trie->n_words, sizeof *lexer->mask, err);
    lexer->node_sets = mem_new(16, sizeof *lexer->node_sets, err);
    lexer->tokens = mem_new(trie->n_words, sizeof *lexer->tokens, err);
    if (!lexer->mask || !lexer->node_sets || !lexer->tokens) {
        lexer_drop_walks(lexer);
        return false;
    }
    lexer->n_node_set_places = 16;
    lexer->node_sets[0] = (struct node_set){0};
    lexer->n_node_sets = 1;
    lexer->trie = trie;
    list_plain(lexer);
    return true;
}

static void free_walk(struct lex_walk *walk)
{
    free(walk->mask);
    free(walk->ids);
    free(walk->crosses);
}

/* Forgets all walks but keeps the trie. */
static void forget_walks(struct lexer *lexer)
{
    for (uint32_t i = 0; i < lexer->n_walks; i++)
        free_walk(&lexer->walks[i]);
    for (uint32_t i = 1; i < lexer->n_node_sets; i++)
        free(lexer->node_sets[i].nodes);
    lexer->n_walks = 0;
    lexer->n_node_sets = lexer->n_node_sets ? 1 : 0;
    lexer->walk_bytes = 0;
    id_table_clear(&lexer->walk_table);
    id_table_clear(&lexer->node_set_table);
}

void lexer_drop_walks(struct lexer *lexer)
{
    forget_walks(lexer);
    free(lexer->walks);
    free(lexer->node_sets);
    free(lexer->mask);
    free(lexer->tokens);
    id_table_free(&lexer->walk_table);
    id_table_free(&lexer->node_set_table);
    lexer->walks = NULL;
    lexer->node_sets = NULL;
    lexer->mask = lexer->tokens = NULL;
    lexer->trie = NULL;
    lexer->n_walk_places = lexer->n_node_set_places = lexer->n_node_sets = 0;
}

void lexer_trim_walks(struct lexer *lexer)
{
    if (lexer->walk_bytes > LIMIT_MASK_BYTES)
        forget_walks(lexer);
}

bool lexer_walk(struct lexer *lexer, uint32_t state, uint32_t nodes, uint32_t *id, struct err *err)
{
    uint32_t hash = id_hash(id_hash(3, state), nodes);
    for (uint32_t at = hash; id_table_probe(&lexer->walk_table, hash, &at, id);)
        if (lexer->walks[*id].state == state && lexer->walks[*id].nodes == nodes)
            return true;
    struct lex_walk walk = {.state = state, .nodes = nodes};
    struct lex_walk *walks =
        array_more(lexer->walks, lexer->n_walks, &lexer->n_walk_places, 1, sizeof *walks, err);
    if (!walks)
        return false;
    lexer->walks = walks;
    if (!make_walk(lexer, &walk, err) ||
        !id_table_add(&lexer->walk_table, hash, lexer->n_walks, err)) {
        free_walk(&walk);
        return false;
    }
    walks[lexer->n_walks] = walk;
    lexer->walk_bytes += sizeof walk;
    *id = lexer->n_walks++;
    return true;
}
