/* SPDX-License-Identifier: Apache-2.0 */
/* key_store.c - the rows of keys. */
#include "store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/random.h"
#include "data/utf8.h"
#include "store/sha256_int.h"
#include "store/store_int.h"

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Draws a key, and takes its digest. */
static bool draw(struct key *about, char *text, char *digest, struct err *err)
{
    uint8_t sum[SHA256_BYTES];
    snprintf(text, KEY_TEXT_CHARS + 1, "bise_");
    if (!random_text(text + 5, KEY_TEXT_CHARS - 5, letters, sizeof letters - 1, err) ||
        !sha256_of(text, KEY_TEXT_CHARS, sum, err))
        return false;
    sha256_write(sum, digest);
    return key_text_read(text, KEY_TEXT_CHARS, about->id) ||
           err_set(err, ERR_IO, "a key was drawn that is none; report this");
}

static bool check_about(const struct key *about, struct err *err)
{
    size_t n = strnlen(about->name, sizeof about->name);
    if (n == sizeof about->name || !utf8_printable(about->name, n))
        return err_set(err, ERR_ARG,
                       "the name of a key: expected at most %d bytes of text without control "
                       "characters",
                       KEY_NAME_BYTES - 1);
    if (!about->roles || (about->roles & ~(uint32_t)ROLE_ALL))
        return err_set(err, ERR_ARG,
                       "the roles of a key: expected some of infer, files, train, "
                       "agents, admin");
    return true;
}

/* Tells the keyrings of all programs that the keys are others now, and lets only one program at a
 * time change them. */
static bool note_change(struct store *store, struct err *err)
{
    struct query q;
    query_init(&q, store, "UPDATE counters SET value = value + 1 WHERE name = 'keys'");
    return query_run(&q, NULL, err);
}

static bool count_keys(struct store *store, int64_t *n, struct err *err)
{
    struct query q;
    *n = 0;
    query_init(&q, store, "SELECT count(*) FROM keys");
    if (query_next(&q, err))
        *n = query_get_int(&q, 0);
    return query_end(&q);
}

static bool insert(struct store *store, const struct key *key, const char *digest, struct err *err)
{
    struct query q;
    query_init(&q, store,
               "INSERT INTO keys (id, digest, name, roles, requests_per_minute, tokens_per_minute,"
               " max_concurrent, created_us, used_at, revoked_at)"
               " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)");
    query_text(&q, key->id);
    query_text(&q, digest);
    query_text(&q, key->name);
    query_int(&q, key->roles);
    query_int(&q, key->limits.requests_per_minute);
    query_int(&q, key->limits.tokens_per_minute);
    query_int(&q, key->limits.concurrent);
    query_int(&q, clock_unix_us());
    return query_run(&q, NULL, err);
}

bool keys_add(struct store *store, struct key *about, char *text, struct err *err)
{
    char digest[SHA256_TEXT];
    int64_t n_keys;
    if (!check_about(about, err) || !draw(about, text, digest, err))
        return false;
    about->created_at = clock_unix_us() / 1000000;
    about->used_at = about->revoked_at = 0;
    if (!store_enter(store, STORE_WRITES, err))
        return false;
    bool ok = note_change(store, err) && count_keys(store, &n_keys, err) &&
              (n_keys < LIMIT_KEYS || err_set(err, ERR_LIMIT, "%s: has %u keys, which is the limit",
                                              store->name, LIMIT_KEYS)) &&
              insert(store, about, digest, err);
    return store_leave(store, ok, err);
}

static void read_row(const struct query *q, struct key *key)
{
    struct span id = query_get_span(q, 0), name = query_get_span(q, 1);
    *key = (struct key){.roles = (uint32_t)query_get_int(q, 2),
                        .limits = {.requests_per_minute = (uint32_t)query_get_int(q, 3),
                                   .tokens_per_minute = (uint32_t)query_get_int(q, 4),
                                   .concurrent = (uint32_t)query_get_int(q, 5)},
                        .created_at = query_get_int(q, 6) / 1000000,
                        .used_at = query_get_int(q, 7),
                        .revoked_at = query_get_int(q, 8)};
    snprintf(key->id, sizeof key->id, "%.*s", (int)id.n, id.s);
    snprintf(key->name, sizeof key->name, "%.*s", (int)name.n, name.s);
}

