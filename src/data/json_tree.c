/* SPDX-License-Identifier: Apache-2.0 */
/* Parses what Python's json.loads() takes, no more and no less, apart from its limits. */
#include "data/json_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/json_number_int.h"
#include "data/utf8.h"

struct parser {
    struct json_tree *tree;
    const char *name;
    const char *begin, *at, *end;
    size_t n_values;
    struct err *err;
};

/* Records what is wrong at the place where the parser is. */
static bool fail(const struct parser *p, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *s = p->begin; s < p->at; s++) {
        column++;
        if (*s == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(p->err, ERR_FORMAT, "%s: line %zu, column %zu: %s", p->name, line, column, what);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* Takes the next character if it is c. */
static bool take(struct parser *p, char c)
{
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

/* Takes word if it comes next. */
static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* Reads four hexadecimal digits at s.  Returns UTF8_BAD when they are not there. */
static uint32_t read_hex(const char *s, const char *end)
{
    uint32_t code = 0;
    if (end - s < 4)
        return UTF8_BAD;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return UTF8_BAD;
        code = code << 4 | (uint32_t)digit;
    }
    return code;
}

/* Reads the code point behind "\u" and moves on; half a pair is U+FFFD. */
static bool read_escaped_code(struct parser *p, uint32_t *code)
{
    *code = read_hex(p->at, p->end);
    if (*code == UTF8_BAD)
        return fail(p, "expected four hexadecimal digits after \\u");
    p->at += 4;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    if (*code < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u') {
        uint32_t low = read_hex(p->at + 2, p->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
            p->at += 6;
            return true;
        }
    }
    *code = UTF8_REPLACEMENT;
    return true;
}

/* Writes what the escape at p->at, behind its backslash, stands for.  It is never longer
 * than the escape. */
static bool read_escape(struct parser *p, char *out, size_t *n_out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (p->at < p->end && *p->at == 'u') {
        uint32_t code;
        p->at++;
        if (!read_escaped_code(p, &code))
            return false;
        *n_out = utf8_encode(code, out);
        return true;
    }
    const char *which = p->at < p->end && *p->at ? strchr(names, *p->at) : NULL;
    if (!which)
        return fail(p, "not an escape of JSON");
    *out = values[which - names];
    *n_out = 1;
    p->at++;
    return true;
}

/* Moves behind the closing quote of a text that has none of its escapes undone yet. */
static bool find_quote(struct parser *p, bool *has_escape)
{
    *has_escape = false;
    for (; p->at < p->end && *p->at != '"'; p->at++) {
        if ((uint8_t)*p->at < 0x20)
            return fail(p, "a control character in a text; write it as an escape");
        if (*p->at == '\\') {
            *has_escape = true;
            if (++p->at == p->end)
                break;
        }
    }
    return take(p, '"') || fail(p, "a text without its closing quote");
}

/* Reads a text whose opening quote has been taken. */
static bool read_text(struct parser *p, struct span *out)
{
    const char *begin = p->at;
    bool has_escape;
    if (!find_quote(p, &has_escape))
        return false;
    const char *end = p->at - 1;
    *out = (struct span){begin, (size_t)(end - begin)};
    if (!has_escape)
        return true;
    char *text = arena_new(&p->tree->arena, out->n + UTF8_MAX, 1, p->err);
    if (!text)
        return err_add(p->err, "%s", p->name);
    size_t n = 0, n_more = 0;
    p->at = begin;
    while (p->at < end) {
        if (*p->at != '\\') {
            text[n++] = *p->at++;
            continue;
        }
        p->at++;
        if (!read_escape(p, text + n, &n_more))
            return false;
        n += n_more;
    }
    p->at = end + 1;
    *out = (struct span){text, n};
    return true;
}

static bool read_number(struct parser *p, struct span *out)
{
    const char *begin = p->at;
    bool is_whole;
    p->at = json_number_end(begin, p->end, &is_whole);
    if (!p->at) {
        p->at = begin;
        return fail(p, "expected a value");
    }
    *out = (struct span){begin, (size_t)(p->at - begin)};
    return json_number_write(&p->tree->arena, is_whole, out, p->err) ||
           err_add(p->err, "%s", p->name);
}

/* Reads a value that is no container, and says what it is. */
static bool read_scalar(struct parser *p, struct json_node *node)
{
    static const struct {
        const char *word;
        enum node_kind kind;
    } words[] = {
        {"null", NODE_NULL},  {"true", NODE_TRUE},       {"false", NODE_FALSE},
        {"NaN", NODE_NUMBER}, {"Infinity", NODE_NUMBER}, {"-Infinity", NODE_NUMBER},
    };
    if (take(p, '"')) {
        node->kind = NODE_STRING;
        return read_text(p, &node->text);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (take_word(p, words[i].word)) {
            node->kind = words[i].kind;
            if (node->kind == NODE_NUMBER)
                node->text = (struct span){words[i].word, strlen(words[i].word)};
            return true;
        }
    node->kind = NODE_NUMBER;
    return read_number(p, &node->text);
}

static struct json_node *add_node(struct parser *p, struct json_node *up)
{
    if (++p->n_values > LIMIT_REQUEST_VALUES) {
        err_set(p->err, ERR_LIMIT, "%s: more than %u values", p->name, LIMIT_REQUEST_VALUES);
        return NULL;
    }
    struct json_node *node = arena_new(&p->tree->arena, 1, sizeof *node, p->err);
    if (!node) {
        err_add(p->err, "%s", p->name);
        return NULL;
    }
    node->up = up;
    node->name = p->name;
    return node;
}

static bool read_key(struct parser *p, struct span *key)
{
    skip_space(p);
    if (!take(p, '"'))
        return fail(p, "expected the name of a member in double quotes");
    if (!read_text(p, key))
        return false;
    skip_space(p);
    return take(p, ':') || fail(p, "expected ':'");
}

static int compare_members(const void *a, const void *b)
{
    const struct json_node *x = *(const struct json_node *const *)a;
    const struct json_node *y = *(const struct json_node *const *)b;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int by_key = n ? memcmp(x->key.s, y->key.s, n) : 0;
    if (by_key || x->key.n != y->key.n)
        return by_key ? by_key : x->key.n < y->key.n ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Gives the first of members of one name the value of the last, and marks the others. */
static void merge_repeats(struct json_node **sorted, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && span_same(sorted[i]->key, sorted[end]->key); end++)
            sorted[end]->name = NULL;
        if (end == i + 1)
            continue;
        struct json_node *to = sorted[i], *from = sorted[end - 1];
        to->kind = from->kind;
        to->text = from->text;
        to->n = from->n;
        to->first = from->first;
        for (struct json_node *item = to->first; item; item = item->next)
            item->up = to;
    }
}

/* A name that occurs twice keeps its first place and its last value, as in a Python dict. */
static bool drop_repeats(struct parser *p, struct json_node *object)
{
    size_t n = 0;
    struct json_node **sorted = mem_new(object->n, sizeof(struct json_node *), p->err);
    if (!sorted)
        return err_add(p->err, "%s", p->name);
    for (struct json_node *member = object->first; member; member = member->next)
        sorted[n++] = member;
    qsort(sorted, n, sizeof(struct json_node *), compare_members);
    merge_repeats(sorted, n);
    free(sorted);
    struct json_node **link = &object->first;
    object->n = 0;
    for (struct json_node *member = object->first; member; member = member->next) {
        if (!member->name)
            continue;
        member->index = object->n++;
        *link = member;
        link = &member->next;
    }
    *link = NULL;
    return true;
}

static bool read_value(struct parser *p, struct json_node *node, size_t depth);

/* Reads what stands between the brackets of node; the opening one has been taken. */
static bool read_container(struct parser *p, struct json_node *node, size_t depth)
{
    bool is_object = node->kind == NODE_OBJECT;
    char close = is_object ? '}' : ']';
    struct json_node **link = &node->first;
    if (depth == LIMIT_REQUEST_DEPTH)
        return err_set(p->err, ERR_LIMIT, "%s: more than %d levels of nesting", p->name,
                       LIMIT_REQUEST_DEPTH);
    skip_space(p);
    if (take(p, close))
        return true;
    do {
        struct json_node *item = add_node(p, node);
        if (!item || (is_object && !read_key(p, &item->key)) || !read_value(p, item, depth + 1))
            return false;
        item->index = node->n++;
        *link = item;
        link = &item->next;
        skip_space(p);
    } while (take(p, ','));
    if (!take(p, close))
        return fail(p, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    return !is_object || node->n < 2 || drop_repeats(p, node);
}

static bool read_value(struct parser *p, struct json_node *node, size_t depth)
{
    skip_space(p);
    if (take(p, '{'))
        node->kind = NODE_OBJECT;
    else if (take(p, '['))
        node->kind = NODE_ARRAY;
    else
        return read_scalar(p, node);
    return read_container(p, node, depth);
}

/* Parses into a tree that has no root yet. */
static bool parse(struct json_tree *tree, const char *name, const void *bytes, size_t n,
                  struct err *err)
{
    const char *text = n ? bytes : "";
    struct parser p = {
        .tree = tree, .name = name, .begin = text, .at = text, .end = text + n, .err = err};
    if (n > LIMIT_REQUEST_BYTES)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes; at most %u are taken", name, n,
                       LIMIT_REQUEST_BYTES);
    if (!utf8_valid(text, n))
        return err_set(err, ERR_FORMAT, "%s: not UTF-8", name);
    struct json_node *root = add_node(&p, NULL);
    if (!root || !read_value(&p, root, 0))
        return false;
    skip_space(&p);
    if (p.at < p.end)
        return fail(&p, "something stands behind the value");
    tree->root = root;
    return true;
}

bool json_tree_parse(struct json_tree *tree, const char *name, const void *bytes, size_t n,
                     struct err *err)
{
    *tree = (struct json_tree){0};
    return parse(tree, name, bytes, n, err);
}

bool json_tree_parse_again(struct json_tree *tree, const char *name, const void *bytes, size_t n,
                           struct err *err)
{
    arena_reset(&tree->arena);
    tree->root = NULL;
    return parse(tree, name, bytes, n, err);
}

void json_tree_free(struct json_tree *tree)
{
    arena_free(&tree->arena);
    *tree = (struct json_tree){0};
}

const struct json_node *json_member(const struct json_node *object, const char *key)
{
    if (object->kind != NODE_OBJECT)
        return NULL;
    const struct json_node *member = object->first;
    while (member && !span_is(member->key, key))
        member = member->next;
    return member;
}

bool json_node_int(const struct json_node *node, int64_t min, int64_t max, int64_t *out)
{
    char digits[24];
    if (node->kind != NODE_NUMBER || node->text.n >= sizeof digits)
        return false;
    memcpy(digits, node->text.s, node->text.n);
    digits[node->text.n] = 0;
    char *end;
    errno = 0;
    long long value = strtoll(digits, &end, 10);
    if (errno || *end || end == digits || value < min || value > max)
        return false;
    *out = value;
    return true;
}

/* Appends ".key" or "[3]" for each step from the root to node, as long as there is room. */
static void add_path(const struct json_node *node, char *path, size_t size)
{
    if (!node->up)
        return;
    add_path(node->up, path, size);
    size_t n = strlen(path);
    if (!node->key.s)
        snprintf(path + n, size - n, "[%zu]", node->index);
    else
        snprintf(path + n, size - n, "%s%.*s", n ? "." : "",
                 node->key.n > 64 ? 64 : (int)node->key.n, node->key.s);
}

bool json_node_fail(const struct json_node *node, struct err *err, const char *fmt, ...)
{
    char path[256] = "", text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_path(node, path, sizeof path);
    return err_set(err, ERR_ARG, "%s: %s%s%s", node->name, path, *path ? ": " : "", text);
}
