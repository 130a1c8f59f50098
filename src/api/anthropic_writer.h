/* SPDX-License-Identifier: Apache-2.0 */
/* anthropic_writer.h - answers in the words of Anthropic's messages. */
#ifndef API_ANTHROPIC_WRITER_H
#define API_ANTHROPIC_WRITER_H

#include "api/completion.h"

extern const struct writer anthropic_writer;

#endif
