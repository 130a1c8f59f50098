/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - typed reading of a JSON document, with errors that name the place.
 *
 *     struct json_doc *doc = json_parse("params.json", bytes, n, err);
 *     struct json root = json_root(doc), yarn;
 *     if (!json_u32(&root, "dim", 1, LIMIT_DIM, &dim, err)) ...
 *         -> "params.json: dim: expected a whole number from 1 to 65536"
 *     if (json_find(&root, "yarn", &yarn) && !json_f64(&yarn, "factor", ...)) ...
 *         -> "params.json: yarn.factor: missing"
 *
 * Parsing is strict: UTF-8, no duplicate keys, nothing after the document, at
 * most LIMIT_JSON_DEPTH levels.  A struct json is a cursor on the stack: it
 * points at its parent cursor, which must outlive it, and into the document.
 * Numbers: NaN and infinities cannot occur; 5.0 counts as a whole number.
 * Thread: any; one document by one thread at a time. */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What to do about a bad file; the messages here leave it out, because a document may also
 * come from elsewhere or be a part of a binary file. */
#define JSON_REMEDY "correct the file or download it again"

struct json_doc;

struct json {
    const struct json_doc *doc;
    void *node;            /* the library's value, private */
    const struct json *up; /* NULL at the root */
    const char *key;       /* name in the object up, or NULL */
    size_t index;          /* place in the array up, when key is NULL */
};

/* Parses n bytes; name stands before every message about them.
 * Owned: json_close().  Errors: ERR_FORMAT with line and column, ERR_LIMIT. */
struct json_doc *json_parse(const char *name, const void *bytes, size_t n, struct err *err) CHECKED;

/* Reads and parses the file at path, at most LIMIT_JSON_BYTES.
 * Owned: json_close().  Errors: as file_read(), stand_in_check() and json_parse(), naming path. */
struct json_doc *json_open(const char *path, struct err *err) CHECKED;
void json_close(struct json_doc *doc);

/* Returns the cursor at the top of the document. */
struct json json_root(const struct json_doc *doc);

/* What a value is. */
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
bool json_is_number(const struct json *v);
bool json_is_bool(const struct json *v);
bool json_is_null(const struct json *v);

/* Finds a member of an object.  Returns false when it is absent or null, or
 * when object is no object. */
bool json_find(const struct json *object, const char *key, struct json *out);

/* Finds a member that must be there.  Errors: ERR_FORMAT "missing". */
bool json_need(const struct json *object, const char *key, struct json *out,
               struct err *err) CHECKED;

/* Number of members or items; 0 for anything else. */
size_t json_count(const struct json *v);

/* Item i of an array (i < json_count).  Its up is array. */
struct json json_item(const struct json *array, size_t i);

/* Walks the members of an object in the order of the file:
 *     for (void *it = json_first(&obj, &member); it; it = json_next(&obj, it, &member))
 * The member's name is member.key.  Borrowed: valid while the document is open. */
void *json_first(const struct json *object, struct json *member);
void *json_next(const struct json *object, void *it, struct json *member);

/* Read the value under the cursor.  min and max are inclusive; *s is
 * NUL-terminated, borrowed from the document and never holds a NUL inside.
 * Errors: ERR_FORMAT "expected ...". */
bool json_read_int(const struct json *v, int64_t min, int64_t max, int64_t *out,
                   struct err *err) CHECKED;
bool json_read_f64(const struct json *v, double min, double max, double *out,
                   struct err *err) CHECKED;
bool json_read_bool(const struct json *v, bool *out, struct err *err) CHECKED;
bool json_read_string(const struct json *v, const char **s, size_t *n, struct err *err) CHECKED;

/* Read a member that must be there into *out: [1].  Errors: ERR_FORMAT, as json_need() and
 * json_read_*(). */
bool json_u32(const struct json *object, const char *key, uint32_t min, uint32_t max, uint32_t *out,
              struct err *err) CHECKED;
bool json_f64(const struct json *object, const char *key, double min, double max, double *out,
              struct err *err) CHECKED;

/* Read a member if it is there and not null into *out: [1]; else *out keeps its value.
 * Errors: ERR_FORMAT when it is there but not what it should be. */
bool json_opt_u32(const struct json *object, const char *key, uint32_t min, uint32_t max,
                  uint32_t *out, struct err *err) CHECKED;
bool json_opt_f64(const struct json *object, const char *key, double min, double max, double *out,
                  struct err *err) CHECKED;
bool json_opt_bool(const struct json *object, const char *key, bool *out, struct err *err) CHECKED;
bool json_opt_string(const struct json *object, const char *key, const char **out,
                     struct err *err) CHECKED;

/* Records "FILE: path.to.value: MESSAGE".  Returns false.
 * Errors: code, always. */
bool json_fail(const struct json *v, struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF(4, 5);

#endif
