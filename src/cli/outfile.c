/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/units.h"
#include "cli/interrupt.h"

/* Says what to do about errno. */
static const char *remedy(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return "create its folder first";
    case EISDIR:
        return "give the name of a file";
    case EACCES:
    case EPERM:
    case EROFS:
        return "choose another folder";
    case ENOSPC:
    case EDQUOT:
        return "free some space, or choose another folder";
    case EFBIG:
        return "see ulimit -f, or choose another disk";
    case ENAMETOOLONG:
        return "give a shorter name";
    default:
        return "check where it goes";
    }
}

static bool failed(const struct outfile *out, struct err *err)
{
    return err_set(err, ERR_IO, "%s: %s; %s", out->path, strerror(errno), remedy());
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

void outfile_hold(const char *path)
{
    if (strcmp(path, "-") == 0)
        interrupt_hold();
    else
        interrupt_hold_all();
}

/* Opens what is no file.  A FIFO waits for its reader here, where a signal ends that. */
static int open_special(const char *path, bool is_fifo)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    for (; is_fifo && fd < 0 && errno == ENXIO;
         fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)) {
        if (interrupt_came()) {
            errno = EINTR;
            return -1;
        }
        nanosleep(&moment, NULL);
    }
    if (fd >= 0)
        fcntl(fd, F_SETFL, 0);
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
        fd = open_special(path, S_ISFIFO(st.st_mode));
        if (fd < 0 && errno == EINTR)
            return err_set(err, ERR_CANCELLED, "%s: interrupted while it waited for a reader",
                           path);
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

bool outfile_reserve(const struct outfile *out, uint64_t n_bytes, struct err *err)
{
    struct statvfs fs;
    char needed[UNITS_TEXT], there[UNITS_TEXT];
    if (!out->tmp.len || fstatvfs(fileno(out->stream), &fs) != 0)
        return true;
    uint64_t n_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (n_bytes <= n_free)
        return true;
    return err_set(err, ERR_IO,
                   "%s: needs %s, its disk has %s; free some space, or choose another folder",
                   out->path, units_bytes(needed, n_bytes), units_bytes(there, n_free));
}

bool outfile_write(struct outfile *out, const void *bytes, size_t n, struct err *err)
{
    return fwrite(bytes, 1, n, out->stream) == n || failed(out, err);
}

bool outfile_commit(struct outfile *out, struct err *err)
{
    /* A power cut behind the renaming must not leave an empty file. */
    bool stored = !out->tmp.len || (fflush(out->stream) == 0 && fsync(fileno(out->stream)) == 0);
    if (!stored)
        return failed(out, err);
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
