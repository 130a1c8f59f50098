/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf_write.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "data/gguf_int.h"

enum { VERSION = 3 };

void gguf_head_init(struct gguf_head *head)
{
    *head = (struct gguf_head){0};
    buf_init(&head->kvs, (size_t)4 * LIMIT_VOCAB_BYTES);
    buf_init(&head->tensors, (size_t)4 * LIMIT_VOCAB_BYTES);
}

void gguf_head_free(struct gguf_head *head)
{
    buf_free(&head->kvs);
    buf_free(&head->tensors);
}

static bool add_number(struct buf *out, uint64_t value, size_t size, struct err *err)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_add(out, bytes, size, err);
}

static bool add_text(struct buf *out, const char *s, size_t n, struct err *err)
{
    return add_number(out, n, 8, err) && buf_add(out, s, n, err);
}

static bool add_key(struct gguf_head *head, const char *key, enum gguf_type type, struct err *err)
{
    assert(!head->n_pending);
    head->n_kvs++;
    return add_text(&head->kvs, key, strlen(key), err) && add_number(&head->kvs, type, 4, err);
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

bool gguf_put_u32(struct gguf_head *head, const char *key, uint32_t value, struct err *err)
{
    return add_key(head, key, GGUF_U32, err) && add_number(&head->kvs, value, 4, err);
}

bool gguf_put_f32(struct gguf_head *head, const char *key, float value, struct err *err)
{
    return add_key(head, key, GGUF_F32, err) && add_number(&head->kvs, float_bits(value), 4, err);
}

bool gguf_put_bool(struct gguf_head *head, const char *key, bool value, struct err *err)
{
    return add_key(head, key, GGUF_BOOL, err) && add_number(&head->kvs, value, 1, err);
}

bool gguf_put_string(struct gguf_head *head, const char *key, struct span value, struct err *err)
{
    return add_key(head, key, GGUF_STRING, err) && add_text(&head->kvs, value.s, value.n, err);
}

bool gguf_put_kv(struct gguf_head *head, const struct gguf_kv *kv, struct err *err)
{
    if (!add_key(head, kv->key, kv->type, err))
        return false;
    if (kv->type == GGUF_ARRAY &&
        !(add_number(&head->kvs, kv->item, 4, err) && add_number(&head->kvs, kv->n_items, 8, err)))
        return false;
    return buf_add(&head->kvs, kv->data, (size_t)(kv->end - kv->data), err);
}

bool gguf_put_array(struct gguf_head *head, const char *key, enum gguf_type item, uint64_t n,
                    struct err *err)
{
    if (!add_key(head, key, GGUF_ARRAY, err))
        return false;
    head->n_pending = n;
    return add_number(&head->kvs, item, 4, err) && add_number(&head->kvs, n, 8, err);
}

bool gguf_add_string(struct gguf_head *head, struct span value, struct err *err)
{
    assert(head->n_pending);
    head->n_pending--;
    return add_text(&head->kvs, value.s, value.n, err);
}

bool gguf_add_i32(struct gguf_head *head, int32_t value, struct err *err)
{
    assert(head->n_pending);
    head->n_pending--;
    return add_number(&head->kvs, (uint32_t)value, 4, err);
}

bool gguf_add_bool(struct gguf_head *head, bool value, struct err *err)
{
    assert(head->n_pending);
    head->n_pending--;
    return add_number(&head->kvs, value, 1, err);
}

bool gguf_add_f32(struct gguf_head *head, float value, struct err *err)
{
    return gguf_add_i32(head, (int32_t)float_bits(value), err);
}

bool gguf_put_tensor(struct gguf_head *head, struct tensor_entry *entry, struct err *err)
{
    struct gguf_format format;
    uint64_t n = 1;
    bool known = gguf_format_find(entry->type, &format);
    assert(known && entry->n_dims >= 1 && entry->n_dims <= 4);
    bool ok = known && add_text(&head->tensors, entry->name, strlen(entry->name), err) &&
              add_number(&head->tensors, (uint32_t)entry->n_dims, 4, err);
    for (int i = entry->n_dims - 1; ok && i >= 0; i--) {
        n *= (uint64_t)entry->shape[i];
        ok = add_number(&head->tensors, (uint64_t)entry->shape[i], 8, err);
    }
    assert(!ok || n % format.block == 0);
    ok = ok && add_number(&head->tensors, format.id, 4, err) &&
         add_number(&head->tensors, head->n_data, 8, err);
    if (!ok)
        return false;
    entry->n_bytes = (size_t)(n / format.block * format.bytes);
    head->n_data += entry->n_bytes + gguf_padding(entry->n_bytes);
    head->n_tensors++;
    return true;
}

bool gguf_head_finish(const struct gguf_head *head, struct buf *out, struct err *err)
{
    static const char zeros[GGUF_WRITE_ALIGN];
    size_t start = out->len;
    assert(!head->n_pending);
    return buf_add(out, "GGUF", 4, err) && add_number(out, VERSION, 4, err) &&
           add_number(out, head->n_tensors, 8, err) && add_number(out, head->n_kvs, 8, err) &&
           buf_add(out, head->kvs.data, head->kvs.len, err) &&
           buf_add(out, head->tensors.data, head->tensors.len, err) &&
           buf_add(out, zeros, gguf_padding(out->len - start), err);
}

size_t gguf_padding(uint64_t n)
{
    return (size_t)(-n % GGUF_WRITE_ALIGN);
}
