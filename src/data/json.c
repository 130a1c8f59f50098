/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json.h"

#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "data/stand_in.h"

/* The library has macros of these names. */
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_number
#undef json_is_null

/* A value costs the library up to some hundred bytes although it may be one byte in
 * the file.  The numbers leave room for LIMIT_TENSORS tensors in one header. */
enum { MAX_CONTAINERS = 4 << 20, MAX_VALUES = 16 << 20, MAX_STRING = 1 << 20 };

struct json_doc {
    json_t *root;
    char name[];
};

struct scan {
    size_t depth, n_containers, n_values, n_string;
};

/* Counts one character that is not inside a string. */
static void count(struct scan *scan, char c)
{
    scan->n_string = 0;
    if (c == '{' || c == '[') {
        scan->depth++;
        scan->n_containers++;
        scan->n_values++;
    } else if (c == '}' || c == ']') {
        scan->depth -= scan->depth > 0;
    } else if (c == ',') {
        scan->n_values++;
    }
}

static bool within_limits(const struct scan *scan)
{
    return scan->depth <= LIMIT_JSON_DEPTH && scan->n_containers <= MAX_CONTAINERS &&
           scan->n_values <= MAX_VALUES && scan->n_string <= MAX_STRING;
}

/* The library recurses up to 2048 levels and allocates without bound, so nesting, number
 * of values and length of strings are checked before it starts.  Up to the first fault in
 * the text, where the library stops, this sees the same brackets and strings as it does. */
