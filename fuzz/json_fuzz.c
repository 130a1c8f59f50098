/* SPDX-License-Identifier: Apache-2.0 */
/* Reads every value of a document through every typed read. */
#include <float.h>

#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const struct json *v)
{
    struct err err = {0};
    struct json child;
    int64_t i;
    double d;
    bool b;
    const char *s;
    size_t n;
    if (json_read_int(v, INT64_MIN, INT64_MAX, &i, &err) &&
        !json_read_f64(v, -DBL_MAX, DBL_MAX, &d, &err))
        __builtin_trap();
    if (!json_read_bool(v, &b, &err) && !json_read_string(v, &s, &n, &err) && !err.text[0])
        __builtin_trap();
    if (json_is_array(v)) {
        for (size_t k = 0; k < json_count(v); k++) {
            child = json_item(v, k);
            visit(&child);
        }
    }
    for (void *it = json_first(v, &child); it; it = json_next(v, it, &child))
        visit(&child);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct json_doc *doc = json_parse("f.json", data, size, &err);
    if (!doc)
        return 0;
    struct json root = json_root(doc);
    visit(&root);
    json_close(doc);
    return 0;
}
