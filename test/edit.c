/* SPDX-License-Identifier: Apache-2.0 */
#include "edit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void join(char *out, size_t size, const char *folder, const char *name)
{
    assert_in_range(snprintf(out, size, "%s/%s", folder, name), 1, size - 1);
}

char *edit_text(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("no '%s' in the fixture", from);
    size_t before = (size_t)(at - text), n = strlen(text) - strlen(from) + strlen(to);
    char *out = calloc(n + 1, 1);
    memcpy(out, text, before);
    memcpy(out + before, to, strlen(to));
    memcpy(out + before + strlen(to), at + strlen(from), n - before - strlen(to));
    return out;
}

const char *edit_folder(const char *name)
{
    const char *folder = test_tmp(name);
    mkdir(folder, 0700);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[600];
        join(path, sizeof path, folder, e->d_name);
        if (e->d_name[0] != '.')
            assert_int_equal(unlink(path), 0);
    }
    closedir(dir);
    return folder;
}

void edit_copy(const char *path, const char *folder)
{
    char to[600];
    const char *slash = strrchr(path, '/');
    size_t n;
    char *bytes = test_read(path, &n);
    join(to, sizeof to, folder, slash ? slash + 1 : path);
    test_write(to, bytes, n);
    free(bytes);
}

void edit_file(const char *folder, const char *name, const char *from, const char *to)
{
    char path[600];
    join(path, sizeof path, folder, name);
    char *text = test_read(path, NULL), *edited = edit_text(text, from, to);
    test_write(path, edited, strlen(edited));
    free(text);
    free(edited);
}

void edit_header(const char *folder, const char *name, const char *from, const char *to)
{
    char path[600];
    size_t n;
    uint64_t n_header, n_edited;
    join(path, sizeof path, folder, name);
    char *bytes = test_read(path, &n), *header, *edited;
    memcpy(&n_header, bytes, 8);
    assert_in_range(n_header, 2, n - 8);
    header = calloc(n_header + 1, 1);
    memcpy(header, bytes + 8, n_header);
    edited = edit_text(header, from, to);
    n_edited = strlen(edited);
    char *out = calloc(n - n_header + n_edited, 1);
    memcpy(out, &n_edited, 8);
    memcpy(out + 8, edited, n_edited);
    memcpy(out + 8 + n_edited, bytes + 8 + n_header, n - 8 - n_header);
    test_write(path, out, n - n_header + n_edited);
    free(bytes);
    free(header);
    free(edited);
    free(out);
}

void edit_bytes(const char *folder, const char *name, const char *from, const char *to)
{
    char path[600];
    size_t n, m = strlen(from);
    assert_int_equal(m, strlen(to));
    join(path, sizeof path, folder, name);
    char *bytes = test_read(path, &n), *at = memmem(bytes, n, from, m);
    assert_non_null(at);
    memcpy(at, to, m);
    test_write(path, bytes, n);
    free(bytes);
}
