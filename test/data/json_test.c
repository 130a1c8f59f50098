/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

static struct json_doc *parse(const char *text)
{
    struct err err = {0};
    struct json_doc *doc = json_parse("p.json", text, strlen(text), &err);
    if (!doc)
        fail_msg("%s", err.text);
    return doc;
}

static void assert_refused(const char *text, size_t n, enum err_code code, const char *want)
{
    struct err err = {0};
    char *copy = malloc(n ? n : 1); /* exact, so that a sanitizer sees a read past the end */
    memcpy(copy, text, n);
    assert_null(json_parse("p.json", copy, n, &err));
    if (err.code != code || !strstr(err.text, want) || strncmp(err.text, "p.json: ", 8) != 0)
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    free(copy);
}

TEST(json, malformed_documents_are_refused_with_their_place)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"", "line 1, column 0: "},
        {"  \n ", "line 2, column 1: "},
        {"5", "line 1, column 1: "},
        {"null", "line 1, column 4: "},
        {"{", "near end of file"},
        {"[1, 2", "near end of file"},
        {"{\"a\": 1,\n  \"b\" 2}", "line 2, column 7: ':' expected near '2'"},
        {"{\"a\": 1,}", "string or '}' expected near '}'"},
        {"{a: 1}", "string or '}' expected near 'a'"},
        {"[1,]", "unexpected token near ']'"},
        {"[1] x", "end of file expected near 'x'"},
        {"[1][2]", "end of file expected"},
        {"{\"a\": 1, \"b\": {\"a\": 1}, \"a\": 2}", "duplicate object key"},
        {"[01]", "column 2: "},
        {"[1.]", "column 3: "},
        {"[.5]", "invalid token"},
        {"[+1]", "invalid token"},
        {"[-]", "invalid token near '-'"},
        {"[1e]", "invalid token near '1e'"},
        {"[NaN]", "invalid token near 'NaN'"},
        {"[Infinity]", "invalid token"},
        {"[1e400]", "real number overflow"},
        {"[99999999999999999999999, 1e400]", "real number overflow"},
        {"[tru]", "invalid token near 'tru'"},
        {"['a']", "invalid token"},
        {"[\"a]", "premature end of input"},
        {"[\"a\nb\"]", "line 1, column 3: unexpected newline"},
        {"[\"\x01\"]", "control character 0x1"},
        {"[\"\\x\"]", "invalid escape"},
        {"[\"\\u12\"]", "invalid escape"},
        {"[\"\\ud800\"]", "invalid Unicode '\\uD800'"},
        {"[\"\\udc00\"]", "invalid Unicode '\\uDC00'"},
        {"{\"\\u0000\": 1}", "NUL byte in object key"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
        {"[\"\xc0\x80\"]", "unable to decode byte 0xc0"},
        {"[\"\xed\xa0\x80\"]", "unable to decode byte 0xed"},
        {"\xef\xbb\xbf{}", "line 1, column 1: "},
        {"/* comment */ {}", "line 1, column 1: "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i].text, strlen(bad[i].text), ERR_FORMAT, bad[i].want);
    assert_refused("[\"a\0b\"]", 7, ERR_FORMAT, "");
    assert_refused("[1]\0", 4, ERR_FORMAT, "end of file expected");
}

/* tekken.json shows byte 0 this way, in a member that nobody reads. */
TEST(json, a_string_with_nul_parses_but_is_not_read)
{
    struct err err = {0};
    const char *text;
    size_t n;
    struct json_doc *doc = parse("[\"a\\u0000b\"]");
    struct json root = json_root(doc), item = json_item(&root, 0);
    assert_true(json_is_string(&item));
    assert_false(json_read_string(&item, &text, &n, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "[0]: expected a string without \\u0000"));
    json_close(doc);
}

TEST(json, every_truncation_is_refused)
{
    static const char text[] =
        "{\"a\": [1, -2.5e3, \"x\\u00e9\xc3\xa9\\ud83d\\ude00\", true, null], "
        "\"b\": {\"c\": {}}}";
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_refused(text, n, ERR_FORMAT, "line 1");
    json_close(parse(text));
}

