/* SPDX-License-Identifier: Apache-2.0 */
#include "text/char_class_int.h"

#include "test.h"

TEST(char_class, knows_examples_of_each_class)
{
    static const struct {
        uint32_t code;
        char want;
    } cases[] = {
        {'A', 'U'},
        {0xC9, 'U'},
        {0x1C5, 'U'} /* title case */,
        {0x1D49C, 'U'},
        {'z', 'l'},
        {0xE9, 'l'},
        {0x295, 'l'} /* Unicode 15 */,
        {0x1E9E, 'U'},
        {0xAA, 'B'},
        {0x2B0, 'B'},
        {0x5D0, 'B'},
        {0x301, 'M'},
        {0x93F, 'M'},
        {0x20DD, 'M'},
        {0xFE0F, 'M'},
        {0xE0100, 'M'},
        {'7', 'N'},
        {0x664, 'N'},
        {0x2167, 'N'},
        {0xBD, 'N'},
        {0x3007, 'N'},
        {'_', 'p'},
        {0x1C, 'p'},
        {0x200B, 'p'},
        {0xFEFF, 'p'},
        {0x180E, 'p'},
        {0xFFFD, 'p'},
        {0x1F600, 'p'},
        {0x378, 'p'},
        {0xE000, 'p'},
        {0x10FFFF, 'p'},
        {0, 'p'},
        /* The ends of ranges that the database gives by first and last. */
        {0x3400, 'B'},
        {0x4DBF, 'B'},
        {0x4DC0, 'p'},
        {0x4E00, 'B'},
        {0x9FFF, 'B'},
        {0xA000, 'B'},
        {0xAC00, 'B'},
        {0xD7A3, 'B'},
        {0xD7A4, 'p'},
        {0x20000, 'B'},
        {0x2A6DF, 'B'},
        {0x2A6E0, 'p'},
        {0x31350, 'B'},
        {0x323AF, 'B'},
        {0x323B0, 'p'},
        {0x187F7, 'B'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (char_class(cases[i].code) != cases[i].want)
            fail_msg("U+%04X is %c", cases[i].code, char_class(cases[i].code));
}

/* Counts that Unicode 15.0 publishes: DerivedGeneralCategory.txt, PropList.txt. */
TEST(char_class, has_as_many_as_unicode_15)
{
    size_t n[128] = {0};
    for (uint32_t code = 0; code < 0x110000; code++)
        n[(int)char_class(code)]++;
    assert_int_equal(n['U'], 1831 + 31);
    assert_int_equal(n['l'], 2233);
    assert_int_equal(n['B'], 397 + 131612);
    assert_int_equal(n['M'], 1985 + 452 + 13);
    assert_int_equal(n['N'], 680 + 236 + 915);
    assert_int_equal(n['s'], 25);
}

TEST(char_class, sets_tell_classes_apart)
{
    static const char classes[] = "UlBMNsp";
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 7; k++)
            assert_int_equal(char_class_in(classes[i], CHAR_CLASS_BIT(classes[k])), i == k);
        assert_false(char_class_in(0, CHAR_CLASS_BIT(classes[i])));
    }
}
