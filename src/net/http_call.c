/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    EVENTS = 256,         /* taken at a time */
    OTHER_FILES = 64,     /* that a process has open beside its connections */
    RECEIVE_BYTES = 8192, /* each call has a buffer of them */
    SEND_BYTES = 16384,   /* the library's least */
};

#define NEVER ((double)INFINITY)

struct http_caller {
    struct http_caller_options options;
    CURLM *multi;
    int epoll, timer; /* -1: none */
    double curl_at;   /* when the library wants to be called */
    double timer_at;  /* what the timer is set to */
    struct err own;   /* what a callback of the library found */
    struct curl_slist *headers;
};

/* --- the library's wishes ------------------------------------------------------------------- */

static int want_timer(CURLM *multi, long ms, void *arg)
{
    struct http_caller *caller = arg;
    (void)multi;
    caller->curl_at = ms < 0 ? NEVER : clock_now() + 1e-3 * (double)ms;
    return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct http_caller *caller = arg;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(caller->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    int how = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(caller->epoll, how, fd, &event) != 0) {
        err_set(&caller->own, ERR_IO, "waiting for a connection: %s", strerror(errno));
        return -1;
    }
    curl_multi_assign(caller->multi, fd, caller); /* anything but NULL: it is known */
    return 0;
}

/* --- opening -------------------------------------------------------------------------------- */

/* Raises the limit of open files as far as it may be and is needed. */
static bool make_room(uint32_t n_most, struct err *err)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)n_most + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return true;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    if (limit.rlim_cur >= need && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    return err_set(err, ERR_LIMIT,
                   "%u requests at a time need %llu open files, of %llu allowed; raise the limit "
                   "(ulimit -n) or ask for fewer",
                   n_most, (unsigned long long)need, (unsigned long long)limit.rlim_max);
}

static bool open_waiting(struct http_caller *caller, struct err *err)
{
    caller->epoll = epoll_create1(EPOLL_CLOEXEC);
    caller->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = caller->timer};
    return (caller->epoll >= 0 && caller->timer >= 0 &&
            epoll_ctl(caller->epoll, EPOLL_CTL_ADD, caller->timer, &event) == 0) ||
           err_set(err, ERR_IO, "waiting for connections: %s", strerror(errno));
}

static bool open_library(struct http_caller *caller, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        caller->multi = curl_multi_init();
    /* Without "Expect:" the library asks before it sends a large body, which costs a turn. */
    caller->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!caller->multi || !caller->headers || !curl_slist_append(caller->headers, "Expect:"))
        return err_set(err, ERR_LIMIT, "not enough memory for network transfers; see ulimit -v");
    curl_multi_setopt(caller->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(caller->multi, CURLMOPT_SOCKETDATA, caller);
    curl_multi_setopt(caller->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(caller->multi, CURLMOPT_TIMERDATA, caller);
    curl_multi_setopt(caller->multi, CURLMOPT_MAXCONNECTS, (long)caller->options.n_most);
    return true;
}

struct http_caller *http_caller_open(const struct http_caller_options *options, struct err *err)
{
    struct http_caller *caller = mem_new(1, sizeof *caller, err);
    if (!caller)
        return NULL;
    *caller = (struct http_caller){
        .options = *options, .epoll = -1, .timer = -1, .curl_at = NEVER, .timer_at = NEVER};
    if (make_room(options->n_most, err) && open_waiting(caller, err) && open_library(caller, err))
        return caller;
    http_caller_close(caller);
    return NULL;
}

void http_caller_close(struct http_caller *caller)
{
    if (!caller)
        return;
    curl_multi_cleanup(caller->multi);
    curl_slist_free_all(caller->headers);
    curl_global_cleanup();
    if (caller->epoll >= 0)
        close(caller->epoll);
    if (caller->timer >= 0)
        close(caller->timer);
    free(caller);
}

/* --- one call ------------------------------------------------------------------------------- */

static void look_at_head(struct http_call *call)
{
    char *type = NULL;
    call->seen = true;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(call->type, sizeof call->type, "%s", type ? type : "");
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    n *= size;
    if (!call->seen)
        look_at_head(call);
    return call->write(call->arg, bytes, n, &call->err) ? n : CURL_WRITEFUNC_ERROR;
}

/* A proxy is for other machines. */
static bool is_here(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

static bool set_options(const struct http_caller *caller, struct http_call *call)
{
    CURL *easy = call->easy;
    const struct http_caller_options *o = &caller->options;
    if (curl_easy_setopt(easy, CURLOPT_URL, call->url) != CURLE_OK)
        return false;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, o->agent);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)o->connect_s);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)o->most_s);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (o->unix_path)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_path);
    if (o->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
    if (is_here(call->url))
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (call->token) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, call->token);
    }
    if (!call->body.s)
        return true;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, caller->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.s) == CURLE_OK;
}

