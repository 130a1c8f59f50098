/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_framing.h"
#include "net/http_target.h"

/* Reads a parameter's value at p, quoted or not, into text: [size], with as many bytes as fit, and
 * its length into *n.  Returns where it ends, or NULL without a closing quote. */
static const char *read_value(const char *p, char *text, size_t size, size_t *n)
{
    bool quoted = *p == '"';
    *n = 0;
    for (p += quoted; *p && *p != (quoted ? '"' : ';'); p++) {
        if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        if (*n < size)
            text[*n] = *p;
        ++*n;
    }
    if (quoted)
        return *p ? p : NULL;
    while (*n && *n <= size && (text[*n - 1] == ' ' || text[*n - 1] == '\t'))
        --*n;
    return p;
}

/* Finds the parameter of that name in "value; name=text; name=\"text\"" and unquotes it into
 * text: [size].  Returns 1, 0 when it is missing, -1 when it is malformed or too long. */
static int find_param(const char *value, const char *name, char *text, size_t size)
{
    size_t n_name = strlen(name), n;
    for (const char *p = strchr(value, ';'); p; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " \t");
        bool found = strncasecmp(p, name, n_name) == 0 && p[n_name] == '=';
        p += strcspn(p, "=;");
        if (*p != '=')
            continue;
        p = read_value(p + 1, text, size, &n);
        if (!p || (found && n >= size))
            return -1;
        if (!found)
            continue;
        text[n] = '\0';
        return 1;
    }
    text[0] = '\0';
    return 0;
}

bool multipart_init(struct multipart *m, const char *content_type,
                    const struct multipart_sink *sink, struct err *err)
{
    static const char type[] = "multipart/form-data";
    char boundary[MULTIPART_BOUNDARY + 1];
    *m = (struct multipart){.sink = *sink, .n_held = 2};
    if (strncasecmp(content_type, type, sizeof type - 1) != 0 ||
        !strchr("; \t", content_type[sizeof type - 1]))
        return err_set(err, ERR_UNSUPPORTED, "the content must be multipart/form-data");
    if (find_param(content_type, "boundary", boundary, sizeof boundary) != 1 || !*boundary ||
        strpbrk(boundary, "\r\n"))
        return err_set(err, ERR_FORMAT, "multipart/form-data needs a boundary of 1 to 70 bytes");
    m->n_mark = (size_t)snprintf(m->mark, sizeof m->mark, "\r\n--%s", boundary);
    return true;
}

static bool is_clean(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return http_is_text(text, strlen(text));
}

/* Leaves what stands behind the last slash of either kind. */
static void drop_folders(char *name)
{
    for (char *p = name; *p; p++)
        if (*p == '/' || *p == '\\') {
            memmove(name, p + 1, strlen(p + 1) + 1);
            p = name - 1;
        }
}

/* Reads "UTF-8''percent-encoded" over file_name. */
static bool read_extended(struct multipart_part *part, const char *text, struct err *err)
{
    char decoded[MULTIPART_NAME];
    if (strncasecmp(text, "UTF-8''", 7) != 0)
        return err_set(err, ERR_UNSUPPORTED, "filename* of a part must be UTF-8");
    if (!http_decode(decoded, text + 7, strlen(text + 7), false, err))
        return false;
    memcpy(part->file_name, decoded, sizeof decoded);
    return true;
}

static bool read_disposition(struct multipart *m, const char *value, struct err *err)
{
    struct multipart_part *part = &m->part;
    char extended[MULTIPART_NAME] = "";
    if (strncasecmp(value, "form-data", 9) != 0 || m->has_name)
        return err_set(err, ERR_FORMAT, "a part needs one Content-Disposition, form-data");
    m->has_name = find_param(value, "name", part->name, sizeof part->name) == 1;
    int file = find_param(value, "filename", part->file_name, sizeof part->file_name);
    int star = find_param(value, "filename*", extended, sizeof extended);
    part->is_file = file == 1 || star == 1;
    if (!m->has_name || !*part->name || file < 0 || star < 0)
        return err_set(err, ERR_FORMAT, "a part has no name, or one of more than %d bytes",
                       MULTIPART_NAME - 1);
    if (star == 1 && !read_extended(part, extended, err))
        return false;
    drop_folders(part->file_name);
    return (is_clean(part->name) && is_clean(part->file_name)) ||
           err_set(err, ERR_FORMAT, "the name of a part is no text");
}

/* Reads one line of a part's head, in held without its end. */
static bool read_head_line(struct multipart *m, struct err *err)
{
    char *colon = strchr(m->held, ':');
    if (!colon || strlen(m->held) != m->n_held || ++m->n_lines > MULTIPART_HEAD_LINES)
        return err_set(err, ERR_FORMAT, "the head of a part is malformed");
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (!http_is_token(m->held) || !http_is_value(value))
        return err_set(err, ERR_FORMAT, "the head of a part is malformed");
    if (strcasecmp(m->held, "Content-Disposition") == 0)
        return read_disposition(m, value, err);
    if (strcasecmp(m->held, "Content-Type") == 0)
        snprintf(m->part.content_type, sizeof m->part.content_type, "%s", value);
    if (strcasecmp(m->held, "Content-Transfer-Encoding") == 0 && strcasecmp(value, "binary") != 0 &&
        strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0)
        return err_set(err, ERR_UNSUPPORTED, "Content-Transfer-Encoding of a part must be binary");
    return true;
}

