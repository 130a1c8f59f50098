/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints.h - who answers which route. */
#ifndef API_ENDPOINTS_H
#define API_ENDPOINTS_H

struct call;

/* Each replies to the call, now or later. */
void page_answer(struct call *call);
void health_answer(struct call *call);
void version_answer(struct call *call);
void metrics_answer(struct call *call);
void models_answer(struct call *call);
void model_answer(struct call *call);
void model_delete_answer(struct call *call);
void chat_answer(struct call *call);
void file_upload_answer(struct call *call);
void files_answer(struct call *call);
void file_answer(struct call *call);
void file_delete_answer(struct call *call);
void fim_answer(struct call *call);
void completions_answer(struct call *call);
void embeddings_answer(struct call *call);
void tokenize_answer(struct call *call);
void detokenize_answer(struct call *call);
void messages_answer(struct call *call);
void count_tokens_answer(struct call *call);
void responses_answer(struct call *call);
void input_tokens_answer(struct call *call);

#endif
