/* SPDX-License-Identifier: Apache-2.0 */
#include "text/chat_part_int.h"

#include <string.h>

#include "base/limits.h"

/* Reads a member that must be a text. */
static bool read_text(const struct json_node *object, const char *key, struct span *out,
                      struct err *err)
{
    const struct json_node *value = json_member(object, key);
    if (!value)
        return json_node_fail(object, err, "%s: missing", key);
    if (value->kind != NODE_STRING)
        return json_node_fail(value, err, "expected a text");
    *out = value->text;
    return true;
}

/* Reads a member that is a text, or an object with the text as its member inner. */
static bool read_text_or_object(const struct json_node *object, const char *key, const char *inner,
                                struct span *out, struct err *err)
{
    const struct json_node *value = json_member(object, key);
    if (value && value->kind == NODE_OBJECT)
        return read_text(value, inner, out, err);
    return read_text(object, key, out, err);
}

static bool read_size(const struct json_node *object, const char *key, int64_t max, int64_t *out,
                      struct err *err)
{
    const struct json_node *value = json_member(object, key);
    if (!value)
        return json_node_fail(object, err, "%s: missing", key);
    if (!json_node_int(value, 0, max, out))
        return json_node_fail(value, err, "expected a whole number from 0 to %lld", (long long)max);
    return true;
}

/* A picture of which only the size is known, for looking at prompts. */
static bool read_image_slot(const struct json_node *node, struct chat_part *part, struct err *err)
{
    int64_t width = 0, height = 0;
    if (!read_size(node, "width", LIMIT_IMAGE_SIDE, &width, err) ||
        !read_size(node, "height", LIMIT_IMAGE_SIDE, &height, err))
        return false;
    part->kind = PART_IMAGE;
    part->width = (uint32_t)width;
    part->height = (uint32_t)height;
    return true;
}

static bool read_audio_slot(const struct json_node *node, struct chat_part *part, struct err *err)
{
    int64_t n = 0;
    if (!read_size(node, "samples", LIMIT_AUDIO_SAMPLES, &n, err))
        return false;
    part->kind = PART_AUDIO;
    part->n_samples = (uint64_t)n;
    return true;
}

/* Joins the texts of a list of text parts, which is how the API spells a thought. */
static bool join_texts(struct arena *arena, const struct json_node *list, struct span *out,
                       struct err *err)
{
    size_t n = 0;
    struct span text = {0};
    for (const struct json_node *item = list->first; item; item = item->next) {
        if (!read_text(item, "text", &text, err))
            return false;
        n += text.n;
    }
    char *joined = arena_new(arena, n + 1, 1, err);
    if (!joined)
        return false;
    *out = (struct span){joined, n};
    for (const struct json_node *item = list->first; item; item = item->next) {
        text = json_member(item, "text")->text;
        memcpy(joined, text.s, text.n);
        joined += text.n;
    }
    return true;
}

static bool read_thinking(struct arena *arena, const struct json_node *node, struct chat_part *part,
                          struct err *err)
{
    const struct json_node *thinking = json_member(node, "thinking");
    const struct json_node *closed = json_member(node, "closed");
    part->kind = PART_THINKING;
    part->closed = !closed || closed->kind != NODE_FALSE;
    if (closed && closed->kind != NODE_FALSE && closed->kind != NODE_TRUE)
        return json_node_fail(closed, err, "expected true or false");
    if (thinking && thinking->kind == NODE_ARRAY)
        return join_texts(arena, thinking, &part->text, err);
    return read_text(node, "thinking", &part->text, err);
}

/* Reads one part.  The names of text and media differ between the APIs. */
static bool read_part(struct arena *arena, const struct json_node *node, struct chat_part *part,
                      struct err *err)
{
    struct span type = {0};
    if (node->kind != NODE_OBJECT)
        return json_node_fail(node, err, "expected an object with a type");
    if (!read_text(node, "type", &type, err))
        return false;
    if (span_is(type, "text") || span_is(type, "input_text") || span_is(type, "output_text"))
        return read_text(node, "text", &part->text, err);
    if (span_is(type, "refusal"))
        return read_text(node, "refusal", &part->text, err);
    if (span_is(type, "thinking"))
        return read_thinking(arena, node, part, err);
    if (span_is(type, "image"))
        return read_image_slot(node, part, err);
    if (span_is(type, "audio"))
        return read_audio_slot(node, part, err);
    if (span_is(type, "image_url") || span_is(type, "input_image")) {
        part->kind = PART_IMAGE;
        return read_text_or_object(node, "image_url", "url", &part->text, err);
    }
    part->kind = PART_AUDIO;
    if (span_is(type, "input_audio"))
        return read_text_or_object(node, "input_audio", "data", &part->text, err);
    if (span_is(type, "audio_url"))
        return read_text_or_object(node, "audio_url", "url", &part->text, err);
    return json_node_fail(json_member(node, "type"), err,
                          "\"%.*s\" is no type of content; expected text, image_url, input_audio, "
                          "audio_url or thinking",
                          type.n > 40 ? 40 : (int)type.n, type.s);
}

bool chat_read_content(struct arena *arena, const struct json_node *content,
                       struct chat_message *message, struct err *err)
{
    if (!content || content->kind == NODE_NULL ||
        (content->kind == NODE_STRING && !content->text.n))
        return true;
    if (content->kind != NODE_STRING && content->kind != NODE_ARRAY)
        return json_node_fail(content, err, "expected a text or a list of parts");
    message->is_list = content->kind == NODE_ARRAY;
    message->n_parts = message->is_list ? content->n : 1;
    struct chat_part *parts = arena_new(arena, message->n_parts, sizeof *parts, err);
    if (!parts)
        return false;
    message->parts = parts;
    if (!message->is_list) {
        parts->text = content->text;
        return true;
    }
    for (const struct json_node *item = content->first; item; item = item->next)
        if (!read_part(arena, item, parts++, err))
            return false;
    return true;
}

bool chat_add_reasoning(struct arena *arena, struct span reasoning, struct chat_message *message,
                        struct err *err)
{
    struct chat_part *parts = arena_new(arena, message->n_parts + 1, sizeof *parts, err);
    if (!parts)
        return false;
    *parts = (struct chat_part){.kind = PART_THINKING, .closed = true, .text = reasoning};
    for (size_t i = 0; i < message->n_parts; i++)
        parts[i + 1] = message->parts[i];
    message->parts = parts;
    message->n_parts++;
    message->is_list = true;
    return true;
}
