/* SPDX-License-Identifier: Apache-2.0 */
#include "text/prompt_request.h"

#include <string.h>

#include "base/limits.h"

/* Finds a member that is not null. */
static const struct json_node *find(const struct json_node *object, const char *key)
{
    const struct json_node *value = json_member(object, key);
    return value && value->kind != NODE_NULL ? value : NULL;
}

static bool read_text(const struct json_node *object, const char *key, struct span *out,
                      struct err *err)
{
    const struct json_node *value = find(object, key);
    if (!value)
        return true;
    *out = value->text;
    return value->kind == NODE_STRING || json_node_fail(value, err, "expected a text");
}

/* Reads a text that must be there. */
static bool need_text(const struct json_node *object, const char *key, struct span *out,
                      struct err *err)
{
    if (!read_text(object, key, out, err))
        return false;
    return out->s || json_node_fail(object, err, "%s: missing; expected a text", key);
}

static bool read_number(const struct json_node *object, const char *key, uint64_t max,
                        uint64_t *out, struct err *err)
{
    const struct json_node *value = find(object, key);
    int64_t number;
    if (!value)
        return true;
    if (!json_node_int(value, 0, (int64_t)max, &number))
        return json_node_fail(value, err, "expected a whole number up to %llu",
                              (unsigned long long)max);
    *out = (uint64_t)number;
    return true;
}

static bool read_samples(const struct json_node *object, uint64_t *out, struct err *err)
{
    return read_number(object, "samples", LIMIT_AUDIO_SAMPLES, out, err);
}

static bool read_chat(struct prompt_request *out, const struct prompt_format *format,
                      const struct prompt_request_options *o, struct err *err)
{
    struct prompt_options options = {.mode = o->mode, .max_tokens = o->max_tokens};
    if (!chat_read_tree(&out->chat, o->spelling, &out->tree, err))
        return false;
    out->chat.truncate = out->chat.truncate || o->max_tokens;
    return prompt_chat(format, &out->chat, &options, &out->prompt, err);
}

static bool read_fim(struct prompt_request *out, const struct prompt_format *format,
                     struct err *err)
{
    struct span before = {0}, after = {0};
    return need_text(out->tree.root, "prompt", &before, err) &&
           read_text(out->tree.root, "suffix", &after, err) &&
           prompt_fim(format, before, after, &out->prompt, err);
}

static bool read_transcription(struct prompt_request *out, const struct prompt_format *format,
                               const struct json_node *node, struct err *err)
{
    uint64_t n_samples = 0;
    struct span language = {0};
    return read_samples(node, &n_samples, err) && read_text(node, "language", &language, err) &&
           prompt_transcription(format, n_samples, language, &out->prompt, err);
}

static bool read_streaming(struct prompt_request *out, const struct prompt_format *format,
                           const struct json_node *node, struct err *err)
{
    uint64_t n_samples = 0, delay_ms = 0;
    out->is_streaming = true;
    return read_samples(node, &n_samples, err) &&
           read_number(node, "delay_ms", UINT32_MAX, &delay_ms, err) &&
           prompt_streaming(format, n_samples, (uint32_t)delay_ms, &out->prompt, &out->pads, err);
}

static bool read_speech(struct prompt_request *out, const struct prompt_format *format,
                        const struct json_node *node, struct err *err)
{
    uint64_t n_samples = 0;
    struct span input = {0}, voice = {0};
    if (!need_text(node, "input", &input, err) || !read_text(node, "voice", &voice, err) ||
        !read_samples(node, &n_samples, err))
        return false;
    if (!voice.s == !n_samples)
        return json_node_fail(node, err, "expected a voice, or the samples of a recording");
    return prompt_speech(format, input, voice, n_samples, &out->prompt, err);
}

static bool read_sound(struct prompt_request *out, const struct prompt_format *format,
                       struct err *err)
{
    static const struct {
        const char *key;
        bool (*read)(struct prompt_request *out, const struct prompt_format *format,
                     const struct json_node *node, struct err *err);
    } kinds[] = {
        {"transcription", read_transcription},
        {"streaming", read_streaming},
        {"speech", read_speech},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct json_node *node = find(out->tree.root, kinds[i].key);
        if (node && node->kind != NODE_OBJECT)
            return json_node_fail(node, err, "expected an object");
        if (node)
            return kinds[i].read(out, format, node, err);
    }
    return json_node_fail(out->tree.root, err,
                          "expected an object with messages, with a prompt and its suffix, or with "
                          "transcription, streaming or speech");
}

static bool read_any(struct prompt_request *out, const struct prompt_format *format,
                     const struct prompt_request_options *options, struct err *err)
{
    if (find(out->tree.root, "messages"))
        return read_chat(out, format, options, err);
    if (find(out->tree.root, "prompt"))
        return read_fim(out, format, err);
    return read_sound(out, format, err);
}

bool prompt_request_read(struct prompt_request *out, const struct prompt_format *format,
                         const struct prompt_request_options *options, const char *name,
                         const void *bytes, size_t n, struct err *err)
{
    *out = (struct prompt_request){0};
    if (!json_tree_parse(&out->tree, name, bytes, n, err))
        return false;
    /* What is wrong with a value names the request, what no prompt can say does not. */
    return read_any(out, format, options, err) ||
           (strncmp(err->text, name, strlen(name)) != 0 && err_add(err, "%s", name));
}

void prompt_request_free(struct prompt_request *request)
{
    prompt_free(&request->prompt);
    chat_free(&request->chat);
    json_tree_free(&request->tree);
    *request = (struct prompt_request){0};
}
