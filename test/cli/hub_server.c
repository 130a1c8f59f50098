/* SPDX-License-Identifier: Apache-2.0 */
/* hub_server.c - a hub on this machine that misbehaves as it is told to.
 *
 *     build/release/hub_server DIR LOG [KIND CA] >PORT &
 *
 * DIR/NAME holds the files of the model ORG/NAME, whatever ORG is: it says what goes wrong,
 * mostly with the first requests for a large file (see the table of faults).  LOG gets a line per
 * request, with the range asked for and whether a token came.  Large files are redirected to
 * another host name, those of ORG "elsewhere" to the address in the file DIR/elsewhere.  A slow hub
 * sends the second half when there is a file DIR/go.  An ORG that begins with "bare" has its list
 * without sizes and hashes.  With KIND (hub_tls.h) all of it is by TLS, CA is what to trust, and
 * who connects but asks nothing is noted in LOG, too.  Ends by itself after ten minutes. */
#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub_tls.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567" /* of main */
#define OTHER  "89abcdef0123456789abcdef0123456789abcdef" /* of v1 */

enum { LARGE = 20000, MAX_FILES = 256, MAX_TEXT = 4096, TLS_HELLO = 0x16 };

static const char *root;
static FILE *log_file;
static int port;
static bool secure;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char path[512];
    int n;
} seen[MAX_FILES];

struct request {
    int fd;
    SSL *ssl; /* or NULL */
    char text[MAX_TEXT], path[1024], org[128], name[128], rest[512];
    char range[64], if_range[128], revision[128];
    bool token, head;
};

struct content {
    unsigned char *bytes;
    size_t n;
    char hash[65];
};

