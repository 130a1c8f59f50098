/* SPDX-License-Identifier: Apache-2.0 */
/* call_list.h - says, byte by byte, what each part of a JSON list of tool calls is.
 *
 *     [{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}]
 *
 * Members may come in any order, unknown ones are passed over, and one object without the
 * brackets is a list of one.  Only what tells the parts from each other is looked at: whether
 * a value is valid JSON is for its reader to find out.  Nothing to free. */
#ifndef TEXT_CALL_LIST_H
#define TEXT_CALL_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Follows one JSON value.  All zero is the start. */
struct call_value {
    size_t depth, deepest; /* brackets open now, and at most */
    size_t n_values;       /* in it, at most */
    bool in_string, escaped;
};

enum call_list_part {
    LIST_SYNTAX,    /* brackets, keys, white space, unknown members */
    LIST_OPEN,      /* '{' of a call */
    LIST_NAME,      /* of the value of "name", which is complete when value_done is set */
    LIST_ID,        /* the same of "id" */
    LIST_ARGUMENTS, /* of the value of "arguments" */
    LIST_CLOSE,     /* '}' of a call */
    LIST_END,       /* ']' of the list */
    LIST_BAD,       /* does not belong into a list; nothing changed */
};

enum call_list_place {
    PLACE_START,
    PLACE_ITEM,       /* before a call, or the end */
    PLACE_AFTER_ITEM, /* behind a call */
    PLACE_KEY,        /* before a key, or the end of the call */
    PLACE_IN_KEY,
    PLACE_COLON,
    PLACE_VALUE,
    PLACE_IN_VALUE,
    PLACE_AFTER_VALUE,
    PLACE_END, /* nothing may follow */
};

/* All zero is the start. */
struct call_list {
    enum call_list_place place;
    bool is_array;              /* has brackets */
    bool value_done;            /* the last byte completed a text, an array or an object */
    enum call_list_part member; /* what the bytes of this member's value are */
    struct call_value value;
    char key[16];
    size_t n_key; /* more than there is room for: an unknown key */
};

/* Takes the next byte.  Returns whether it completes a text, an array or an object. */
bool call_value_add(struct call_value *value, char c);

/* Takes the next byte, until PLACE_END.  Returns what it is. */
enum call_list_part call_list_add(struct call_list *list, char c);

/* Says whether the last byte was inside a call. */
bool call_list_in_call(const struct call_list *list);

#endif
