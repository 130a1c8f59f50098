/* SPDX-License-Identifier: Apache-2.0 */
/* traits.h - what the files of a tokenizer say about prompts, besides the vocabulary. */
#ifndef TEXT_TRAITS_H
#define TEXT_TRAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

/* How a picture becomes slots.  patch_size 0: the model takes no pictures. */
struct image_traits {
    uint32_t patch_size; /* pixels */
    uint32_t max_size;   /* pixels of the longer side */
    uint32_t merge;      /* patches per side of a slot */
};

struct voice_traits {
    struct span name;
    uint32_t n_tokens; /* audio slots that describe the voice */
};

/* How sound becomes slots.  sampling_rate 0: the model takes none. */
struct audio_traits {
    uint32_t sampling_rate;           /* Hz */
    uint32_t hop_length, window_size; /* samples */
    double frame_rate;                /* slots per second */
    double chunk_s;                   /* seconds to pad to a multiple of; 0: none */
    bool streaming;
    uint32_t delay_ms;   /* of a streaming transcription */
    uint32_t n_left_pad; /* slots before the sound, streaming */
    const struct voice_traits *voices;
    size_t n_voices;
};

/* The settings block of v15: what a request may choose for reasoning_effort. */
struct effort_traits {
    bool present;      /* the file has the setting */
    bool accepts_none; /* a request may leave it out */
    const struct span *values;
    size_t n_values;
    struct span preset; /* without a choice; s NULL: nothing is written */
};

/* Versions are the reference library's: 1, 2, 3, 7, 11, 13, 15. */
struct traits {
    int version;          /* of the prompt format; 0: the vocabulary belongs to none */
    bool has_template;    /* a chat template lies beside the vocabulary: an instruct model */
    bool has_think_tag;   /* that template writes <think> as text (Magistral Small 2506) */
    struct span template; /* that template, where it lies in a file of its own */
    struct image_traits image;
    struct audio_traits audio;
    struct effort_traits effort;
    struct arena arena; /* what the spans and lists above point to */
};

/* Says whether there is a prompt format of that version. */
bool traits_is_version(int64_t version);

#endif
