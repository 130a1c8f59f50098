/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"null",   "false",  "true",     "a number",
                                    "a text", "a list", "an object"};

const struct json_node *field_find(const struct json_node *object, const char *name)
{
    const struct json_node *value = json_member(object, name);
    return value && value->kind != NODE_NULL ? value : NULL;
}

const struct json_node *field_need(const struct json_node *object, const char *name,
                                   enum node_kind kind, struct err *err)
{
    const struct json_node *value = field_find(object, name);
    if (value && value->kind == kind)
        return value;
    if (value)
        json_node_fail(value, err, "expected %s", kinds[kind]);
    else
        json_node_fail(object, err, "%s: missing; expected %s", name, kinds[kind]);
    return NULL;
}

bool field_need_text(const struct json_node *object, const char *name, struct span *out,
                     struct err *err)
{
    const struct json_node *value = field_need(object, name, NODE_STRING, err);
    if (value)
        *out = value->text;
    return value != NULL;
}

bool node_number(const struct json_node *node, double *out)
{
    char text[64], *end;
    if (node->kind != NODE_NUMBER || node->text.n >= sizeof text)
        return false;
    memcpy(text, node->text.s, node->text.n);
    text[node->text.n] = '\0';
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

bool field_number(const struct json_node *object, const char *name, double min, double max,
                  double *out, struct err *err)
{
    const struct json_node *node = field_find(object, name);
    double value;
    if (!node)
        return true;
    if (!node_number(node, &value) || value < min || value > max)
        return json_node_fail(node, err, "expected a number from %g to %g", min, max);
    *out = value;
    return true;
}

bool field_int(const struct json_node *object, const char *name, int64_t min, int64_t max,
               int64_t *out, struct err *err)
{
    const struct json_node *node = field_find(object, name);
    double value;
    if (!node || json_node_int(node, min, max, out))
        return true;
    /* 5.0 is a whole number, too. */
    if (node_number(node, &value) && value == floor(value) && fabs(value) < 0x1p53 &&
        value >= (double)min && value <= (double)max) {
        *out = (int64_t)value;
        return true;
    }
    return json_node_fail(node, err, "expected a whole number from %lld to %lld", (long long)min,
                          (long long)max);
}

bool field_bool(const struct json_node *object, const char *name, bool *out, struct err *err)
{
    const struct json_node *node = field_find(object, name);
    if (!node)
        return true;
    if (node->kind != NODE_TRUE && node->kind != NODE_FALSE)
        return json_node_fail(node, err, "expected true or false");
    *out = node->kind == NODE_TRUE;
    return true;
}

bool field_text(const struct json_node *object, const char *name, struct span *out, struct err *err)
{
    const struct json_node *node = field_find(object, name);
    if (!node)
        return true;
    if (node->kind != NODE_STRING)
        return json_node_fail(node, err, "expected a text");
    *out = node->text;
    return true;
}
