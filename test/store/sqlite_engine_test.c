/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database.h"
#include "store/keys.h"
#include "store/store_int.h"
#include "test.h"

/* Adds a key.  Returns the error's code. */
static enum err_code add_key(struct store *store, struct err *err)
{
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    *err = (struct err){0};
    bool ok = keys_add(store, &key, text, err);
    if (ok != (err->code == ERR_NONE))
        err->code = ERR_CANCELLED; /* what is never expected */
    return err->code;
}

static size_t count_keys(struct store *store)
{
    struct err err = {0};
    struct arena arena = {0};
    struct key_list list = {0};
    if (!keys_list(store, &arena, &list, &err))
        fail_msg("%s", err.text);
    arena_free(&arena);
    return list.n;
}

/* Fails unless the error is one line that names the store and says that. */
static void check_error(const struct database *db, const struct err *err, const char *message)
{
    if (err->code == ERR_NONE || !strstr(err->text, message) || strchr(err->text, '\n') ||
        strncmp(err->text, db->url, strlen(db->url)) != 0)
        fail_msg("code %d: got '%s', want '%s'", (int)err->code, err->text, message);
}

TEST(sqlite_engine, keeps_its_files_to_itself)
{
    const struct database *db = database_sqlite("mode.db");
    struct stat st;
    struct err err;
    char path[600];
    test_write(db->url, "", 0);
    assert_int_equal(chmod(db->url, 0664), 0);
    struct store *store = database_open(db);
    assert_int_equal(add_key(store, &err), ERR_NONE);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", db->url, (const char *[]){"", "-wal", "-shm"}[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(store);
}

TEST(sqlite_engine, stores_what_it_answers)
{
    const struct database *db = database_sqlite("settings.db");
    struct err err = {0};
    struct query q;
    struct store *store = database_open(db);
    assert_true(store_enter(store, STORE_READS, &err));
    query_init(&q, store,
               "SELECT s.synchronous, f.foreign_keys, j.journal_mode, t.trusted_schema"
               " FROM pragma_synchronous s, pragma_foreign_keys f,"
               " pragma_journal_mode j, pragma_trusted_schema t");
    assert_true(query_next(&q, &err));
    assert_int_equal(query_get_int(&q, 0), 2); /* FULL */
    assert_int_equal(query_get_int(&q, 1), 1);
    assert_true(span_is(query_get_span(&q, 2), "wal"));
    assert_int_equal(query_get_int(&q, 3), 0);
    assert_true(query_end(&q) && store_leave(store, true, &err));
    store_close(store);
}

TEST(sqlite_engine, waits_for_another_writer_and_says_so)
{
    const struct database *db = database_sqlite("busy.db");
    struct err err = {0};
    sqlite3 *other;
    struct store *store = store_open(&(struct store_options){.url = db->url, .busy_ms = 50}, &err);
    assert_int_equal(sqlite3_open(db->url, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(add_key(store, &err), ERR_BUSY);
    check_error(db, &err, "another program is writing to the store; try again");
    assert_int_equal(count_keys(store), 0); /* reading waits for nobody */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(add_key(store, &err), ERR_NONE);
    sqlite3_close(other);
    store_close(store);
}

TEST(sqlite_engine, refuses_what_is_no_database)
{
    const struct database *db = database_sqlite("text.db");
    struct err err = {0};
    char text[2000];
    memset(text, 'x', sizeof text);
    test_write(db->url, text, sizeof text);
    assert_null(store_open(&(struct store_options){.url = db->url}, &err));
    assert_int_equal(err.code, ERR_IO);
    check_error(db, &err, "the store is damaged, or no database; restore a backup");
    char *after = test_read(db->url, NULL);
    assert_memory_equal(after, text, sizeof text); /* it is left as it was */
    free(after);
    err = (struct err){0};
    assert_null(store_open(&(struct store_options){.url = "/dev/null"}, &err));
    assert_int_equal(err.code, ERR_ARG);
    err = (struct err){0};
    assert_null(store_open(&(struct store_options){.url = "/proc/no/such/folder/x.db"}, &err));
    assert_true(err.code == ERR_IO || err.code == ERR_NOT_FOUND);
}

/* Writes bytes over the first n of a file, in place. */
static void overwrite(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    close(fd);
}

TEST(sqlite_engine, goes_on_when_a_damaged_file_is_restored)
{
    const struct database *db = database_sqlite("damaged.db");
    struct err err;
    size_t n;
    struct store *store = database_open(db);
    assert_int_equal(add_key(store, &err), ERR_NONE);
    store_close(store); /* all of it is in the file now */
    char *good = test_read(db->url, &n), *bad = calloc(1, n);
    overwrite(db->url, bad, 100); /* the header only */
    assert_null(store_open(&(struct store_options){.url = db->url}, &err));
    assert_int_equal(err.code, ERR_IO);
    overwrite(db->url, good, 100);

    store = database_open(db);
    memset(bad, 0x5a, n);
    overwrite(db->url, bad, n); /* behind the back of an open store */
    database_sqlite("other.db");
    enum err_code code = add_key(store, &err);
    for (int i = 0; code == ERR_NONE && i < 10; i++)
        code = add_key(store, &err);
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(err.text, "the store is damaged"));
    overwrite(store_name(store), good, n);
    char path[700];
    for (int i = 0; i < 2; i++) { /* as one would who restores a backup */
        snprintf(path, sizeof path, "%s%s", store_name(store), i ? "-shm" : "-wal");
        unlink(path);
    }
    assert_int_equal(add_key(store, &err), ERR_NONE);
    store_close(store);
    free(good);
    free(bad);
}

/* Runs body in another process, which has to end with 0. */
static void in_a_process(int (*body)(const struct database *db), const struct database *db)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        _exit(body(db));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status)
        fail_msg("status 0x%x", (unsigned)status);
}

