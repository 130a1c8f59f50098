/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/unfinished.h"

#include <stdio.h>

#include "base/units.h"
#include "hub/hub_begun.h"

const char *unfinished_text(char *text, uint64_t n_there, uint64_t n_all)
{
    char there[UNITS_TEXT], all[UNITS_TEXT];
    units_bytes(there, n_there);
    if (n_all)
        snprintf(text, UNFINISHED_TEXT, "unfinished, %s of %s are there; pull it again", there,
                 units_bytes(all, n_all));
    else
        snprintf(text, UNFINISHED_TEXT, "unfinished, %s are there; pull it again", there);
    return text;
}

bool unfinished_explain(const struct hub_name *name, const char *model, struct err *err)
{
    char text[UNFINISHED_TEXT];
    uint64_t n_there, n_all;
    if (err->code != ERR_NOT_FOUND || !hub_begun_find(name, &n_there, &n_all))
        return false;
    return err_set(err, ERR_NOT_FOUND, "%s: %s", model, unfinished_text(text, n_there, n_all));
}