TEST(json, nesting_is_limited)
{
    char text[4096];
    for (size_t depth = 1; depth < sizeof text / 2; depth *= 2) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth <= LIMIT_JSON_DEPTH)
            json_close(parse(text));
        else
            assert_refused(text, 2 * depth, ERR_LIMIT, "more than 16 levels of nesting");
    }
    /* Brackets inside a string, also behind an escaped quote, are no nesting. */
    json_close(parse("[\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[\"]"));
    assert_refused("[\"\\\\\",[[[[[[[[[[[[[[[[", 23, ERR_LIMIT, "nesting");
}

TEST(json, a_document_that_grows_in_memory_is_refused)
{
    size_t n = (4u << 20) * 3 + 8;
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++)
        text[i] = "[],"[i % 3];
    text[0] = '[';
    assert_refused(text, n, ERR_LIMIT, "too many values");
    memset(text, 'x', n);
    memcpy(text, "[\"", 2);
    assert_refused(text, n, ERR_LIMIT, "a string of more than 1048576 bytes");
    free(text);
}

TEST(json, errors_name_the_path)
{
    struct err err = {0};
    struct json_doc *doc = parse("{\"rope_theta\": \"x\", \"yarn\": {\"factor\": -1}, "
                                 "\"layer_types\": [1, 2, 3, {\"k\": []}]}");
    struct json root = json_root(doc), yarn, list, deep;
    double d = 0;
    uint32_t u = 0;
    assert_false(json_f64(&root, "rope_theta", -INFINITY, INFINITY, &d, &err));
    assert_string_equal(err.text, "p.json: rope_theta: expected a number");
    assert_false(json_u32(&root, "dim", 1, 65536, &u, &err));
    assert_string_equal(err.text, "p.json: dim: missing");
    assert_true(json_need(&root, "yarn", &yarn, &err));
    assert_false(json_f64(&yarn, "factor", 1, INFINITY, &d, &err));
    assert_string_equal(err.text, "p.json: yarn.factor: expected a number of at least 1");
    assert_false(json_f64(&yarn, "factor", 1, 64, &d, &err));
    assert_string_equal(err.text, "p.json: yarn.factor: expected a number from 1 to 64");
    assert_false(json_u32(&yarn, "beta", 1, 64, &u, &err));
    assert_string_equal(err.text, "p.json: yarn.beta: missing");
    assert_true(json_need(&root, "layer_types", &list, &err));
    struct json item = json_item(&list, 3);
    assert_true(json_find(&item, "k", &deep));
    json_fail(&deep, &err, ERR_UNSUPPORTED, "no %d", 7);
    assert_string_equal(err.text, "p.json: layer_types[3].k: no 7");
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_false(json_u32(&list, "x", 1, 2, &u, &err));
    assert_string_equal(err.text, "p.json: layer_types: expected an object");
    json_fail(&root, &err, ERR_FORMAT, "expected an array");
    assert_string_equal(err.text, "p.json: expected an array");
    json_close(doc);
}

TEST(json, a_long_path_is_cut_not_overrun)
{
    struct err err = {0};
    char text[600] = "{\"";
    memset(text + 2, 'k', 500);
    strcpy(text + 502, "\": [1]}");
    struct json_doc *doc = parse(text);
    struct json root = json_root(doc), list;
    assert_non_null(json_first(&root, &list));
    struct json item = json_item(&list, 0);
    json_fail(&item, &err, ERR_FORMAT, "expected a string");
    assert_non_null(strstr(err.text, "kkk: expected a string"));
    json_close(doc);
}

static bool read_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    struct err err = {0};
    struct json_doc *doc = parse(text);
    struct json root = json_root(doc), item = json_item(&root, 0);
    bool ok = json_read_int(&item, min, max, out, &err);
    json_close(doc);
    return ok;
}

