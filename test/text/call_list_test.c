/* SPDX-License-Identifier: Apache-2.0 */
#include "text/call_list.h"

#include <string.h>

#include "test.h"

/* A letter for each byte: what call_list_add() says it is, capital where a value is complete. */
static void assert_parts(const char *text, const char *want)
{
    static const char letters[] = "-{nia}]!";
    struct call_list list = {0};
    char got[256] = {0};
    size_t n = strlen(text);
    assert_true(n < sizeof got);
    for (size_t i = 0; i < n; i++) {
        char c = letters[call_list_add(&list, text[i])];
        got[i] = list.value_done && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        if (c == '!')
            break;
    }
    assert_string_equal(got, want);
}

TEST(call_list, tells_the_parts_of_a_call)
{
    assert_parts("[{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"xy\"}]",
                 "-{--------nnN---------------aaaaaaaA--------iiiI}]");
    assert_parts("[ { \"id\" :\"xy\" , \"name\":\"f\"}\n, {} ] ", //
                 "--{-------iiiI----------nnN}---{}-]-");
}

TEST(call_list, brackets_and_quotes_in_texts_are_text)
{
    assert_parts("[{\"arguments\":[\"}]\\\"\",{}],\"name\":\"\\\\\"}]",
                 "-{------------aaaaaaaaaaA--------nnnN}]");
    assert_parts("[{\"a\\\"name\":\"f\",\"nam\":{\"name\":\"g\"},\"name_of_the_function\":1}]",
                 "-{---------------------------------------------------------}]");
}

TEST(call_list, values_of_any_kind)
{
    assert_parts("[{\"arguments\":-1.5e3}]", "-{------------aaaaaa}]");
    assert_parts("[{\"arguments\":null ,\"name\":7,\"id\":true}]",
                 "-{------------aaaa---------n------iiii}]");
}

TEST(call_list, one_object_is_a_list)
{
    assert_parts(" {\"name\":\"f\"}", "-{-------nnN}");
    assert_parts("{}x", "{}!");
}

TEST(call_list, stops_at_what_is_no_list)
{
    assert_parts("Hello", "!");
    assert_parts("[1]", "-!");
    assert_parts("[]x", "-]!");
    assert_parts("[{}x", "-{}!");
    assert_parts("[{x", "-{!");
    assert_parts("[{\"name\"x", "-{------!");
    assert_parts("[{\"name\":}", "-{-------!");
    assert_parts("[{\"name\":\"f\"x", "-{-------nnN!");
    assert_parts("[{\"name\":\"f\"]", "-{-------nnN!");
    assert_parts("[{\"name\":5:", "-{-------n!");
}

TEST(call_list, knows_when_it_is_inside_a_call)
{
    struct call_list list = {0};
    static const char text[] = "[{\"a\": 1}, ]", inside[] = " xxxxxxx   ";
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        call_list_add(&list, text[i]);
        assert_int_equal(call_list_in_call(&list), i < sizeof inside && inside[i] == 'x');
    }
    assert_int_equal(list.place, PLACE_END);
}

TEST(call_list, a_value_knows_its_depth)
{
    struct call_value value = {0};
    static const char text[] = "{\"a[[[\": [1, [2], {}]}";
    for (size_t i = 0; text[i]; i++)
        assert_int_equal(call_value_add(&value, text[i]), !text[i + 1]);
    assert_int_equal(value.deepest, 3);
    assert_int_equal(value.n_values, 6);
    assert_false(call_value_add(&value, ']'));
    assert_int_equal(value.depth, 0);
}
