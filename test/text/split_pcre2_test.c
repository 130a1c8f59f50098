/* SPDX-License-Identifier: Apache-2.0 */
/* The splitter beside a regular expression engine that runs the pattern itself. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "data/utf8.h"
#include "test.h"
#include "text/char_class_int.h"
#include "text/split_exact.h"
#include "text/split_int.h"

struct engine {
    pcre2_code *code;
    pcre2_match_data *data;
};

static struct engine compile(const char *pattern)
{
    int error;
    size_t at;
    struct engine engine = {pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                          PCRE2_UTF | PCRE2_UCP, &error, &at, NULL),
                            NULL};
    if (!engine.code)
        fail_msg("error %d at %zu of %s", error, at, pattern);
    pcre2_jit_compile(engine.code, PCRE2_JIT_COMPLETE); /* where there is one */
    engine.data = pcre2_match_data_create_from_pattern(engine.code, NULL);
    assert_non_null(engine.data);
    return engine;
}

static void release(struct engine *engine)
{
    pcre2_match_data_free(engine->data);
    pcre2_code_free(engine->code);
}

/* Returns what pcre2_match() does; *end is where the match ends. */
static int match(struct engine *engine, const char *text, size_t n, size_t i, size_t *end)
{
    int rc = pcre2_match(engine->code, (PCRE2_SPTR)text, n, i, i ? PCRE2_NO_UTF_CHECK : 0,
                         engine->data, NULL);
    const size_t *span = pcre2_get_ovector_pointer(engine->data);
    if (rc > 0 && span[0] != i)
        fail_msg("a match at %zu, not %zu", span[0], i);
    *end = rc > 0 ? span[1] : i;
    return rc;
}

/* The classes as PCRE2's own tables have them, a group for each; '?' is unassigned. */
static const char classes[] = "UlBMNs?p";
static const char class_pattern[] =
    "([\\p{Lu}\\p{Lt}])|(\\p{Ll})|([\\p{Lm}\\p{Lo}])|(\\p{M})|"
    "(\\p{N})|([" SPLIT_SPACES "])|(\\p{Cn})|([\\x{0}-\\x{10ffff}])";

static char class_of(struct engine *engine, uint32_t code)
{
    char text[UTF8_MAX];
    size_t end, n = utf8_encode(code, text);
    int rc = match(engine, text, n, 0, &end);
    assert_in_range(rc, 2, sizeof classes);
    return classes[rc - 2];
}

static bool newer_than_15(void)
{
    char version[64];
    assert_true(pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version) > 0);
    return strtol(version, NULL, 10) > 15;
}

/* Code points by class. */
struct pool {
    uint32_t *codes[sizeof classes];
    uint32_t n[sizeof classes];
};

/* Enters the code points on which both tables agree.  Where they do not, one is of a
 * version of Unicode that had not yet assigned the code point, or it is U+0295. */
static void find_agreed(struct pool *pool)
{
    struct engine engine = compile(class_pattern);
    uint32_t n_other = 0;
    *pool = (struct pool){0};
    for (size_t k = 0; classes[k]; k++)
        pool->codes[k] = calloc(0x110000, sizeof **pool->codes);
    for (uint32_t code = 0; code < 0x110000; code++) {
        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        char ours = char_class(code), theirs = class_of(&engine, code);
        size_t k = (size_t)(strchr(classes, theirs) - classes);
        if (ours == theirs || (ours == 'p' && theirs == '?'))
            pool->codes[k][pool->n[k]++] = code;
        else if (theirs == '?' || (newer_than_15() && (ours == 'p' || code == 0x295)))
            n_other++;
        else
            fail_msg("U+%04X is %c, not %c", code, ours, theirs);
    }
    assert_true(n_other < 20000);
    release(&engine);
}

static void free_pool(struct pool *pool)
{
    for (size_t k = 0; classes[k]; k++)
        free(pool->codes[k]);
}

/* Every class as likely as any other, and so are the characters that the pattern names.
 * Few classes at a time make long runs. */
static size_t random_text(const struct pool *pool, uint64_t *seed, char *text)
{
    static const char named[] = " \r\n/ \n";
    const uint32_t n_kinds = sizeof classes; /* with the named ones for the NUL at the end */
    uint32_t n = 1 + test_random(seed) % 24, first = test_random(seed);
    uint32_t range = 1 + test_random(seed) % n_kinds;
    size_t n_bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = (first + test_random(seed) % range) % n_kinds, at = test_random(seed);
        uint32_t code =
            pool->n[k] ? pool->codes[k][at % pool->n[k]] : (uint8_t)named[at % (sizeof named - 1)];
        n_bytes += utf8_encode(code, text + n_bytes);
    }
    return n_bytes;
}

static void check(struct engine *engine, const char *text, size_t n)
{
    char kinds[24 * UTF8_MAX + 1];
    split_classify(text, n, kinds);
    const struct split split = {text, kinds, n};
    for (size_t i = 0, end; i < n; i = end) {
        assert_int_equal(match(engine, text, n, i, &end), 1);
        if (split_next(&split, i) != end)
            fail_msg("\"%.*s\": from %zu to %zu, not %zu", (int)n, text, i, split_next(&split, i),
                     end);
    }
}

TEST(split_pcre2, cuts_as_pcre2)
{
    struct pool pool;
    struct engine engine = compile(SPLIT_EXACT);
    uint64_t seed = 1;
    find_agreed(&pool);
    for (int round = 0; round < 500000; round++) {
        char text[24 * UTF8_MAX];
        check(&engine, text, random_text(&pool, &seed, text));
    }
    free_pool(&pool);
    release(&engine);
}

/* Copies from, with every "what" replaced by with. */
static void replace(const char *from, const char *what, const char *with, char *to)
{
    for (const char *at; (at = strstr(from, what)); from = at + strlen(what)) {
        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        memcpy(to, with, strlen(with));
        to += strlen(with);
    }
    memcpy(to, from, strlen(from) + 1);
}

TEST(split_pcre2, exact_pattern_is_the_pattern)
{
    char a[2048], b[2048];
    replace(SPLIT_EXACT, "(?![^" SPLIT_SPACES "])", "(?!\\S)", a);
    replace(a, "[" SPLIT_SPACES "]", "\\s", b);
    replace(b, SPLIT_SPACES, "\\s", a);
    assert_string_equal(a, SPLIT_PATTERN);
}
