/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonl.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

void jsonl_init(struct jsonl *lines, jsonl_fn *each, void *arg)
{
    *lines = (struct jsonl){.each = each, .arg = arg};
    buf_init(&lines->rest, LIMIT_JSONL_LINE);
}

void jsonl_free(struct jsonl *lines)
{
    buf_free(&lines->rest);
    json_tree_free(&lines->tree);
}

/* Says why a line is none.  The parser's place in it is a column: there is one line. */
static bool refuse(const struct jsonl *lines, const struct err *why, struct err *err)
{
    const char *text = strstr(why->text, "column ");
    if (!text)
        text = strncmp(why->text, "JSON: ", 6) == 0 ? why->text + 6 : why->text;
    return err_set(err, why->code, "line %" PRIu64 ": expected a JSON object: %s",
                   lines->n_lines + 1, text);
}

static bool take(struct jsonl *lines, struct span text, struct err *err)
{
    struct err why = {0};
    if (text.n && text.s[text.n - 1] == '\r')
        text.n--;
    if (text.n > LIMIT_JSONL_LINE)
        return err_set(err, ERR_LIMIT, "line %" PRIu64 ": longer than %u bytes", lines->n_lines + 1,
                       LIMIT_JSONL_LINE);
    if (lines->n_lines == LIMIT_JSONL_LINES)
        return err_set(err, ERR_LIMIT, "more than %u lines", LIMIT_JSONL_LINES);
    bool ok = true;
    if (!json_tree_parse_again(&lines->tree, "JSON", text.s, text.n, &why))
        ok = refuse(lines, &why, err);
    else if (lines->tree.root->kind != NODE_OBJECT)
        ok = err_set(err, ERR_FORMAT, "line %" PRIu64 ": expected a JSON object",
                     lines->n_lines + 1);
    else if (lines->each)
        ok = lines->each(lines->arg, lines->n_lines, lines->tree.root, text, err);
    lines->n_lines += ok;
    return ok;
}

/* Keeps a part of a line until the rest comes. */
static bool keep(struct jsonl *lines, const char *bytes, size_t n, struct err *err)
{
    if (n > lines->rest.max - lines->rest.len)
        return err_set(err, ERR_LIMIT, "line %" PRIu64 ": longer than %u bytes", lines->n_lines + 1,
                       LIMIT_JSONL_LINE);
    return buf_add(&lines->rest, bytes, n, err);
}

bool jsonl_add(struct jsonl *lines, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes, *end;
    for (; n && (end = memchr(at, '\n', n)); at = end + 1) {
        size_t n_line = (size_t)(end - at);
        bool ok = true;
        if (lines->rest.len)
            ok = keep(lines, at, n_line, err) &&
                 take(lines, (struct span){lines->rest.data, lines->rest.len}, err);
        else
            ok = take(lines, (struct span){at, n_line}, err);
        buf_clear(&lines->rest);
        if (!ok)
            return false;
        n -= n_line + 1;
    }
    return !n || keep(lines, at, n, err);
}

bool jsonl_end(struct jsonl *lines, struct err *err)
{
    bool ok =
        !lines->rest.len || take(lines, (struct span){lines->rest.data, lines->rest.len}, err);
    buf_clear(&lines->rest);
    return ok;
}