static bool begin_part(struct multipart *m, struct err *err)
{
    if (!m->has_name)
        return err_set(err, ERR_FORMAT, "a part has no Content-Disposition");
    m->state = MULTIPART_DATA;
    m->n_held = 0;
    return m->sink.begin(m->sink.arg, &m->part, err);
}

static bool is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\n", text[i]) || !text[i])
            return false;
    return true;
}

/* Reads a line, which is in held without its end: behind a mark, or of a head. */
static bool read_line(struct multipart *m, struct err *err)
{
    if (m->state == MULTIPART_HEAD && m->n_held)
        return read_head_line(m, err);
    if (m->state == MULTIPART_HEAD)
        return begin_part(m, err);
    bool is_last = m->n_held >= 2 && memcmp(m->held, "--", 2) == 0;
    size_t skip = is_last ? 2 : 0;
    if (!is_blank(m->held + skip, m->n_held - skip))
        return err_set(err, ERR_FORMAT, "a boundary is followed by other text");
    m->state = is_last ? MULTIPART_TAIL : MULTIPART_HEAD;
    m->part = (struct multipart_part){0};
    m->has_name = false;
    m->n_lines = 0;
    return true;
}

/* Takes bytes of a line; returns how many, or 0 after an error. */
static size_t add_line(struct multipart *m, const char *bytes, size_t n, struct err *err)
{
    const char *feed = memchr(bytes, '\n', n);
    size_t k = feed ? (size_t)(feed - bytes) + 1 : n;
    if (k > MULTIPART_LINE - m->n_held) {
        err_set(err, ERR_LIMIT, "a line in the head of a part has more than %d bytes",
                MULTIPART_LINE);
        return 0;
    }
    memcpy(m->held + m->n_held, bytes, k);
    m->n_held += k;
    if (!feed)
        return k;
    if (m->n_held < 2 || m->held[m->n_held - 2] != '\r') {
        err_set(err, ERR_FORMAT, "a line in the head of a part ends without CR LF");
        return 0;
    }
    m->n_held -= 2;
    m->held[m->n_held] = '\0';
    bool ok = read_line(m, err);
    m->n_held = 0;
    return ok ? k : 0;
}

static bool give(struct multipart *m, const char *bytes, size_t n, struct err *err)
{
    return m->state == MULTIPART_PREAMBLE || !n || m->sink.data(m->sink.arg, bytes, n, err);
}

/* Takes bytes of content, in which n_held of the mark came last; returns how many, or 0 after an
 * error. */
static size_t add_data(struct multipart *m, const char *bytes, size_t n, struct err *err)
{
    if (!m->n_held) {
        const char *cr = memchr(bytes, '\r', n);
        size_t k = cr ? (size_t)(cr - bytes) : n;
        if (!give(m, bytes, k, err))
            return 0;
        m->n_held = cr != NULL;
        return k + m->n_held;
    }
    if (*bytes != m->mark[m->n_held]) {
        /* CR begins the mark and occurs nowhere else in it: what was held was content, and
         * what mismatched is looked at again. */
        size_t k = m->n_held;
        m->n_held = 0;
        if (!give(m, m->mark, k, err))
            return 0;
        return *bytes == '\r' ? (m->n_held = 1) : give(m, bytes, 1, err);
    }
    if (++m->n_held == m->n_mark) {
        m->n_held = 0;
        if (m->state == MULTIPART_DATA && !m->sink.end(m->sink.arg, err))
            return 0;
        m->state = MULTIPART_MARK;
    }
    return 1;
}

bool multipart_add(struct multipart *m, const char *bytes, size_t n, struct err *err)
{
    while (n) {
        size_t k = n;
        if (m->state == MULTIPART_PREAMBLE || m->state == MULTIPART_DATA)
            k = add_data(m, bytes, n, err);
        else if (m->state != MULTIPART_TAIL)
            k = add_line(m, bytes, n, err);
        else if (!is_blank(bytes, n))
            return err_set(err, ERR_FORMAT, "the form goes on behind its last boundary");
        if (!k)
            return false;
        bytes += k;
        n -= k;
    }
    return true;
}

bool multipart_end(const struct multipart *m, struct err *err)
{
    bool at_end = m->state == MULTIPART_MARK && m->n_held >= 2 && memcmp(m->held, "--", 2) == 0 &&
                  is_blank(m->held + 2, m->n_held - 2);
    return m->state == MULTIPART_TAIL || at_end ||
           err_set(err, ERR_FORMAT, "the form ends before its last boundary");
}
