/* SPDX-License-Identifier: Apache-2.0 */
#include "text/constraint.h"

#include "schema_says.h"

/* Reads {"format": ..., "outputs": ...} and says whether the text fits. */
static bool fits(const char *request, const char *text, struct err *err)
{
    struct json_tree tree;
    struct schema_options options = {0};
    struct constraint constraint;
    assert_true(json_tree_parse(&tree, "request", request, strlen(request), err));
    const struct json_node *format = json_member(tree.root, "response_format");
    const struct json_node *outputs = json_member(tree.root, "structured_outputs");
    struct grammar_builder *builder = grammar_builder_open(err);
    uint32_t symbol;
    bool ok = (format ? constraint_of_format(format, &options, &constraint, err)
                      : constraint_of_outputs(outputs, &options, &constraint, err)) &&
              constraint_build(builder, &constraint, NULL, &symbol, err);
    if (ok) {
        struct grammar *grammar = grammar_finish(builder, symbol, err);
        struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, err);
        ok = says_accept(matcher, text, strlen(text));
        matcher_close(matcher);
        grammar_unref(grammar);
    } else {
        grammar_builder_close(builder);
    }
    json_tree_free(&tree);
    return ok;
}

TEST(constraint, forms_of_an_answer)
{
    static const struct {
        const char *request, *good, *bad;
    } all[] = {
        {"{\"response_format\":{\"type\":\"json_object\"}}", "{\"a\":1}", "[]"},
        {"{\"response_format\":{\"type\":\"json_object\",\"schema\":{\"required\":[\"a\"]}}}",
         "{\"a\":1}", "{}"},
        {"{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema_definition\":"
         "{\"const\":1}}}}",
         "1", "2"},
        {"{\"structured_outputs\":{\"json\":{\"const\":1}}}", "1", "2"},
        {"{\"structured_outputs\":{\"json\":\"{\\\"const\\\":1}\"}}", "1", "2"},
        {"{\"structured_outputs\":{\"json_object\":true}}", "{}", "1"},
        {"{\"structured_outputs\":{\"regex\":\"a+\"}}", "aa", "ab"},
        {"{\"structured_outputs\":{\"choice\":[\"yes\",\"no\"]}}", "no", "y"},
        {"{\"structured_outputs\":{\"choices\":[\"a\",\"ab\"]}}", "ab", ""},
        {"{\"structured_outputs\":{\"grammar\":\"root ::= \\\"a\\\" root | \\\"b\\\"\"}}", "aab",
         "a"},
        {"{\"structured_outputs\":{\"json\":{\"type\":\"array\"},\"disable_any_whitespace\":true}}",
         "[1,2]", "[1, 2]"},
        {"{\"structured_outputs\":{\"json\":{\"type\":\"array\"},\"whitespace_pattern\":\" "
         "{0,2}\"}}",
         "[  1]", "[\n1]"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct err err = {0};
        if (!fits(all[i].request, all[i].good, &err) || fits(all[i].request, all[i].bad, &err))
            fail_msg("%s: %s", all[i].request, err.text);
    }
}

TEST(constraint, says_what_is_wrong)
{
    static const char *const all[][2] = {
        {"{\"response_format\":{}}",
         "request: response_format: expected an object with a \"type\""},
        {"{\"response_format\":{\"type\":\"xml\"}}",
         "request: response_format.type: expected \"text\", \"json_object\" or \"json_schema\""},
        {"{\"response_format\":{\"type\":\"json_schema\"}}",
         "request: response_format: expected \"json_schema\" with a \"schema\""},
        {"{\"structured_outputs\":{}}", "request: structured_outputs: expected json, json_object, "
                                        "regex, choice or grammar"},
        {"{\"structured_outputs\":{\"regex\":\"a\",\"json\":{}}}",
         "request: structured_outputs.regex: only one constraint is possible"},
        {"{\"structured_outputs\":{\"structural_tag\":\"a\"}}",
         "request: structured_outputs.structural_tag: is not supported"},
        {"{\"structured_outputs\":{\"choice\":[1]}}",
         "request: structured_outputs.choice[0]: expected a text"},
        {"{\"structured_outputs\":{\"json\":{\"minItems\":\"1\"}}}",
         "schema not supported: structured_outputs.json/minItems: expected a whole number from 0"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct err err = {0};
        assert_false(fits(all[i][0], "", &err));
        assert_string_equal(err.text, all[i][1]);
        assert_int_equal(err.code, ERR_ARG);
    }
}