bool http_call_begin(struct http_caller *caller, struct http_call *call, struct err *err)
{
    call->status = 0;
    call->seen = false;
    *call->type = '\0';
    call->err = (struct err){0};
    if (call->easy)
        curl_easy_reset(call->easy);
    else
        call->easy = curl_easy_init();
    return (call->easy && set_options(caller, call) &&
            curl_multi_add_handle(caller->multi, call->easy) == CURLM_OK) ||
           err_set(err, ERR_LIMIT, "%s: not enough memory to ask for it", call->url);
}

void http_call_free(struct http_caller *caller, struct http_call *call)
{
    if (!call->easy)
        return;
    curl_multi_remove_handle(caller->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

/* --- how calls end -------------------------------------------------------------------------- */

static enum http_end end_of(CURLcode code, const struct http_call *call)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_WHOLE;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_LATE;
    case CURLE_WRITE_ERROR:
        return HTTP_REFUSED;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return HTTP_CUT;
    default:
        return call->status ? HTTP_CUT : HTTP_NONE;
    }
}

/* Says what the library found; write() has said its own. */
static void note_failure(struct http_call *call, CURLcode code)
{
    long system = 0;
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &system);
    if (call->err.code != ERR_NONE)
        return;
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        err_set(&call->err, ERR_IO,
                "the server's certificate is not trusted; check the address, or set SSL_CERT_FILE "
                "to a file that has the certificate of who signed it");
    else if (code == CURLE_COULDNT_CONNECT && system)
        err_set(&call->err, ERR_IO, "%s", strerror((int)system));
    else
        err_set(&call->err, ERR_IO, "%s", curl_easy_strerror(code));
}

struct http_call *http_caller_done(struct http_caller *caller)
{
    CURLMsg *message;
    int n;
    while ((message = curl_multi_info_read(caller->multi, &n))) {
        struct http_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        if (!call->seen)
            look_at_head(call);
        call->end = end_of(code, call);
        if (call->end != HTTP_WHOLE)
            note_failure(call, code);
        curl_multi_remove_handle(caller->multi, call->easy);
        return call;
    }
    return NULL;
}

/* --- waiting -------------------------------------------------------------------------------- */

/* A timer of nanoseconds: epoll_wait() itself counts in milliseconds, which are long here. */
static bool set_timer(struct http_caller *caller, double at, struct err *err)
{
    double left = at - clock_now();
    struct itimerspec spec = {0};
    if (at == caller->timer_at)
        return true;
    left = left < 1e-6 ? 1e-6 : left;
    if (at < NEVER) {
        spec.it_value.tv_sec = (time_t)left;
        spec.it_value.tv_nsec = (long)(1e9 * (left - floor(left)));
    }
    caller->timer_at = at;
    return timerfd_settime(caller->timer, 0, &spec, NULL) == 0 ||
           err_set(err, ERR_IO, "a timer: %s", strerror(errno));
}

/* Lets the library work on a socket, or on what is due. */
static bool act(struct http_caller *caller, curl_socket_t fd, int what, struct err *err)
{
    int n_running;
    CURLMcode code = curl_multi_socket_action(caller->multi, fd, what, &n_running);
    if (caller->own.code != ERR_NONE) {
        *err = caller->own;
        return false;
    }
    return code == CURLM_OK || err_set(err, code == CURLM_OUT_OF_MEMORY ? ERR_LIMIT : ERR_IO,
                                       "network transfers: %s", curl_multi_strerror(code));
}

static bool act_on(struct http_caller *caller, const struct epoll_event *event, struct err *err)
{
    uint64_t n;
    if (event->data.fd == caller->timer) {
        caller->timer_at = NEVER;
        return read(caller->timer, &n, sizeof n) >= 0 || errno == EAGAIN ||
               err_set(err, ERR_IO, "a timer: %s", strerror(errno));
    }
    int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    return act(caller, event->data.fd, what, err);
}

bool http_caller_wait(struct http_caller *caller, double until, struct err *err)
{
    struct epoll_event events[EVENTS];
    if (caller->curl_at > clock_now()) {
        double at = caller->curl_at < until ? caller->curl_at : until;
        int n = set_timer(caller, at, err) ? epoll_wait(caller->epoll, events, EVENTS, -1) : -2;
        if (n == -2 || (n < 0 && errno != EINTR))
            return n == -2 || err_set(err, ERR_IO, "waiting for connections: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            if (!act_on(caller, &events[i], err))
                return false;
    }
    if (caller->curl_at > clock_now())
        return true;
    caller->curl_at = NEVER;
    return act(caller, CURL_SOCKET_TIMEOUT, 0, err);
}
