/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked, and what is no question: the table of malformed requests with their answers. */
#include "http_fixture.h"

#define H "Host: localhost\r\n"

/* The request line and headers; whether the connection ends. */
static const struct {
    const char *request;
    int status;
    bool closes;
} table[] = {
    {"GET /hello HTTP/1.1\r\n" H "\r\n", 200, false},
    {"\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n", 200, false},
    {"HEAD /big?n=5 HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 200, false},
    {"GET http://localhost/hello HTTP/1.1\r\n" H "\r\n", 200, false},
    {"GET /nothing HTTP/1.1\r\n" H "\r\n", 404, false},
    {"POST /hello HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405, false},
    {"BREW /hello HTTP/1.1\r\n" H "\r\n", 405, false},
    {"OPTIONS /hello HTTP/1.1\r\n" H "\r\n", 204, false},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 204, false},
    {"GET /secret HTTP/1.1\r\n" H "\r\n", 401, false},
    {"GET /forgotten HTTP/1.1\r\n" H "\r\n", 500, false},
    /* Lengths. */
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 2, 2\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: +2\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 2x\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 0x2\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 10000000000\r\n\r\n", 413, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 413, true},
    {"POST /small HTTP/1.1\r\n" H "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n", 413, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: \t chunked\r\n\r\n0\r\n\r\n", 200, false},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: 2 \r\n\r\nab", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Content-Length: \t2\r\n\r\nab", 200, false},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400,
     true},
    {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n\r\n",
     413, true},
    {"POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},
    {"POST /echo HTTP/1.1\r\n" H "Expect: magic\r\nContent-Length: 2\r\n\r\nab", 417, true},
    /* Hosts. */
    {"GET /hello HTTP/1.1\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H H "\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\nHost: local host\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\nHost: localhost@evil\r\n\r\n", 400, true},
    {"GET http://elsewhere/hello HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello HTTP/1.0\r\n\r\n", 200, true},
    /* Lines. */
    {"GET /hello HTTP/1.1\n" H "\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\nHost: localhost\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A: b\nC: d\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A: b\r\n\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A: b\r\n folded\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n Folded: yes\r\n" H "\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "no colon\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H ": no name\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "Sp ace: x\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A\x01: x\r\n\r\n", 400, true},
    {"GET /hello HTTP/1.1\r\n" H "A: x\x01\r\n\r\n", 400, true},
    {"GET  /hello HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello  HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello HTTP/1.1 \r\n" H "\r\n", 400, true},
    {"GET /hel lo HTTP/1.1\r\n" H "\r\n", 400, true},
    {"G@T /hello HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello\r\n\r\n", 400, true},
    {"GET /hello HTTP/x.y\r\n" H "\r\n", 400, true},
    {"GET /hello HTTP/2.0\r\n" H "\r\n", 505, true},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true},
    /* Targets. */
    {"GET hello HTTP/1.1\r\n" H "\r\n", 400, true},
    {"CONNECT localhost:80 HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello/../secret HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello/%2e%2E/secret HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /./hello HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello%00 HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello%0d%0a HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello% HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello%4 HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello%zz HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /%ff HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /%c0%ae HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /\xff HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /hello#part HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /query?q=%00 HTTP/1.1\r\n" H "\r\n", 400, true},
    {"GET /%68ello HTTP/1.1\r\n" H "\r\n", 200, false},
};

TEST(http_request, table)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        fixture_expect(&f, table[i].request, table[i].status, table[i].closes);
    struct answer a = fixture_ask(&f, "GET /hello HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 200);
    answer_free(&a);
    fixture_close(&f);
}

TEST(http_request, nul_bytes)
{
    static const char target[] = "GET /hello\0x HTTP/1.1\r\n" H "\r\n";
    static const char disguised[] = "GET /hello\0HTTP/1.1\0\0" H "\r\n HTTP/1.1\r\n" H "\r\n";
    static const char method[] = "GE\0T /hello HTTP/1.1\r\n" H "\r\n";
    static const char name[] = "GET /hello HTTP/1.1\r\n" H "A\0B: c\r\n\r\n";
    static const char value[] = "GET /hello HTTP/1.1\r\n" H "A: b\0c\r\n\r\n";
    static const char lines[] = "GET /hello HTTP/1.1\r\n" H "A: b\0\0B\0c\r\n\r\n";
    static const char first[] = "GET /hello HTTP/1.1\r\n" H "\0A: b\r\n\r\n";
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    fixture_expect_n(&f, target, sizeof target - 1, 400, true);
    fixture_expect_n(&f, disguised, sizeof disguised - 1, 400, true);
    fixture_expect_n(&f, method, sizeof method - 1, 400, true);
    fixture_expect_n(&f, name, sizeof name - 1, 400, true);
    fixture_expect_n(&f, value, sizeof value - 1, 400, true);
    fixture_expect_n(&f, lines, sizeof lines - 1, 400, true);
    fixture_expect_n(&f, first, sizeof first - 1, 400, true);
    fixture_close(&f);
}

/* Asks with a header or target of n bytes. */
static void expect_long(const struct fixture *f, const char *before, size_t n, const char *after,
                        int status)
{
    size_t k = strlen(before);
    char *request = malloc(k + n + strlen(after) + 1);
    memcpy(request, before, k);
    memset(request + k, 'a', n);
    memcpy(request + k + n, after, strlen(after) + 1);
    fixture_expect(f, request, status, status >= 400);
    free(request);
}

TEST(http_request, sizes_of_heads)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    const char *rest = " HTTP/1.1\r\n" H "\r\n", *header = "GET /hello HTTP/1.1\r\n" H "A: ";
    expect_long(&f, "GET /hello?", 8192 - 7, rest, 200);
    expect_long(&f, "GET /hello?", 8193 - 7, rest, 414);
    expect_long(&f, "GET /hello?", 16 << 20, rest, 414);
    expect_long(&f, "", 16 << 20, " /hello HTTP/1.1\r\n", 414);
    expect_long(&f, header, 8000, "\r\n\r\n", 200);
    expect_long(&f, header, 8192, "\r\n\r\n", 431);
    expect_long(&f, header, 40000, "\r\n\r\n", 431);
    expect_long(&f, header, 16 << 20, "\r\n\r\n", 431);
    for (int n = 99; n <= 10000; n = n == 99 ? 100 : n * 10) {
        char *request = malloc((size_t)n * 16 + 64);
        char *p = request + sprintf(request, "GET /hello HTTP/1.1\r\n" H);
        for (int i = 0; i < n; i++)
            p += sprintf(p, "A%d: b\r\n", i);
        sprintf(p, "\r\n");
        fixture_expect(&f, request, n == 99 ? 200 : 431, n != 99);
        free(request);
    }
    fixture_close(&f);
}

TEST(http_request, what_is_wrong_is_said_with_an_id)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct answer a = fixture_ask(&f, "POST /echo HTTP/1.1\r\n" H "X-Request-Id: mine\r\n"
                                      "Content-Length: 1\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(a.status, 400);
    assert_string_equal(answer_header(&a, "X-Request-Id"), "mine");
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    assert_string_equal(a.body,
                        "{\"error\":{\"message\":\"the request has two Content-Length headers\","
                        "\"code\":\"bad_framing\"}}");
    answer_free(&a);
    a = fixture_ask(&f, "DELETE /hello HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD");
    answer_free(&a);
    fixture_close(&f);
}

TEST(http_request, ids)
{
    struct fixture f;
    char long_id[200] = "", request[400];
    memset(long_id, 'x', 129);
    fixture_init(&f);
    fixture_open(&f);
    const char *const sent[] = {"a-b_c.1",   "~!@ {}", "",         "\xc3\xa9",
                                "tab\there", long_id,  long_id + 1};
    const bool kept[] = {true, true, false, false, false, false, true};
    for (size_t i = 0; i < sizeof kept; i++) {
        snprintf(request, sizeof request, "GET /hello HTTP/1.1\r\n" H "x-request-id: %s\r\n\r\n",
                 sent[i]);
        struct answer a = fixture_ask(&f, request);
        const char *id = answer_header(&a, "X-Request-Id");
        assert_int_equal(a.status, 200);
        if (kept[i])
            assert_string_equal(id, sent[i]);
        else
            assert_true(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
        fixture_wait(&f, &f.n_logged, (int)i + 1);
        assert_string_equal(f.last_id, id);
        answer_free(&a);
    }
    fixture_close(&f);
}

TEST(http_request, targets_are_decoded_once)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct answer a =
        fixture_ask(&f, "GET /query?x=&q=a%2Bb+%2525%C3%A9&q=2 HTTP/1.1\r\n" H "\r\n");
    assert_string_equal(a.body, "a+b %25\xc3\xa9");
    answer_free(&a);
    a = fixture_ask(&f, "GET /query?q HTTP/1.1\r\n" H "\r\n");
    assert_string_equal(a.body, "");
    answer_free(&a);
    a = fixture_ask(&f, "GET /query HTTP/1.1\r\n" H "\r\n");
    assert_string_equal(a.body, "(none)");
    answer_free(&a);
    fixture_close(&f);
}

TEST(http_request, content_by_length_and_in_chunks)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct answer a =
        fixture_ask(&f, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab\0de");
    answer_free(&a);
    a = fixture_ask(&f, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
                        "3\r\nabc\r\nA;ext=1\r\ndefghijklm\r\n0\r\nTrailer: x\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "abcdefghijklm");
    answer_free(&a);
    int fd = peer_connect(&f);
    peer_say(fd, "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    char line[100];
    assert_true(peer_line(fd, line, sizeof line, "\r\n\r\n"));
    assert_string_equal(line, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_say(fd, "xyz");
    a = peer_answer(fd, false);
    assert_string_equal(a.body, "xyz");
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

TEST(http_request, too_much_content)
{
    struct fixture f;
    char request[300];
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    /* What is refused but short is read, and the connection goes on. */
    for (int i = 0; i < 3; i++) {
        snprintf(request, sizeof request,
                 "POST /%s HTTP/1.1\r\n" H "Content-Length: 101\r\n\r\n%0101d",
                 i == 1 ? "secret" : "small", 0);
        peer_say(fd, request);
        struct answer a = peer_answer(fd, false);
        assert_int_equal(a.status, i == 1 ? 401 : 413);
        answer_free(&a);
    }
    peer_say(fd, "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n40\r\n");
    for (int i = 0; i < 2; i++)
        peer_say(fd, "0123456789012345678901234567890123456789012345678901234567890123\r\n40\r\n");
    peer_say(fd, "0123456789012345678901234567890123456789012345678901234567890123\r\n0\r\n\r\n");
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 413);
    answer_free(&a);
    peer_say(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
    a = peer_answer(fd, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    close(fd);
    /* What is long is not. */
    expect_long(&f, "POST /small HTTP/1.1\r\n" H "Content-Length: 8388608\r\n\r\n", 8 << 20, "",
                413);
    expect_long(&f, "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n800000\r\n",
                8 << 20, "", 413);
    fixture_close(&f);
}

TEST(http_request, a_thousand_at_once)
{
    enum { N = 1000 };
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    char *requests = malloc(N * 128), *p = requests;
    for (int i = 0; i < N; i++)
        p += i % 2 ? sprintf(p, "GET /query?q=%d HTTP/1.1\r\n" H "\r\n", i)
                   : sprintf(p, "POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\n%04d", i);
    int fd = peer_connect(&f);
    assert_true(peer_send(fd, requests, (size_t)(p - requests)));
    for (int i = 0; i < N; i++) {
        struct answer a = peer_answer(fd, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(strtol(a.body, NULL, 10), i);
        answer_free(&a);
    }
    close(fd);
    free(requests);
    fixture_close(&f);
}

TEST(http_request, connections_outlive_errors)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    for (int i = 0; i < 200; i++) {
        peer_say(fd, i % 2 ? "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                           : "POST /nothing HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
        struct answer a = peer_answer(fd, false);
        assert_int_equal(a.status, i % 2 ? 200 : 404);
        answer_free(&a);
    }
    close(fd);
    assert_int_equal(fixture_counts(&f).n_connections, 1);
    fixture_close(&f);
}

/* Origin, Host (NULL: localhost), method; status and whether access is granted. */
static const struct {
    const char *method, *host, *origin;
    int status;
    bool granted;
} origins[] = {
    {"GET", "localhost", "http://localhost:3000", 200, true},
    {"GET", "127.0.0.1:8080", "http://127.0.0.1", 200, true},
    {"GET", "[::1]:1", "https://[::1]:99999", 200, true},
    {"GET", "LocalHost", "http://our.test", 200, true},
    {"GET", "api.test:8080", "http://api.test:8080", 200, true},
    {"GET", "localhost", "http://evil.test", 200, false},
    {"GET", "localhost", "null", 200, false},
    {"GET", "localhost", "http://localhost.evil.test", 200, false},
    {"GET", "localhost", "http://localhost:80@evil.test", 200, false},
    {"GET", "localhost", "file://localhost", 200, false},
    {"GET", "api.test", "https://api.test", 200, false},
    {"GET", "evil.test", "http://evil.test", 403, false},
    {"GET", "localhost.evil.test", NULL, 403, false},
    {"GET", "127.0.0.1.evil.test", NULL, 403, false},
    {"GET", "localhost:x", NULL, 403, false},
    {"GET", "", NULL, 403, false},
    {"POST", "localhost", NULL, 200, false},
    {"POST", "localhost", "http://localhost", 200, true},
    {"POST", "localhost", "http://evil.test", 403, false},
    {"DELETE", "localhost", "null", 403, false},
    {"OPTIONS", "localhost", "http://localhost:3000", 204, true},
    {"OPTIONS", "localhost", "http://evil.test", 403, false},
    {"OPTIONS", "evil.test", "http://evil.test", 403, false},
};

TEST(http_request, hosts_and_origins)
{
    struct fixture f;
    char request[400];
    fixture_init(&f);
    f.o.hosts[0] = "api.test";
    f.o.origins[0] = "http://our.test";
    fixture_open(&f);
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        const char *origin = origins[i].origin, *method = origins[i].method;
        bool preflight = strcmp(method, "OPTIONS") == 0;
        snprintf(request, sizeof request,
                 "%s /echo HTTP/1.1\r\nHost: %s\r\n%s%s%s%sContent-Length: 0\r\n\r\n", method,
                 origins[i].host, origin ? "Origin: " : "", origin ? origin : "",
                 origin ? "\r\n" : "",
                 preflight ? "Access-Control-Request-Method: POST\r\n"
                             "Access-Control-Request-Headers: authorization\r\n"
                             "Access-Control-Request-Private-Network: true\r\n"
                           : "");
        struct answer a = fixture_ask(&f, request);
        const char *granted = answer_header(&a, "Access-Control-Allow-Origin");
        if (a.status != origins[i].status || !granted == origins[i].granted)
            print_error("%s", request);
        assert_int_equal(a.status, origins[i].status);
        if (origins[i].granted) {
            assert_string_equal(granted, origin);
            assert_string_equal(answer_header(&a, "Vary"), "Origin");
        } else {
            assert_null(granted);
        }
        bool allowed = preflight && origins[i].granted;
        assert_true(allowed == (answer_header(&a, "Access-Control-Allow-Private-Network") != NULL));
        assert_true(allowed == (answer_header(&a, "Access-Control-Allow-Headers") != NULL));
        assert_null(answer_header(&a, "Access-Control-Allow-Credentials"));
        answer_free(&a);
    }
    fixture_close(&f);
}

TEST(http_request, forms)
{
    static const char body[] = "--xx\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n"
                               "batch\r\n--xx\r\nContent-Disposition: form-data; name=\"file\"; "
                               "filename=\"a/b.jsonl\"\r\nContent-Type: text/x\r\n\r\n"
                               "{\"a\":1}\r\n\r\n--xx--\r\n";
    struct fixture f;
    char request[1000];
    fixture_init(&f);
    f.o.upload_folder = "/";
    char *folder = strdup(test_tmp("x"));
    *strrchr(folder, '/') = '\0';
    f.o.upload_folder = folder;
    fixture_open(&f);
    snprintf(request, sizeof request,
             "POST /form HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=xx\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    struct answer a = fixture_ask(&f, request);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "purpose=batch\nfile:b.jsonl:text/x:{\"a\":1}\r\n\n");
    answer_free(&a);
    snprintf(request, sizeof request,
             "POST /form HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=xx\r\n"
             "Content-Length: %zu\r\n\r\n%.*s",
             sizeof body - 20, (int)sizeof body - 20, body);
    fixture_expect(&f, request, 400, false);
    fixture_expect(&f,
                   "POST /form HTTP/1.1\r\n" H "Content-Type: application/json\r\n"
                   "Content-Length: 2\r\n\r\n{}",
                   415, false);
    fixture_expect(&f,
                   "POST /form HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=xx\r\n"
                   "Content-Length: 6\r\n\r\n--xx\r\n",
                   400, false);
    fixture_close(&f);
    free(folder);
    fixture_init(&f);
    fixture_open(&f);
    fixture_expect(&f,
                   "POST /form HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=xx\r\n"
                   "Content-Length: 6\r\n\r\n--xx\r\n",
                   500, false);
    fixture_close(&f);
}

TEST(http_request, without_memory)
{
    static const char body[] = "--xx\r\nContent-Disposition: form-data; name=\"a\"; filename=b\r\n"
                               "\r\nc\r\n--xx--\r\n";
    struct fixture f;
    char starve[100], request[500];
    int n_answers = 0, n_good = 0;
    fixture_init(&f);
    char *folder = strdup(test_tmp("x"));
    *strrchr(folder, '/') = '\0';
    f.o.upload_folder = folder;
    fixture_open(&f);
    for (int n = 0; n < 60; n++) {
        snprintf(starve, sizeof starve, "GET /starve?n=%d HTTP/1.1\r\n" H "\r\n", n / 2);
        snprintf(request, sizeof request,
                 "POST /%s HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=xx\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 n % 2 ? "form" : "echo", sizeof body - 1, body);
        struct answer a = {0};
        /* What the last one did not miss this one may. */
        do {
            answer_free(&a);
            a = fixture_ask(&f, starve);
        } while (a.status != 200);
        answer_free(&a);
        a = fixture_ask(&f, request);
        n_answers += a.status != 0;
        n_good += a.status == 200;
        assert_true(a.status == 0 || a.status == 200 || a.status == 503 || a.status == 413 ||
                    a.status == 400);
        answer_free(&a);
    }
    /* Some were cut off, some refused, and it goes on. */
    assert_true(n_good > 10 && n_answers > n_good && n_answers < 60);
    fixture_expect(&f, "GET /hello HTTP/1.1\r\n" H "\r\n", 200, false);
    fixture_close(&f);
    free(folder);
}
