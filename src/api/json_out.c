/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/json_tree.h"

void json_out_bytes(struct json_out *o, const char *bytes, size_t n)
{
    if (!o->err.code && !buf_add(o->buf, bytes, n, &o->err))
        return;
}

void json_out_raw(struct json_out *o, const char *text)
{
    json_out_bytes(o, text, strlen(text));
}

void json_out_format(struct json_out *o, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_out_bytes(o, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void json_out_span(struct json_out *o, struct span text)
{
    if (!o->err.code && !json_write_text(text, o->buf, &o->err))
        return;
}

void json_out_text(struct json_out *o, const char *text)
{
    json_out_span(o, (struct span){text, strlen(text)});
}

void json_out_number(struct json_out *o, double number)
{
    json_out_format(o, "%.9g", number);
}

void json_out_event(struct json_out *o, const char *name)
{
    json_out_format(o, "event: %s\ndata: {\"type\":\"%s\"", name, name);
}

void json_out_node(struct json_out *o, const struct json_node *node)
{
    static const char *const words[] = {
        [NODE_NULL] = "null", [NODE_FALSE] = "false", [NODE_TRUE] = "true"};
    bool is_object = node->kind == NODE_OBJECT;
    switch (node->kind) {
    case NODE_NULL:
    case NODE_FALSE:
    case NODE_TRUE:
        json_out_raw(o, words[node->kind]);
        return;
    case NODE_NUMBER: /* the request may have had NaN or Infinity */
        if (node->text.s[node->text.n - 1] > '9')
            json_out_raw(o, words[NODE_NULL]);
        else
            json_out_bytes(o, node->text.s, node->text.n);
        return;
    case NODE_STRING:
        json_out_span(o, node->text);
        return;
    case NODE_ARRAY:
    case NODE_OBJECT:
        break;
    }
    json_out_raw(o, is_object ? "{" : "[");
    for (const struct json_node *item = node->first; item; item = item->next) {
        json_out_raw(o, item == node->first ? "" : ",");
        if (is_object) {
            json_out_span(o, item->key);
            json_out_raw(o, ":");
        }
        json_out_node(o, item);
    }
    json_out_raw(o, is_object ? "}" : "]");
}

bool json_out_done(const struct json_out *o, struct err *err)
{
    return !o->err.code || err_set(err, o->err.code, "%s", o->err.text);
}
