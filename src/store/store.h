/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what outlives the server: API keys, uploaded files, batch jobs.
 *
 * One database behind one interface.  Its address chooses the engine: a path, or sqlite:PATH, is
 * a file of SQLite (write-ahead log, every commit on the disk before it is answered, mode 0600);
 * postgresql://... is a server of PostgreSQL, which several servers of ours may share.  Contents
 * of files lie beside the database in a folder, named by their ids.
 *
 *     struct store *store = store_open(&(struct store_options){.url = NULL}, err);
 *     if (!files_list(store, &viewer, &filter, &arena, &list, err)) ...
 *     store_close(store);
 *
 * Every operation of keys.h, files.h and jobs.h is one transaction: it has happened whole, or not
 * at all.  A failure leaves the store usable: when the cause is gone, the next call succeeds.  A
 * lost connection to PostgreSQL is made anew by the next call.
 * Thread: any; calls on one store wait for each other, and wait for the disk or the network, so
 * never from the thread that owns sockets.  A thread that must not wait opens a store of its own.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct store;

struct store_options {
    const char *url;    /* NULL: store_place() */
    const char *folder; /* of contents; NULL: files/ beside the database, with PostgreSQL files/ in
                           the folder of store_place() */
    int busy_ms;        /* to wait for another program's writing; 0: 5 seconds */
    bool must_exist;    /* a file that is not there is an error, and is not made */
};

/* Who asks.  Without keys everything belongs to "". */
struct viewer {
    const char *key_id; /* sees what belongs to it */
    bool sees_all;      /* and with the role admin, what belongs to others */
};

/* Opens the database, makes it when it is a file that does not exist yet, and brings its tables to
 * the form that this program knows.
 * Owned: store_close().
 * Errors: ERR_ARG for an address that is none; ERR_NOT_FOUND with must_exist; ERR_BUSY when other
 * programs have it for longer than busy_ms; ERR_UNSUPPORTED for tables of a newer program, or not
 * ours; ERR_IO for what cannot be reached, written or is damaged; ERR_LIMIT. */
struct store *store_open(const struct store_options *options, struct err *err) CHECKED;
void store_close(struct store *store);

/* The address for messages: without a password.  Borrowed: from the store. */
const char *store_name(const struct store *store);

/* Appends the folder where uploads may lie until they are stored, uploads/ in that of contents, and
 * makes it.  Errors: ERR_IO, ERR_LIMIT. */
bool store_uploads(const struct store *store, struct buf *path, struct err *err) CHECKED;

/* Asks the database for an answer, making a lost connection anew.  Errors: ERR_BUSY, ERR_IO. */
bool store_ping(struct store *store, struct err *err) CHECKED;

/* Appends the address of the store: $BISE_STORE, else bise.db in the folder of store_folder().
 * Errors: as store_folder(). */
bool store_place(struct buf *url, struct err *err) CHECKED;

/* Appends the folder for what bise keeps: $XDG_DATA_HOME/bise, else ~/.local/share/bise.
 * Errors: ERR_ARG when none is known, ERR_LIMIT. */
bool store_folder(struct buf *path, struct err *err) CHECKED;

#endif
