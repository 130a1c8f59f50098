/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - who may use the server, and for what.
 *
 * A key is "bise_", 8 letters and digits that name it and may be shown, and 32 that are secret
 * (190 bits).  The store has its SHA-256 only: nobody can read a key out of it, not even we.
 * Thread: any; what takes a store waits for it. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/arena.h"
#include "store/store.h"

enum {
    KEY_ID_CHARS = 8,
    KEY_SECRET_CHARS = 32,
    KEY_TEXT_CHARS = 5 + KEY_ID_CHARS + KEY_SECRET_CHARS,
    KEY_NAME_BYTES = 65, /* with the NUL */
    KEY_DIGEST_BYTES = 32,
};

enum key_role {
    ROLE_INFER = 1,
    ROLE_FILES = 2,
    ROLE_TRAIN = 4,
    ROLE_AGENTS = 8,
    ROLE_ADMIN = 16,
    ROLE_ALL = 31,
};

struct key_limits { /* 0: none */
    uint32_t requests_per_minute, tokens_per_minute, concurrent;
};

struct key {
    char id[KEY_ID_CHARS + 1];
    char name[KEY_NAME_BYTES]; /* for people; "" for none */
    uint32_t roles;            /* enum key_role, added */
    struct key_limits limits;
    int64_t created_at, used_at, revoked_at; /* seconds since 1970; 0: never.  used_at is some
                                                minutes behind */
};

struct key_list {
    struct key *items; /* [n], by created_at; of the arena */
    size_t n;
};

/* What a request may do, found by keyring_check(). */
struct key_grant {
    char key_id[KEY_ID_CHARS + 1]; /* "" without keys */
    char name[KEY_NAME_BYTES];
    uint32_t roles;
    struct key_limits limits;
};

/* Makes a key; of about, name, roles and limits count.  text: [KEY_TEXT_CHARS + 1] receives the
 * whole key, which is never to be had again; about->id its name.
 * Errors: ERR_ARG for a name that is too long or has control characters, no role or an unknown
 * one; those of the store. */
bool keys_add(struct store *store, struct key *about, char *text, struct err *err) CHECKED;

/* Lists all keys, also revoked ones.  Errors: those of the store, ERR_LIMIT. */
bool keys_list(struct store *store, struct arena *arena, struct key_list *list,
               struct err *err) CHECKED;

/* Ends the key of that id for good; one that has ended stays so.
 * Errors: ERR_NOT_FOUND; those of the store. */
bool keys_revoke(struct store *store, const char *id, struct err *err) CHECKED;

/* Makes a key with all roles when the store has never had one: writes it to the file at path, of
 * mode 0600, whose folder is made, and to text: [KEY_TEXT_CHARS + 1], which is "" when there was
 * one already. Errors: ERR_IO when the file cannot be written, and then there is no key; those of
 * the store. */
bool keys_first(struct store *store, const char *path, char *text, struct err *err) CHECKED;

/* Say what role a word means and the other way round; 0 and NULL for none.
 * Borrowed: static. */
uint32_t role_find(const char *name, size_t n);
const char *role_name(uint32_t role);

/* Says whether text: [n] has the form of a key, and copies its id to id: [KEY_ID_CHARS + 1]. */
bool key_text_read(const char *text, size_t n, char *id);

/* The keys in memory, so that a request is checked without the store. */
struct keyring;

/* Loads the keys of store, which is borrowed as long as the keyring lives; NULL for no store.
 * Owned: keyring_close().  Errors: those of the store, ERR_LIMIT. */
struct keyring *keyring_open(struct store *store, struct err *err) CHECKED;
void keyring_close(struct keyring *ring);

/* Adds a key that the store does not have, text: [n] of any form from 16 bytes on, of an option or
 * a variable; its id is made from its digest.  Thread: before any other uses ring.
 * Errors: ERR_ARG for a text that is too short, too long or has spaces; ERR_LIMIT. */
bool keyring_add(struct keyring *ring, const char *text, size_t n, const char *name, uint32_t roles,
                 struct err *err) CHECKED;

/* Finds the key that a request presents as text: [n].  What it costs does not depend on how much
 * of a key is right, nor on whether its id is known.  Never waits for the store. */
bool keyring_check(struct keyring *ring, const char *text, size_t n, struct key_grant *grant);

/* Number of keys that are not revoked.  Never waits for the store. */
size_t keyring_count(struct keyring *ring);

/* Notes in the store which keys were used, and loads its keys anew if another program or call has
 * changed them; if always, in any case.  To be called once in a few seconds by a thread that may
 * wait, and after SIGHUP.  After a failure the keys in memory stay as they are.
 * Errors: those of the store, ERR_LIMIT. */
bool keyring_sync(struct keyring *ring, bool always, struct err *err) CHECKED;

#endif
