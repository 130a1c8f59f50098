/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/grammar.h"
#include "text/matcher.h"
#include "text/regex.h"

struct builder {
    struct grammar_builder *b;
    struct grammar_member members[70];
};

static struct builder begin(void)
{
    struct err err;
    struct builder x = {.b = grammar_builder_open(&err)};
    assert_non_null(x.b);
    return x;
}

/* Member i is the letter a + i. */
static void add(struct builder *x, int i, bool is_required, bool is_marked)
{
    char letter = (char)('a' + i);
    x->members[i] = (struct grammar_member){grammar_text(x->b, &letter, 1), GRAMMAR_EMPTY,
                                            is_required, is_marked};
}

static struct grammar *finish(struct builder *x, struct grammar_list *list)
{
    struct err err = {0};
    list->separator = grammar_text(x->b, ",", 1);
    struct grammar *grammar = grammar_finish(x->b, grammar_list(x->b, list), &err);
    if (!grammar)
        fail_msg("%s", err.text);
    return grammar;
}

/* Checks texts that are given with a first sign each: + whole, . a beginning, - neither. */
static void check(struct grammar *grammar, const char *const *texts)
{
    struct err err = {0};
    for (; *texts; texts++) {
        struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
        const char *text = *texts + 1;
        bool ends = false, fits = matcher_accept_bytes(m, text, strlen(text), NULL, &err);
        assert_true(!fits || matcher_can_end(m, &ends, &err));
        if (**texts != (ends ? '+' : fits ? '.' : '-'))
            fail_msg("%s: fits %d, ends %d", *texts, fits, ends);
        matcher_close(m);
    }
    grammar_unref(grammar);
}

TEST(grammar_list, in_order)
{
    struct builder x = begin();
    for (int i = 0; i < 4; i++)
        add(&x, i, i == 1, false);
    struct grammar_list list = {
        .fixed = x.members, .n_fixed = 3, .free = &x.members[3], .n_free = 1, .max = 4};
    check(finish(&x, &list),
          (const char *const[]){"+b", "+a,b", "+a,b,c", "+b,d,d", "+a,b,c,d", ".a", "-a,c", "-b,a",
                                "-b,d,c", "-c", "-b,b", "-a,b,c,d,", "+b,d,d,d", ".b,d,d,",
                                "-b,d,d,d,", ".", "-d", NULL});
}

TEST(grammar_list, prefix)
{
    struct builder x = begin();
    for (int i = 0; i < 4; i++)
        add(&x, i, false, false);
    struct grammar_list list = {.order = GRAMMAR_PREFIX,
                                .fixed = x.members,
                                .n_fixed = 3,
                                .free = &x.members[3],
                                .n_free = 1,
                                .min = 1,
                                .max = 4};
    check(finish(&x, &list), (const char *const[]){"+a", "+a,b", "+a,b,c", "+a,b,c,d", "-b", "-a,c",
                                                   "-a,b,d", "-a,b,c,d,", ".", NULL});
}

TEST(grammar_list, any_order)
{
    struct builder x = begin();
    for (int i = 0; i < 4; i++)
        add(&x, i, i < 2, false);
    struct grammar_list list = {.order = GRAMMAR_ANY_ORDER,
                                .fixed = x.members,
                                .n_fixed = 3,
                                .free = &x.members[3],
                                .n_free = 1,
                                .max = 3};
    check(finish(&x, &list),
          (const char *const[]){"+a,b", "+b,a", "+c,b,a", "+b,d,a", ".d,b", "-d,d", "-c,d", "-a,a",
                                "-a,b,c,", "-d,c", NULL});
}

TEST(grammar_list, keeps_room_for_what_is_needed)
{
    struct builder x = begin();
    add(&x, 0, false, true);
    add(&x, 1, false, false);
    struct grammar_list list = {
        .free = x.members, .n_free = 2, .min = 2, .max = 4, .min_marked = 2, .max_marked = 3};
    check(finish(&x, &list), (const char *const[]){"+a,a", "+a,b,a", "+b,b,a,a", "-b,b,b",
                                                   "+a,a,a,b", "-a,a,a,a", ".b,b,a", NULL});
    x = begin();
    add(&x, 0, false, false);
    add(&x, 1, false, false);
    add(&x, 2, false, false);
    struct grammar_list all = {.fixed = x.members, .n_fixed = 3, .min = 2, .max = 3};
    check(finish(&x, &all), (const char *const[]){"+a,b", "+b,c", ".b", "-c", "+a,b,c", NULL});
}

TEST(grammar_list, values_that_differ)
{
    struct builder x = begin();
    struct regex_set *set = grammar_regexes(x.b);
    uint32_t some = regex_repeat(set, regex_byte_range(set, 'a', 'b'), 1, 2);
    x.members[0].value = GRAMMAR_EMPTY;
    x.members[0].name = grammar_terminal(x.b, some);
    struct grammar_list list = {
        .free = x.members, .n_free = 1, .max = GRAMMAR_FOREVER, .is_unique = true};
    check(finish(&x, &list),
          (const char *const[]){"+a,b,aa", "-a,b,a,", ".a,b,", "+a,ab,ba,bb,aa,b",
                                "-a,ab,ba,bb,aa,b,", "+a,aa", "-aa,aa", "+aa,a", NULL});
}

TEST(grammar_list, drops_members_that_cannot_be)
{
    struct err err;
    struct builder x = begin();
    for (int i = 0; i < 3; i++)
        add(&x, i, false, false);
    x.members[1].value = grammar_rule(x.b); /* without a production */
    struct grammar_list list = {.fixed = x.members, .n_fixed = 3, .max = 3};
    check(finish(&x, &list), (const char *const[]){"+a,c", "-a,b", "+", "+c", NULL});

    x = begin();
    for (int i = 0; i < 3; i++)
        add(&x, i, false, false);
    x.members[1].value = grammar_rule(x.b);
    list =
        (struct grammar_list){.order = GRAMMAR_PREFIX, .fixed = x.members, .n_fixed = 3, .max = 3};
    check(finish(&x, &list), (const char *const[]){"+a", "-a,", "-c", NULL});

    x = begin();
    add(&x, 0, true, false);
    x.members[0].value = grammar_rule(x.b);
    list = (struct grammar_list){
        .fixed = x.members, .n_fixed = 1, .separator = GRAMMAR_EMPTY, .max = 3};
    assert_null(grammar_finish(x.b, grammar_list(x.b, &list), &err));
    assert_string_equal(err.text, "the grammar has no text at all");
}

TEST(grammar_list, refuses_what_it_cannot_do)
{
    struct err err = {0};
    struct builder x = begin();
    add(&x, 0, false, false);
    for (int i = 1; i < 65; i++)
        x.members[i] = x.members[0];
    struct grammar_list list = {.order = GRAMMAR_ANY_ORDER, .fixed = x.members, .n_fixed = 65};
    assert_int_equal(grammar_list(x.b, &list), GRAMMAR_FAILED);
    assert_false(grammar_builder_ok(x.b, &err));
    assert_string_equal(err.text, "more than 64 members in any order");
    grammar_builder_close(x.b);

    x = begin();
    x.members[0] = (struct grammar_member){GRAMMAR_EMPTY, GRAMMAR_EMPTY, false, false};
    list = (struct grammar_list){
        .free = x.members, .n_free = 1, .max = GRAMMAR_FOREVER, .separator = GRAMMAR_EMPTY};
    assert_null(grammar_finish(x.b, grammar_list(x.b, &list), &err));
    assert_string_equal(err.text, "a member of a list may be empty");
}
