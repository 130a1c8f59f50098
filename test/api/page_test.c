/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "test.h"

static const char *header(const char *name)
{
    size_t n;
    const struct page_header *headers = page_headers(&n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(headers[i].name, name))
            return headers[i].value;
    return NULL;
}

/* The source of a file of the page. */
static char *source(const struct page_file *file, size_t *n)
{
    char path[200];
    snprintf(path, sizeof path, "web%s", strcmp(file->path, "/") ? file->path : "/index.html");
    return test_read(path, n);
}

TEST(page, files_are_those_of_the_folder)
{
    size_t n_files, n;
    const struct page_file *files = page_files(&n_files);
    assert_true(n_files > 10);
    for (size_t i = 0; i < n_files; i++) {
        char *bytes = source(&files[i], &n);
        assert_int_equal(n, files[i].n_bytes);
        assert_memory_equal(bytes, files[i].bytes, n);
        assert_ptr_equal(page_find(files[i].path), &files[i]);
        free(bytes);
    }
}

TEST(page, etag_is_a_hash_of_the_content)
{
    size_t n_files;
    const struct page_file *files = page_files(&n_files);
    for (size_t i = 0; i < n_files; i++) {
        unsigned char hash[EVP_MAX_MD_SIZE];
        char want[40] = "\"";
        assert_int_equal(
            EVP_Digest(files[i].bytes, files[i].n_bytes, hash, NULL, EVP_sha256(), NULL), 1);
        for (int k = 0; k < 16; k++)
            snprintf(want + 1 + 2 * k, 4, "%02x\"", hash[k]);
        assert_string_equal(files[i].etag, want);
    }
}

TEST(page, content_types)
{
    assert_string_equal(page_find("/")->type, "text/html; charset=utf-8");
    assert_string_equal(page_find("/app.css")->type, "text/css; charset=utf-8");
    assert_string_equal(page_find("/app.js")->type, "text/javascript; charset=utf-8");
    assert_string_equal(page_find("/icon.svg")->type, "image/svg+xml");
}

TEST(page, finds_nothing_else)
{
    static const char *const paths[] = {"",         "/index.html",  "/app.css/",
                                        "//",       "/APP.CSS",     "app.js",
                                        "/app.js?", "/../Makefile", "/web/app.js"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_null(page_find(paths[i]));
}

TEST(page, policy_allows_only_its_own_files)
{
    const char *policy = header("Content-Security-Policy");
    assert_non_null(strstr(policy, "default-src 'self'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strchr(policy, '*'));
    assert_string_equal(header("X-Frame-Options"), "DENY");
    assert_string_equal(header("Referrer-Policy"), "no-referrer");
}

/* Every src and href of the page is a file that it has, or a place in itself. */
TEST(page, what_it_refers_to_is_there)
{
    size_t n;
    char *html = source(page_find("/"), &n);
    int seen = 0;
    for (char *s = html; (s = strpbrk(s, "\"")); s++) {
        bool is_link = s - html > 6 && (!memcmp(s - 5, " src=", 5) || !memcmp(s - 5, "href=", 5));
        char *end = strchr(s + 1, '"');
        assert_non_null(end);
        if (is_link && s[1] != '#') {
            char path[100];
            snprintf(path, sizeof path, "/%.*s", (int)(end - s - 1), s + 1);
            assert_non_null(page_find(path));
            seen++;
        }
        s = end;
    }
    assert_true(seen >= 5);
    assert_null(strstr(html, " style="));
    assert_null(strstr(html, " onclick="));
    assert_null(strstr(html, "<style"));
    free(html);
}
