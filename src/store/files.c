/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "store/files_int.h"

enum { DEFAULT_PAGE = 100, WORD_SET_BYTES = 256 };

#define COLUMNS                                                                                    \
    "id, owner, name, mime, sha256, purpose, sample_type, source, visibility, n_bytes, n_lines,"   \
    " created_us, expires_at"

static int64_t now_s(void)
{
    return clock_unix_us() / 1000000;
}

void store_word_set(uint32_t mask, unsigned n, const char *(*word)(unsigned), char *text,
                    size_t size)
{
    size_t len = 0;
    *text = '\0';
    for (unsigned i = 0; i < n; i++)
        if (mask & (1u << i))
            len += (size_t)snprintf(text + len, size - len, "%s%s,", len ? "" : ",", word(i));
}

bool store_pattern(struct span search, struct buf *pattern, struct err *err)
{
    bool ok = buf_add(pattern, "%", 1, err);
    for (size_t i = 0; ok && i < search.n; i++) {
        if (strchr("!%_", search.s[i]) && search.s[i])
            ok = buf_add(pattern, "!", 1, err);
        ok = ok && buf_add(pattern, &search.s[i], 1, err);
    }
    return ok && buf_add(pattern, "%", 1, err);
}

bool file_insert(struct store *store, const struct file_info *info, struct err *err)
{
    struct query q;
    query_init(&q, store,
               "INSERT INTO files (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
               " $11, $12, $13)");
    query_text(&q, info->id);
    query_text(&q, info->owner);
    query_text(&q, info->name);
    query_text(&q, info->mime);
    query_text(&q, info->sha256);
    query_text(&q, file_purpose_name(info->purpose));
    query_text(&q, sample_type_name(info->sample_type));
    query_text(&q, file_source_name(info->source));
    query_text(&q, file_visibility_name(info->visibility));
    query_int(&q, info->n_bytes);
    query_int(&q, info->n_lines);
    query_int(&q, clock_unix_us());
    query_int(&q, info->expires_at);
    return query_run(&q, NULL, err);
}

/* Reads words that this program has written; another one's become the first of each kind. */
static void read_words(const struct query *q, struct file_info *info)
{
    if (!file_purpose_find(query_get_span(q, 5), &info->purpose))
        info->purpose = PURPOSE_USER_DATA;
    if (!sample_type_find(query_get_span(q, 6), &info->sample_type))
        info->sample_type = SAMPLE_INSTRUCT;
    if (!file_source_find(query_get_span(q, 7), &info->source))
        info->source = SOURCE_UPLOAD;
    if (!file_visibility_find(query_get_span(q, 8), &info->visibility))
        info->visibility = VISIBLE_USER;
}

static bool read_row(const struct query *q, struct arena *arena, struct file_info *info,
                     struct err *err)
{
    struct span id = query_get_span(q, 0);
    *info = (struct file_info){.n_bytes = query_get_int(q, 9),
                               .n_lines = query_get_int(q, 10),
                               .created_at = query_get_int(q, 11) / 1000000,
                               .expires_at = query_get_int(q, 12)};
    snprintf(info->id, sizeof info->id, "%.*s", (int)id.n, id.s);
    read_words(q, info);
    return (info->owner = query_get_text(q, 1, arena, err)) &&
           (info->name = query_get_text(q, 2, arena, err)) &&
           (info->mime = query_get_text(q, 3, arena, err)) &&
           (info->sha256 = query_get_text(q, 4, arena, err));
}

static bool not_found(const char *id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no file has the id '%.64s'", id);
}

bool file_find(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err)
{
    struct query q;
    if (!uuid_is(id))
        return not_found(id, err);
    query_init(&q, store,
               "SELECT " COLUMNS " FROM files WHERE id = $1 AND (owner = $2 OR $3 <> 0)"
               " AND (expires_at = 0 OR expires_at > $4)");
    query_text(&q, id);
    query_text(&q, viewer->key_id);
    query_int(&q, viewer->sees_all);
    query_int(&q, now_s());
    bool found = query_next(&q, err);
    bool ok = !found || read_row(&q, arena, info, err);
    return query_end(&q) && ok && (found || not_found(id, err));
}

bool files_get(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err)
{
    return store_enter(store, STORE_READS, err) &&
           store_leave(store, file_find(store, viewer, id, arena, info, err), err);
}

int files_open(struct store *store, const struct viewer *viewer, const char *id,
               struct arena *arena, struct file_info *info, struct err *err)
{
    struct buf path;
    struct stat st;
    if (!files_get(store, viewer, id, arena, info, err))
        return -1;
    int fd = -1;
    if (content_path(store, id, &path, err)) {
        fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            err_set(err, ERR_IO, "%s: the content of a file is missing; restore a backup",
                    path.data);
        else if (fd < 0)
            file_fail(path.data, "read it", err);
        else if (fstat(fd, &st) != 0 || st.st_size != info->n_bytes) {
            err_set(err, ERR_IO, "%s: the content of a file is damaged; restore a backup",
                    path.data);
            close(fd);
            fd = -1;
        }
    }
    buf_free(&path);
    return fd;
}

