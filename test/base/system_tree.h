/* SPDX-License-Identifier: Apache-2.0 */
/* system_tree.h - made-up trees of /proc and /sys. */
#ifndef TEST_BASE_SYSTEM_TREE_H
#define TEST_BASE_SYSTEM_TREE_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"

/* Writes a file below a folder of this run, with the folders that lead to it. */
static inline void tree_put(const char *root, const char *path, const char *text)
{
    char at[1024];
    snprintf(at, sizeof at, "%s%s", root, path);
    for (char *slash = at + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(at, 0700);
    }
    test_write(at, text, strlen(text));
}

/* Returns an empty folder.  Borrowed: until the next call. */
static inline const char *tree_new(const char *name)
{
    static char root[512];
    snprintf(root, sizeof root, "%s", test_tmp(name));
    mkdir(root, 0700);
    return root;
}

#endif
