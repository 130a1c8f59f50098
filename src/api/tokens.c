/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tokens.h"

#include "api/api.h"
#include "model/config.h"

bool tokens_read(const struct json_node *list, const struct api_model *model, struct token_ids *out,
                 struct err *err)
{
    int64_t most = (int64_t)model->config->n_vocab - 1;
    for (const struct json_node *item = list->first; item; item = item->next) {
        int64_t id;
        if (!json_node_int(item, 0, most, &id))
            return json_node_fail(item, err, "expected an id from 0 to %lld", (long long)most);
        if (!token_ids_add(out, (int32_t)id, err))
            return false;
    }
    return true;
}

bool tokens_encode(const struct api_model *model, struct span text, bool with_bos,
                   struct token_ids *out, struct err *err)
{
    int32_t bos = tokenizer_bos(model->tok);
    return (!with_bos || bos < 0 || token_ids_add(out, bos, err)) &&
           tokenizer_encode(model->tok, text.s, text.n, out, err);
}

void tokens_write(const struct token_ids *ids, struct json_out *o)
{
    json_out_raw(o, "[");
    for (size_t i = 0; i < ids->n; i++)
        json_out_format(o, i ? ",%d" : "%d", ids->ids[i]);
    json_out_raw(o, "]");
}
