/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_multipart.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

struct told {
    char text[1000];
    size_t n;
    bool refuses;
};

static bool begin(void *arg, const struct multipart_part *part, struct err *err)
{
    struct told *t = arg;
    if (t->refuses)
        return err_set(err, ERR_BUSY, "no");
    t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s|%s|%s|", part->name,
                             part->is_file ? part->file_name : "-", part->content_type);
    return true;
}

static bool data(void *arg, const char *bytes, size_t n, struct err *err)
{
    struct told *t = arg;
    (void)err;
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    return true;
}

static bool end(void *arg, struct err *err)
{
    struct told *t = arg;
    (void)err;
    t->text[t->n++] = ';';
    return true;
}

/* Reads in pieces; returns the code of the failure. */
static enum err_code read_in(struct told *t, const char *type, const char *body, size_t piece)
{
    const struct multipart_sink sink = {begin, data, end, t};
    struct multipart m;
    struct err err = {0};
    size_t n = strlen(body);
    bool ok = multipart_init(&m, type, &sink, &err);
    for (size_t at = 0; ok && at < n; at += piece)
        ok = multipart_add(&m, body + at, n - at < piece ? n - at : piece, &err);
    ok = ok && multipart_end(&m, &err);
    t->text[t->n] = '\0';
    return err.code;
}

#define TYPE "multipart/form-data; boundary=b"
#define CD   "Content-Disposition: form-data; name="

static const struct {
    const char *body, *told; /* told NULL: ERR_FORMAT */
} table[] = {
    {"--b\r\n" CD "\"a\"\r\n\r\nx\r\n--b--", "a|-||x;"},
    {"--b\r\n" CD "a\r\n\r\n\r\n--b--\r\n", "a|-||;"},
    {"\r\n--b \t\r\n" CD "a\r\n\r\nx\r\n--b-- \r\n \r\n", "a|-||x;"},
    {"preamble\r\n--b\r\n" CD "a\r\n\r\nx\r\n--b--", "a|-||x;"},
    {"--b--\r\n", ""},
    {"--b\r\n" CD "\"a\"; filename=\"f.txt\"\r\nContent-Type: t/x\r\nX: y\r\n\r\n1\r\n2\r\n"
     "--b\r\ncontent-disposition:form-data;name=c\r\n\r\n\r\n\r\n--b--",
     "a|f.txt|t/x|1\r\n2;c|-||\r\n;"},
    {"--b\r\n" CD "a; filename=\"\"\r\n\r\n\r\n--b--", "a|||;"},
    {"--b\r\n" CD "a; filename=\"C:\\dir\\f\"\r\n\r\n\r\n--b--", "a|f||;"},
    {"--b\r\n" CD "a; filename=\"../../f\"\r\n\r\n\r\n--b--", "a|f||;"},
    {"--b\r\n" CD "\"q\\\"u;o\"; filename=x y \r\n\r\n\r\n--b--", "q\"u;o|x y||;"},
    {"--b\r\n" CD "a; filename=x; filename*=UTF-8''%C3%A9%2Fb\r\n\r\n\r\n--b--", "a|b||;"},
    {"--b\r\n" CD "a\r\n\r\n\r\r\n\r\n-\r\n--\r\n--a\r\n--b--", "a|-||\r\r\n\r\n-\r\n--\r\n--a;"},
    {"", NULL},
    {"--b", NULL},
    {"--b\r\n", NULL},
    {"--b\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "a\r\n\r\nx", NULL},
    {"--b\r\n" CD "a\r\n\r\nx\r\n--b\r\n", NULL},
    {"--b\r\n" CD "a\r\n\r\nx\r\n--b-", NULL},
    {"--b\r\n" CD "a\r\n\r\nx\r\n--bc\r\n", NULL},
    {"--b\r\n" CD "a\r\n\r\nx\r\n--b--y\r\n", NULL},
    {"--b\r\n" CD "a\r\n\r\nx\r\n--b--\r\ny", NULL},
    {"--b\n" CD "a\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "a\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "a\r\n" CD "b\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "\"\"\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "\"a\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "\"a\x01\"\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "\"a\xff\"\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "a\r\nno colon\r\n\r\nx\r\n--b--", NULL},
    {"--b\r\n" CD "a; filename*=UTF-8''%ff\r\n\r\n\r\n--b--", NULL},
};

TEST(http_multipart, in_pieces_of_any_size)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (size_t piece = 1; piece < 40; piece++) {
            struct told t = {0};
            enum err_code code = read_in(&t, TYPE, table[i].body, piece);
            if (code != (table[i].told ? ERR_NONE : ERR_FORMAT))
                print_error("%s\n", table[i].body);
            assert_int_equal(code, table[i].told ? ERR_NONE : ERR_FORMAT);
            if (table[i].told)
                assert_string_equal(t.text, table[i].told);
        }
}

TEST(http_multipart, types)
{
    static const struct {
        const char *type;
        enum err_code code;
    } types[] = {
        {"Multipart/Form-Data; charset=x; Boundary=\"b\"", ERR_NONE},
        {"multipart/form-data;boundary=b ", ERR_NONE},
        {"multipart/form-data", ERR_FORMAT},
        {"multipart/form-data; boundary=", ERR_FORMAT},
        {"multipart/form-data; boundary=\"b", ERR_FORMAT},
        {"multipart/form-data; boundary="
         "01234567890123456789012345678901234567890123456789012345678901234567890",
         ERR_FORMAT},
        {"multipart/form-datax; boundary=b", ERR_UNSUPPORTED},
        {"multipart/mixed; boundary=b", ERR_UNSUPPORTED},
        {"", ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct told t = {0};
        assert_int_equal(read_in(&t, types[i].type, "--b--", 9), types[i].code);
    }
}

TEST(http_multipart, limits_and_refusals)
{
    static char body[20000];
    struct told t = {.refuses = true};
    assert_int_equal(read_in(&t, TYPE, "--b\r\n" CD "a\r\n\r\nx\r\n--b--", 5), ERR_BUSY);
    int n = snprintf(body, sizeof body, "--b\r\nA: ");
    memset(body + n, 'x', 10000);
    assert_int_equal(read_in(&t, TYPE, body, 100), ERR_LIMIT);
    n = snprintf(body, sizeof body, "--b\r\n");
    for (int i = 0; i < 17; i++)
        n += snprintf(body + n, sizeof body - (size_t)n, "A: b\r\n");
    assert_int_equal(read_in(&t, TYPE, body, 100), ERR_FORMAT);
    t.refuses = false;
    assert_int_equal(read_in(&t, TYPE,
                             "--b\r\n" CD "a\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--b--",
                             9),
                     ERR_UNSUPPORTED);
    /* A name of 255 bytes is fine, one of 256 is not. */
    for (int size = 255; size <= 256; size++) {
        t = (struct told){0};
        snprintf(body, sizeof body, "--b\r\n" CD "\"%0*d\"\r\n\r\n\r\n--b--", size, 0);
        assert_int_equal(read_in(&t, TYPE, body, 50), size == 255 ? ERR_NONE : ERR_FORMAT);
    }
}
