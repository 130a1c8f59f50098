/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - runs a fuzz target over every file of its corpus, without a fuzzer.
 * usage: NAME_replay DIR; a directory that does not exist is an error. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay(const char *dir, const char *name, struct err *err)
{
    struct buf path, content;
    buf_init(&path, 4096);
    buf_init(&content, 64 << 20);
    bool ok = file_join(&path, dir, name, err) && file_read(&content, path.data, err);
    if (ok) {
        /* An exact copy, so that a sanitizer sees a read past the end. */
        uint8_t *copy = malloc(content.len ? content.len : 1);
        if (content.len)
            memcpy(copy, content.data, content.len);
        LLVMFuzzerTestOneInput(copy, content.len);
        free(copy);
    }
    buf_free(&path);
    buf_free(&content);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int n = 0;
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "%s: give the folder of a corpus\n", argv[0]);
        return 2;
    }
    for (struct dirent *e; (e = readdir(dir)); n++) {
        if (e->d_name[0] == '.')
            continue;
        if (!replay(argv[1], e->d_name, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    closedir(dir);
    return n > 2 ? 0 : 1;
}
