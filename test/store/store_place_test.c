/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "test.h"

/* Checks where the store is with these variables; NULL: not set. */
static void check(const char *chosen, const char *data, const char *home, const char *expected)
{
    const char *const names[] = {"BISE_STORE", "XDG_DATA_HOME", "HOME"};
    const char *const values[] = {chosen, data, home};
    char *saved[3];
    struct err err = {0};
    struct buf place;
    for (int i = 0; i < 3; i++) {
        saved[i] = getenv(names[i]) ? strdup(getenv(names[i])) : NULL;
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    }
    buf_init(&place, PATH_MAX);
    bool ok = store_place(&place, &err);
    assert_int_equal(ok, expected != NULL);
    if (ok)
        assert_string_equal(place.data, expected);
    else
        assert_int_equal(err.code, ERR_ARG);
    buf_free(&place);
    for (int i = 0; i < 3; i++) {
        if (saved[i])
            setenv(names[i], saved[i], 1);
        else
            unsetenv(names[i]);
        free(saved[i]);
    }
}

TEST(store_place, follows_the_variables)
{
    check("/a/b.db", "/data", "/home/u", "/a/b.db");
    check("postgresql://h/d", NULL, NULL, "postgresql://h/d");
    check(NULL, "/data", "/home/u", "/data/bise/bise.db");
    check("", "/data/", "/home/u", "/data/bise/bise.db");
    check(NULL, "", "/home/u", "/home/u/.local/share/bise/bise.db");
    check(NULL, NULL, "/home/u", "/home/u/.local/share/bise/bise.db");
    check(NULL, NULL, NULL, NULL);
    check("", "", "", NULL);
}
