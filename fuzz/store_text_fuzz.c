/* SPDX-License-Identifier: Apache-2.0 */
/* What clients present as a key, as the name of a file and as its type: what is kept of it is
 * short, printable and no path. */
#include <string.h>

#include "base/limits.h"
#include "data/utf8.h"
#include "store/files_int.h"
#include "store/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    char id[KEY_ID_CHARS + 1], name[LIMIT_FILE_NAME + 1], mime[LIMIT_MIME_BYTES + 1],
        again[LIMIT_FILE_NAME + 1];
    if (key_text_read(text.s, size, id) && (size != KEY_TEXT_CHARS || strlen(id) != KEY_ID_CHARS))
        __builtin_trap();

    file_clean_name(text, name);
    if (!*name || strpbrk(name, "/\\") || !utf8_printable(name, strlen(name)))
        __builtin_trap();
    file_clean_name((struct span){name, strlen(name)}, again);
    if (strcmp(name, again) != 0)
        __builtin_trap();

    file_clean_mime(text, mime);
    for (const char *c = mime; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("%\"'\\()<>,;:?=@[]{}", *c))
            __builtin_trap();
    if (*mime && (!strchr(mime, '/') || strchr(mime, '/') != strrchr(mime, '/')))
        __builtin_trap();
    return 0;
}
