/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "database.h"
#include "store/files_int.h"
#include "test.h"

static int count_entries(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

TEST(file_content, has_its_name_when_it_is_whole)
{
    const struct database *db = database_sqlite("content.db");
    struct err err = {0};
    struct content content;
    struct buf path;
    struct stat st;
    struct store *store = database_open(db);
    assert_true(content_begin(&content, store, &err));
    assert_true(content_add(&content, "ab", 2, &err) && content_add(&content, "c", 1, &err));
    assert_true(content_path(store, content.id, &path, &err));
    assert_int_not_equal(stat(path.data, &st), 0);
    assert_true(content_keep(&content, &err));
    assert_int_equal(stat(path.data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 3);
    assert_string_equal(content.sha256,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    content_close(&content, true);
    assert_int_equal(count_entries(db->folder), 1);
    buf_free(&path);

    assert_true(content_begin(&content, store, &err)); /* one that is given up */
    assert_true(content_add(&content, "x", 1, &err));
    content_close(&content, true);
    assert_int_equal(count_entries(db->folder), 1);
    assert_true(content_begin(&content, store, &err)); /* one that gets no row */
    assert_true(content_keep(&content, &err));
    content_close(&content, false);
    assert_int_equal(count_entries(db->folder), 1);
    store_close(store);
}

TEST(file_content, says_that_there_is_no_room)
{
    const struct database *db = database_sqlite("room.db");
    struct store *store = database_open(db);
    pid_t pid = fork();
    if (!pid) {
        struct rlimit limit = {4096, 4096};
        struct err err = {0};
        struct content content;
        char bytes[3000] = "";
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool ok = content_begin(&content, store, &err) && content_add(&content, bytes, 3000, &err);
        ok = ok && !content_add(&content, bytes, 3000, &err) && err.code == ERR_IO &&
             strstr(err.text, "no room left");
        content_close(&content, true);
        _exit(!ok || count_entries(db->folder) != 0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    store_close(store);
}

TEST(file_content, says_that_there_is_no_folder)
{
    const struct database *db = database_sqlite("folder.db");
    struct err err = {0};
    struct content content;
    struct store *store = database_open(db);
    test_write(db->folder, "x", 1); /* a file in its place */
    assert_false(content_begin(&content, store, &err));
    assert_int_equal(err.code, ERR_ARG);
    content_close(&content, false);
    unlink(db->folder);
    assert_true(content_begin(&content, store, &err)); /* and now there is room for one */
    content_close(&content, false);
    store_close(store);
}

TEST(file_content, survives_every_failing_allocation)
{
    const struct database *db = database_sqlite("content-memory.db");
    struct store *store = database_open(db);
    for (size_t n = 0;; n++) {
        struct err err = {0};
        struct content content;
        mem_fail_after(n);
        bool ok = content_begin(&content, store, &err) && content_add(&content, "x", 1, &err) &&
                  content_keep(&content, &err);
        content_close(&content, false);
        mem_fail_never();
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    store_close(store);
}
