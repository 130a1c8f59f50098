/* SPDX-License-Identifier: Apache-2.0 */
/* Sound in prompts, and the prompts that are about sound (mistral-common,
 * tokens/tokenizers/audio.py). */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "text/prompt_int.h"

/* Slots of a streaming transcription that stay empty behind the sound, besides its delay. */
enum { STREAMING_TAIL = 11 };

static bool check_samples(const struct prompt_writer *w, uint64_t n_samples)
{
    if (!w->format->traits->audio.sampling_rate)
        return err_set(w->err, ERR_ARG, "this model takes no sound");
    return (n_samples && n_samples <= LIMIT_AUDIO_SAMPLES) ||
           err_set(w->err, ERR_ARG, "sound of %llu samples; 1 to %llu are taken",
                   (unsigned long long)n_samples, (unsigned long long)LIMIT_AUDIO_SAMPLES);
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Samples per slot. */
static uint64_t slot_samples(const struct audio_traits *audio)
{
    return (uint64_t)(audio->sampling_rate / audio->frame_rate);
}

/* Samples after padding: whole chunks, or at least a window. */
static uint64_t padded(const struct audio_traits *audio, uint64_t n_samples)
{
    if (audio->chunk_s > 0)
        return round_up(n_samples, (uint64_t)(audio->chunk_s * audio->sampling_rate));
    return n_samples < audio->window_size ? audio->window_size : n_samples;
}

bool prompt_add_audio(struct prompt_writer *w, struct span source, uint64_t n_samples)
{
    const struct audio_traits *audio = &w->format->traits->audio;
    if (source.s)
        return err_set(w->err, ERR_UNSUPPORTED,
                       "this version reads no sound; give the number of samples instead");
    if (!check_samples(w, n_samples) || !prompt_add_control(w, CONTROL_BEGIN_AUDIO))
        return false;
    size_t at = w->out->ids.n;
    uint64_t n_padded = padded(audio, n_samples), n_frames = n_padded / audio->hop_length;
    uint64_t per_slot = slot_samples(audio) / audio->hop_length;
    return prompt_add_controls(w, CONTROL_AUDIO, (n_frames + per_slot - 1) / per_slot) &&
           prompt_add_slot(
               w, (struct prompt_slot){
                      .kind = SLOT_AUDIO, .at = at, .source = source, .n_samples = n_padded});
}

bool prompt_transcription(const struct prompt_format *format, uint64_t n_samples,
                          struct span language, struct prompt *out, struct err *err)
{
    struct prompt_writer w = {.format = format, .out = out, .err = err};
    char text[32];
    int n = snprintf(text, sizeof text, "lang:%.*s", (int)(language.n < 16 ? language.n : 16),
                     language.n ? language.s : "");
    if (language.n > 8)
        return err_set(err, ERR_ARG, "language: expected a code such as \"fr\"");
    return prompt_add_control(&w, CONTROL_BOS) && prompt_add_control(&w, CONTROL_INST) &&
           prompt_add_audio(&w, (struct span){0}, n_samples) &&
           prompt_add_control(&w, CONTROL_END_INST) &&
           (!language.n || prompt_add_text(&w, (struct span){text, (size_t)n})) &&
           prompt_add_control(&w, CONTROL_TRANSCRIBE);
}

bool prompt_streaming(const struct prompt_format *format, uint64_t n_samples, uint32_t delay_ms,
                      struct prompt *out, struct streaming_pads *pads, struct err *err)
{
    const struct audio_traits *audio = &format->traits->audio;
    struct prompt_writer w = {.format = format, .out = out, .err = err};
    if (!audio->streaming)
        return err_set(err, ERR_UNSUPPORTED, "this model transcribes no streams");
    if (n_samples && !check_samples(&w, n_samples))
        return false;
    uint64_t slot = slot_samples(audio);
    uint64_t delay = (uint64_t)(delay_ms ? delay_ms : audio->delay_ms) * audio->sampling_rate;
    uint64_t n_delay = delay / (1000 * slot);
    if (delay % (1000 * slot) || n_delay > UINT16_MAX)
        return err_set(err, ERR_ARG,
                       "a delay of %u ms; expected a multiple of %llu, up to a minute", delay_ms,
                       (unsigned long long)(1000 * slot / audio->sampling_rate));
    pads->left = audio->n_left_pad * slot;
    pads->right = round_up(n_samples, slot) - n_samples + (n_delay + STREAMING_TAIL) * slot;
    return prompt_add_control(&w, CONTROL_BOS) &&
           prompt_add_controls(&w, CONTROL_STREAMING_PAD, audio->n_left_pad + n_delay);
}

/* Finds how many slots describe a voice. */
static bool find_voice(const struct prompt_writer *w, struct span voice, uint64_t *n)
{
    const struct audio_traits *audio = &w->format->traits->audio;
    for (size_t i = 0; i < audio->n_voices; i++)
        if (span_same(audio->voices[i].name, voice)) {
            *n = audio->voices[i].n_tokens;
            return true;
        }
    char names[ERR_TEXT_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < audio->n_voices && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%.*s", i ? ", " : "",
                                (int)audio->voices[i].name.n, audio->voices[i].name.s);
    return err_set(w->err, ERR_ARG, "\"%.*s\" is no voice of this model; it has %s",
                   voice.n > 64 ? 64 : (int)voice.n, voice.s, len ? names : "none");
}

bool prompt_speech(const struct prompt_format *format, struct span text, struct span voice,
                   uint64_t n_samples, struct prompt *out, struct err *err)
{
    const struct audio_traits *audio = &format->traits->audio;
    struct prompt_writer w = {.format = format, .out = out, .err = err};
    uint64_t n = 0;
    if (voice.s) {
        if (!find_voice(&w, voice, &n))
            return false;
    } else {
        if (!check_samples(&w, n_samples))
            return false;
        double seconds = (double)n_samples / audio->sampling_rate;
        n = (uint64_t)ceil(seconds * audio->frame_rate) + 1;
    }
    if (!prompt_add_control(&w, CONTROL_BOS) || !prompt_add_control(&w, CONTROL_BEGIN_AUDIO))
        return false;
    size_t at = out->ids.n;
    return prompt_add_controls(&w, CONTROL_AUDIO, n) &&
           prompt_add_slot(&w, (struct prompt_slot){.kind = SLOT_AUDIO,
                                                    .at = at,
                                                    .source = voice,
                                                    .n_samples = n_samples}) &&
           prompt_add_control(&w, CONTROL_NEXT_AUDIO_TEXT) && prompt_add_text(&w, text) &&
           prompt_add_control(&w, CONTROL_REPEAT_AUDIO_TEXT) &&
           prompt_add_control(&w, CONTROL_BEGIN_AUDIO);
}
