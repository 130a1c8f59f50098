/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what Python's json.dumps(ensure_ascii=False) writes. */
#include <stdio.h>
#include <string.h>

#include "data/json_tree.h"
#include "data/utf8.h"

static bool add(struct buf *out, const char *text, struct err *err)
{
    return buf_add(out, text, strlen(text), err);
}

/* Returns how a character is escaped in a text, or NULL when it stands for itself. */
static const char *escape_of(uint32_t code, char scratch[8])
{
    switch (code) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case UTF8_BAD:
        return "\xef\xbf\xbd";
    default:
        break;
    }
    if (code >= 0x20)
        return NULL;
    snprintf(scratch, 8, "\\u%04x", code);
    return scratch;
}

bool json_write_text(struct span text, struct buf *out, struct err *err)
{
    size_t begin = 0;
    char scratch[8];
    if (!buf_add(out, "\"", 1, err))
        return false;
    for (size_t i = 0, len; i < text.n; i += len) {
        uint32_t code;
        utf8_decode(text.s + i, text.n - i, &code, &len);
        const char *escape = escape_of(code, scratch);
        if (!escape)
            continue;
        if (!buf_add(out, text.s + begin, i - begin, err) || !add(out, escape, err))
            return false;
        begin = i + len;
    }
    return (text.n == begin || buf_add(out, text.s + begin, text.n - begin, err)) &&
           buf_add(out, "\"", 1, err);
}

static bool write_items(const struct json_node *node, struct buf *out, struct err *err)
{
    for (const struct json_node *item = node->first; item; item = item->next) {
        if (item != node->first && !add(out, ", ", err))
            return false;
        if (node->kind == NODE_OBJECT &&
            (!json_write_text(item->key, out, err) || !add(out, ": ", err)))
            return false;
        if (!json_write(item, out, err))
            return false;
    }
    return true;
}

bool json_write(const struct json_node *node, struct buf *out, struct err *err)
{
    switch (node->kind) {
    case NODE_NULL:
        return add(out, "null", err);
    case NODE_FALSE:
        return add(out, "false", err);
    case NODE_TRUE:
        return add(out, "true", err);
    case NODE_NUMBER:
        return buf_add(out, node->text.s, node->text.n, err);
    case NODE_STRING:
        return json_write_text(node->text, out, err);
    case NODE_ARRAY:
        return add(out, "[", err) && write_items(node, out, err) && add(out, "]", err);
    case NODE_OBJECT:
        break;
    }
    return add(out, "{", err) && write_items(node, out, err) && add(out, "}", err);
}