/* Says whether everything is as it has to be; 1 is the exit code for no. */
static int require(bool ok, const struct err *err)
{
    if (!ok)
        fprintf(stderr, "code %d: %s\n", (int)err->code, err->text);
    return !ok;
}

static int read_only(const struct database *db)
{
    struct err err = {0};
    struct passwd *nobody = getpwnam("nobody");
    char folder[600];
    snprintf(folder, sizeof folder, "%s", db->url);
    *strrchr(folder, '/') = '\0';
    mkdir(folder, 0755);
    bool ok = geteuid() != 0 || (nobody && setuid(nobody->pw_uid) == 0);
    if (geteuid() == getuid())
        chmod(folder, 0555); /* of our own, without rights: root made it otherwise */
    ok = ok && !store_open(&(struct store_options){.url = db->url}, &err) && err.code == ERR_IO &&
         strstr(err.text, "no permission");
    return require(ok, &err);
}

TEST(sqlite_engine, says_that_it_may_not_write)
{
    /* Below /tmp, since the folder of this run is nobody else's to look into. */
    char folder[] = "/tmp/bise-read-only-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    chmod(folder, 0755);
    snprintf(path, sizeof path, "%s/s.db", folder);
    in_a_process(read_only, &(struct database){.engine = "sqlite", .url = path});
    assert_int_equal(rmdir(folder), 0);
}

/* Fills the place of the store, and makes room again. */
static int fill(struct store *store, void (*make_room)(void))
{
    struct err err = {0};
    enum err_code code = ERR_NONE;
    int n_added = 0;
    for (; code == ERR_NONE && n_added < 5000; n_added++)
        code = add_key(store, &err);
    bool ok =
        code == ERR_IO && (strstr(err.text, "no room left") || strstr(err.text, "File too large"));
    if (require(ok, &err))
        return 1;
    ok = count_keys(store) == (size_t)n_added - 1; /* what was answered is there */
    make_room();
    ok = ok && add_key(store, &err) == ERR_NONE && count_keys(store) == (size_t)n_added;
    return require(ok, &err);
}

static char filler[600];

static void remove_filler(void)
{
    unlink(filler);
}

