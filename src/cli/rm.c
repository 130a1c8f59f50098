/* SPDX-License-Identifier: Apache-2.0 */
/* rm.c - "bise rm": removes a model from the model store. */
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/options.h"
#include "hub/hub_store.h"

/* Asks a person.  Errors: ERR_CANCELLED for no, ERR_ARG when nobody is there. */
static bool confirm(const char *name, const struct hub_removal *removal, struct err *err)
{
    char size[UNITS_TEXT], answer[8] = "";
    if (!input_is_terminal())
        return err_set(err, ERR_ARG, "%s: %zu file%s, %s; --yes removes them", name,
                       removal->n_files, plural(removal->n_files),
                       units_bytes(size, removal->n_bytes));
    fprintf(stderr, "remove %s: %zu file%s, %s? [y/N] ", name, removal->n_files,
            plural(removal->n_files), units_bytes(size, removal->n_bytes));
    if (!fgets(answer, sizeof answer, stdin) || (*answer != 'y' && *answer != 'Y'))
        return err_set(err, ERR_CANCELLED, "not removed");
    return true;
}

static int rm(int argc, char **argv)
{
    bool yes = false;
    const struct option options[] = {option_flag("yes", &yes), {.name = NULL}};
    int code = options_parse(&verb_rm, options, &argc, argv);
    if (code >= 0)
        return code;
    if (!argc)
        return options_wrong(&verb_rm, "expected ORG/NAME");
    struct err err = {0};
    struct hub_name name;
    struct hub_removal removal;
    if (!hub_name_parse(&name, argv[0], &err))
        return options_wrong(&verb_rm, "%s", err.text);
    if (!hub_store_remove(&name, false, &removal, &err) ||
        (!yes && !confirm(argv[0], &removal, &err)) ||
        !hub_store_remove(&name, true, &removal, &err))
        return err.code == ERR_CANCELLED ? EXIT_FAILED : console_fail(&err);
    char size[UNITS_TEXT];
    console_note("%s: removed %zu file%s, %s", argv[0], removal.n_files, plural(removal.n_files),
                 units_bytes(size, removal.n_bytes));
    return EXIT_DONE;
}

const struct verb verb_rm = {
    .name = "rm",
    .summary = "remove a model from the model store",
    .help = "usage: bise rm [--yes] ORG/NAME[@REVISION][:FILE or TYPE]\n"
            "\n"
            "Removes the files of a model that no other one of the store needs; :FILE or :TYPE\n"
            "means one of several GGUF files.  Asks first; --yes does not.\n",
    .max_args = 1,
    .run = rm,
};
