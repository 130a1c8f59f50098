/* SPDX-License-Identifier: Apache-2.0 */
/* pull_fixture.h - a pull from a server with canned answers. */
#ifndef TEST_PULL_FIXTURE_H
#define TEST_PULL_FIXTURE_H

#include "../net/canned_server.h"
#include "hub/hub_pull.h"
#include "store_fixture.h"

/* "test content\n" by git hash-object, as in the listing of a GGUF file so small. */
#define T_HASH "d670460b4b4aece5915caf5c68d12f560a9fe3e4"
#define T_LISTING                                                                                  \
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"sha\":\"" COMMIT_1                             \
    "\",\"siblings\":[{\"rfilename\":\"t #1.gguf\",\"size\":13,\"blobId\":\"" T_HASH "\"}]}"
#define T_CONTENT "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\ntest content\n"
#define T_WRONG   "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nTest content\n"

static inline bool always(void *arg, const struct hub_progress *progress)
{
    (void)progress;
    return !arg || ++*(int *)arg < 3;
}

/* Pulls a/b with these answers; n_calls, if not NULL, cancels at the third progress. */
static inline bool pull_from(struct canned *server, const char *const *answers, int n, int *n_calls,
                             struct err *err)
{
    struct hub_settings settings = {.stall_s = 5};
    struct hub_name name = store_name("a/b");
    struct hub_listing listing = {0};
    struct hub_choice choice;
    struct buf path;
    char endpoint[64];
    canned_start(server);
    for (int i = 0; i < n; i++)
        snprintf(server->answers[i], sizeof server->answers[i], "%s", answers[i]);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", server->port);
    buf_init(&settings.endpoint, 100);
    buf_init(&settings.token, 100);
    buf_init(&path, PATH_MAX);
    assert_true(buf_add(&settings.endpoint, endpoint, strlen(endpoint), err));
    const struct hub_pull_options options = {.settings = &settings,
                                             .agent = "test",
                                             .n_tries = 1,
                                             .n_parallel = 2,
                                             .progress = always,
                                             .arg = n_calls};
    bool ok = hub_pull(&options, &name, &listing, &choice, &path, err);
    if (ok)
        assert_non_null(strstr(path.data, "/snapshots/" COMMIT_1 "/t #1.gguf"));
    canned_stop(server);
    hub_listing_free(&listing);
    hub_settings_free(&settings);
    buf_free(&path);
    return ok;
}

#endif
