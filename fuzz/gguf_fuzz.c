/* SPDX-License-Identifier: Apache-2.0 */
/* Walks every array and every tensor of what is accepted. */
#include "data/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct gguf *gguf, const struct gguf_kv *kv)
{
    struct err err = {0};
    const uint8_t *at = kv->data;
    uint32_t u;
    double d;
    bool b;
    if (gguf_opt_u32(gguf, kv->key, 0, UINT32_MAX, &u, &err) &&
        !gguf_f64(gguf, kv->key, 0, UINT32_MAX, &d, &err))
        __builtin_trap();
    if (gguf_opt_bool(gguf, kv->key, &b, &err) && kv->type != GGUF_BOOL)
        __builtin_trap();
    for (uint64_t i = 0; kv->item == GGUF_STRING && i < kv->n_items; i++) {
        const char *s;
        size_t n;
        gguf_next_string(&at, &s, &n);
        if ((const uint8_t *)s + n != at)
            __builtin_trap();
    }
    for (uint64_t i = 0; kv->item == GGUF_F32 && i < kv->n_items; i++)
        gguf_next_f32(&at);
    if ((kv->item == GGUF_STRING || kv->item == GGUF_F32) && at != kv->end)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf gguf;
    struct err err = {0};
    if (!gguf_parse(&gguf, "f", data, size, &err))
        return 0;
    for (size_t i = 0; i < gguf.n_kvs; i++) {
        if (gguf_find(&gguf, gguf.kvs[i].key) != &gguf.kvs[i])
            __builtin_trap();
        walk(&gguf, &gguf.kvs[i]);
    }
    for (size_t i = 0; i < gguf.tensors.n; i++) {
        const struct tensor_entry *e = &gguf.tensors.entries[i];
        if (e->data < data || e->n_bytes > (size_t)(data + size - e->data))
            __builtin_trap();
    }
    gguf_close(&gguf);
    return 0;
}
