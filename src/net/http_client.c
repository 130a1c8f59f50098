/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/http_retry.h"
#include "net/http_trust.h"

enum {
    STEP_MS = 100,
    SLOWEST = 1000,           /* bytes per second */
    PROGRESS_BYTES = 1 << 20, /* farther than ever before, they make up for all failures */
};

struct http_client {
    struct http_options options;
    CURLM *multi;
    struct http_get *gets; /* running, or waiting for their next attempt */
    bool reached;          /* some server has answered */
};

struct http_client *http_open(const struct http_options *options, struct err *err)
{
    struct http_client *client = mem_new(1, sizeof *client, err);
    if (!client)
        return NULL;
    client->options = *options;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        client->multi = curl_multi_init();
    if (client->multi)
        return client;
    err_set(err, ERR_LIMIT, "not enough memory for network transfers; see ulimit -v");
    free(client);
    return NULL;
}

static void release(struct http_client *client, struct http_get *get)
{
    if (get->easy) {
        curl_multi_remove_handle(client->multi, get->easy);
        curl_easy_cleanup(get->easy);
    }
    curl_slist_free_all(get->headers);
    get->easy = get->headers = NULL;
    for (struct http_get **p = &client->gets; *p; p = &(*p)->next)
        if (*p == get) {
            *p = get->next;
            break;
        }
}

void http_close(struct http_client *client)
{
    if (!client)
        return;
    while (client->gets)
        release(client, client->gets);
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    free(client);
}

static bool is_success(const struct http_get *get)
{
    return get->status == 200 || get->status == 206 ||
           (get->location && get->status >= 300 && get->status < 400);
}

/* Copies a header of the last response, or "". */
static void get_header(const struct http_get *get, const char *name, char *text, size_t size)
{
    struct curl_header *header;
    bool found = curl_easy_header(get->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    snprintf(text, size, "%s", found ? header->value : "");
}

/* Says whether a partial response begins where the last one ended. */
static bool goes_on(struct http_get *get)
{
    char text[96];
    char *end;
    get_header(get, "Content-Range", text, sizeof text);
    if (strncmp(text, "bytes ", 6) != 0)
        return false;
    return strtoull(text + 6, &end, 10) == get->offset && *end == '-';
}

/* Forgets what was received, so that the next bytes are the first. */
static bool forget(struct http_get *get)
{
    if (get->offset && !get->restart(get->arg, &get->err)) {
        get->refused = true;
        return false;
    }
    get->offset = 0;
    return true;
}

/* Notes that the attempt is worth nothing and what came before neither. */
static bool begin_again(struct http_get *get, const char *why)
{
    snprintf(get->problem, sizeof get->problem, "%s", why);
    get->again = true;
    return false;
}

/* Fails because of more than may be: with a size that is known something broke on the way. */
static bool too_much(struct http_get *get)
{
    if (get->exact)
        return begin_again(get, "the server sends another size than it stated before");
    get->refused = true;
    return err_set(&get->err, ERR_LIMIT, "%s: the answer has more than %" PRIu64 " bytes", get->url,
                   get->n_bytes);
}

static bool keep_location(struct http_get *get)
{
    char *url = NULL;
    curl_easy_getinfo(get->easy, CURLINFO_REDIRECT_URL, &url);
    if (url && strlen(url) > get->location->max) {
        get->refused = true;
        return err_set(&get->err, ERR_LIMIT,
                       "%s: it leads to an address of more than %zu bytes; use another mirror",
                       get->url, get->location->max);
    }
    get->refused = url && !buf_add(get->location, url, strlen(url), &get->err);
    return !get->refused;
}

/* Looks at the head of a response whose content will be taken. */
static bool check_head(struct http_get *get)
{
    char etag[HTTP_ETAG_BYTES];
    curl_off_t length = -1;
    get->seen = true;
    if (get->location)
        return keep_location(get);
    get_header(get, "ETag", etag, sizeof etag);
    bool changed = *etag && *get->etag && strcmp(etag, get->etag) != 0;
    memcpy(get->etag, etag, sizeof etag);
    if (get->status == 206 && (changed || !goes_on(get)))
        return begin_again(get, "the file changed while it was downloaded");
    if (get->status == 200 && !forget(get))
        return false;
    curl_easy_getinfo(get->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    uint64_t rest = get->n_bytes - get->offset;
    if (length < 0 || (get->exact ? (uint64_t)length == rest : (uint64_t)length <= rest))
        return true;
    return too_much(get);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_get *get = arg;
    n *= size;
    curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &get->status);
    if (!is_success(get))
        return n; /* a page for people */
    if (!get->seen && !check_head(get))
        return CURL_WRITEFUNC_ERROR;
    if (n > get->n_bytes - get->offset) {
        too_much(get);
        return CURL_WRITEFUNC_ERROR;
    }
    if (!get->write(get->arg, bytes, n, &get->err)) {
        get->refused = true;
        return CURL_WRITEFUNC_ERROR;
    }
    get->offset += n;
    return n;
}

static bool add_header(struct http_get *get, const char *text)
{
    struct curl_slist *longer = curl_slist_append(get->headers, text);
    get->headers = longer ? longer : get->headers;
    return longer != NULL;
}

static bool set_headers(struct http_get *get)
{
    char range[32];
    curl_slist_free_all(get->headers);
    get->headers = NULL;
    snprintf(range, sizeof range, "%" PRIu64 "-", get->offset);
    curl_easy_setopt(get->easy, CURLOPT_RANGE, get->offset ? range : NULL);
    bool ok = true;
    /* Weak validators may not be used to resume. */
    if (get->offset && *get->etag && strncmp(get->etag, "W/", 2) != 0) {
        snprintf(get->if_range, sizeof get->if_range, "If-Range: %s", get->etag);
        ok = add_header(get, get->if_range);
    }
    curl_easy_setopt(get->easy, CURLOPT_HTTPHEADER, get->headers);
    return ok;
}

static bool begin_attempt(struct http_client *client, struct http_get *get)
{
    get->retry_at = 0;
    get->seen = get->again = false;
    get->status = 0;
    return set_headers(get) && curl_multi_add_handle(client->multi, get->easy) == CURLM_OK;
}

static void set_options(const struct http_client *client, struct http_get *get)
{
    CURL *easy = get->easy;
    bool secure = strncmp(get->url, "https:", 6) == 0;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, get);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, client->options.agent);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_NOBODY, get->location ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, get->location ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)LIMIT_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (client->options.ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->options.ca_file);
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, client->options.ca_file);
    }
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)client->options.stall_s);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)client->options.stall_s);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256 * 1024L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    if (get->token) { /* the library gives it to the first host only */
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, get->token);
    }
}

