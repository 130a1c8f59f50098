/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

static bool failed(const struct outfile *out, struct err *err)
{
    return err_set(err, ERR_IO, "%s: %s", out->path, strerror(errno));
}

/* Opens a new file beside path. */
static int open_temporary(struct outfile *out, struct err *err)
{
    char suffix[32];
    int n = snprintf(suffix, sizeof suffix, ".%ld.part", (long)getpid());
    if (!buf_add(&out->tmp, out->path, strlen(out->path), err) ||
        !buf_add(&out->tmp, suffix, (size_t)n, err))
        return -1;
    int fd = open(out->tmp.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        buf_clear(&out->tmp); /* not ours to remove */
        failed(out, err);
    }
    return fd;
}

bool outfile_open(struct outfile *out, const char *path, struct err *err)
{
    struct stat st;
    int fd;
    *out = (struct outfile){.path = path};
    buf_init(&out->tmp, LIMIT_JSON_BYTES);
    if (strcmp(path, "-") == 0) {
        out->path = "standard output";
        fd = dup(STDOUT_FILENO);
    } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        fd = open_temporary(out, err);
        if (fd < 0)
            return false;
    }
    if (fd < 0)
        return failed(out, err);
    if (isatty(fd)) {
        close(fd);
        return err_set(err, ERR_ARG, "%s: is a terminal; send it to a file or pipe", out->path);
    }
    out->stream = fdopen(fd, "wb");
    if (out->stream)
        return true;
    close(fd);
    return failed(out, err);
}

bool outfile_write(struct outfile *out, const void *bytes, size_t n, struct err *err)
{
    return fwrite(bytes, 1, n, out->stream) == n || failed(out, err);
}

bool outfile_commit(struct outfile *out, struct err *err)
{
    int result = fclose(out->stream);
    out->stream = NULL;
    if (result != 0)
        return failed(out, err);
    if (!out->tmp.len)
        return true;
    if (rename(out->tmp.data, out->path) != 0)
        return failed(out, err);
    buf_clear(&out->tmp);
    return true;
}

void outfile_close(struct outfile *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->tmp.len)
        unlink(out->tmp.data);
    buf_free(&out->tmp);
    *out = (struct outfile){0};
}
