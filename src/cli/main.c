/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the verb and calls it. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/cli.h"

/* A mapped file that shrinks, or a disk that fails, is found out by a read deep inside a
 * kernel: nothing can be returned from there. */
static void mapping_lost(int signal)
{
    static const char text[] =
        "bise: the model file changed or its disk failed while it was in use\n";
    (void)signal;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EXIT_FAILED);
}

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
    struct sigaction lost = {.sa_handler = mapping_lost};
    sigaction(SIGBUS, &lost, NULL);
    open_missing();
    if (argc < 2)
        return verb_help.run(1, (char *[]){NULL, NULL});
    const struct verb *verb = verb_find(argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : verb_unknown(argv[1]);
}
