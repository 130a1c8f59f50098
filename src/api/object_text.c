/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object_text.h"

#include <stdio.h>
#include <string.h>

#include "data/json_tree.h"

/* Where a number is; the even ones may be its end. */
enum {
    NUMBER_ZERO = 0,
    NUMBER_MINUS = 1,
    NUMBER_WHOLE = 2,
    NUMBER_POINT = 3,
    NUMBER_FRACTION = 4,
    NUMBER_E = 5,
    NUMBER_POWER = 6,
    NUMBER_SIGN = 7
};

enum taking {
    TAKEN,
    TAKEN_SILENTLY, /* it is part of the object, but not written, or not yet */
    TAKEN_ESCAPED,  /* has to be written as an escape */
    REFUSED,
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum taking go(struct object_text *o, enum object_place place)
{
    o->place = place;
    return TAKEN;
}

static enum taking open_bracket(struct object_text *o, bool is_object)
{
    if (o->depth == LIMIT_REQUEST_DEPTH)
        return REFUSED;
    o->in_object[o->depth++] = is_object;
    return go(o, is_object ? OBJECT_KEY_OR_END : OBJECT_VALUE_OR_END);
}

static enum taking close_bracket(struct object_text *o, char c)
{
    if (o->in_object[o->depth - 1] != (c == '}'))
        return REFUSED;
    return go(o, --o->depth ? OBJECT_AFTER_VALUE : OBJECT_END);
}

static enum taking take_in_text(struct object_text *o, char c)
{
    if (o->escape > 1) {
        if (!is_hex(c))
            return REFUSED;
        o->escape = o->escape == 2 ? 0 : (uint8_t)(o->escape - 1);
        return TAKEN;
    }
    if (o->escape) {
        if (!c || !strchr("\"\\/bfnrtu", c))
            return REFUSED;
        o->escape = c == 'u' ? 5 : 0;
        return TAKEN;
    }
    if (c == '\\')
        o->escape = 1;
    else if (c == '"')
        return go(o, o->place == OBJECT_IN_KEY ? OBJECT_COLON : OBJECT_AFTER_VALUE);
    return (unsigned char)c < 0x20 ? TAKEN_ESCAPED : TAKEN;
}

static enum taking take_in_number(struct object_text *o, char c)
{
    uint8_t was = o->number;
    if (is_digit(c)) {
        if (was == NUMBER_ZERO)
            return REFUSED;
        o->number = was == NUMBER_MINUS && c == '0' ? NUMBER_ZERO
                    : was <= NUMBER_WHOLE           ? NUMBER_WHOLE
                    : was <= NUMBER_FRACTION        ? NUMBER_FRACTION
                                                    : NUMBER_POWER;
        return TAKEN;
    }
    bool is_whole = was == NUMBER_ZERO || was == NUMBER_WHOLE;
    if (c == '.' && is_whole)
        o->number = NUMBER_POINT;
    else if ((c == 'e' || c == 'E') && (is_whole || was == NUMBER_FRACTION))
        o->number = NUMBER_E;
    else if ((c == '+' || c == '-') && was == NUMBER_E)
        o->number = NUMBER_SIGN;
    else
        return REFUSED;
    return TAKEN;
}

static enum taking take_value(struct object_text *o, char c)
{
    if (c == '{' || c == '[')
        return open_bracket(o, c == '{');
    if (c == '"')
        return go(o, OBJECT_IN_TEXT);
    o->number = c == '-' ? NUMBER_MINUS : c == '0' ? NUMBER_ZERO : NUMBER_WHOLE;
    if (c == '-' || is_digit(c))
        return go(o, OBJECT_IN_NUMBER);
    o->word = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : NULL;
    return o->word ? go(o, OBJECT_IN_WORD) : REFUSED;
}

static enum taking take_after_value(struct object_text *o, char c)
{
    if (c == '}' || c == ']')
        return close_bracket(o, c);
    if (c != ',')
        return REFUSED;
    o->place = o->in_object[o->depth - 1] ? OBJECT_KEY : OBJECT_VALUE;
    o->has_comma = true;
    return TAKEN_SILENTLY;
}

/* Takes a byte between the words, numbers and texts. */
static enum taking take_outside(struct object_text *o, char c)
{
    if (is_blank(c))
        return o->has_comma || o->place == OBJECT_START ? TAKEN_SILENTLY : TAKEN;
    switch (o->place) {
    case OBJECT_START:
        if (c == '{')
            return open_bracket(o, true);
        o->place = OBJECT_NONE;
        return TAKEN_SILENTLY;
    case OBJECT_KEY_OR_END:
        if (c == '}')
            return close_bracket(o, c);
        return c == '"' ? go(o, OBJECT_IN_KEY) : REFUSED;
    case OBJECT_KEY:
        return c == '"' ? go(o, OBJECT_IN_KEY) : REFUSED;
    case OBJECT_COLON:
        return c == ':' ? go(o, OBJECT_VALUE) : REFUSED;
    case OBJECT_VALUE_OR_END:
        return c == ']' ? close_bracket(o, c) : take_value(o, c);
    case OBJECT_VALUE:
        return take_value(o, c);
    default:
        return take_after_value(o, c);
    }
}

static enum taking take(struct object_text *o, char c)
{
    if (o->place == OBJECT_IN_KEY || o->place == OBJECT_IN_TEXT)
        return take_in_text(o, c);
    if (o->place == OBJECT_IN_WORD) {
        if (c != *o->word)
            return REFUSED;
        if (!*++o->word)
            o->place = OBJECT_AFTER_VALUE;
        return TAKEN;
    }
    if (o->place == OBJECT_IN_NUMBER) {
        enum taking taking = take_in_number(o, c);
        if (taking == TAKEN || o->number % 2)
            return taking;
        o->place = OBJECT_AFTER_VALUE; /* it has ended before c */
    }
    return take_outside(o, c);
}

/* Closes what is open without anything more of it. */
static bool close_all(struct object_text *o, struct buf *out, struct err *err)
{
    static const char *const texts[] = {"\"", "\\\"", "0\"", "00\"", "000\"", "0000\""};
    const char *rest = "";
    if (o->place == OBJECT_IN_TEXT || o->place == OBJECT_IN_KEY)
        rest = texts[o->escape];
    else if (o->place == OBJECT_IN_NUMBER)
        rest = o->number % 2 ? "0" : "";
    else if (o->place == OBJECT_IN_WORD)
        rest = o->word;
    else if (o->place == OBJECT_VALUE && !o->has_comma)
        rest = "null";
    if (!buf_add(out, rest, strlen(rest), err))
        return false;
    bool no_value = o->place == OBJECT_IN_KEY || o->place == OBJECT_COLON;
    if (no_value && !buf_add(out, ":null", 5, err))
        return false;
    while (o->depth)
        if (!buf_add(out, o->in_object[--o->depth] ? "}" : "]", 1, err))
            return false;
    o->place = OBJECT_END;
    return true;
}

bool object_text_add(struct object_text *object, struct span piece, struct buf *out,
                     struct err *err)
{
    for (size_t i = 0; i < piece.n; i++) {
        char c = piece.s[i], escape[8];
        if (object->place == OBJECT_END || object->place == OBJECT_NONE)
            break;
        enum taking taking = take(object, c);
        if (taking == REFUSED)
            return close_all(object, out, err);
        if (taking == TAKEN_SILENTLY)
            continue;
        if (object->has_comma && !buf_add(out, ",", 1, err))
            return false;
        object->has_comma = false;
        int n = taking == TAKEN_ESCAPED
                    ? snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)c)
                    : snprintf(escape, sizeof escape, "%c", c);
        if (!buf_add(out, escape, (size_t)n, err))
            return false;
    }
    return true;
}

bool object_text_end(struct object_text *object, struct span all, struct buf *out, struct err *err)
{
    if (object->place == OBJECT_START)
        return buf_add(out, "{}", 2, err);
    if (object->place == OBJECT_NONE)
        return buf_add(out, "{\"arguments\":", 13, err) && json_write_text(all, out, err) &&
               buf_add(out, "}", 1, err);
    return close_all(object, out, err);
}
