/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

/* A maximal ill-formed sequence, not each byte, becomes one U+FFFD, whose bytes are
 * three ids when no longer token exists. */
TEST(tekken_encode, replaces_ill_formed_sequences)
{
    struct buf json, lines;
    struct err err = {0};
    fixture_byte_lines(&lines);
    fixture_tekken(&json, "v3", NULL, 20, lines.data);
    struct tokenizer *tok = tokenizer_from_tekken("t.json", json.data, json.len, &err);
    assert_non_null(tok);
    const int32_t want[] = {20 + 'a', 20 + 0xef, 20 + 0xbf, 20 + 0xbd,
                            20 + 'b', 20 + 0xef, 20 + 0xbf, 20 + 0xbd};
    assert_ids(tok, "bad",
               "a\xf0\x9f\x98"
               "b\xe2\x82",
               7, want, 8);
    tokenizer_close(tok);
    buf_free(&json);
    buf_free(&lines);
}

/* A whole word that is a token is that token, even where merging would not find it. */
TEST(tekken_encode, prefers_the_whole_word)
{
    struct buf json, lines;
    struct err err = {0};
    fixture_byte_lines(&lines);
    assert_true(buf_add(&lines, "YWJj\n", 5, &err)); /* abc */
    fixture_tekken(&json, "v3", NULL, 20, lines.data);
    struct tokenizer *tok = tokenizer_from_tekken("t.json", json.data, json.len, &err);
    assert_non_null(tok);
    const int32_t whole[] = {20 + 256}, part[] = {20 + 'a', 20 + 'b', 20 + 'c', 20 + 'd'};
    assert_ids(tok, "whole", "abc", 3, whole, 1);
    assert_ids(tok, "part", "abcd", 4, part, 4);
    tokenizer_close(tok);
    buf_free(&json);
    buf_free(&lines);
}
