/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a server answers, it is read to the end, and where it is cut changes nothing.  The
 * first byte chooses how it is asked, and which status it has. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/load_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM = 1, CHECK = 2, PLAIN = 4, FAILED = 8 };

struct read {
    enum load_kind kind;
    uint32_t n_tokens;
    struct buf text;
};

static struct read read_in(const uint8_t *data, size_t size, size_t step, unsigned how)
{
    static struct latency gaps;
    const struct load_answer_options options = {
        .stream = how & STREAM, .check = how & CHECK, .keep_text = true};
    struct load_answer answer;
    struct err err = {0}, why = {0};
    struct http_call call = {.status = how & FAILED ? 500 : 200};
    snprintf(call.type, sizeof call.type, "%s", how & PLAIN ? "text/html" : "text/event-stream");
    load_answer_init(&answer, &options);
    load_answer_begin(&answer, 0, &gaps);
    bool ok = true;
    for (size_t i = 0, n; ok && i < size; i += n) {
        n = size - i < step ? size - i : step;
        uint8_t *piece = malloc(n);
        memcpy(piece, data + i, n);
        ok = load_answer_take(&answer, &call, piece, n, &err);
        free(piece);
    }
    call.end = ok ? HTTP_WHOLE : HTTP_REFUSED;
    call.err = err;
    struct read read = {load_answer_end(&answer, &call, &why), load_answer_tokens(&answer), {0}};
    if ((read.kind == LOAD_OK) != (why.code == ERR_NONE) || (!ok && err.code == ERR_NONE))
        __builtin_trap();
    load_answer_compare(&answer, SPAN("the right text"), &why);
    read.text = answer.text;
    buf_init(&answer.text, 0);
    load_answer_free(&answer);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    unsigned how = data[0];
    struct read whole = read_in(data + 1, size - 1, size, how);
    struct read cut = read_in(data + 1, size - 1, 1 + how / 16, how);
    if (whole.kind != cut.kind || whole.n_tokens != cut.n_tokens ||
        whole.text.len != cut.text.len ||
        (whole.text.len && memcmp(whole.text.data, cut.text.data, whole.text.len) != 0))
        __builtin_trap();
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