/* Reads the rows; between counting and reading nothing changes, since both see one state. */
static bool list(struct store *store, struct arena *arena, struct key_list *out, struct err *err)
{
    struct query q;
    int64_t n;
    *out = (struct key_list){0};
    if (!count_keys(store, &n, err) ||
        !(out->items = arena_new(arena, (size_t)n, sizeof *out->items, err)))
        return false;
    query_init(&q, store,
               "SELECT id, name, roles, requests_per_minute, tokens_per_minute, max_concurrent,"
               " created_us, used_at, revoked_at FROM keys ORDER BY created_us, id");
    while (out->n < (size_t)n && query_next(&q, err))
        read_row(&q, &out->items[out->n++]);
    return query_end(&q);
}

bool keys_list(struct store *store, struct arena *arena, struct key_list *out, struct err *err)
{
    return store_enter(store, STORE_READS, err) &&
           store_leave(store, list(store, arena, out, err), err);
}

static bool revoke_row(struct store *store, const char *id, struct err *err)
{
    struct query q;
    int64_t n_found;
    query_init(&q, store,
               "UPDATE keys SET revoked_at = CASE WHEN revoked_at = 0 THEN $1 ELSE revoked_at END"
               " WHERE id = $2");
    query_int(&q, clock_unix_us() / 1000000);
    query_text(&q, id);
    return query_run(&q, &n_found, err) &&
           (n_found ||
            err_set(err, ERR_NOT_FOUND, "no key has the id '%s'; see 'bise keys list'", id));
}

bool keys_revoke(struct store *store, const char *id, struct err *err)
{
    return store_enter(store, STORE_WRITES, err) &&
           store_leave(store, note_change(store, err) && revoke_row(store, id, err), err);
}

/* Writes a key to its file, which nobody else may read, and which is there whole or not at all. */
static bool write_file(const char *path, const char *text, struct err *err)
{
    char part[PATH_MAX], line[KEY_TEXT_CHARS + 2];
    if ((size_t)snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) >= sizeof part) {
        errno = ENAMETOOLONG;
        return file_fail(path, "write it", err);
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_fail(part, "write it", err);
    int n = snprintf(line, sizeof line, "%s\n", text);
    bool ok = file_write(fd, part, line, (size_t)n, err) &&
              (fsync(fd) == 0 || file_fail(part, "write it", err));
    ok = (close(fd) == 0 || !ok || file_fail(part, "write it", err)) && ok;
    ok = ok && (rename(part, path) == 0 || file_fail(path, "write it", err));
    if (!ok)
        unlink(part);
    return ok;
}

/* What keys_first() does where there is no key. */
static bool make_first(struct store *store, const char *path, char *text, struct err *err)
{
    struct key key = {.name = "first key", .roles = ROLE_ALL};
    char digest[SHA256_TEXT];
    return draw(&key, text, digest, err) && insert(store, &key, digest, err) &&
           write_file(path, text, err);
}

bool keys_first(struct store *store, const char *path, char *text, struct err *err)
{
    int64_t n_keys;
    *text = '\0';
    if (!store_enter(store, STORE_WRITES, err))
        return false;
    bool ok = note_change(store, err) && count_keys(store, &n_keys, err) &&
              (n_keys || make_first(store, path, text, err));
    bool made = *text, unsure;
    if (store_leave_unsure(store, ok, &unsure, err))
        return true;
    if (made && ok && !unsure)
        unlink(path); /* it is of no use: the store does not have it */
    *text = '\0';
    return false;
}
