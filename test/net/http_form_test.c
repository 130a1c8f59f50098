/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http_form_int.h"
#include "test.h"

#define TYPE "multipart/form-data; boundary=b"
#define CD   "Content-Disposition: form-data; name="

static const struct http_form_limits limits = {.n_parts = 3, .field_bytes = 100};

/* Returns the folder of this run's files. */
static const char *folder(void)
{
    static char path[400];
    snprintf(path, sizeof path, "%s", test_tmp("x"));
    *strrchr(path, '/') = '\0';
    return path;
}

static struct http_form *read_form(const char *body, struct err *err)
{
    struct http_form *form = http_form_open(TYPE, folder(), &limits, err);
    if (form && http_form_add(form, body, strlen(body), err) && http_form_end(form, err))
        return form;
    http_form_close(form);
    return NULL;
}

#define TWO                                                                                        \
    "--b\r\n" CD "a\r\n\r\n1\r\n--b\r\n" CD                                                        \
    "f; filename=x\r\nContent-Type: t/x\r\n\r\ncontent\r\n--b--"

TEST(http_form, parts)
{
    struct err err = {0};
    struct stat st;
    struct http_form *form = read_form(TWO, &err);
    assert_non_null(form);
    assert_int_equal(http_form_n(form), 2);
    const struct http_part *a = http_form_find(form, "a"), *f = http_form_part(form, 1);
    assert_string_equal(a->value, "1");
    assert_null(a->path);
    assert_null(http_form_find(form, "x"));
    assert_string_equal(f->file_name, "x");
    assert_string_equal(f->content_type, "t/x");
    assert_int_equal(f->n_bytes, 7);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *path = strdup(f->path), *bytes = test_read(path, NULL);
    assert_string_equal(bytes, "content");
    http_form_close(form);
    assert_int_equal(stat(path, &st), -1);
    free(path);
    free(bytes);
}

TEST(http_form, files_are_taken_once)
{
    struct err err = {0};
    struct http_form *form = read_form(TWO, &err);
    char *kept = strdup(test_tmp("kept"));
    assert_false(http_form_take(form, http_form_find(form, "a"), kept, &err));
    err = (struct err){0};
    assert_false(http_form_take(form, http_form_find(form, "f"), "/nonexistent/x", &err));
    assert_true(http_form_take(form, http_form_find(form, "f"), kept, &err));
    assert_false(http_form_take(form, http_form_find(form, "f"), kept, &err));
    http_form_close(form);
    char *bytes = test_read(kept, NULL);
    assert_string_equal(bytes, "content");
    free(bytes);
    free(kept);
}

TEST(http_form, limits)
{
    struct err err = {0};
    assert_null(read_form("--b\r\n" CD "a\r\n\r\n\r\n--b\r\n" CD "a\r\n\r\n\r\n--b\r\n" CD
                          "a\r\n\r\n\r\n--b\r\n" CD "a\r\n\r\n\r\n--b--",
                          &err));
    assert_int_equal(err.code, ERR_LIMIT);
    err = (struct err){0};
    char body[400];
    snprintf(body, sizeof body,
             "--b\r\n" CD "a\r\n\r\n%060d\r\n--b\r\n" CD "b\r\n\r\n%060d\r\n--b--", 0, 0);
    assert_null(read_form(body, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    err = (struct err){0};
    assert_null(http_form_open("text/plain", "/", &limits, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    err = (struct err){0};
    struct http_form *form = http_form_open(TYPE, "/nonexistent", &limits, &err);
    assert_false(http_form_add(form, TWO, sizeof TWO - 1, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    http_form_close(form);
}

TEST(http_form, without_memory)
{
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        struct http_form *form = read_form(TWO, &err);
        mem_fail_never();
        http_form_close(form);
        if (form)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