TEST(json, whole_numbers_are_exact)
{
    int64_t i = 0;
    assert_true(read_int("[9223372036854775807]", INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MAX);
    assert_true(read_int("[-9223372036854775808]", INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MIN);
    assert_true(read_int("[5.0]", 5, 5, &i));
    assert_true(read_int("[-1e3]", -1000, 0, &i));
    assert_int_equal(i, -1000);
    assert_true(read_int("[9007199254740991.0]", 0, INT64_MAX, &i));
    assert_false(read_int("[9007199254740992.0]", 0, INT64_MAX, &i));
    assert_false(read_int("[9223372036854775808]", 0, INT64_MAX, &i));
    assert_false(read_int("[5.5]", 0, 10, &i));
    assert_false(read_int("[-1]", 0, 10, &i));
    assert_false(read_int("[11]", 0, 10, &i));
    assert_false(read_int("[true]", 0, 10, &i));
    assert_false(read_int("[\"5\"]", 0, 10, &i));
    assert_false(read_int("[null]", 0, 10, &i));
}

TEST(json, a_number_past_64_bits_does_not_spoil_the_document)
{
    struct err err = {0};
    struct json_doc *doc = parse("{\"model_max_length\": 1000000000000000019884624838656, "
                                 "\"dim\": 64}");
    struct json root = json_root(doc);
    uint32_t dim = 0;
    double d = 0;
    assert_true(json_u32(&root, "dim", 1, 100, &dim, &err));
    assert_int_equal(dim, 64);
    assert_true(json_f64(&root, "model_max_length", 0, INFINITY, &d, &err));
    assert_true(d == 1e30);
    json_close(doc);
}

TEST(json, optional_members_keep_their_default)
{
    struct err err = {0};
    struct json_doc *doc = parse("{\"u\": 3, \"d\": 0.5, \"b\": true, \"s\": \"x\", \"n\": null}");
    struct json root = json_root(doc);
    uint32_t u = 9;
    double d = 9;
    bool b = false;
    const char *s = "default";
    assert_true(json_opt_u32(&root, "n", 0, 1, &u, &err));
    assert_true(json_opt_f64(&root, "absent", 0, 1, &d, &err));
    assert_true(json_opt_bool(&root, "absent", &b, &err));
    assert_true(json_opt_string(&root, "n", &s, &err));
    assert_true(u == 9 && d == 9 && !b);
    assert_string_equal(s, "default");
    assert_true(json_opt_u32(&root, "u", 3, 3, &u, &err));
    assert_true(json_opt_f64(&root, "d", 0, 1, &d, &err));
    assert_true(json_opt_bool(&root, "b", &b, &err));
    assert_true(json_opt_string(&root, "s", &s, &err));
    assert_true(u == 3 && d == 0.5 && b);
    assert_string_equal(s, "x");
    assert_false(json_opt_u32(&root, "u", 4, 5, &u, &err));
    assert_string_equal(err.text, "p.json: u: expected a whole number from 4 to 5");
    assert_false(json_opt_f64(&root, "b", 0, 1, &d, &err));
    assert_false(json_opt_bool(&root, "u", &b, &err));
    assert_string_equal(err.text, "p.json: u: expected true or false");
    assert_false(json_opt_string(&root, "u", &s, &err));
    assert_string_equal(err.text, "p.json: u: expected a string");
    json_close(doc);
}

TEST(json, members_are_walked_in_the_order_of_the_file)
{
    struct json_doc *doc = parse("{\"zebra\": 1, \"ant\": \"s\", \"mole\": null, \"bee\": [], "
                                 "\"cow\": {}, \"dog\": false}");
    struct json root = json_root(doc), m;
    static const char *const keys[] = {"zebra", "ant", "mole", "bee", "cow", "dog"};
    size_t i = 0;
    for (void *it = json_first(&root, &m); it; it = json_next(&root, it, &m), i++) {
        assert_string_equal(m.key, keys[i]);
        assert_int_equal(json_is_number(&m), i == 0);
        assert_int_equal(json_is_string(&m), i == 1);
        assert_int_equal(json_is_null(&m), i == 2);
        assert_int_equal(json_is_array(&m), i == 3);
        assert_int_equal(json_is_object(&m), i == 4);
        assert_int_equal(json_is_bool(&m), i == 5);
        assert_int_equal(json_count(&m), 0);
    }
    assert_int_equal(i, 6);
    assert_int_equal(json_count(&root), 6);
    assert_false(json_find(&root, "mole", &m));
    assert_true(json_find(&root, "bee", &m));
    assert_null(json_first(&m, &root));
    json_close(doc);
}

TEST(json, strings_are_unescaped)
{
    struct err err = {0};
    struct json_doc *doc = parse("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"]");
    struct json root = json_root(doc), item = json_item(&root, 0);
    const char *s;
    size_t n;
    assert_true(json_read_string(&item, &s, &n, &err));
    assert_string_equal(s, "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
    assert_int_equal(n, strlen(s));
    json_close(doc);
}

TEST(json, a_file_is_opened_by_path)
{
    struct err err = {0};
    const char *path = test_write(test_tmp("good.json"), "{\"a\": 1}", 8);
    struct json_doc *doc = json_open(path, &err);
    assert_non_null(doc);
    json_close(doc);
    path = test_write(test_tmp("bad.json"), "{\"a\": 1", 7);
    assert_null(json_open(path, &err));
    assert_memory_equal(err.text, path, strlen(path));
    assert_memory_equal(err.text + strlen(path), ": line 1", 8);
    path = test_write(test_tmp("page.json"), "<html></html>", 13);
    assert_null(json_open(path, &err));
    assert_non_null(strstr(err.text, "page.json: a web page, not the file itself; "));
    assert_null(json_open(test_tmp("absent.json"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    json_close(NULL);
}

TEST(json, every_failing_allocation_is_reported_as_such)
{
    static void (*const make_fail[])(size_t) = {mem_fail_after, mem_fail_once};
    static const char text[] =
        "{\"a key of more than sixteen bytes\": {\"list\": [1, 2, \"a string that makes every "
        "buffer grow, and then once more, so that growing fails too\", 123456789012345, "
        "1.25000000000000000000001, true]}, \"n\": 1, \"m\": \"\", \"o\": null}";
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        for (bool done = false; !done; n++) {
            struct err err = {0};
            make_fail[i](n);
            struct json_doc *doc = json_parse("p.json", text, sizeof text - 1, &err);
            size_t n_failed = mem_n_failed();
            mem_fail_never();
            done = n_failed == 0;
            if (err.code != (done ? ERR_NONE : ERR_LIMIT) || (doc != NULL) != done)
                fail_msg("allocation %zu: %s", n, doc ? "accepted" : err.text);
            json_close(doc);
        }
        assert_in_range(n, 10, 1000);
    }
}

/* The library's buffer grows at some length for the closing quote. */
TEST(json, a_string_whose_end_finds_no_room_is_an_error)
{
    char text[70];
    memset(text, 'x', sizeof text);
    text[0] = '[';
    text[1] = '"';
    for (size_t n = 4; n <= sizeof text; n++) {
        text[n - 2] = '"';
        text[n - 1] = ']';
        for (size_t i = 0;; i++) {
            struct err err = {0};
            mem_fail_once(i);
            struct json_doc *doc = json_parse("p.json", text, n, &err);
            size_t n_failed = mem_n_failed();
            mem_fail_never();
            assert_int_equal(doc != NULL, n_failed == 0);
            json_close(doc);
            if (n_failed == 0)
                break;
            assert_int_equal(err.code, ERR_LIMIT);
        }
        text[n - 2] = text[n - 1] = 'x';
    }
}

TEST(json, a_nul_inside_a_string_is_harmless_until_it_is_read)
{
    struct err err = {0};
    const char *text;
    size_t n;
    struct json_doc *doc = parse("{\"a\": \"x\\u0000y\", \"b\": \"xy\"}");
    struct json root = json_root(doc), value;
    assert_true(json_need(&root, "b", &value, &err));
    assert_true(json_read_string(&value, &text, &n, &err));
    assert_true(json_need(&root, "a", &value, &err));
    assert_false(json_read_string(&value, &text, &n, &err));
    assert_string_equal(err.text, "p.json: a: expected a string without \\u0000");
    json_close(doc);
}
