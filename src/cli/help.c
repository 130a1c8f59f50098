/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - the table of verbs, and what each is for. */
#include <stdio.h>
#include <string.h>

#include "cli/bench_serve.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/options.h"

static const struct verb *const verbs[] = {
    &verb_run,      &verb_serve,    &verb_show,    &verb_pull,   &verb_list,
    &verb_rm,       &verb_quantize, &verb_imatrix, &verb_merge,  &verb_bench,
    &verb_tokenize, &verb_render,   &verb_parse,   &verb_logits, &verb_grammar_check,
    &verb_keys,     &verb_generate, &verb_version, &verb_help,
};

enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

const struct verb *verb_find(const char *name)
{
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return &verb_help;
    if (strcmp(name, "--version") == 0)
        return &verb_version;
    for (int i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

int verb_unknown(const char *name)
{
    console_error("bise: '%s' is not a command; see 'bise help'", name);
    return EXIT_USAGE;
}

static void overview(void)
{
    fputs("bise runs language models of the Mistral family on this machine.\n"
          "\n"
          "usage: bise COMMAND [options] [MODEL] ...\n"
          "\n"
          "MODEL is a folder as published (params.json or config.json with *.safetensors), a\n"
          ".gguf file, or ORG/NAME of a model that 'bise pull' has brought.  Left out, it is a\n"
          "very small model of children's stories that comes with the program (set BISE_MODELS if\n"
          "it lies in another folder), so this works at once:\n"
          "\n"
          "    bise run \"Once upon a time\"\n"
          "\n"
          "Then, with a model of your own:\n"
          "\n"
          "    bise pull ORG/NAME                    download it\n"
          "    bise show path/to/model               what it is, and whether it fits here\n"
          "    bise run path/to/model                chat with it, or let it continue a text\n"
          "\n"
          "commands:\n",
          stdout);
    for (int i = 0; i < N_VERBS; i++)
        printf("    %-13s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs("\n'bise help COMMAND' has the options of each.\n", stdout);
}

static int help(int argc, char **argv)
{
    const struct option options[] = {{.name = NULL}};
    int code = options_parse(&verb_help, options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc == 0) {
        overview();
        return console_finish(EXIT_DONE);
    }
    const struct verb *verb = verb_find(argv[0]);
    if (argc == 2 && verb == &verb_bench && strcmp(argv[1], "serve") == 0)
        verb = &verb_bench_serve;
    else if (argc == 2)
        return options_wrong(&verb_help, "'%s': one argument too many", argv[1]);
    if (!verb)
        return verb_unknown(argv[0]);
    fputs(verb->help, stdout);
    return console_finish(EXIT_DONE);
}

const struct verb verb_help = {
    .name = "help",
    .summary = "explain a command",
    .help = "usage: bise help [COMMAND]\n"
            "\n"
            "Prints what a command does, its options and examples.\n",
    .max_args = 2,
    .run = help,
};
