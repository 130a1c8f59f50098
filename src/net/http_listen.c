/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/http_server_int.h"

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* Reads a numeric address, "localhost" or "*"; returns its size, 0 when it is none. */
static socklen_t read_address(union address *a, const char *text, int port)
{
    char plain[INET6_ADDRSTRLEN];
    size_t n = strlen(text);
    *a = (union address){0};
    if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1";
    if (strcmp(text, "*") == 0)
        text = "::";
    if (*text == '[' && n > 2 && n < sizeof plain && text[n - 1] == ']') {
        memcpy(plain, text + 1, n - 2);
        plain[n - 2] = '\0';
        text = plain;
    }
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)port);
        return sizeof a->v4;
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)port);
        return sizeof a->v6;
    }
    return 0;
}

static bool is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* Adds a listener that is bound to an address, called name. */
static bool bind_to(struct http_server *server, const union address *a, socklen_t size,
                    const char *name, struct err *err)
{
    int on = 1, off = 0;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    if (a->any.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr))
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &a->any, size) != 0 || listen(fd, BACKLOG) != 0) {
        int problem = errno;
        close(fd);
        return err_set(err, ERR_IO, "cannot listen at %s: %s", name, strerror(problem));
    }
    bool is_unix = a->any.sa_family == AF_UNIX;
    server->listeners[server->n_listeners++] = (struct http_listener){
        .watch.kind = WATCH_LISTENER,
        .fd = fd,
        .is_unix = is_unix,
        .is_loopback = !is_unix && is_loopback(a),
        .is_tls = !is_unix && server->options.cert_file,
    };
    return true;
}

static bool listen_at(struct http_server *server, const char *name, struct err *err)
{
    union address a;
    int port = server->port ? server->port : server->options.port;
    socklen_t size = read_address(&a, name, port);
    if (!size)
        return err_set(err, ERR_ARG, "%s: no numeric address, 'localhost' or '*'", name);
    bool everywhere = strcmp(name, "*") == 0;
    if (everywhere && !bind_to(server, &a, size, name, err)) {
        /* A system without IPv6 has another word for it. */
        *err = (struct err){0};
        size = read_address(&a, "0.0.0.0", port);
        everywhere = false;
    }
    if (!everywhere && !bind_to(server, &a, size, name, err)) {
        if (port)
            err_add(err, "port %d", port);
        return false;
    }
    size = sizeof a;
    if (getsockname(server->listeners[server->n_listeners - 1].fd, &a.any, &size) == 0)
        server->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    return true;
}

/* Removes a socket that nobody serves any more. */
static bool remove_old(const char *path, const union address *a, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_ARG, "%s: exists and is no socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool served = fd >= 0 && connect(fd, &a->any, sizeof a->un) == 0;
    if (fd >= 0)
        close(fd);
    if (served)
        return err_set(err, ERR_IO, "%s: another server listens there; stop it first", path);
    unlink(path);
    return true;
}

static bool listen_unix(struct http_server *server, struct err *err)
{
    const char *path = server->options.unix_path;
    union address a = {.un.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.un.sun_path)
        return err_set(err, ERR_ARG, "%s: longer than the %zu bytes that a Unix socket may have",
                       path, sizeof a.un.sun_path - 1);
    memcpy(a.un.sun_path, path, strlen(path) + 1);
    if (!remove_old(path, &a, err))
        return false;
    /* Nobody connects before it has its mode. */
    mode_t old = umask(0777);
    bool ok = bind_to(server, &a, sizeof a.un, path, err);
    umask(old);
    if (ok && chmod(path, (mode_t)server->options.unix_mode) != 0)
        return err_set(err, ERR_IO, "%s: cannot set its mode: %s", path, strerror(errno));
    return ok;
}

bool http_listen(struct http_server *server, struct err *err)
{
    const struct http_server_options *o = &server->options;
    for (int i = 0; i < HTTP_ADDRESSES && o->addresses[i]; i++)
        if (!listen_at(server, o->addresses[i], err))
            return false;
    if (o->unix_path && !listen_unix(server, err))
        return false;
    return server->n_listeners > 0 || err_set(err, ERR_ARG, "the server has no address");
}

void http_unlisten(struct http_server *server)
{
    for (int i = 0; i < server->n_listeners; i++) {
        struct http_listener *l = &server->listeners[i];
        if (l->is_unix)
            unlink(server->options.unix_path);
        if (server->epoll_fd >= 0)
            epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
        close(l->fd);
    }
    server->n_listeners = 0;
}