bool http_start(struct http_client *client, struct http_get *get, struct err *err)
{
    get->ok = get->refused = false;
    get->n_failed = 0;
    get->farthest = get->offset;
    get->headers = NULL;
    *get->etag = *get->problem = '\0';
    get->easy = curl_easy_init();
    get->next = client->gets;
    client->gets = get;
    if (!get->easy || curl_easy_setopt(get->easy, CURLOPT_URL, get->url) != CURLE_OK) {
        release(client, get);
        return err_set(err, ERR_LIMIT, "%s: not enough memory to ask for it", get->url);
    }
    set_options(client, get);
    if (begin_attempt(client, get))
        return true;
    release(client, get);
    return err_set(err, ERR_LIMIT, "%s: not enough memory to ask for it", get->url);
}

/* Says whether the network, not the request, is to blame. */
static bool may_pass(const struct http_client *client, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        return client->reached; /* else the address is wrong, or there is no network */
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

/* Plans the next attempt after a failure that get->problem names.  Returns false when there is
 * none. */
static bool plan_retry(struct http_client *client, struct http_get *get)
{
    curl_off_t asked = 0;
    curl_easy_getinfo(get->easy, CURLINFO_RETRY_AFTER, &asked);
    if (get->offset >= get->farthest + PROGRESS_BYTES) {
        get->farthest = get->offset;
        get->n_failed = 0;
    }
    if (++get->n_failed >= client->options.n_tries)
        return err_set(&get->err, ERR_IO, "%s: %s, %d times in a row; try again later", get->url,
                       get->problem, get->n_failed);
    if (asked > HTTP_RETRY_MOST)
        return err_set(&get->err, ERR_BUSY, "%s: %s; the server asks to wait %ld seconds", get->url,
                       get->problem, (long)asked);
    get->retry_at = clock_now() + http_retry_delay(get->n_failed, (long)asked);
    return true;
}

/* Returns what went wrong, with the remedy where there is but one. */
static const char *describe(CURLcode code)
{
    switch (code) {
    case CURLE_TOO_MANY_REDIRECTS:
        return "it leads from one address to the next without end; check the address";
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "it is, or leads to, no https address; check it";
    case CURLE_SSL_CACERT_BADFILE:
        return "no certificates can be read from the file of those to trust; check SSL_CERT_FILE "
               "and CURL_CA_BUNDLE, or install ca-certificates";
    case CURLE_SSL_CONNECT_ERROR:
        return "the server begins no TLS";
    case CURLE_LOGIN_DENIED:
        return "an address with a user name; give a token instead";
    default:
        return curl_easy_strerror(code);
    }
}

/* Returns what the check of a certificate found, for http_distrust(). */
static long distrust_reason(const struct http_get *get)
{
    struct curl_tlssessioninfo *tls = NULL;
    long reason = HTTP_TRUST_UNKNOWN;
    /* Other libraries have other codes, or none. */
    if (curl_easy_getinfo(get->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls &&
        tls->backend == CURLSSLBACKEND_OPENSSL)
        curl_easy_getinfo(get->easy, CURLINFO_SSL_VERIFYRESULT, &reason);
    return reason;
}

/* Notes why an attempt failed. */
static void note_problem(struct http_get *get, CURLcode code)
{
    char *url = NULL;
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        curl_easy_getinfo(get->easy, CURLINFO_EFFECTIVE_URL, &url);
        http_distrust(get->problem, sizeof get->problem, url ? url : get->url,
                      distrust_reason(get));
    } else if (code == CURLE_OK && !is_success(get)) {
        snprintf(get->problem, sizeof get->problem, "the server answers %ld", get->status);
    } else {
        snprintf(get->problem, sizeof get->problem, "%s",
                 code == CURLE_OK ? "the answer is cut" : describe(code));
    }
}

/* Decides what follows from the end of an attempt.  Returns false when the transfer is done. */
static bool conclude(struct http_client *client, struct http_get *get, CURLcode code)
{
    curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &get->status);
    client->reached = client->reached || get->status;
    for (size_t i = 0; get->note_names && get->note_names[i]; i++)
        get_header(get, get->note_names[i], get->notes[i], sizeof get->notes[i]);
    bool success = is_success(get);
    if (code == CURLE_OK && success && !get->seen && !check_head(get)) /* without a body */
        code = CURLE_WRITE_ERROR;
    if (get->refused)
        return false;
    if (success && !get->again && (code == CURLE_OK || get->exact) &&
        (!get->exact || get->offset == get->n_bytes)) {
        get->ok = true;
        return false;
    }
    if (get->again || get->status == 416) {
        if (!get->again)
            snprintf(get->problem, sizeof get->problem, "the server cannot resume");
        return forget(get) && plan_retry(client, get);
    }
    if (code == CURLE_OK && !success && !http_retry_status(get->status))
        return err_set(&get->err, get->status == 404 ? ERR_NOT_FOUND : ERR_IO,
                       "%s: the server answers %ld", get->url, get->status);
    note_problem(get, code);
    if (code != CURLE_OK && !may_pass(client, code))
        return err_set(&get->err, ERR_IO, "%s: %s", get->url, get->problem);
    return plan_retry(client, get);
}

/* Returns a transfer that has ended, or NULL. */
static struct http_get *take_done(struct http_client *client)
{
    CURLMsg *message;
    int n;
    while ((message = curl_multi_info_read(client->multi, &n))) {
        struct http_get *get = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &get);
        curl_multi_remove_handle(client->multi, get->easy);
        if (conclude(client, get, code))
            continue;
        release(client, get);
        return get;
    }
    return NULL;
}

bool http_step(struct http_client *client, struct http_get **done, struct err *err)
{
    int n_running;
    *done = NULL;
    for (struct http_get *get = client->gets; get; get = get->next)
        if (get->retry_at > 0 && clock_now() >= get->retry_at && !begin_attempt(client, get))
            return err_set(err, ERR_LIMIT, "%s: not enough memory to ask again", get->url);
    CURLMcode code = curl_multi_perform(client->multi, &n_running);
    *done = code == CURLM_OK ? take_done(client) : NULL;
    if (code == CURLM_OK && !*done)
        code = curl_multi_poll(client->multi, NULL, 0, STEP_MS, NULL);
    return code == CURLM_OK ||
           err_set(err, ERR_IO, "network transfers: %s", curl_multi_strerror(code));
}
