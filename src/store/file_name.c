/* SPDX-License-Identifier: Apache-2.0 */
/* file_name.c - what a client says about a file, made fit to be kept and shown. */
#include <string.h>

#include "base/limits.h"
#include "data/utf8.h"
#include "store/files_int.h"

/* Appends a character to text: [size], which has *n bytes, if there is room. */
static bool add_character(char *text, size_t size, size_t *n, uint32_t code)
{
    char bytes[UTF8_MAX];
    size_t n_bytes = utf8_encode(code, bytes);
    if (*n + n_bytes >= size)
        return false;
    memcpy(text + *n, bytes, n_bytes);
    *n += n_bytes;
    return true;
}

void file_clean_name(struct span name, char *text)
{
    size_t n = 0;
    for (size_t i = name.n; i > 0; i--)
        if (name.s[i - 1] == '/' || name.s[i - 1] == '\\') {
            name = (struct span){name.s + i, name.n - i};
            break;
        }
    for (size_t i = 0; i < name.n;) {
        uint32_t code;
        size_t len;
        if (utf8_decode(name.s + i, name.n - i, &code, &len) != UTF8_OK)
            code = UTF8_REPLACEMENT;
        i += len;
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            code = '?';
        if (!add_character(text, LIMIT_FILE_NAME + 1, &n, code))
            break;
    }
    text[n] = '\0';
    if (!n)
        memcpy(text, "file", 5);
}

void file_clean_mime(struct span mime, char *text)
{
    /* RFC 6838: a name of each half; what stands behind ';' is not kept. */
    static const char others[] = "!#$&-^_.+";
    size_t n = 0, n_slashes = 0;
    for (; n < mime.n && mime.s[n] != ';' && mime.s[n] != ' '; n++) {
        char c = mime.s[n];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
            is_letter = true;
        }
        n_slashes += c == '/';
        if (n == LIMIT_MIME_BYTES || (!is_letter && c != '/' && !(c && strchr(others, c)))) {
            *text = '\0';
            return;
        }
        text[n] = c;
    }
    text[n] = '\0';
    if (n_slashes != 1 || *text == '/' || text[n - 1] == '/')
        *text = '\0';
}
