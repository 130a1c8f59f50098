/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - strings in the JSON that the verbs print. */
#ifndef CLI_JSON_TEXT_H
#define CLI_JSON_TEXT_H

#include <stddef.h>

/* Writes text: [n] bytes as a JSON string with its quotes to stdout.  Ill-formed UTF-8
 * becomes U+FFFD. */
void json_text(const char *text, size_t n);

#endif
