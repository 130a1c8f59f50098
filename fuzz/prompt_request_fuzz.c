/* SPDX-License-Identifier: Apache-2.0 */
/* Any request to ids: a prompt has no more control tokens than the messages call for, whatever
 * their texts say.
 *
 * The first byte chooses the format, the spelling and the mode. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "text/prompt_request.h"
#include "text/tekken_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int versions[] = {1, 2, 3, 7, 11, 13, 15};
static const struct span efforts[] = {{"none", 4}, {"high", 4}};
static const struct voice_traits voice = {{"v", 1}, 3};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    __builtin_trap();
}

/* A vocabulary of all control tokens and the single bytes, for a model that takes everything. */
static struct tokenizer *open_tokenizer(void)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(N_CONTROLS + 256, &err);
    need(tok != NULL, err.text);
    tok->is_tekken = true;
    for (int i = 0; i < N_CONTROLS; i++) {
        const char *name = prompt_control_name((enum prompt_control)i);
        need(tokenizer_add(tok, TOKEN_CONTROL, name, strlen(name), &err), err.text);
    }
    for (unsigned b = 0; b < 256; b++)
        need(tokenizer_add(tok, TOKEN_NORMAL, &(char){(char)b}, 1, &err), err.text);
    need(tekken_finish(tok, &err), err.text);
    tok->bos = CONTROL_BOS;
    tok->eos = CONTROL_EOS;
    tok->traits.image = (struct image_traits){14, 1540, 2};
    tok->traits.audio = (struct audio_traits){.sampling_rate = 16000,
                                              .hop_length = 160,
                                              .window_size = 400,
                                              .frame_rate = 12.5,
                                              .streaming = true,
                                              .delay_ms = 480,
                                              .n_left_pad = 32,
                                              .voices = &voice,
                                              .n_voices = 1};
    tok->traits.effort = (struct effort_traits){true, true, efforts, 2, efforts[0]};
    return tok;
}

/* What the conversation calls for, at most.  Without a user's message an empty one stands in. */
static void count_wanted(const struct chat *chat, size_t max[N_CONTROLS])
{
    max[CONTROL_INST] = 1;
    for (size_t i = 0; i < chat->n_messages; i++) {
        const struct chat_message *m = &chat->messages[i];
        static const enum prompt_control begins[] = {[CHAT_SYSTEM] = CONTROL_SYSTEM,
                                                     [CHAT_USER] = CONTROL_INST,
                                                     [CHAT_ASSISTANT] = CONTROL_EOS,
                                                     [CHAT_TOOL] = CONTROL_RESULTS};
        max[begins[m->role]]++;
        max[CONTROL_CALLS] += m->n_calls;
        for (size_t k = 0; k < m->n_parts; k++) {
            max[CONTROL_THINK] += m->parts[k].kind == PART_THINKING;
            max[CONTROL_IMG_END] += m->parts[k].kind == PART_IMAGE;
            max[CONTROL_BEGIN_AUDIO] += m->parts[k].kind == PART_AUDIO;
        }
    }
    max[CONTROL_TOOLS] = chat->n_tools > 0;
    max[CONTROL_SETTINGS] = 1;
    max[CONTROL_END_INST] = max[CONTROL_INST];
    max[CONTROL_END_SYSTEM] = max[CONTROL_SYSTEM];
    max[CONTROL_END_TOOLS] = max[CONTROL_TOOLS];
    max[CONTROL_END_RESULTS] = max[CONTROL_RESULT_CONTENT] = max[CONTROL_RESULTS];
    max[CONTROL_CALL_ID] = max[CONTROL_ARGS] = max[CONTROL_CALLS];
    max[CONTROL_END_THINK] = max[CONTROL_THINK];
    max[CONTROL_END_SETTINGS] = max[CONTROL_SETTINGS];
}

static void check_chat(const struct prompt_request *request)
{
    const struct prompt *prompt = &request->prompt;
    size_t max[N_CONTROLS] = {[CONTROL_BOS] = 1}, n[N_CONTROLS] = {0}, slot = 0;
    count_wanted(&request->chat, max);
    for (size_t i = 0; i < prompt->ids.n; i++) {
        int32_t id = prompt->ids.ids[i];
        need(id >= 0 && id < N_CONTROLS + 256, "an id outside the vocabulary");
        while (slot < prompt->n_slots && i >= prompt->slots[slot].at + prompt->slots[slot].n)
            slot++;
        bool in_slot = slot < prompt->n_slots && i >= prompt->slots[slot].at;
        if (id < N_CONTROLS && !(in_slot && id != CONTROL_IMG_END))
            n[id]++;
    }
    for (int i = 0; i < N_CONTROLS; i++)
        need(n[i] <= max[i], prompt_control_name((enum prompt_control)i));
    need(n[CONTROL_BOS] == 1 && prompt->ids.ids[0] == CONTROL_BOS, "no start token");
    need(prompt->n_prefix <= prompt->ids.n, "a prefix longer than the prompt");
}

/* Fill in the middle and speech: so many control tokens besides slots, never more. */
static void check_other(const struct prompt *prompt)
{
    size_t n = 0;
    for (size_t i = 0; i < prompt->ids.n; i++)
        n += prompt->ids.ids[i] < N_CONTROLS && prompt->ids.ids[i] != CONTROL_AUDIO &&
             prompt->ids.ids[i] != CONTROL_STREAMING_PAD;
    need(n <= 5, "more control tokens than there are");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *tok;
    struct prompt_format format;
    struct prompt_request request;
    struct err err = {0};
    struct buf text;
    if (!tok)
        tok = open_tokenizer();
    if (!size)
        return 0;
    struct prompt_request_options options = {.spelling =
                                                 data[0] / 7 & 1 ? CHAT_OPENAI : CHAT_MISTRAL,
                                             .mode = (enum chat_mode)(data[0] / 14 % 3),
                                             .max_tokens = data[0] / 42 % 2 ? 40 : 0};
    buf_init(&text, LIMIT_TEXT_BYTES);
    need(prompt_format_init(&format, tok, versions[data[0] % 7], &err), err.text);
    if (prompt_request_read(&request, &format, &options, "f", data + 1, size - 1, &err)) {
        need(prompt_text(&format, &request.prompt.ids, &text, &err), err.text);
        if (request.chat.n_messages)
            check_chat(&request);
        else
            check_other(&request.prompt);
    } else {
        need(err.code != ERR_NONE && err.text[0], "a failure without a reason");
    }
    buf_free(&text);
    prompt_request_free(&request);
    return 0;
}