/* How often path was asked for before. */
static int count(const char *path)
{
    int n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_FILES; i++) {
        if (*seen[i].path && strcmp(seen[i].path, path) != 0)
            continue;
        snprintf(seen[i].path, sizeof seen[i].path, "%s", path);
        n = seen[i].n++;
        break;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

/* Sends, or receives, some bytes.  Returns how many. */
static ssize_t put(const struct request *r, const void *bytes, size_t n)
{
    return r->ssl ? SSL_write(r->ssl, bytes, (int)n) : send(r->fd, bytes, n, MSG_NOSIGNAL);
}

static ssize_t take(const struct request *r, void *bytes, size_t n)
{
    return r->ssl ? SSL_read(r->ssl, bytes, (int)n) : recv(r->fd, bytes, n, 0);
}

static void send_all(const struct request *r, const void *bytes, size_t n)
{
    const char *at = bytes;
    for (ssize_t k; n && (k = put(r, at, n)) > 0; at += k)
        n -= (size_t)k;
}

static void reply(const struct request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void reply(const struct request *r, const char *fmt, ...)
{
    char text[MAX_TEXT];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    send_all(r, text, (size_t)n);
}

static void refuse(const struct request *r, const char *status, const char *more)
{
    reply(r, "HTTP/1.1 %s\r\n%sContent-Length: 5\r\nConnection: close\r\n\r\n%s", status, more,
          r->head ? "" : "sorry");
}

static void digest(const EVP_MD *kind, const char *head, size_t n_head, const struct content *c,
                   char *text)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_DigestInit_ex(state, kind, NULL);
    EVP_DigestUpdate(state, head, n_head);
    EVP_DigestUpdate(state, c->bytes, c->n);
    EVP_DigestFinal_ex(state, sum, &n);
    EVP_MD_CTX_free(state);
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", sum[i]);
}

static bool load(const char *name, const char *file, struct content *c)
{
    char path[1024], head[32];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/%s", root, name, file);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    c->bytes = malloc((size_t)st.st_size + 1);
    c->n = fread(c->bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    int n = snprintf(head, sizeof head, "blob %zu", c->n);
    if (c->n >= LARGE)
        digest(EVP_sha256(), "", 0, c, c->hash);
    else
        digest(EVP_sha1(), head, (size_t)n + 1, c, c->hash);
    return true;
}

static void list_file(FILE *f, const struct request *r, const char *file, const char **comma)
{
    struct content c = {0};
    if (!load(r->name, file, &c))
        return;
    bool bare = strncmp(r->org, "bare", 4) == 0;
    fprintf(f, "%s{\"rfilename\":\"%s\"", *comma, file);
    if (!bare)
        fprintf(f, ",\"size\":%zu,\"blobId\":\"%.40s\"", c.n, c.hash);
    if (!bare && c.n >= LARGE)
        fprintf(f, ",\"lfs\":{\"sha256\":\"%s\",\"size\":%zu,\"pointerSize\":134}", c.hash, c.n);
    fputs("}", f);
    *comma = ",";
    free(c.bytes);
}

/* What a listing says beside the files, by the name of the organisation. */
static const char *extra_file(const char *org)
{
    static const struct {
        const char *org, *file;
    } extras[] = {
        {"dotdot", "../../../../escaped.gguf"},
        {"absolute", "/etc/escaped.gguf"},
        {"control", "a\\u001b[2Jb.gguf"},
        {"backslash", "..\\\\escaped.gguf"},
        {"missing", "gone.gguf"},
    };
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (strcmp(extras[i].org, org) == 0)
            return extras[i].file;
    return NULL;
}

static void list(const struct request *r, const char *commit)
{
    char *text, path[1024];
    const char *comma = "", *extra = extra_file(r->org);
    size_t n;
    FILE *f = open_memstream(&text, &n);
    snprintf(path, sizeof path, "%s/%s", root, r->name);
    DIR *dir = opendir(path);
    fprintf(f, "{\"sha\":\"%s\",\"gated\":false,\"siblings\":[", commit);
    for (struct dirent *e; dir && (e = readdir(dir));)
        list_file(f, r, e->d_name, &comma);
    if (dir)
        closedir(dir);
    if (extra)
        fprintf(f, "%s{\"rfilename\":\"%s\",\"size\":5,\"blobId\":\"%s\"}", comma, extra, COMMIT);
    if (strcmp(r->org, "vast") == 0)
        fprintf(f,
                "%s{\"rfilename\":\"vast.gguf\",\"lfs\":{\"size\":8796093022208,\"sha256\":\"%s%."
                "24s\"}}",
                comma, COMMIT, COMMIT);
    fputs("]}", f);
    fclose(f);
    reply(r,
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Repo-Commit: %s\r\n"
          "Connection: close\r\n\r\n",
          commit);
    static char blanks[1 << 20];
    for (int i = 0; i < 33 && strcmp(r->org, "huge") == 0; i++) {
        send_all(r, memset(blanks, ' ', sizeof blanks), sizeof blanks);
    }
    send_all(r, text, n);
    free(text);
}

static bool is(const struct request *r, const char *org)
{
    return strcmp(r->org, org) == 0;
}

/* Sends a part of a content with the head that belongs to it. */
static void send_content(const struct request *r, struct content *c, int attempt)
{
    char etag[80];
    size_t from = 0, to = c->n;
    bool first = attempt == 0;
    bool old = first && (is(r, "changed") || is(r, "changed206"));
    snprintf(etag, sizeof etag, "\"%s%s\"", old ? "old-" : "", c->hash);
    bool valid = !*r->if_range || strcmp(r->if_range, etag) == 0 || is(r, "changed206");
    if (*r->range && valid && !is(r, "norange") && !is(r, "endless"))
        from = strtoul(r->range + strlen("bytes="), NULL, 10);
    if ((is(r, "wrong") || (is(r, "wrong1") && first)) && c->n >= LARGE)
        c->bytes[c->n / 2] ^= 1;
    bool cuts = first && (is(r, "short") || is(r, "changed") || is(r, "changed206") ||
                          is(r, "norange") || is(r, "pause") || is(r, "slow"));
    if (from > c->n) {
        refuse(r, "416 Range Not Satisfiable", "");
        return;
    }
    reply(r, "HTTP/1.1 %s\r\nETag: %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
          from ? "206 Partial Content" : "200 OK", etag,
          c->n - from + (first && is(r, "length") ? 10 : 0));
    if (from)
        reply(r, "Content-Range: bytes %zu-%zu/%zu\r\n", from, c->n - 1, c->n);
    reply(r, "\r\n");
    if (first && is(r, "drip")) {
        for (int i = 0; i < 200 && put(r, c->bytes + i, 1) == 1; i++)
            usleep(100000);
        return;
    }
    if (cuts)
        to = c->n / 2;
    if (is(r, "endless"))
        to = c->n - 1;
    send_all(r, c->bytes + from, to > from ? to - from : 0);
    if (first && is(r, "pause"))
        sleep(120);
    if (first && is(r, "slow")) {
        char go[512];
        snprintf(go, sizeof go, "%s/go", root);
        for (int i = 0; i < 1200 && access(go, F_OK) != 0; i++)
            usleep(100000);
        send_all(r, c->bytes + to, c->n - to);
    }
}

/* Writes the address at which a file lies. */
static void locate(const struct request *r, const char *file, char *url, size_t size)
{
    char base[512], path[600];
    snprintf(path, sizeof path, "%s/elsewhere", root);
    FILE *f = is(r, "elsewhere") ? fopen(path, "r") : NULL;
    bool has = f && fscanf(f, "%511s", base) == 1;
    if (f)
        fclose(f);
    if (!has)
        snprintf(base, sizeof base, "http%s://localhost:%d", secure ? "s" : "", port);
    snprintf(url, size, "%s/cdn/%s/%s/%s", base, r->org, r->name, file);
}

/* Says what a file is and that it lies elsewhere, or something false. */
static void redirect(const struct request *r, struct content *c, const char *file)
{
    char url[2000], size[64];
    locate(r, file, url, sizeof url);
    snprintf(size, sizeof size, "%zu", c->n + is(r, "bare-size"));
    if (is(r, "bare-hash"))
        c->hash[0] = c->hash[0] == '0' ? '1' : '0';
    if (is(r, "bare-etag"))
        c->hash[63] = 'x';
    if (is(r, "bare-vast"))
        snprintf(size, sizeof size, "18446744073709551617");
    reply(r, "HTTP/1.1 302 Found\r\nX-Repo-Commit: %s\r\n",
          is(r, "bare-commit") ? OTHER : r->revision);
    if (!is(r, "bare-none"))
        reply(r, "X-Linked-Size: %s\r\nX-Linked-Etag: \"%s\"\r\n", size, c->hash);
    reply(r, "Location: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", url);
}

/* Answers what a small file is, or something false. */
static void send_head(const struct request *r, struct content *c)
{
    if (is(r, "bare-weak"))
        reply(r, "HTTP/1.1 200 OK\r\nETag: W/\"%s\"\r\nContent-Length: %zu\r\n\r\n", c->hash, c->n);
    else if (is(r, "bare-other"))
        reply(r, "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nContent-Length: %zu\r\n\r\n", OTHER, c->n);
    else
        reply(r, "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nContent-Length: %zu\r\n\r\n",
              is(r, "bare-number") ? "5f3c" : c->hash, c->n);
}

static void send_large(const struct request *r, struct content *c, int attempt)
{
    if (is(r, "busy") && attempt < 1)
        refuse(r, "429 Too Many Requests", "Retry-After: 2\r\n");
    else if (is(r, "patience"))
        refuse(r, "429 Too Many Requests", "Retry-After: 4000\r\n");
    else if (is(r, "down") || (is(r, "broken") && attempt < 1))
        refuse(r, "503 Service Unavailable", "");
    else
        send_content(r, c, attempt);
}

static void resolve(const struct request *r, const char *file, bool from_cdn)
{
    struct content c = {0};
    if (!load(r->name, file, &c)) {
        refuse(r, "404 Not Found", "X-Error-Code: EntryNotFound\r\n");
        return;
    }
    bool large = c.n >= LARGE;
    if (r->head && is(r, "bare-headless"))
        refuse(r, "405 Method Not Allowed", "");
    else if (is(r, "loop") || is(r, "bare-loop"))
        reply(r,
              "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n"
              "Connection: close\r\n\r\n",
              r->path);
    else if (is(r, "bare-moved"))
        reply(r,
              "HTTP/1.1 307 Moved\r\nLocation: /bare/%s/resolve/%s/%s\r\nContent-Length: 0\r\n"
              "Connection: close\r\n\r\n",
              r->name, r->revision, file);
    else if (large && !from_cdn)
        redirect(r, &c, file);
    else if (r->head)
        send_head(r, &c);
    else if (large)
        send_large(r, &c, count(r->path));
    else
        send_content(r, &c, 9);
    free(c.bytes);
}

static void answer(struct request *r)
{
    char file[512], *revision = r->revision;
    if (sscanf(r->path, "/api/models/%127[^/]/%127[^/]/revision/%127[^?]", r->org, r->name,
               revision) == 3) {
        if (is(r, "gated") && !r->token)
            refuse(r, "401 Unauthorized", "X-Error-Code: GatedRepo\r\n");
        else if (is(r, "private"))
            refuse(r, "401 Unauthorized", "X-Error-Code: RepoNotFound\r\n");
        else if (is(r, "nobody"))
            refuse(r, "404 Not Found", "X-Error-Code: RepoNotFound\r\n");
        else if (strcmp(revision, "main") != 0 && strcmp(revision, "v1") != 0)
            refuse(r, "404 Not Found", is(r, "terse") ? "" : "X-Error-Code: RevisionNotFound\r\n");
        else if (is(r, "page"))
            refuse(r, "200 OK", "");
        else
            list(r, strcmp(revision, "v1") == 0 ? OTHER : COMMIT);
    } else if (sscanf(r->path, "/cdn/%127[^/]/%127[^/]/%511s", r->org, r->name, file) == 3) {
        resolve(r, file, true);
    } else if (sscanf(r->path, "/%127[^/]/%127[^/]/resolve/%127[^/]/%511s", r->org, r->name,
                      revision, file) == 4) {
        resolve(r, file, false);
    } else {
        refuse(r, "404 Not Found", "");
    }
}

/* Copies a header's value, or leaves it empty. */
static void get_header(const char *head, const char *name, char *value, size_t size)
{
    const char *at = strcasestr(head, name);
    if (at)
        snprintf(value, size, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
}

static void note(const struct request *r)
{
    pthread_mutex_lock(&lock);
    if (*r->path)
        fprintf(log_file, "%s%s%s%s%s%s\n", r->head ? "HEAD " : "", r->path, *r->range ? " " : "",
                r->range, *r->if_range ? " if-range" : "", r->token ? " token" : "");
    else if (secure)
        fprintf(log_file, "nothing asked\n");
    fflush(log_file);
    pthread_mutex_unlock(&lock);
}

static void *serve(void *arg)
{
    struct request *r = arg;
    size_t n = 0;
    r->ssl = secure ? tls_accept(r->fd) : NULL;
    if (r->ssl || !secure)
        for (ssize_t k; n < MAX_TEXT - 1 && !strstr(r->text, "\r\n\r\n"); n += (size_t)k)
            if ((k = take(r, r->text + n, MAX_TEXT - 1 - n)) <= 0 || *r->text == TLS_HELLO)
                break;
    r->head = sscanf(r->text, "HEAD %1023s", r->path) == 1;
    if (r->head || sscanf(r->text, "GET %1023s", r->path) == 1) {
        get_header(r->text, "\r\nRange: ", r->range, sizeof r->range);
        get_header(r->text, "\r\nIf-Range: ", r->if_range, sizeof r->if_range);
        r->token = strstr(r->text, "\r\nAuthorization: Bearer ") != NULL;
    }
    note(r);
    if (*r->path)
        answer(r);
    else if (*r->text == TLS_HELLO)
        refuse(r, "400 Bad Request", "");
    if (r->ssl)
        SSL_shutdown(r->ssl);
    SSL_free(r->ssl);
    shutdown(r->fd, SHUT_WR);
    close(r->fd);
    free(r);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    log_file = argc == 3 || argc == 5 ? fopen(argv[2], "a") : NULL;
    if (!log_file || fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        fprintf(stderr, "usage: hub_server DIR LOG [KIND CA]\n");
        return 1;
    }
    root = argv[1];
    secure = argc == 5;
    if (secure)
        tls_begin(argv[3], argv[4]);
    signal(SIGPIPE, SIG_IGN);
    port = ntohs(at.sin_port);
    printf("%d\n", port);
    fflush(stdout);
    alarm(600);
    for (;;) {
        pthread_t thread;
        struct request *r = calloc(1, sizeof *r);
        r->fd = accept(fd, NULL, NULL);
        if (r->fd < 0 || pthread_create(&thread, NULL, serve, r) != 0)
            return 1;
        pthread_detach(thread);
    }
}
