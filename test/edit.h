/* SPDX-License-Identifier: Apache-2.0 */
/* edit.h - a good fixture with one thing changed: the way to a bad one. */
#ifndef EDIT_H
#define EDIT_H

#include <stddef.h>

/* Returns text with the first from, which must occur, replaced by to.
 * Owned: free(). */
char *edit_text(const char *text, const char *from, const char *to);

/* Makes the folder of that name for this run, empty, and returns its path.
 * Borrowed: until the next call but seven of test_tmp(). */
const char *edit_folder(const char *name);

/* Copies a whole file into a folder. */
void edit_copy(const char *path, const char *folder);

/* Edits a text file in a folder. */
void edit_file(const char *folder, const char *name, const char *from, const char *to);

/* Edits the JSON header of a safetensors file in a folder; the data stay. */
void edit_header(const char *folder, const char *name, const char *from, const char *to);

/* Replaces the first from in a binary file by to, of the same length. */
void edit_bytes(const char *folder, const char *name, const char *from, const char *to);

#endif
