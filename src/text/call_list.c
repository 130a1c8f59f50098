/* SPDX-License-Identifier: Apache-2.0 */
#include "text/call_list.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Takes a byte of a text.  Returns whether it is the quote that ends it. */
static bool add_string(struct call_value *value, char c)
{
    if (value->escaped)
        value->escaped = false;
    else if (c == '\\')
        value->escaped = true;
    else if (c == '"')
        value->in_string = false;
    return !value->in_string;
}

bool call_value_add(struct call_value *value, char c)
{
    if (value->in_string)
        return add_string(value, c) && !value->depth;
    if (c == '"')
        value->in_string = true;
    if (c == ',')
        value->n_values++;
    if (c == '{' || c == '[') {
        value->n_values++;
        if (++value->depth > value->deepest)
            value->deepest = value->depth;
    }
    if ((c != '}' && c != ']') || !value->depth)
        return false;
    return !--value->depth;
}

static enum call_list_part go(struct call_list *list, enum call_list_place place,
                              enum call_list_part part)
{
    list->place = place;
    return part;
}

static enum call_list_part open_call(struct call_list *list)
{
    return go(list, PLACE_KEY, LIST_OPEN);
}

static enum call_list_part close_call(struct call_list *list)
{
    return go(list, list->is_array ? PLACE_AFTER_ITEM : PLACE_END, LIST_CLOSE);
}

static enum call_list_part end_list(struct call_list *list)
{
    return go(list, PLACE_END, LIST_END);
}

static enum call_list_part start_key(struct call_list *list)
{
    list->value = (struct call_value){.in_string = true};
    list->n_key = 0;
    return go(list, PLACE_IN_KEY, LIST_SYNTAX);
}

static enum call_list_part add_key(struct call_list *list, char c)
{
    if (add_string(&list->value, c))
        return go(list, PLACE_COLON, LIST_SYNTAX);
    if (list->n_key < sizeof list->key)
        list->key[list->n_key++] = c;
    return LIST_SYNTAX;
}

static bool key_is(const struct call_list *list, const char *key)
{
    return list->n_key == strlen(key) && memcmp(list->key, key, list->n_key) == 0;
}

static enum call_list_part start_value(struct call_list *list)
{
    list->member = key_is(list, "name")        ? LIST_NAME
                   : key_is(list, "id")        ? LIST_ID
                   : key_is(list, "arguments") ? LIST_ARGUMENTS
                                               : LIST_SYNTAX;
    list->value = (struct call_value){0};
    return go(list, PLACE_VALUE, LIST_SYNTAX);
}

static enum call_list_part after_value(struct call_list *list, char c)
{
    if (c == ',')
        return go(list, PLACE_KEY, LIST_SYNTAX);
    return c == '}' ? close_call(list) : LIST_BAD;
}

/* A number or a word ends where something else begins. */
static enum call_list_part add_value(struct call_list *list, char c)
{
    bool is_word = !list->value.depth && !list->value.in_string && list->place == PLACE_IN_VALUE;
    if (is_word && is_blank(c))
        return go(list, PLACE_AFTER_VALUE, LIST_SYNTAX);
    if ((is_word || list->place == PLACE_VALUE) && strchr(",:}]", c) && c)
        return list->place == PLACE_VALUE ? LIST_BAD : after_value(list, c);
    list->value_done = call_value_add(&list->value, c);
    return go(list, list->value_done ? PLACE_AFTER_VALUE : PLACE_IN_VALUE, list->member);
}

enum call_list_part call_list_add(struct call_list *list, char c)
{
    list->value_done = false;
    if (list->place == PLACE_IN_KEY)
        return add_key(list, c);
    if (list->place == PLACE_IN_VALUE)
        return add_value(list, c);
    if (is_blank(c))
        return LIST_SYNTAX;
    switch (list->place) {
    case PLACE_START:
        list->is_array = c == '[';
        if (c == '[')
            return go(list, PLACE_ITEM, LIST_SYNTAX);
        return c == '{' ? open_call(list) : LIST_BAD;
    case PLACE_ITEM:
        return c == '{' ? open_call(list) : c == ']' ? end_list(list) : LIST_BAD;
    case PLACE_AFTER_ITEM:
        if (c == ',')
            return go(list, PLACE_ITEM, LIST_SYNTAX);
        return c == ']' ? end_list(list) : LIST_BAD;
    case PLACE_KEY:
        return c == '"' ? start_key(list) : c == '}' ? close_call(list) : LIST_BAD;
    case PLACE_COLON:
        return c == ':' ? start_value(list) : LIST_BAD;
    case PLACE_VALUE:
        return add_value(list, c);
    case PLACE_AFTER_VALUE:
        return after_value(list, c);
    default:
        return LIST_BAD;
    }
}

bool call_list_in_call(const struct call_list *list)
{
    return list->place >= PLACE_KEY && list->place <= PLACE_AFTER_VALUE;
}
