/* SPDX-License-Identifier: Apache-2.0 */
/* canned_server.h - a server on this machine that gives its answers in order, whatever is asked,
 * and keeps the requests. */
#ifndef TEST_CANNED_SERVER_H
#define TEST_CANNED_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

enum { CANNED_MAX = 8 };

struct canned {
    int fd, port, n; /* answers given */
    pthread_t thread;
    char answers[CANNED_MAX][20000], requests[CANNED_MAX][4096];
};

static inline void *canned_serve(void *arg)
{
    struct canned *c = arg;
    for (int fd; c->n < CANNED_MAX && (fd = accept(c->fd, NULL, NULL)) >= 0; close(fd)) {
        char *request = c->requests[c->n];
        ssize_t n = 0, k;
        while (!strstr(request, "\r\n\r\n") && (k = recv(fd, request + n, 4000 - (size_t)n, 0)) > 0)
            n += k;
        k = send(fd, c->answers[c->n], strlen(c->answers[c->n]), MSG_NOSIGNAL);
        (void)k;
        c->n++;
        shutdown(fd, SHUT_WR);
    }
    return NULL;
}

/* Starts; the answers are filled in then, before anything is asked. */
static inline void canned_start(struct canned *c)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *c = (struct canned){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(c->fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(c->fd, 8), 0);
    assert_int_equal(getsockname(c->fd, (struct sockaddr *)&at, &size), 0);
    c->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&c->thread, NULL, canned_serve, c), 0);
}

static inline void canned_stop(struct canned *c)
{
    shutdown(c->fd, SHUT_RDWR);
    pthread_join(c->thread, NULL);
    close(c->fd);
}

#endif
