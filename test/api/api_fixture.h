/* SPDX-License-Identifier: Apache-2.0 */
/* api_fixture.h - the interface on a free port over a real tokenizer, without weights: what is
 * refused, and what asks for prompts only.  Texts of requests are written with ' for ". */
#ifndef TEST_API_FIXTURE_H
#define TEST_API_FIXTURE_H

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../test.h"
#include "../text/prompt_fixture.h"
#include "api/api.h"
#include "model/config.h"

struct api_fixture {
    struct api *api;
    struct api_model models[2];
    struct model_config config;
    struct prompt_format format;
    char reply[65536];
    int status;
    const char *body; /* in reply */
};

/* Models "m", for chats, and "text", which has no form for them. */
static void api_begin(struct api_fixture *f)
{
    struct err err = {0};
    f->format = fixture_format("tekken-v13");
    f->config = (struct model_config){.n_vocab = 1000};
    f->models[0] = (struct api_model){.name = "m",
                                      .tok = f->format.tok,
                                      .format = &f->format,
                                      .config = &f->config,
                                      .context = 1000,
                                      .temperature = -1.0};
    f->models[1] = f->models[0];
    f->models[1].name = "text";
    f->models[1].format = NULL;
    struct api_options options = {.models = f->models,
                                  .n_models = 2,
                                  .no_auth = true,
                                  .version = "0",
                                  .commit = "0",
                                  .http = {.addresses = {"127.0.0.1"}}};
    http_limits_default(&options.http.limits);
    f->api = api_open(&options, &err);
    if (!f->api)
        fail_msg("%s", err.text);
}

static void api_end(struct api_fixture *f)
{
    api_close(f->api);
}

/* POSTs a body; f->status and f->body are what comes back. */
static void api_post(struct api_fixture *f, const char *path, const char *body)
{
    char request[8192];
    size_t n_body = strlen(body), n = 0;
    int head = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        path, n_body);
    assert_true((size_t)head + n_body < sizeof request);
    for (size_t i = 0; i < n_body; i++)
        request[(size_t)head + i] = body[i] == '\'' ? '"' : body[i];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)api_port(f->api)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    size_t n_request = (size_t)head + n_body;
    assert_int_equal(write(fd, request, n_request), (ssize_t)n_request);
    for (ssize_t got; (got = read(fd, f->reply + n, sizeof f->reply - 1 - n)) > 0;)
        n += (size_t)got;
    close(fd);
    f->reply[n] = '\0';
    f->body = strstr(f->reply, "\r\n\r\n");
    assert_non_null(f->body);
    f->body += 4;
    assert_int_equal(sscanf(f->reply, "HTTP/1.1 %d", &f->status), 1);
}

/* The reply has that status and all of text, written with ' for ". */
static void api_said(const struct api_fixture *f, int status, const char *text)
{
    char want[1024];
    assert_true(strlen(text) < sizeof want);
    for (size_t i = 0; i <= strlen(text); i++)
        want[i] = text[i] == '\'' ? '"' : text[i];
    if (f->status != status || !strstr(f->body, want))
        fail_msg("%d %s, not %d with %s", f->status, f->body, status, want);
}

#endif
