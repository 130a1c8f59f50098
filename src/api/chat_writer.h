/* SPDX-License-Identifier: Apache-2.0 */
/* chat_writer.h - answers in the words of chat completions, OpenAI's and Mistral's. */
#ifndef API_CHAT_WRITER_H
#define API_CHAT_WRITER_H

#include "api/completion.h"

extern const struct writer chat_writer;

/* Appends "usage":{...}. */
void usage_write(const struct completion *c, struct json_out *o);

/* Appends an item of log-probabilities: the token, its chance, the most probable ones. */
void chance_write(const struct api_model *model, const struct job_token *token, struct json_out *o);

#endif
