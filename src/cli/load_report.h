/* SPDX-License-Identifier: Apache-2.0 */
/* load_report.h - how "bise bench serve" prints its figures. */
#ifndef CLI_LOAD_REPORT_H
#define CLI_LOAD_REPORT_H

#include "base/err.h"
#include "cli/load_row.h"
#include "cli/load_run.h"

/* What is printed beside the rows. */
struct load_report {
    const struct load_options *options;
    const char *model; /* NULL: the file's lines name it */
    const struct load_accepts *accepts;
};

/* Print what is measured, and a row of it, as text.  Errors: ERR_IO. */
bool load_report_head(const struct load_report *report, struct err *err) CHECKED;
bool load_report_row(const struct load_report *report, const struct load_row *row,
                     struct err *err) CHECKED;

/* Print all rows: [n] as one JSON object, or as lines of CSV with a head. */
void load_report_json(const struct load_report *report, const struct load_row *rows, int n);
void load_report_csv(const struct load_row *rows, int n);

/* Says whether no request of a row failed, or, without --check, some succeeded. */
bool load_report_is_good(const struct load_report *report, const struct load_row *row);

#endif
