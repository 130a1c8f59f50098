/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the verb and calls it. */
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

int main(int argc, char **argv)
{
    struct sigaction lost = {.sa_handler = mapping_lost};
    sigaction(SIGBUS, &lost, NULL);
    if (argc < 2)
        return verb_help.run(1, (char *[]){NULL, NULL});
    const struct verb *verb = verb_find(argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : verb_unknown(argv[1]);
}
