/* SPDX-License-Identifier: Apache-2.0 */
/* prompt_fixture.h - prompts of the tokenizers of test/data, for all tests. */
#ifndef PROMPT_FIXTURE_H
#define PROMPT_FIXTURE_H

#include <jansson.h>

#include "text/prompt.h"

/* The format that a golden file names: "spm-v1" to "tekken-v15-image". */
struct prompt_format fixture_format(const char *template);

/* Builds the prompt of a request.  Owned: prompt_free(), also after a failure. */
bool fixture_prompt(const struct prompt_format *format, enum chat_spelling spelling,
                    const char *request, const struct prompt_options *options,
                    struct prompt *prompt, struct err *err);

/* Reads a JSON file of test/data.  Owned: json_decref(). */
json_t *fixture_json(const char *file);

/* Asserts that the ids are those of a JSON list. */
void assert_prompt_ids(const char *name, const struct token_ids *got, const json_t *want);

/* What a prompt should be, piece by piece. */
void want_control(const struct prompt_format *format, struct token_ids *want, const char *name);
void want_text(const struct prompt_format *format, struct token_ids *want, const char *text,
               size_t n);
void assert_same_ids(const char *name, const struct token_ids *got, const struct token_ids *want);

#endif
