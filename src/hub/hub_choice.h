/* SPDX-License-Identifier: Apache-2.0 */
/* hub_choice.h - which files of a repository are one whole model.
 *
 * Repositories often hold the same weights twice or more, in several layouts and formats.  One
 * of them is chosen, the first that is there: Mistral's native files, Hugging Face's, a GGUF
 * file with its parts, an adapter.  Files of Python's pickle format never are. */
#ifndef HUB_HUB_CHOICE_H
#define HUB_HUB_CHOICE_H

#include "hub/hub_listing.h"

enum hub_layout { HUB_NATIVE, HUB_HF, HUB_GGUF, HUB_ADAPTER };

struct hub_choice {
    enum hub_layout layout;
    const char *gguf;      /* the file, or the first part of it; NULL of other layouts */
    const char *projector; /* a file for pictures that is left out, or NULL */
    bool has_tokenizer;    /* or needs none of its own */
    uint64_t n_bytes;
    size_t n_files;
};

/* Chooses files: sets chosen in the listing.  want: a .gguf file's path, a type as it stands in
 * file names (Q4_K_M), or "" for the model that there is.
 * Errors: ERR_NOT_FOUND for none and for a part that is missing, ERR_ARG for several. */
bool hub_choose(struct hub_listing *listing, const char *want, struct hub_choice *choice,
                struct err *err) CHECKED;

/* Says whether path is a model's GGUF file, or the first part of one. */
bool hub_is_gguf(const char *path);

/* Returns "Mistral native", "Hugging Face", "GGUF" or "adapter".  Borrowed: static. */
const char *hub_layout_name(enum hub_layout layout);

#endif
