/* SPDX-License-Identifier: Apache-2.0 */
#include "text/prompt_format.h"

#include "text/tokenizer.h"

static const char *const names[N_CONTROLS] = {
    [CONTROL_BOS] = "<s>",
    [CONTROL_EOS] = "</s>",
    [CONTROL_INST] = "[INST]",
    [CONTROL_END_INST] = "[/INST]",
    [CONTROL_SYSTEM] = "[SYSTEM_PROMPT]",
    [CONTROL_END_SYSTEM] = "[/SYSTEM_PROMPT]",
    [CONTROL_TOOLS] = "[AVAILABLE_TOOLS]",
    [CONTROL_END_TOOLS] = "[/AVAILABLE_TOOLS]",
    [CONTROL_RESULTS] = "[TOOL_RESULTS]",
    [CONTROL_END_RESULTS] = "[/TOOL_RESULTS]",
    [CONTROL_RESULT_CONTENT] = "[TOOL_CONTENT]",
    [CONTROL_CALLS] = "[TOOL_CALLS]",
    [CONTROL_CALL_ID] = "[CALL_ID]",
    [CONTROL_ARGS] = "[ARGS]",
    [CONTROL_THINK] = "[THINK]",
    [CONTROL_END_THINK] = "[/THINK]",
    [CONTROL_SETTINGS] = "[MODEL_SETTINGS]",
    [CONTROL_END_SETTINGS] = "[/MODEL_SETTINGS]",
    [CONTROL_IMG] = "[IMG]",
    [CONTROL_IMG_BREAK] = "[IMG_BREAK]",
    [CONTROL_IMG_END] = "[IMG_END]",
    [CONTROL_AUDIO] = "[AUDIO]",
    [CONTROL_BEGIN_AUDIO] = "[BEGIN_AUDIO]",
    [CONTROL_TRANSCRIBE] = "[TRANSCRIBE]",
    [CONTROL_STREAMING_PAD] = "[STREAMING_PAD]",
    [CONTROL_REPEAT_AUDIO_TEXT] = "[REPEAT_AUDIO_TEXT]",
    [CONTROL_NEXT_AUDIO_TEXT] = "[NEXT_AUDIO_TEXT]",
    [CONTROL_PREFIX] = "[PREFIX]",
    [CONTROL_SUFFIX] = "[SUFFIX]",
};

const char *prompt_control_name(enum prompt_control control)
{
    return names[control];
}

/* Says whether no conversation at all can do without that token; others are asked for when
 * a conversation needs them. */
static bool is_needed(const struct prompt_format *format, enum prompt_control control)
{
    switch (control) {
    case CONTROL_BOS:
    case CONTROL_EOS:
        return true;
    case CONTROL_INST:
    case CONTROL_END_INST:
        return format->version >= 2; /* before, it is text */
    case CONTROL_SETTINGS:
    case CONTROL_END_SETTINGS:
        return format->version >= 15 && format->traits->effort.present;
    default:
        return false;
    }
}

bool prompt_format_init(struct prompt_format *format, const struct tokenizer *tok, int version,
                        struct err *err)
{
    const struct traits *traits = tokenizer_traits(tok);
    *format = (struct prompt_format){.tok = tok,
                                     .traits = traits,
                                     .version = version ? version : traits->version,
                                     .is_tekken = tokenizer_is_tekken(tok)};
    if (!format->version)
        return err_set(err, ERR_UNSUPPORTED,
                       "the vocabulary (%s) belongs to no known prompt format",
                       tokenizer_describe(tok));
    if (!traits_is_version(format->version))
        return err_set(err, ERR_UNSUPPORTED,
                       "prompt format v%d is not known; v1, v2, v3, v7, v11, v13 and v15 are",
                       format->version);
    for (int i = 0; i < N_CONTROLS; i++)
        format->ids[i] = tokenizer_control(tok, names[i]);
    /* The files may choose others than those of the usual names. */
    format->ids[CONTROL_BOS] = tokenizer_bos(tok);
    format->ids[CONTROL_EOS] = tokenizer_eos(tok);
    for (int i = 0; i < N_CONTROLS; i++)
        if (format->ids[i] < 0 && is_needed(format, (enum prompt_control)i))
            return err_set(
                err, ERR_UNSUPPORTED,
                "prompt format v%d needs the control token %s, which the vocabulary (%s) "
                "lacks",
                format->version, names[i], tokenizer_describe(tok));
    return true;
}
