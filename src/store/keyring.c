/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - the keys in memory.
 *
 * A check takes the lock for a search by id and a comparison of digests.  A new set of keys is
 * read without it and put in the place of the old one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "store/keys.h"
#include "store/sha256_int.h"
#include "store/store_int.h"

enum { USE_NOTED_S = 60, SHORTEST_TEXT = 16, LONGEST_TEXT = 512 };

struct ring_key {
    struct key_grant grant;
    uint8_t digest[SHA256_BYTES];
    int64_t used_at;
    bool is_noted; /* the store knows used_at */
};

struct key_set {
    struct ring_key *items; /* [n], of the store by id */
    size_t n;
};

struct keyring {
    struct store *store;
    struct lock *lock;
    struct key_set stored, fixed;
    int64_t version; /* of the store's keys */
};

static bool read_version(struct store *store, int64_t *version, struct err *err)
{
    struct query q;
    *version = -1;
    query_init(&q, store, "SELECT value FROM counters WHERE name = 'keys'");
    if (query_next(&q, err))
        *version = query_get_int(&q, 0);
    return query_end(&q);
}

static bool read_key(struct store *store, const struct query *q, struct ring_key *key,
                     struct err *err)
{
    struct span id = query_get_span(q, 0), name = query_get_span(q, 1),
                digest = query_get_span(q, 2);
    *key = (struct ring_key){
        .grant = {.roles = (uint32_t)query_get_int(q, 3),
                  .limits = {.requests_per_minute = (uint32_t)query_get_int(q, 4),
                             .tokens_per_minute = (uint32_t)query_get_int(q, 5),
                             .concurrent = (uint32_t)query_get_int(q, 6)}},
        .used_at = query_get_int(q, 7),
        .is_noted = true,
    };
    snprintf(key->grant.key_id, sizeof key->grant.key_id, "%.*s", (int)id.n, id.s);
    snprintf(key->grant.name, sizeof key->grant.name, "%.*s", (int)name.n, name.s);
    return sha256_read(digest.s, digest.n, key->digest) ||
           err_set(err, ERR_IO, "%s: the digest of key %s is damaged; restore a backup",
                   store->name, key->grant.key_id);
}

static int by_id(const void *a, const void *b)
{
    const struct ring_key *x = a, *y = b;
    return strcmp(x->grant.key_id, y->grant.key_id);
}

static bool read_set(struct store *store, struct key_set *set, int64_t *version, struct err *err)
{
    struct query q;
    size_t n_places = 0;
    bool ok = read_version(store, version, err);
    query_init(&q, store,
               "SELECT id, name, digest, roles, requests_per_minute, tokens_per_minute,"
               " max_concurrent, used_at FROM keys WHERE revoked_at = 0");
    while (ok && query_next(&q, err)) {
        if (set->n == n_places) {
            n_places = n_places ? 2 * n_places : 16;
            struct ring_key *grown = mem_resize(set->items, n_places, sizeof *grown, err);
            ok = grown != NULL;
            set->items = grown ? grown : set->items;
        }
        ok = ok && read_key(store, &q, &set->items[set->n++], err);
    }
    ok = query_end(&q) && ok;
    if (set->n)
        qsort(set->items, set->n, sizeof *set->items, by_id);
    return ok;
}

/* Puts a set in the place of the one there, with the uses that the store has not been told. */
static void replace(struct keyring *ring, struct key_set *set, int64_t version)
{
    lock_take(ring->lock);
    for (size_t i = 0; i < ring->stored.n; i++) {
        const struct ring_key *old = &ring->stored.items[i];
        struct ring_key *key =
            set->n && !old->is_noted ? bsearch(old, set->items, set->n, sizeof *key, by_id) : NULL;
        if (key && key->used_at < old->used_at) {
            key->used_at = old->used_at;
            key->is_noted = false;
        }
    }
    struct key_set old = ring->stored;
    ring->stored = *set;
    ring->version = version;
    lock_give(ring->lock);
    free(old.items);
}

static bool load(struct keyring *ring, struct err *err)
{
    struct key_set set = {0};
    int64_t version;
    bool ok = store_enter(ring->store, STORE_READS, err) &&
              store_leave(ring->store, read_set(ring->store, &set, &version, err), err);
    if (ok)
        replace(ring, &set, version);
    else
        free(set.items);
    return ok;
}

struct keyring *keyring_open(struct store *store, struct err *err)
{
    struct keyring *ring = mem_new(1, sizeof *ring, err);
    if (!ring)
        return NULL;
    ring->store = store;
    ring->lock = lock_open(err);
    if (ring->lock && (!store || load(ring, err)))
        return ring;
    keyring_close(ring);
    return NULL;
}

void keyring_close(struct keyring *ring)
{
    if (!ring)
        return;
    lock_close(ring->lock);
    free(ring->stored.items);
    free(ring->fixed.items);
    free(ring);
}

static bool check_fixed(const char *text, size_t n, const char *name, uint32_t roles,
                        struct err *err)
{
    bool ok = n >= SHORTEST_TEXT && n <= LONGEST_TEXT;
    for (size_t i = 0; ok && i < n; i++)
        ok = text[i] > ' ' && text[i] <= '~';
    if (!ok) /* without the text: it may be a secret all the same */
        return err_set(err, ERR_ARG, "a key: expected %d to %d visible ASCII characters",
                       SHORTEST_TEXT, LONGEST_TEXT);
    if (!roles || (roles & ~(uint32_t)ROLE_ALL) || strlen(name) >= KEY_NAME_BYTES ||
        !utf8_printable(name, strlen(name)))
        return err_set(err, ERR_ARG, "a key: expected roles, and a name of at most %d bytes",
                       KEY_NAME_BYTES - 1);
    return true;
}

