/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema.h"

#include "base/buf.h"
#include "base/mem.h"
#include "schema_says.h"

/* Numbers that are valid in a spelling which generation may leave out: 1.0 and 1e2 for an
 * integer. */
static bool is_odd(const struct json_node *node)
{
    if (node->kind == NODE_NUMBER) {
        size_t n = node->text.n;
        return span_has(node->text, "e") || (n > 2 && memcmp(node->text.s + n - 2, ".0", 2) == 0);
    }
    for (const struct json_node *m = node->first; m; m = m->next)
        if (is_odd(m))
            return true;
    return false;
}

struct score {
    size_t n_groups, n_refused, n_right, n_narrowed;
};

static void check_text(struct matcher *matcher, const struct json_node *group,
                       const struct json_node *test, struct score *score)
{
    const struct json_node *data = json_member(test, "data"), *text = json_member(test, "text");
    bool valid = json_member(test, "valid")->kind == NODE_TRUE;
    bool is_loose = json_member(test, "tag") || (data && is_odd(data));
    struct buf written;
    struct err err = {0};
    buf_init(&written, 1 << 20);
    if (data)
        assert_true(json_write(data, &written, &err));
    else
        assert_true(buf_add(&written, text->text.s, text->text.n, &err));
    bool accepted = says_accept(matcher, written.data ? written.data : "", written.len);
    if (accepted != valid && !(valid && is_loose))
        fail_msg("%.*s: %s %.200s", (int)json_member(group, "description")->text.n,
                 json_member(group, "description")->text.s, accepted ? "accepts" : "rejects",
                 written.data);
    score->n_right += accepted == valid;
    score->n_narrowed += accepted != valid;
    buf_free(&written);
}

static void check_group(const struct json_node *group, struct score *score)
{
    bool is_unsatisfiable = false;
    struct schema_options options = says_conform();
    struct err err = {0};
    options.is_unsatisfiable = &is_unsatisfiable;
    struct grammar *grammar = schema_grammar(json_member(group, "schema"), &options, &err);
    const struct json_node *tests = json_member(group, "tests");
    score->n_groups++;
    if (!grammar) {
        assert_memory_equal(err.text, "schema not supported: ", 22);
        score->n_refused += !is_unsatisfiable;
        for (const struct json_node *t = tests->first; t && is_unsatisfiable; t = t->next)
            assert_int_equal(json_member(t, "valid")->kind, NODE_FALSE);
        return;
    }
    struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
    assert_non_null(matcher);
    for (const struct json_node *t = tests->first; t; t = t->next)
        check_text(matcher, group, t, score);
    matcher_close(matcher);
    grammar_unref(grammar);
}

static struct score check_file(const char *path)
{
    struct score score = {0};
    struct json_tree tree;
    struct err err = {0};
    size_t n;
    char *bytes = test_read(path, &n);
    assert_true(json_tree_parse(&tree, path, bytes, n, &err));
    for (const struct json_node *group = tree.root->first; group; group = group->next)
        check_group(group, &score);
    json_tree_free(&tree);
    free(bytes);
    return score;
}

/* The labels are others': the JSON Schema Test Suite's, and those of two validators.  What is
 * refused is counted, so that nothing is refused by accident. */
TEST(schema, agrees_with_the_test_suite)
{
    struct score score = check_file("test/data/grammar/suite.json");
    assert_int_equal(score.n_groups, 321);
    assert_int_equal(score.n_refused, 19);
    assert_true(score.n_narrowed < 20);
}

TEST(schema, agrees_with_older_drafts)
{
    struct score score = check_file("test/data/grammar/drafts.json");
    assert_int_equal(score.n_groups, 93);
    assert_int_equal(score.n_refused, 1); /* a reference to another document */
}

TEST(schema, agrees_on_formats)
{
    struct score score = check_file("test/data/grammar/formats.json");
    assert_int_equal(score.n_groups, 26);
    assert_int_equal(score.n_refused, 5); /* host names, internationalised ones, their e-mail */
}

TEST(schema, agrees_on_edges)
{
    struct score score = check_file("test/data/grammar/edge.json");
    assert_int_equal(score.n_groups, 79);
    assert_int_equal(score.n_refused, 3);
    check_file("test/data/grammar/ranges.json");
}

