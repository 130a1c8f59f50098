/* SPDX-License-Identifier: Apache-2.0 */
/* embed.h - the state of a request for embeddings, which its call owns. */
#ifndef API_EMBED_H
#define API_EMBED_H

struct embed;

/* NULL is fine. */
void embed_free(struct embed *embed);

#endif
