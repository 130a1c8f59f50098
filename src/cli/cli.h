/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - a verb of the command line, and the table of them.
 *
 * Answers go to stdout and everything else to stderr.  A verb returns the exit code. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INTERRUPTED = 130, /* 128 + SIGINT, as a shell reports it */
};

struct verb {
    const char *name;
    const char *summary;               /* one line of "bise help" */
    const char *help;                  /* "bise help NAME" */
    int max_args;                      /* arguments that are no options */
    int (*run)(int argc, char **argv); /* argv[0] is the name */
};

extern const struct verb verb_run, verb_show, verb_bench, verb_tokenize, verb_render, verb_parse,
    verb_logits, verb_quantize, verb_imatrix, verb_merge, verb_pull, verb_list, verb_rm,
    verb_grammar_check, verb_version, verb_serve, verb_keys, verb_generate, verb_help;

/* Finds a verb by name.  Borrowed: static; NULL when there is none. */
const struct verb *verb_find(const char *name);

/* Prints "unknown command", with the commands there are.  Returns EXIT_USAGE. */
int verb_unknown(const char *name);

/* Returns the commit that the program was made from.  Borrowed: static. */
const char *version_commit(void);

#endif