TEST(schema, what_generation_narrows)
{
    says_writes("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{}}}",
                TEXTS("{}", "{\"a\": 1}", "{\"a\":1,\"b\":[]}", "{\n  \"a\": 1\n}"),
                TEXTS("{\"b\": 1, \"a\": 2}", "{\"c\": 1}", "{\"a\":  1}", " {}", "{} "));
    says_writes("{\"type\":\"object\"}", TEXTS("{\"x\": 1}"), TEXTS("[]"));
    says_writes("{\"type\":\"integer\"}", TEXTS("1234567890123456789"),
                TEXTS("12345678901234567890"));
    says_writes("{\"type\":\"array\",\"enum\":[\"a\",\"b\"]}", TEXTS("[]", "[\"a\", \"b\"]"),
                TEXTS("\"a\"", "[\"c\"]"));
}

TEST(schema, options_close_order_and_space_objects)
{
    struct schema_options options = {.closing = SCHEMA_CLOSE_ALWAYS};
    says_with(&options, "{\"type\":\"object\"}", TEXTS("{}"), TEXTS("{\"a\":1}"));
    options = (struct schema_options){.space = SCHEMA_SPACE_COMPACT};
    says_with(&options, "{\"properties\":{\"a\":{}}}", TEXTS("{\"a\":[1,2]}"),
              TEXTS("{\"a\": 1}", "{\"a\":[1, 2]}"));
    options = (struct schema_options){.space_pattern = SPAN(" ?")};
    says_with(&options, "{\"properties\":{\"a\":{}}}", TEXTS("{ \"a\" : 1 }"),
              TEXTS("{\"a\":\n1}"));
    options = (struct schema_options){.any_order = true};
    says_with(&options, "{\"properties\":{\"a\":{},\"b\":{}}}", TEXTS("{\"b\":1,\"a\":1}"),
              TEXTS("{\"b\":1,\"b\":1}"));
    options = (struct schema_options){.objects_only = true};
    says_with(&options, "true", TEXTS("{}"), TEXTS("1", "[]"));
}

TEST(schema, messages_name_the_path)
{
    struct schema_options options = {.name = "tools[3].function.parameters"};
    static const char schema[] = "{\"properties\":{\"when\":{\"pattern\":\"(a)\\\\1\"}}}";
    struct err err = {0};
    assert_null(says_compile(schema, strlen(schema), &options, &err));
    assert_memory_equal(err.text,
                        "schema not supported: "
                        "tools[3].function.parameters/properties/when/pattern: ",
                        76);
    says_no("{\"minLength\": -1}",
            "schema not supported: /minLength: expected a whole number from 0");
    says_no("{\"allOf\": [{}, {\"type\": \"text\"}]}",
            "schema not supported: /allOf/1/type: \"text\" is no type");
    says_no("{\"required\": \"a\"}", "schema not supported: /required: expected a list of texts");
    says_no("[]", "schema not supported: /: expected a schema: an object or a boolean");
    says_no("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":false}}",
            "schema not supported: /properties/a: no value can meet the schema");
}

/* Many choices that multiply, references in a ring, deep and wide: an answer, and soon. */
TEST(schema, large_schemas_end)
{
    struct schema_options options = {0};
    struct buf text;
    struct err err = {0};
    buf_init(&text, 1 << 20);
    static const char any[] = "{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]},";
    assert_true(buf_add(&text, "{\"type\":\"object\",\"allOf\":[", 26, &err));
    for (int i = 0; i < 40; i++)
        assert_true(buf_add(&text, any, sizeof any - 1, &err));
    assert_true(buf_add(&text, "{}]}", 4, &err));
    assert_null(says_compile(text.data, text.len, &options, &err));
    assert_memory_equal(err.text, "schema not supported: ", 22);
    buf_free(&text);
}

TEST(schema, every_failed_allocation_is_told)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",1,[2],{\"y\":null}]},"
        "\"b\":{\"oneOf\":[{\"type\":\"integer\",\"minimum\":3,\"multipleOf\":7},{\"minLength\":2}]"
        "},"
        "\"c\":{\"type\":\"array\",\"prefixItems\":[{}],\"items\":{\"$ref\":\"#\"},\"maxItems\":4}}"
        ","
        "\"patternProperties\":{\"^x\":{\"format\":\"date\"}},\"if\":{\"required\":[\"a\"]},"
        "\"then\":{\"required\":[\"b\"]}}";
    struct schema_options options = {0};
    struct grammar *grammar = NULL;
    for (size_t n = 0; !grammar; n += n < 200 ? 1 : 17) {
        struct err err = {0};
        mem_fail_after(n);
        grammar = says_compile(schema, strlen(schema), &options, &err);
        mem_fail_never();
        if (!grammar)
            assert_int_equal(err.code, ERR_LIMIT);
    }
    grammar_unref(grammar);
}
