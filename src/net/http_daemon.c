/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/line.h"
#include "base/mem.h"
#include "net/http_server_int.h"

enum {
    PEM_BYTES = 1 << 20,
    /* Of a connection's memory, beside its head: what is noted of each line, and the head of the
     * response.  All of it is touched, and cleared after each request. */
    POOL_SPARE = 16 << 10,
};

static void PRINTF(2, 0) listen_to_it(void *arg, const char *format, va_list args)
{
    struct http_daemon *d = arg;
    if (d->is_starting)
        vsnprintf(d->complaint, sizeof d->complaint, format, args);
}

/* Leaves the target as it was written: it is decoded by http_target.h. */
static size_t keep(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg, (void)mhd;
    return strlen(text);
}

static bool read_pem(struct http_daemon *d, const struct http_server_options *o, struct err *err)
{
    buf_init(&d->cert, PEM_BYTES);
    buf_init(&d->key, PEM_BYTES);
    return file_read(&d->cert, o->cert_file, err) && file_read(&d->key, o->key_file, err);
}

static struct MHD_Daemon *start(struct http_server *server, struct http_daemon *d)
{
    const struct http_limits *limits = &server->options.limits;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUSPEND_RESUME |
                     MHD_USE_ERROR_LOG | (d->is_tls ? MHD_USE_TLS : 0);
    size_t pool = (size_t)limits->headers_bytes + limits->target_bytes + POOL_SPARE;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, d->cert.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, d->key.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (char[]){"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"}},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, server,
                            MHD_OPTION_EXTERNAL_LOGGER, listen_to_it, d, /* first */
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool,    /* */
                            MHD_OPTION_CONNECTION_LIMIT, limits->n_connections + 1,
                            MHD_OPTION_NOTIFY_COMPLETED, http_on_end, server, /* */
                            MHD_OPTION_NOTIFY_CONNECTION, http_conn_notify, server,
                            MHD_OPTION_URI_LOG_CALLBACK, http_on_line, server, /* */
                            MHD_OPTION_UNESCAPE_CALLBACK, keep, NULL,          /* */
                            MHD_OPTION_ARRAY, d->is_tls ? tls : none, MHD_OPTION_END);
}

struct http_daemon *http_daemon_open(struct http_server *server, bool is_tls, struct err *err)
{
    struct http_daemon *d = mem_new(1, sizeof *d, err);
    if (!d)
        return NULL;
    d->watch.kind = WATCH_DAEMON;
    d->is_tls = is_tls;
    if (is_tls && !read_pem(d, &server->options, err)) {
        err_add(err, "TLS");
        goto fail;
    }
    d->is_starting = true;
    d->mhd = start(server, d);
    d->is_starting = false;
    if (!d->mhd) {
        line_clean(d->complaint);
        if (is_tls)
            err_set(err, ERR_FORMAT, "%s and %s: no certificate with its key in PEM format (%s)",
                    server->options.cert_file, server->options.key_file, d->complaint);
        else
            err_set(err, ERR_LIMIT, "libmicrohttpd does not start: %s", d->complaint);
        goto fail;
    }
    return d;
fail:
    http_daemon_close(d);
    return NULL;
}

void http_daemon_close(struct http_daemon *daemon)
{
    if (!daemon)
        return;
    if (daemon->mhd)
        MHD_stop_daemon(daemon->mhd);
    if (daemon->key.data)
        explicit_bzero(daemon->key.data, daemon->key.len);
    buf_free(&daemon->key);
    buf_free(&daemon->cert);
    free(daemon);
}

bool http_daemon_run(struct http_daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    MHD_run(daemon->mhd);
    return MHD_get_timeout(daemon->mhd, &timeout) == MHD_YES && timeout == 0;
}
