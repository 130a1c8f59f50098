/* SPDX-License-Identifier: Apache-2.0 */
/* Which prompt format a vocabulary belongs to when its files do not say. */
#include "text/traits.h"

#include "text/tokenizer_int.h"

/* What every released file of v15 says of reasoning_effort. */
static const struct span released_efforts[] = {
    {"none", 4},
    {"high", 4},
};

bool traits_is_version(int64_t version)
{
    switch (version) {
    case 1:
    case 2:
    case 3:
    case 7:
    case 11:
    case 13:
    case 15:
        return true;
    default:
        return false;
    }
}

/* A template names what its version introduced.  v13 dropped the ids of calls again.
 * The converter of llama.cpp writes the mere name of a template that it has built in. */
static int version_of_template(struct span template, bool is_tekken)
{
    static const struct {
        const char *text;
        int version;
    } signs[] = {
        {"[THINK]", 13},        {"[CALL_ID]", 11},        {"[ARGS]", 13},
        {"[SYSTEM_PROMPT]", 7}, {"mistral-v7-tekken", 7}, {"[AVAILABLE_TOOLS]", 3},
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (span_has(template, signs[i].text))
            return signs[i].version;
    return is_tekken ? 3 : 1; /* v3 is the first with that vocabulary */
}

static int version_of_controls(const struct tokenizer *tok)
{
    return tokenizer_control(tok, "[THINK]") >= 0           ? 13
           : tokenizer_control(tok, "[ARGS]") >= 0          ? 11
           : tokenizer_control(tok, "[SYSTEM_PROMPT]") >= 0 ? 7
                                                            : 3;
}

static int find_version(const struct tokenizer *tok, struct span template)
{
    if (tokenizer_control(tok, "[MODEL_SETTINGS]") >= 0)
        return 15;
    if (!tok->is_tekken && tok->traits.version) /* its pieces say it */
        return tok->traits.version;
    if (template.s)
        return version_of_template(template, tok->is_tekken);
    return tok->is_tekken ? version_of_controls(tok) : 0;
}

void traits_set_template(struct tokenizer *tok, struct span template, bool is_named)
{
    struct traits *traits = &tok->traits;
    traits->has_template = template.s;
    traits->has_think_tag = template.s && span_has(template, "<think>");
    if (is_named)
        return;
    traits->version = find_version(tok, template);
    if (traits->version == 15)
        traits->effort = (struct effort_traits){.present = true,
                                                .accepts_none = true,
                                                .values = released_efforts,
                                                .n_values = 2,
                                                .preset = released_efforts[0]};
}
