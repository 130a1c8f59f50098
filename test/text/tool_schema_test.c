/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tool_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

/* The verdicts of python3-jsonschema.  Formats (is a pattern a regular expression of Python's?)
 * are not checked here: a pattern is the business of who matches it. */
TEST(tool_schema, agrees_with_an_independent_validator)
{
    size_t n_bytes, n = 0, n_good = 0;
    char *bytes = test_read("test/data/json/schemas.json", &n_bytes);
    struct json_tree tree;
    struct err err = {0};
    assert_true(json_tree_parse(&tree, "schemas", bytes, n_bytes, &err));
    for (const struct json_node *v = json_member(tree.root, "vectors")->first; v; v = v->next) {
        const struct json_node *verdict = v->first->next, *schema = verdict->next;
        struct err why = {0};
        bool ok = tool_schema_check(schema, &why), want = span_is(verdict->text, "1");
        if (ok != want)
            fail_msg("vector %zu: %s", n, ok ? "accepted" : why.text);
        if (!ok && (why.code != ERR_ARG || strncmp(why.text, "Invalid tool schema: ", 21) != 0))
            fail_msg("vector %zu: %s", n, why.text);
        n++;
        n_good += ok;
    }
    assert_true(n > 2000 && n_good > 600 && n_good < n - 600);
    json_tree_free(&tree);
    free(bytes);
}

static bool check_text(const struct buf *text, struct err *err)
{
    struct json_tree tree;
    if (!json_tree_parse(&tree, "s", text->data, text->len, err))
        fail_msg("%s", err->text);
    bool ok = tool_schema_check(tree.root, err);
    json_tree_free(&tree);
    return ok;
}

static void add(struct buf *text, const char *s)
{
    struct err err = {0};
    assert_true(buf_add(text, s, strlen(s), &err));
}

/* {"required": [n names of one length], ...} in a list of k. */
static void write_wide(struct buf *text, int k, int n, bool twice)
{
    char name[32];
    add(text, "{\"anyOf\": [");
    for (int i = 0; i < k; i++) {
        add(text, i ? ",{\"required\": [" : "{\"required\": [");
        for (int j = 0; j < n; j++) {
            snprintf(name, sizeof name, "%s\"name%06d\"", j ? "," : "", j);
            add(text, name);
        }
        add(text, twice ? ",\"name000000\"]}" : "]}");
    }
    add(text, "]}");
}

TEST(tool_schema, takes_wide_schemas_in_linear_time)
{
    struct buf text;
    struct err err = {0};
    buf_init(&text, 64 << 20);
    write_wide(&text, 20, 20000, false);
    double start = clock_now();
    assert_true(check_text(&text, &err));
    assert_true(clock_now() - start < 20); /* the square of it is 4e9 comparisons */
    buf_clear(&text);
    write_wide(&text, 1, 20000, true);
    assert_false(check_text(&text, &err));
    assert_non_null(strstr(err.text, "each name once"));
    buf_free(&text);
}

TEST(tool_schema, names_the_place)
{
    static const char schema[] =
        "{\"properties\": {\"a\": {\"items\": [{}, {\"type\": \"strin\"}]}}}";
    struct json_tree tree;
    struct err err = {0};
    assert_true(json_tree_parse(&tree, "r", schema, sizeof schema - 1, &err));
    assert_false(tool_schema_check(tree.root, &err));
    assert_string_equal(err.text, "Invalid tool schema: r: properties.a.items[1].type: expected "
                                  "array, boolean, integer, null, number, object, string, or a "
                                  "list of these");
    json_tree_free(&tree);
}

TEST(tool_schema, survives_a_failed_allocation)
{
    static const char schema[] = "{\"required\": [\"b\", \"a\"]}";
    struct json_tree tree;
    struct err err = {0};
    assert_true(json_tree_parse(&tree, "r", schema, sizeof schema - 1, &err));
    mem_fail_after(0);
    bool ok = tool_schema_check(tree.root, &err);
    mem_fail_never();
    assert_false(ok);
    assert_int_equal(err.code, ERR_LIMIT);
    json_tree_free(&tree);
}
