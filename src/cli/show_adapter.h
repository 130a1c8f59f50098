/* SPDX-License-Identifier: Apache-2.0 */
/* show_adapter.h - what "bise show" says about an adapter without its model. */
#ifndef CLI_SHOW_ADAPTER_H
#define CLI_SHOW_ADAPTER_H

#include "base/err.h"

/* Prints what the adapter at path is.  Returns false when there is none, or true: then err, which
 * says why there is no model, is cleared, or says what is wrong with the adapter.
 * Errors: as adapter_file_open(). */
bool show_adapter(const char *path, bool json, struct err *err);

#endif
