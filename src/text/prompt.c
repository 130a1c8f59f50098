/* SPDX-License-Identifier: Apache-2.0 */
#include "text/prompt.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/image_grid.h"
#include "text/prompt_int.h"

bool prompt_add_controls(struct prompt_writer *w, enum prompt_control control, uint64_t n)
{
    int32_t id = w->format->ids[control];
    if (id < 0)
        return err_set(w->err, ERR_UNSUPPORTED, "the vocabulary (%s) has no %s, which this needs",
                       tokenizer_describe(w->format->tok), prompt_control_name(control));
    /* A few bytes of a request may ask for thousands of slots. */
    if (n > LIMIT_CONTEXT || w->out->ids.n > LIMIT_CONTEXT - n)
        return err_set(w->err, ERR_LIMIT, "a prompt of more than %d tokens", LIMIT_CONTEXT);
    for (uint64_t i = 0; i < n; i++)
        if (!token_ids_add(&w->out->ids, id, w->err))
            return false;
    return true;
}

bool prompt_add_control(struct prompt_writer *w, enum prompt_control control)
{
    return prompt_add_controls(w, control, 1);
}

bool prompt_add_text(struct prompt_writer *w, struct span text)
{
    if (text.n > LIMIT_PROMPT_TEXT)
        return err_set(w->err, ERR_LIMIT, "a text of %zu bytes; a prompt takes %u at most", text.n,
                       LIMIT_PROMPT_TEXT);
    return tokenizer_encode(w->format->tok, text.s, text.n, &w->out->ids, w->err);
}

bool prompt_add_slot(struct prompt_writer *w, struct prompt_slot slot)
{
    struct prompt *out = w->out;
    if (out->n_slots == out->n_slot_places) {
        size_t n_places = out->n_slot_places ? 2 * out->n_slot_places : 8;
        struct prompt_slot *slots = mem_resize(out->slots, n_places, sizeof *slots, w->err);
        if (!slots)
            return false;
        out->slots = slots;
        out->n_slot_places = n_places;
    }
    slot.n = out->ids.n - slot.at;
    out->slots[out->n_slots++] = slot;
    return true;
}

bool prompt_add_image(struct prompt_writer *w, const struct chat_part *part)
{
    struct image_grid grid;
    size_t at = w->out->ids.n;
    if (!w->format->traits->image.patch_size)
        return err_set(w->err, ERR_ARG, "this model takes no pictures");
    if (part->text.s)
        return err_set(w->err, ERR_UNSUPPORTED,
                       "this version reads no pictures; give width and height instead");
    if (!image_grid(&w->format->traits->image, part->width, part->height, &grid, w->err))
        return false;
    for (uint32_t row = 0; row < grid.rows; row++) {
        bool is_last = row + 1 == grid.rows;
        if (!prompt_add_controls(w, CONTROL_IMG, grid.columns) ||
            !prompt_add_control(w, is_last ? CONTROL_IMG_END : CONTROL_IMG_BREAK))
            return false;
    }
    return prompt_add_slot(w, (struct prompt_slot){.kind = SLOT_IMAGE,
                                                   .at = at,
                                                   .source = part->text,
                                                   .width = grid.width,
                                                   .height = grid.height});
}

bool prompt_text(const struct prompt_format *format, const struct token_ids *ids, struct buf *out,
                 struct err *err)
{
    for (size_t i = 0; i < ids->n; i++)
        if (!tokenizer_piece(format->tok, ids->ids[i], out, err))
            return false;
    return true;
}

void prompt_free(struct prompt *prompt)
{
    token_ids_free(&prompt->ids);
    free(prompt->slots);
    *prompt = (struct prompt){0};
}