static bool check_size(const char *name, const char *s, size_t n, struct err *err)
{
    struct scan scan = {0};
    bool in_string = false;
    for (size_t i = 0; i < n && within_limits(&scan); i++) {
        if (s[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            count(&scan, s[i]);
        else if (s[i] == '\\')
            i++;
        scan.n_string += in_string;
    }
    if (scan.depth > LIMIT_JSON_DEPTH)
        return err_set(err, ERR_LIMIT, "%s: more than %d levels of nesting", name,
                       LIMIT_JSON_DEPTH);
    if (scan.n_string > MAX_STRING)
        return err_set(err, ERR_LIMIT, "%s: a string of more than %d bytes", name, MAX_STRING);
    if (!within_limits(&scan))
        return err_set(err, ERR_LIMIT, "%s: too many values", name);
    return true;
}

/* The library goes on after an allocation that failed: it drops a byte of a name, or reads
 * a string without its closing quote past the end.  So once one has failed in a document,
 * all others do, which it survives; and how it words that does not matter. */
static _Thread_local bool loading, short_of_memory;

static void *library_malloc(size_t size)
{
    if (!loading)
        return mem_malloc(size);
    void *p = short_of_memory ? NULL : mem_malloc(size);
    short_of_memory = !p;
    return p;
}

/* The library has one allocator for the whole process, so it is set before there are
 * threads.  A program that has chosen its own by then keeps it. */
__attribute__((constructor)) static void set_allocator(void)
{
    json_malloc_t its_malloc;
    json_get_alloc_funcs(&its_malloc, NULL);
    if (its_malloc == malloc)
        json_set_alloc_funcs(library_malloc, free);
}

__attribute__((destructor)) static void reset_allocator(void)
{
    json_malloc_t its_malloc;
    json_get_alloc_funcs(&its_malloc, NULL);
    if (its_malloc == library_malloc)
        json_set_alloc_funcs(malloc, free);
}

static json_t *load(const char *name, const char *bytes, size_t n, struct err *err)
{
    /* tekken.json shows byte 0 as "\u0000"; reading such a string as text is refused. */
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t e;
    short_of_memory = false;
    loading = true;
    json_t *root = json_loadb(bytes, n, flags, &e);
    /* Some configurations say "no limit" with a whole number of 100 bits. */
    if (!root && json_error_code(&e) == json_error_numeric_overflow)
        root = json_loadb(bytes, n, flags | JSON_DECODE_INT_AS_REAL, &e);
    loading = false;
    if (root && !short_of_memory)
        return root;
    json_decref(root);
    if (short_of_memory)
        err_set(err, ERR_LIMIT, "%s: out of memory", name);
    else
        err_set(err, ERR_FORMAT, "%s: line %d, column %d: %s", name, e.line, e.column, e.text);
    return NULL;
}

struct json_doc *json_parse(const char *name, const void *bytes, size_t n, struct err *err)
{
    size_t n_name = strlen(name) + 1, size;
    const char *text = n ? bytes : "";
    if (!check_size(name, text, n, err))
        return NULL;
    if (!size_add(sizeof(struct json_doc), n_name, &size)) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    struct json_doc *doc = mem_new(1, size, err);
    if (!doc)
        return NULL;
    memcpy(doc->name, name, n_name);
    doc->root = load(name, text, n, err);
    if (doc->root)
        return doc;
    json_close(doc);
    return NULL;
}

struct json_doc *json_open(const char *path, struct err *err)
{
    struct json_doc *doc = NULL;
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    if (file_read(&text, path, err) && stand_in_check(path, text.data, text.len, err))
        doc = json_parse(path, text.data, text.len, err);
    buf_free(&text);
    return doc;
}

void json_close(struct json_doc *doc)
{
    if (!doc)
        return;
    json_decref(doc->root);
    free(doc);
}

struct json json_root(const struct json_doc *doc)
{
    return (struct json){.doc = doc, .node = doc->root};
}

bool json_is_object(const struct json *v)
{
    return json_typeof((json_t *)v->node) == JSON_OBJECT;
}

bool json_is_array(const struct json *v)
{
    return json_typeof((json_t *)v->node) == JSON_ARRAY;
}

bool json_is_string(const struct json *v)
{
    return json_typeof((json_t *)v->node) == JSON_STRING;
}

bool json_is_number(const struct json *v)
{
    json_type type = json_typeof((json_t *)v->node);
    return type == JSON_INTEGER || type == JSON_REAL;
}

bool json_is_bool(const struct json *v)
{
    json_type type = json_typeof((json_t *)v->node);
    return type == JSON_TRUE || type == JSON_FALSE;
}

bool json_is_null(const struct json *v)
{
    return json_typeof((json_t *)v->node) == JSON_NULL;
}

bool json_find(const struct json *object, const char *key, struct json *out)
{
    json_t *node = json_object_get(object->node, key);
    if (!node || json_typeof(node) == JSON_NULL)
        return false;
    *out = (struct json){.doc = object->doc, .node = node, .up = object, .key = key};
    return true;
}

bool json_need(const struct json *object, const char *key, struct json *out, struct err *err)
{
    bool found = json_find(object, key, out);
    struct json absent = {.doc = object->doc, .up = object, .key = key};
    if (!json_is_object(object))
        json_fail(object, err, ERR_FORMAT, "expected an object");
    else if (!found)
        json_fail(&absent, err, ERR_FORMAT, "missing");
    return found;
}

size_t json_count(const struct json *v)
{
    return json_is_object(v) ? json_object_size(v->node) : json_array_size(v->node);
}

struct json json_item(const struct json *array, size_t i)
{
    return (struct json){
        .doc = array->doc, .node = json_array_get(array->node, i), .up = array, .index = i};
}

static void *member_at(const struct json *object, void *it, struct json *member)
{
    if (it)
        *member = (struct json){.doc = object->doc,
                                .node = json_object_iter_value(it),
                                .up = object,
                                .key = json_object_iter_key(it)};
    return it;
}

void *json_first(const struct json *object, struct json *member)
{
    return member_at(object, json_object_iter(object->node), member);
}

void *json_next(const struct json *object, void *it, struct json *member)
{
    return member_at(object, json_object_iter_next(object->node, it), member);
}

bool json_read_int(const struct json *v, int64_t min, int64_t max, int64_t *out, struct err *err)
{
    const json_t *node = v->node;
    int64_t value = 0;
    bool ok = true;
    if (json_typeof(node) == JSON_INTEGER) {
        value = json_integer_value(node);
    } else {
        /* From 2^53 on a double no longer says which whole number was written. */
        double d = json_typeof(node) == JSON_REAL ? json_real_value(node) : (double)NAN;
        ok = fabs(d) < 0x1p53 && d == trunc(d);
        if (ok)
            value = (int64_t)d;
    }
    if (!ok || value < min || value > max)
        return json_fail(v, err, ERR_FORMAT, "expected a whole number from %" PRId64 " to %" PRId64,
                         min, max);
    *out = value;
    return true;
}

bool json_read_f64(const struct json *v, double min, double max, double *out, struct err *err)
{
    double d = json_is_number(v) ? json_number_value(v->node) : (double)NAN;
    if (d >= min && d <= max) {
        *out = d;
        return true;
    }
    if (min <= -DBL_MAX && max >= DBL_MAX)
        return json_fail(v, err, ERR_FORMAT, "expected a number");
    if (max >= DBL_MAX)
        return json_fail(v, err, ERR_FORMAT, "expected a number of at least %g", min);
    return json_fail(v, err, ERR_FORMAT, "expected a number from %g to %g", min, max);
}

bool json_read_bool(const struct json *v, bool *out, struct err *err)
{
    if (!json_is_bool(v))
        return json_fail(v, err, ERR_FORMAT, "expected true or false");
    *out = json_typeof((json_t *)v->node) == JSON_TRUE;
    return true;
}

bool json_read_string(const struct json *v, const char **s, size_t *n, struct err *err)
{
    if (!json_is_string(v))
        return json_fail(v, err, ERR_FORMAT, "expected a string");
    if (strlen(json_string_value(v->node)) != json_string_length(v->node))
        return json_fail(v, err, ERR_FORMAT, "expected a string without \\u0000");
    *s = json_string_value(v->node);
    *n = json_string_length(v->node);
    return true;
}

static bool read_u32(const struct json *v, uint32_t min, uint32_t max, uint32_t *out,
                     struct err *err)
{
    int64_t value = 0;
    if (!json_read_int(v, min, max, &value, err))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool json_u32(const struct json *object, const char *key, uint32_t min, uint32_t max, uint32_t *out,
              struct err *err)
{
    struct json v;
    return json_need(object, key, &v, err) && read_u32(&v, min, max, out, err);
}

bool json_f64(const struct json *object, const char *key, double min, double max, double *out,
              struct err *err)
{
    struct json v;
    return json_need(object, key, &v, err) && json_read_f64(&v, min, max, out, err);
}

bool json_opt_u32(const struct json *object, const char *key, uint32_t min, uint32_t max,
                  uint32_t *out, struct err *err)
{
    struct json v;
    return !json_find(object, key, &v) || read_u32(&v, min, max, out, err);
}

bool json_opt_f64(const struct json *object, const char *key, double min, double max, double *out,
                  struct err *err)
{
    struct json v;
    return !json_find(object, key, &v) || json_read_f64(&v, min, max, out, err);
}

bool json_opt_bool(const struct json *object, const char *key, bool *out, struct err *err)
{
    struct json v;
    return !json_find(object, key, &v) || json_read_bool(&v, out, err);
}

bool json_opt_string(const struct json *object, const char *key, const char **out, struct err *err)
{
    struct json v;
    size_t n;
    return !json_find(object, key, &v) || json_read_string(&v, out, &n, err);
}

/* Writes "yarn.factor" or "layer_types[3]"; a path that is too long is cut. */
static void write_path(const struct json *v, char *path, size_t size)
{
    const struct json *steps[LIMIT_JSON_DEPTH + 1];
    size_t n = 0, len = 0;
    for (; v->up && n < LIMIT_JSON_DEPTH + 1; v = v->up)
        steps[n++] = v;
    path[0] = '\0';
    while (n > 0 && len < size) {
        const struct json *step = steps[--n];
        int added = step->key ? snprintf(path + len, size - len, "%s%s", len ? "." : "", step->key)
                              : snprintf(path + len, size - len, "[%zu]", step->index);
        len += added > 0 ? (size_t)added : 0;
    }
}

bool json_fail(const struct json *v, struct err *err, enum err_code code, const char *fmt, ...)
{
    char path[120], message[120];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    write_path(v, path, sizeof path);
    return err_set(err, code, "%s: %s%s%s", v->doc->name, path, path[0] ? ": " : "", message);
}