bool keyring_add(struct keyring *ring, const char *text, size_t n, const char *name, uint32_t roles,
                 struct err *err)
{
    struct ring_key key = {.grant = {.roles = roles}};
    char digits[SHA256_TEXT];
    if (!check_fixed(text, n, name, roles, err) || !sha256_of(text, n, key.digest, err))
        return false;
    if (ring->fixed.n == LIMIT_FIXED_KEYS)
        return err_set(err, ERR_LIMIT, "more than %u keys outside the store; use 'bise keys add'",
                       LIMIT_FIXED_KEYS);
    struct ring_key *grown = mem_resize(ring->fixed.items, ring->fixed.n + 1, sizeof *grown, err);
    if (!grown)
        return false;
    ring->fixed.items = grown;
    sha256_write(key.digest, digits);
    snprintf(key.grant.key_id, sizeof key.grant.key_id, "%.8s", digits);
    snprintf(key.grant.name, sizeof key.grant.name, "%s", name);
    grown[ring->fixed.n++] = key;
    return true;
}

/* Finds the key of a digest.  Every fixed key is compared, and where no stored one has the id a
 * digest that is none's. */
static struct ring_key *find(struct keyring *ring, const char *id, const uint8_t *digest)
{
    static const struct ring_key nobody;
    const struct key_set *stored = &ring->stored;
    struct ring_key wanted = {0}, *found = NULL;
    snprintf(wanted.grant.key_id, sizeof wanted.grant.key_id, "%s", id);
    struct ring_key *named =
        stored->n ? bsearch(&wanted, stored->items, stored->n, sizeof wanted, by_id) : NULL;
    if (sha256_same(named ? named->digest : nobody.digest, digest) && named)
        found = named;
    for (size_t i = 0; i < ring->fixed.n; i++)
        if (sha256_same(ring->fixed.items[i].digest, digest))
            found = &ring->fixed.items[i];
    return found;
}

bool keyring_check(struct keyring *ring, const char *text, size_t n, struct key_grant *grant)
{
    uint8_t digest[SHA256_BYTES];
    char id[KEY_ID_CHARS + 1] = "";
    struct err ignored = {0};
    if (n > LONGEST_TEXT || !sha256_of(text, n, digest, &ignored))
        return false;
    key_text_read(text, n, id);
    int64_t now = clock_unix_us() / 1000000;
    lock_take(ring->lock);
    struct ring_key *key = find(ring, id, digest);
    if (key) {
        *grant = key->grant;
        if (now - key->used_at >= USE_NOTED_S) {
            key->used_at = now;
            key->is_noted = false;
        }
    }
    lock_give(ring->lock);
    return key != NULL;
}

size_t keyring_count(struct keyring *ring)
{
    lock_take(ring->lock);
    size_t n = ring->stored.n + ring->fixed.n;
    lock_give(ring->lock);
    return n;
}

/* Copies the uses that the store has not been told.  Owned: free(); NULL for none, or without
 * memory. */
static struct ring_key *copy_uses(struct keyring *ring, size_t *n, struct err *err)
{
    lock_take(ring->lock);
    const struct key_set *set = &ring->stored;
    size_t n_uses = 0;
    for (size_t i = 0; i < set->n; i++)
        n_uses += !set->items[i].is_noted;
    struct ring_key *uses = n_uses ? mem_new(n_uses, sizeof *uses, err) : NULL;
    *n = 0;
    for (size_t i = 0; uses && i < set->n; i++)
        if (!set->items[i].is_noted)
            uses[(*n)++] = set->items[i];
    lock_give(ring->lock);
    return uses;
}

static bool write_uses(struct store *store, const struct ring_key *uses, size_t n, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct query q;
        query_init(&q, store, "UPDATE keys SET used_at = $1 WHERE id = $2 AND used_at < $1");
        query_int(&q, uses[i].used_at);
        query_text(&q, uses[i].grant.key_id);
        ok = query_run(&q, NULL, err);
    }
    return ok;
}

static bool note_uses(struct keyring *ring, struct err *err)
{
    size_t n;
    struct err why = {0};
    struct ring_key *uses = copy_uses(ring, &n, &why);
    if (!uses && why.code) {
        *err = why;
        return false;
    }
    if (!uses)
        return true;
    bool ok = store_enter(ring->store, STORE_WRITES, err) &&
              store_leave(ring->store, write_uses(ring->store, uses, n, err), err);
    lock_take(ring->lock);
    for (size_t i = 0; ok && i < n; i++) {
        struct key_set *set = &ring->stored;
        struct ring_key *key =
            set->n ? bsearch(&uses[i], set->items, set->n, sizeof *key, by_id) : NULL;
        if (key && key->used_at == uses[i].used_at)
            key->is_noted = true;
    }
    lock_give(ring->lock);
    free(uses);
    return ok;
}

bool keyring_sync(struct keyring *ring, bool always, struct err *err)
{
    int64_t version;
    if (!ring->store)
        return true;
    /* First what is revoked: noting uses may fail for want of room. */
    if (!store_enter(ring->store, STORE_READS, err) ||
        !store_leave(ring->store, read_version(ring->store, &version, err), err))
        return false;
    return ((version == ring->version && !always) || load(ring, err)) && note_uses(ring, err);
}
