/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* The cluster. */
static struct {
    bool was_tried;
    const char *missing; /* why there is none */
    char bin[256], dir[256], url[512], folder[512];
    uid_t uid;
    gid_t gid;
    pid_t server, maker;
} pg;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool find_programs(void)
{
    glob_t found;
    bool ok = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc;
    if (ok)
        snprintf(pg.bin, sizeof pg.bin, "%.*s",
                 (int)(strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb")),
                 found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return ok;
}

/* Starts a program of the server as its user, with its output in DIR/log. */
static pid_t spawn(const char *const *argv)
{
    char program[512], log[512];
    snprintf(program, sizeof program, "%s/%s", pg.bin, argv[0]);
    snprintf(log, sizeof log, "%s/log", pg.dir);
    pid_t pid = fork();
    if (pid)
        return pid;
    if (geteuid() == 0 && (setgid(pg.gid) != 0 || setuid(pg.uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* it must not outlive a test that crashes */
    if (!freopen(log, "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0 || chdir(pg.dir) != 0)
        _exit(126);
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool wait_ready(void)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    for (int i = 0; i < 1500; i++) {
        if (PQping(pg.url) == PQPING_OK)
            return true;
        if (waitpid(pg.server, NULL, WNOHANG) == pg.server)
            return false;
        nanosleep(&moment, NULL);
    }
    return false;
}

static bool start(void)
{
    char data[512];
    snprintf(data, sizeof data, "%s/data", pg.dir);
    pg.server = spawn((const char *const[]){"postgres", "-D", data, "-k", pg.dir, "-c",
                                            "listen_addresses=", "-c", "fsync=off", "-c",
                                            "max_connections=20", NULL});
    return wait_ready();
}

static void stop(int signal_number)
{
    if (pg.server > 0 && kill(pg.server, signal_number) == 0)
        waitpid(pg.server, NULL, 0);
    pg.server = 0;
}

static void end(void)
{
    if (getpid() != pg.maker)
        return;
    stop(SIGQUIT);
    remove_folder(pg.dir);
}

static const char *make_cluster(void)
{
    char data[512];
    int status;
    if (!find_programs())
        return "its server is not installed";
    struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (geteuid() == 0 && !user && !(user = getpwnam("nobody")))
        return "it does not run as root, and there is no other user";
    /* Not below TMPDIR, which may be too long for the name of a socket. */
    snprintf(pg.dir, sizeof pg.dir, "%s/bise-pg-XXXXXX", P_tmpdir);
    if (!mkdtemp(pg.dir))
        return "no folder can be made for it";
    if (user) {
        pg.uid = user->pw_uid;
        pg.gid = user->pw_gid;
        if (chown(pg.dir, pg.uid, pg.gid) != 0)
            return "its folder cannot be given to another user";
    }
    pg.maker = getpid();
    atexit(end);
    snprintf(data, sizeof data, "%s/data", pg.dir);
    snprintf(pg.url, sizeof pg.url, "postgresql:///postgres?host=%s&user=tester", pg.dir);
    pid_t pid = spawn((const char *const[]){"initdb", "-D", data, "-U", "tester", "-E", "UTF8",
                                            "--locale=C", "-A", "trust", "--no-sync", NULL});
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return "initdb failed";
    return start() ? NULL : "the server did not start";
}

void database_sql(const struct database *db, const char *sql)
{
    if (strcmp(db->engine, "sqlite") == 0) {
        sqlite3 *file;
        char *message = NULL;
        assert_int_equal(sqlite3_open(db->url, &file), SQLITE_OK);
        if (sqlite3_exec(file, sql, NULL, NULL, &message) != SQLITE_OK)
            fail_msg("%s: %s", sql, message);
        sqlite3_close(file);
        return;
    }
    PGconn *conn = PQconnectdb(pg.url);
    PQclear(PQexec(conn, "SET search_path = bise; SET client_min_messages = error"));
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
}

const struct database *database_postgres(void)
{
    static struct database db;
    if (!pg.was_tried) {
        pg.was_tried = true;
        pg.missing = make_cluster();
        if (pg.missing)
            printf("skipped on PostgreSQL: %s\n", pg.missing);
    }
    if (pg.missing)
        return NULL;
    snprintf(pg.folder, sizeof pg.folder, "%s", test_tmp("pg-files"));
    remove_folder(pg.folder);
    db = (struct database){.engine = "postgres", .url = pg.url, .folder = pg.folder};
    database_sql(&db, "DROP SCHEMA IF EXISTS bise CASCADE");
    return &db;
}

void database_crash(void)
{
    stop(SIGQUIT);
}

void database_restart(void)
{
    assert_true(start());
}

const struct database *database_sqlite(const char *name)
{
    static char url[512], folder[600];
    static struct database db;
    char beside[600];
    snprintf(url, sizeof url, "%s", test_tmp(name));
    snprintf(folder, sizeof folder, "%s-files", url);
    remove_folder(folder);
    for (int i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%s%s", url, (const char *[]){"", "-wal", "-shm"}[i]);
        unlink(beside);
    }
    db = (struct database){.engine = "sqlite", .url = url, .folder = folder};
    return &db;
}

void database_each(void (*body)(const struct database *db))
{
    body(database_sqlite("each.db"));
    const struct database *db = database_postgres();
    if (db)
        body(db);
}

struct store *database_open(const struct database *db)
{
    struct err err = {0};
    struct store *store =
        store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
    if (!store)
        fail_msg("%s: %s", db->engine, err.text);
    return store;
}
