/* SPDX-License-Identifier: Apache-2.0 */
/* A file is taken or refused, with the same lines and the same error, however it is cut. */
#include <stdlib.h>
#include <string.h>

#include "data/jsonl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The lines that came. */
struct lines {
    size_t n_bytes;
    uint64_t n, hash;
};

static bool add(void *arg, uint64_t index, const struct json_node *object, struct span text,
                struct err *err)
{
    struct lines *lines = arg;
    (void)err;
    if (index != lines->n++ || object->kind != NODE_OBJECT || memchr(text.s, '\n', text.n))
        __builtin_trap();
    lines->n_bytes += text.n;
    for (size_t i = 0; i < text.n; i++)
        lines->hash = lines->hash * 31 + (unsigned char)text.s[i];
    return true;
}

static bool run(const uint8_t *data, size_t size, size_t n_piece, struct lines *out,
                struct err *err)
{
    struct jsonl lines;
    bool ok = true;
    *out = (struct lines){0};
    jsonl_init(&lines, add, out);
    for (size_t i = 0; ok && i < size; i += n_piece)
        ok = jsonl_add(&lines, data + i, size - i < n_piece ? size - i : n_piece, err);
    ok = ok && jsonl_end(&lines, err);
    if (lines.n_lines != out->n || out->n_bytes > size)
        __builtin_trap();
    jsonl_free(&lines);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err whole_err = {0}, cut_err = {0};
    struct lines whole, cut;
    if (!size)
        return 0;
    bool ok = run(data + 1, size - 1, size, &whole, &whole_err);
    if (run(data + 1, size - 1, 1 + data[0] % 16, &cut, &cut_err) != ok ||
        memcmp(&whole, &cut, sizeof whole) != 0 || strcmp(whole_err.text, cut_err.text) != 0)
        __builtin_trap();
    if (!ok && (whole_err.code == ERR_NONE || !strstr(whole_err.text, "line ")))
        __builtin_trap();
    return 0;
}
