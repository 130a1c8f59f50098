/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the verb and calls it. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "cli/cli.h"

/* Where one of the three was closed, a file would be opened in its place and take the messages.
 * Read-only, so that writing to it fails as before. */
static void open_missing(void)
{
    int fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDONLY);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    map_guard_install();
    signal(SIGXFSZ, SIG_IGN); /* too large a file is an error of write(), to tell and to clean up */
    open_missing();
    if (argc < 2)
        return verb_help.run(1, (char *[]){NULL, NULL});
    const struct verb *verb = verb_find(argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : verb_unknown(argv[1]);
}
