/* SPDX-License-Identifier: Apache-2.0 */
/* stream_server.c - a server of chat and completion requests that misbehaves as it is told to.
 *
 *     build/release/stream_server LOG >PORT &
 *
 * The address says what goes wrong: http://127.0.0.1:PORT/FAULT/v1/chat/completions (see the table
 * of faults; "plain" is none).  The answer to every request is as many words, "w0 w1 w2 ...", as
 * max_tokens asks for, each a token.  Prompts have a token for each blank in the body of a request
 * and three more.  LOG gets each body.  Ends by itself after ten minutes. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_HEAD = 8192, MAX_BODY = 1 << 20, MAX_EVENT = 1024, STACK = 256 << 10 };

static FILE *log_file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int n_asked;

struct request {
    int fd;
    char head[MAX_HEAD], path[512], fault[64];
    char *body; /* [MAX_BODY + 1] */
    bool chat, stream, key;
    int n_tokens, n_prompt, id;
    bool bad; /* the connection */
};

static bool is(const struct request *r, const char *fault)
{
    return strcmp(r->fault, fault) == 0;
}

/* --- sending -------------------------------------------------------------------------------- */

static void put(struct request *r, const char *bytes, size_t n)
{
    size_t step = is(r, "bytes") ? 1 : n;
    for (ssize_t k; n && !r->bad; n -= (size_t)k, bytes += k) {
        k = send(r->fd, bytes, n < step ? n : step, MSG_NOSIGNAL);
        r->bad = k <= 0;
        k = k < 0 ? 0 : k;
    }
}

static void say(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct request *r, const char *fmt, ...)
{
    char text[2 * MAX_EVENT];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put(r, text, (size_t)n);
}

static void answer(struct request *r, const char *status, const char *type, const char *text)
{
    say(r, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status, type,
        strlen(text));
    put(r, text, strlen(text));
}

static void answer_json(struct request *r, const char *status, const char *text)
{
    answer(r, status, "application/json", text);
}

