/* SPDX-License-Identifier: Apache-2.0 */
/* chat_run.h - a chat completion request, whoever spelled it, to its answer. */
#ifndef API_CHAT_RUN_H
#define API_CHAT_RUN_H

#include "api/completion.h"

/* Answers the request in *tree, taken over, in the words of writer; the reply's id begins with
 * id_prefix.  Replies to the call, now or later. */
void chat_run(struct call *call, const struct api_model *model, struct json_tree *tree,
              const struct writer *writer, const char *id_prefix);

/* Counts the tokens of its prompt.  Takes *tree over.  Replies and returns false when there is
 * none. */
bool chat_count(struct call *call, const struct api_model *model, struct json_tree *tree,
                size_t *n);

#endif
