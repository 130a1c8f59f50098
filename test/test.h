/* SPDX-License-Identifier: Apache-2.0 */
/* test.h - TEST(module, behaviour) { ... } is a whole unit test: it registers
 * itself, runs in one program with all others, and uses cmocka's assert_*.
 * The program runs in the root of the repository. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void test_add(const char *name, CMUnitTestFunction run);

#define TEST(module, behaviour)                                                                    \
    static void module##_##behaviour(void **state __attribute__((unused)));                        \
    __attribute__((constructor)) static void add_##module##_##behaviour(void)                      \
    {                                                                                              \
        test_add(#module "." #behaviour, module##_##behaviour);                                    \
    }                                                                                              \
    static void module##_##behaviour(void **state __attribute__((unused)))

/* Fails with the first index where |got - want| > atol + rtol * |want|. */
void assert_near_f32(const float *got, const float *want, size_t n, float atol, float rtol);

/* Returns a path for a file of that name in a folder of this run, which is
 * removed at the end.  Borrowed: until the next call but seven. */
const char *test_tmp(const char *name);

/* Writes a whole file and returns path. */
const char *test_write(const char *path, const void *bytes, size_t n);

/* Returns the content of a whole file with a NUL behind it; *n may be NULL.
 * Owned: free(). */
char *test_read(const char *path, size_t *n);

/* A fixed sequence of random numbers: in [0, 2^32), in [-1, 1). */
uint32_t test_random(uint64_t *state);
float test_random_f32(uint64_t *state);

#endif