/* Sends n bytes of a stream; \n becomes what ends lines. */
static void send_part(struct request *r, const char *text)
{
    char part[2 * MAX_EVENT];
    size_t n = 0;
    const char *end = is(r, "crlf") ? "\r\n" : is(r, "cr") ? "\r" : "\n";
    for (; *text; text++) {
        if (*text != '\n')
            part[n++] = *text;
        for (const char *s = *text == '\n' ? end : ""; *s; s++)
            part[n++] = *s;
    }
    if (is(r, "close")) {
        put(r, part, n);
        return;
    }
    char head[32];
    put(r, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", n));
    put(r, part, n);
    put(r, "\r\n", 2);
}

/* --- streams -------------------------------------------------------------------------------- */

/* Writes an event with the words from first to before last. */
static void write_chunk(const struct request *r, char *out, int first, int last, const char *finish)
{
    char text[300] = "", usage[160] = "", quoted[32] = "null";
    size_t n = 0;
    for (int i = first; i < last && n < 200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "w%d ", i);
    if (is(r, "counts") || is(r, "miscounts"))
        snprintf(usage, sizeof usage, ",\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}",
                 r->n_prompt, last);
    if (finish)
        snprintf(quoted, sizeof quoted, "\"%s\"", finish);
    snprintf(out, MAX_EVENT,
             "data: {\"id\":\"a%d\",\"choices\":[{\"index\":0,%s%s%s,\"finish_reason\":%s}]%s}\n\n",
             is(r, "foreign") && first == 1 ? 0 : r->id,
             r->chat ? "\"delta\":{\"content\":\"" : "\"text\":\"", text, r->chat ? "\"}" : "\"",
             quoted, usage);
}

static void send_words(struct request *r)
{
    char one[MAX_EVENT], other[MAX_EVENT];
    int step = is(r, "several") ? 3 : 1, n = is(r, "early") ? r->n_tokens / 2 : r->n_tokens;
    for (int i = 0; i < n && !r->bad; i += step) {
        int next = i + step < n ? i + step : n;
        if (is(r, "slow"))
            usleep(20000);
        if (is(r, "comments"))
            send_part(r, ": ping\n\n");
        write_chunk(r, one, i, next, NULL);
        if (is(r, "reordered") && i == 2 && n > 3) {
            write_chunk(r, other, 3, 4, NULL);
            send_part(r, other);
            i++;
        }
        if (!is(r, "lost") || i != 2)
            send_part(r, one);
        if (is(r, "cut") && i == n / 2) {
            r->bad = true;
            return;
        }
    }
}

static void send_usage(struct request *r)
{
    char text[MAX_EVENT];
    if (is(r, "uncounted") || !strstr(r->body, "\"include_usage\":true"))
        return;
    snprintf(text, sizeof text,
             "data: {\"id\":\"a%d\",\"choices\":[],\"usage\":{\"prompt_tokens\":%d,"
             "\"completion_tokens\":%d,\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n",
             r->id, r->n_prompt, r->n_tokens);
    send_part(r, text);
}

static void send_end(struct request *r)
{
    char text[MAX_EVENT];
    if (r->bad || is(r, "short"))
        return;
    if (is(r, "failing")) {
        send_part(r, "data: {\"error\":{\"message\":\"the model fell over\"}}\n\n");
        return;
    }
    if (is(r, "unreadable"))
        send_part(r, "data: {\"choices\n\n");
    int last = is(r, "miscounts") ? 0 : r->n_tokens;
    write_chunk(r, text, last, last, "length");
    send_part(r, text);
    if (is(r, "twice"))
        send_part(r, text);
    if (is(r, "behind")) {
        write_chunk(r, text, 0, 1, NULL);
        send_part(r, text);
    }
    send_usage(r);
    if (is(r, "undone"))
        return;
    send_part(r, "data: [DONE]\n\n");
    if (is(r, "after"))
        send_part(r, text);
}

static void send_stream(struct request *r)
{
    bool close = is(r, "close");
    say(r, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n%s\r\n",
        close ? "Connection: close\r\n" : "Transfer-Encoding: chunked\r\n");
    if (is(r, "huge")) {
        static char blanks[1 << 16];
        memset(blanks, ' ', sizeof blanks - 1);
        for (int i = 0; i < 80 && !r->bad; i++) {
            say(r, "%zx\r\n", sizeof blanks - 1);
            put(r, blanks, sizeof blanks - 1);
            say(r, "\r\n");
        }
    }
    if (r->chat)
        send_part(r, "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},"
                     "\"finish_reason\":null}]}\n\n");
    send_words(r);
    send_end(r);
    if (!close && !r->bad)
        say(r, "0\r\n\r\n");
    r->bad = r->bad || close;
}

static void send_whole(struct request *r)
{
    char *text = malloc((size_t)r->n_tokens * 12 + MAX_EVENT);
    int n = sprintf(text, "{\"id\":\"a%d\",\"choices\":[{\"index\":0,%s", r->id,
                    r->chat ? "\"message\":{\"role\":\"assistant\",\"content\":\"" : "\"text\":\"");
    for (int i = 0; i < r->n_tokens; i++)
        n += sprintf(text + n, "w%d ", i);
    sprintf(text + n,
            "\"%s,\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":%d,"
            "\"completion_tokens\":%d}}",
            r->chat ? "}" : "", r->n_prompt, r->n_tokens);
    answer_json(r, "200 OK", text);
    free(text);
}

/* --- requests ------------------------------------------------------------------------------- */

/* Answers where there is no stream.  Returns whether it did. */
static bool refuse(struct request *r, int n)
{
    if (is(r, "busy") || (is(r, "third") && r->n_tokens > 1 && n % 3 == 2))
        answer_json(r, "429 Too Many Requests",
                    "{\"object\":\"error\",\"message\":\"Slow down.\",\"code\":\"1300\","
                    "\"error\":{\"message\":\"Slow down.\"}}");
    else if (is(r, "strict") && (strstr(r->body, "\"ignore_eos\"") || strstr(r->body, "\"seed\"")))
        answer_json(r, "422 Unprocessable", "{\"detail\":\"extra_forbidden\"}");
    else if (is(r, "never"))
        answer_json(r, "400 Bad Request", "{\"error\":{\"message\":\"no such luck\"}}");
    else if (is(r, "page"))
        answer(r, "200 OK", "text/html", "<html>A page\033[31m for people</html>");
    else if (is(r, "locked") && !r->key)
        answer_json(r, "401 Unauthorized", "{\"error\":{\"message\":\"Who are you?\"}}");
    else
        return false;
    return true;
}

static void read_fields(struct request *r)
{
    const char *max = strstr(r->body, "\"max_tokens\":");
    r->chat = strstr(r->path, "/chat/") != NULL;
    r->stream = strstr(r->body, "\"stream\":true") != NULL;
    r->n_tokens = max ? atoi(max + strlen("\"max_tokens\":")) : 8;
    r->n_prompt = 3;
    for (const char *s = r->body; *s; s++)
        r->n_prompt += *s == ' ';
}

static void serve(struct request *r)
{
    pthread_mutex_lock(&lock);
    int n = r->id = n_asked++;
    if (*r->body)
        fprintf(log_file, "%s %s\n", r->path, r->body);
    fflush(log_file);
    pthread_mutex_unlock(&lock);
    read_fields(r);
    if (strstr(r->path, "/v1/models") && is(r, "modelless"))
        answer_json(r, "200 OK", "{\"data\":[]}");
    else if (strstr(r->path, "/v1/models") && !(is(r, "locked") && !r->key))
        answer_json(r, "200 OK", "{\"data\":[{\"id\":\"tiny\"},{\"id\":\"other\"}]}");
    else if (strstr(r->path, "/nowhere/"))
        answer_json(r, "404 Not Found", "{\"message\":\"no such path\"}");
    else if (is(r, "silent") && r->n_tokens > 1)
        sleep(120);
    else if (refuse(r, n))
        return;
    else if (r->stream)
        send_stream(r);
    else
        send_whole(r);
}

/* Reads a request.  Returns whether there is one. */
static bool receive(struct request *r)
{
    size_t n = 0, n_body = 0, need = 0;
    char *end = NULL;
    memset(r->head, 0, sizeof r->head);
    for (ssize_t k; !end && n < MAX_HEAD - 1; n += (size_t)k) {
        if ((k = recv(r->fd, r->head + n, MAX_HEAD - 1 - n, 0)) <= 0)
            return false;
        end = strstr(r->head, "\r\n\r\n");
    }
    if (!end || sscanf(r->head, "%*s %511s", r->path) != 1)
        return false;
    if (sscanf(r->path, "/%63[^/]", r->fault) != 1)
        return false;
    const char *length = strcasestr(r->head, "\r\nContent-Length: ");
    need = length ? strtoul(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
    r->key = strstr(r->head, "\r\nAuthorization: Bearer sesame\r\n") != NULL;
    if (need > MAX_BODY)
        return false;
    n_body = n - (size_t)(end + 4 - r->head);
    memcpy(r->body, end + 4, n_body);
    for (ssize_t k; n_body < need; n_body += (size_t)k)
        if ((k = recv(r->fd, r->body + n_body, need - n_body, 0)) <= 0)
            return false;
    r->body[n_body] = '\0';
    return true;
}

static void *converse(void *arg)
{
    struct request *r = arg;
    int on = 1;
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (!r->bad && receive(r))
        serve(r);
    close(r->fd);
    free(r->body);
    free(r);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    log_file = argc == 2 ? fopen(argv[1], "a") : NULL;
    if (!log_file || fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 ||
        listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        fprintf(stderr, "usage: stream_server LOG\n");
        return 1;
    }
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    signal(SIGPIPE, SIG_IGN);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    alarm(600);
    for (;;) {
        pthread_t thread;
        struct request *r = calloc(1, sizeof *r);
        r->fd = accept(fd, NULL, NULL);
        r->body = malloc(MAX_BODY + 1);
        if (r->fd < 0 || pthread_create(&thread, &attr, converse, r) != 0)
            return 1;
        pthread_detach(thread);
    }
}
