/* SPDX-License-Identifier: Apache-2.0 */
/* line.h - text from anywhere, made fit for one line of a terminal or a log. */
#ifndef BASE_LINE_H
#define BASE_LINE_H

/* Replaces every control character of text, of ASCII and of C1 in UTF-8, by '?'.
 * text: NUL-terminated; its length stays. */
void line_clean(char *text);

#endif
