/* SPDX-License-Identifier: Apache-2.0 */
/* A grammar, and after a NUL a text: whatever both are, there is an answer. */
#include <stdint.h>
#include <string.h>

#include "text/gbnf.h"
#include "text/grammar.h"
#include "text/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *cut = size ? memchr(bytes, 0, size) : NULL;
    size_t n = cut ? (size_t)(cut - bytes) : size;
    struct err err = {0};
    bool ends;
    struct grammar *grammar = gbnf_grammar("f", (struct span){size ? bytes : "", n}, NULL, &err);
    struct matcher *matcher = grammar ? matcher_open(grammar, NULL, NULL, 0, &err) : NULL;
    if (matcher && cut && matcher_accept_bytes(matcher, cut + 1, size - n - 1, NULL, &err))
        (void)!matcher_can_end(matcher, &ends, &err);
    matcher_close(matcher);
    grammar_unref(grammar);
    return 0;
}