static int full_disk(const struct database *db)
{
    struct err err = {0};
    char path[600], zeros[65536] = "";
    /* A disk of one megabyte, if we may have one. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdir(db->url, 0700) != 0 || mount("none", db->url, "tmpfs", 0, "size=1m") != 0) {
        fprintf(stderr, "without a small disk: not the superuser\n");
        return 0;
    }
    snprintf(path, sizeof path, "%s/s.db", db->url);
    snprintf(filler, sizeof filler, "%s/filler", db->url);
    struct store *store = store_open(&(struct store_options){.url = path}, &err);
    if (require(store != NULL, &err))
        return 1;
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 10; i++)
        if (write(fd, zeros, sizeof zeros) < 0)
            break;
    close(fd);
    int code = fill(store, remove_filler);
    store_close(store);
    return code;
}

TEST(sqlite_engine, goes_on_when_a_full_disk_has_room_again)
{
    const struct database *db = database_sqlite("disk");
    in_a_process(full_disk, db);
    rmdir(db->url);
}

static void lift_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int full_file(const struct database *db)
{
    struct err err = {0};
    struct rlimit limit;
    struct store *store = store_open(&(struct store_options){.url = db->url}, &err);
    if (require(store != NULL, &err))
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 300000;
    setrlimit(RLIMIT_FSIZE, &limit);
    int code = fill(store, lift_limit);
    store_close(store);
    return code;
}

TEST(sqlite_engine, goes_on_when_a_file_may_be_larger_again)
{
    in_a_process(full_file, database_sqlite("ulimit.db"));
}

/* Where SQLite gets its memory in the next test: after so many times not at all. */
static long n_left;
static bool fails_once;

static bool may_have_memory(void)
{
    if (n_left < 0 || n_left-- > 0)
        return true;
    if (!fails_once)
        n_left = 0;
    return false;
}

static void *get(int n)
{
    return may_have_memory() ? malloc((size_t)n) : NULL;
}

static void *grow(void *p, int n)
{
    return may_have_memory() ? realloc(p, (size_t)n) : NULL;
}

static int size_of(void *p)
{
    return p ? (int)malloc_usable_size(p) : 0;
}

static int round_up(int n)
{
    return (n + 7) & ~7;
}

static int begin_memory(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void end_memory(void *arg)
{
    (void)arg;
}

/* Opens, adds and lists with the n-th allocation failing, and those behind it unless once. */
static bool try_with(const struct database *db, long n, bool once, bool *done, struct err *err)
{
    struct arena arena = {0};
    struct key_list list;
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    *err = (struct err){0};
    fails_once = once;
    n_left = n;
    struct store *store = store_open(&(struct store_options){.url = db->url}, err);
    *done = store && keys_add(store, &key, text, err) && keys_list(store, &arena, &list, err);
    n_left = -1;
    arena_free(&arena);
    bool ok = (*done == (err->code == ERR_NONE)) && (*done || err->code == ERR_LIMIT);
    if (ok && store) { /* and afterwards as if nothing had been */
        struct err why;
        ok = require(add_key(store, &why) == ERR_NONE, &why) == 0;
    }
    store_close(store);
    return ok;
}

static int without_memory(const struct database *db)
{
    static const sqlite3_mem_methods methods = {.xMalloc = get,
                                                .xFree = free,
                                                .xRealloc = grow,
                                                .xSize = size_of,
                                                .xRoundup = round_up,
                                                .xInit = begin_memory,
                                                .xShutdown = end_memory};
    struct err err = {0};
    n_left = -1;
    if (sqlite3_shutdown() != SQLITE_OK || sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != 0)
        return 2;
    for (int once = 0; once < 2; once++) {
        bool done = false;
        for (long n = 0; !done; n += 1 + n / 40)
            if (require(try_with(db, n, once, &done, &err) && n < 100000, &err))
                return 1;
    }
    return 0;
}

TEST(sqlite_engine, survives_without_memory)
{
    in_a_process(without_memory, database_sqlite("nomem.db"));
}

static int add_many(const struct database *db)
{
    struct err err = {0};
    struct store *store = store_open(&(struct store_options){.url = db->url}, &err);
    bool ok = store != NULL;
    for (int i = 0; ok && i < 100; i++)
        ok = add_key(store, &err) == ERR_NONE;
    store_close(store);
    return require(ok, &err);
}

TEST(sqlite_engine, several_programs_write_in_turn)
{
    enum { N = 3 };
    const struct database *db = database_sqlite("several.db");
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        if (!pids[i])
            _exit(add_many(db));
    }
    for (int i = 0; i < N; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    struct store *store = database_open(db);
    assert_int_equal(count_keys(store), 100 * N);
    store_close(store);
}