static bool delete_row(struct store *store, const struct viewer *viewer, const char *id,
                       struct err *err)
{
    struct query q;
    int64_t n_found;
    query_init(&q, store,
               "DELETE FROM files WHERE id = $1 AND (owner = $2 OR $3 <> 0)"
               " AND (expires_at = 0 OR expires_at > $4)");
    query_text(&q, id);
    query_text(&q, viewer->key_id);
    query_int(&q, viewer->sees_all);
    query_int(&q, now_s());
    return query_run(&q, &n_found, err) && (n_found || not_found(id, err));
}

bool files_delete(struct store *store, const struct viewer *viewer, const char *id, struct err *err)
{
    if (!uuid_is(id))
        return not_found(id, err);
    if (!store_enter(store, STORE_WRITES, err) ||
        !store_leave(store, delete_row(store, viewer, id, err), err))
        return false;
    content_remove(store, id); /* what a crash leaves here, files_sweep() removes */
    return true;
}

static const char *purpose_word(unsigned i)
{
    return file_purpose_name((enum file_purpose)i);
}

static const char *type_word(unsigned i)
{
    return sample_type_name((enum sample_type)i);
}

static const char *source_word(unsigned i)
{
    return file_source_name((enum file_source)i);
}

/* What of a filter must live as long as its query. */
struct filter_texts {
    char purposes[WORD_SET_BYTES], types[WORD_SET_BYTES], sources[WORD_SET_BYTES];
    struct buf pattern;
};

static bool make_texts(const struct file_filter *filter, struct filter_texts *texts,
                       struct err *err)
{
    store_word_set(filter->purposes, N_PURPOSES, purpose_word, texts->purposes, WORD_SET_BYTES);
    store_word_set(filter->sample_types, N_SAMPLE_TYPES, type_word, texts->types, WORD_SET_BYTES);
    store_word_set(filter->sources, N_FILE_SOURCES, source_word, texts->sources, WORD_SET_BYTES);
    buf_init(&texts->pattern, 2 * LIMIT_FILE_NAME + 2);
    struct span search = filter->search;
    if (search.n > LIMIT_FILE_NAME)
        return err_set(err, ERR_ARG, "search: expected at most %u bytes", LIMIT_FILE_NAME);
    return store_pattern(search, &texts->pattern, err);
}

/* The condition that both queries of a list have, and its arguments. */
#define MATCHES                                                                                    \
    " FROM files WHERE (owner = $1 OR $2 <> 0) AND (expires_at = 0 OR expires_at > $3)"            \
    " AND ($4 = '' OR $4 LIKE '%,' || purpose || ',%')"                                            \
    " AND ($5 = '' OR $5 LIKE '%,' || sample_type || ',%')"                                        \
    " AND ($6 = '' OR $6 LIKE '%,' || source || ',%')"                                             \
    " AND lower(name) LIKE lower($7) ESCAPE '!'"                                                   \
    " AND ($8 = 0 OR mime IN ($9, $10, $11, $12, $13, $14, $15, $16))"

static void give_filter(struct query *q, const struct viewer *viewer,
                        const struct file_filter *filter, const struct filter_texts *texts,
                        int64_t now)
{
    query_text(q, viewer->key_id);
    query_int(q, viewer->sees_all);
    query_int(q, now);
    query_text(q, texts->purposes);
    query_text(q, texts->types);
    query_text(q, texts->sources);
    query_text(q, texts->pattern.data);
    query_int(q, (int64_t)filter->n_mimes);
    for (size_t i = 0; i < FILE_FILTER_MIMES; i++) /* "" is matched by none: there are others */
        query_span(q, filter->mimes[i < filter->n_mimes ? i : 0]);
}

static bool list(struct store *store, const struct viewer *viewer, const struct file_filter *filter,
                 const struct filter_texts *texts, struct arena *arena, struct file_list *out,
                 struct err *err)
{
    struct query q;
    uint32_t page_size = filter->page_size ? filter->page_size : DEFAULT_PAGE;
    int64_t now = now_s();
    query_init(&q, store, "SELECT count(*)" MATCHES);
    give_filter(&q, viewer, filter, texts, now);
    if (query_next(&q, err))
        out->total = query_get_int(&q, 0);
    if (!query_end(&q))
        return false;
    out->items = arena_new(arena, page_size, sizeof *out->items, err);
    if (!out->items)
        return false;
    query_init(&q, store,
               "SELECT " COLUMNS MATCHES " ORDER BY created_us DESC, id LIMIT $17 OFFSET $18");
    give_filter(&q, viewer, filter, texts, now);
    query_int(&q, page_size);
    query_int(&q, (int64_t)filter->page * page_size);
    bool ok = true;
    while (ok && out->n < page_size && query_next(&q, err))
        ok = read_row(&q, arena, &out->items[out->n++], err);
    return query_end(&q) && ok;
}

bool files_list(struct store *store, const struct viewer *viewer, const struct file_filter *filter,
                struct arena *arena, struct file_list *out, struct err *err)
{
    struct filter_texts texts;
    *out = (struct file_list){0};
    if (filter->page_size > LIMIT_PAGE_SIZE)
        return err_set(err, ERR_ARG, "page_size: expected at most %u", LIMIT_PAGE_SIZE);
    if (filter->n_mimes > FILE_FILTER_MIMES)
        return err_set(err, ERR_ARG, "mimetypes: expected at most %d", FILE_FILTER_MIMES);
    bool ok = make_texts(filter, &texts, err) && store_enter(store, STORE_READS, err);
    ok = ok && store_leave(store, list(store, viewer, filter, &texts, arena, out, err), err);
    buf_free(&texts.pattern);
    return ok;
}
