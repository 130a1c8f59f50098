/* SPDX-License-Identifier: Apache-2.0 */
/* responses_writer.h - answers in the words of OpenAI's Responses. */
#ifndef API_RESPONSES_WRITER_H
#define API_RESPONSES_WRITER_H

#include "api/completion.h"

extern const struct writer responses_writer;

#endif
