/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - "--name value" arguments, read into a verb's variables by a table.
 *
 *     const struct option options[] = {
 *         option_threads(&machine.n_threads),
 *         {.name = "stats", .kind = OPTION_FLAG, .value = &stats},
 *         {.name = NULL},
 *     };
 *     int code = options_parse(&verb_run, options, &argc, argv);
 *     if (code >= 0)
 *         return code;
 *
 * "--name=value" works as well, "--" ends the options, and options may stand behind
 * arguments.  A value out of range is never clamped: it is refused. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/cli.h"

struct runtime_options;

enum option_kind {
    OPTION_FLAG,    /* bool; takes no value */
    OPTION_INT,     /* int */
    OPTION_U32,     /* uint32_t */
    OPTION_U64,     /* uint64_t, any value */
    OPTION_F32,     /* float */
    OPTION_SIZE,    /* uint64_t, bytes as 500M or 24G, or UINT64_MAX for auto */
    OPTION_TEXT,    /* const char * */
    OPTION_WORD,    /* const char *, one of words */
    OPTION_TEXTS,   /* struct option_texts, may be repeated */
    OPTION_NUMBERS, /* struct option_numbers, "512,2048": each between min and max */
    OPTION_ADAPTER, /* struct runtime_options, FILE or FILE:SCALE, may be repeated */
    OPTION_FORMAT,  /* int, a version of the prompt formats, as v7 or 7 */
};

struct option {
    const char *name;         /* without dashes; NULL ends a table */
    void *value;              /* variable of the kind */
    bool *given;              /* set when the option occurs; may be NULL */
    const char *const *words; /* of OPTION_WORD, NULL at the end */
    const char *expected;     /* "a whole number below 2^64"; NULL: made from min and max */
    double min, max;          /* of numbers, both allowed */
    enum option_kind kind;
    bool above_min; /* min itself is not allowed */
    char letter;    /* "-x" means the same, '\0': nothing does */
};

/* What every verb takes that computes with a model, m: struct runtime_options *. */
#define OPTIONS_MACHINE(m)                                                                         \
    option_threads(m), option_cpu(m), option_exact(m), option_kv_q8(&(m)->kv_q8),                  \
        option_round_activations(m), option_attn_scale(m), option_expert_memory(m),                \
        option_adapter(m)

#define OPTION_MAX_TEXTS 16

struct option_texts {
    const char *items[OPTION_MAX_TEXTS];
    size_t n;
};

#define OPTION_MAX_NUMBERS 16

struct option_numbers {
    uint32_t items[OPTION_MAX_NUMBERS];
    size_t n;
};

/* Reads argv[1..*argc) and leaves the arguments that are no options in argv[0..*argc).
 * Returns -1 to go on, or the exit code to end with: help was asked for and printed, or
 * a line about wrong usage was. */
int options_parse(const struct verb *verb, const struct option *options, int *argc, char **argv);

/* Prints "bise VERB: MESSAGE; see 'bise help VERB'".  Returns EXIT_USAGE. */
int options_wrong(const struct verb *verb, const char *fmt, ...) PRINTF(2, 3);

/* Make entries of a table for the variable *value. */
struct option option_flag(const char *name, bool *value);
struct option option_u32(const char *name, uint32_t *value, uint32_t min, uint32_t max);
struct option option_int(const char *name, int *value, int min, int max);
struct option option_numbers(const char *name, struct option_numbers *value, uint32_t min,
                             uint32_t max);
struct option option_f32(const char *name, float *value, double min, double max);
struct option option_text(const char *name, const char **value);

/* Options that several verbs have; --context goes to *context,
 * --format to *version. */
struct option option_adapter(struct runtime_options *options);
struct option option_threads(struct runtime_options *options);
struct option option_cpu(struct runtime_options *options);
struct option option_exact(struct runtime_options *options);
struct option option_kv_q8(bool *value);
struct option option_round_activations(struct runtime_options *options);
struct option option_attn_scale(struct runtime_options *options);
struct option option_expert_memory(struct runtime_options *options);
struct option option_context(uint32_t *context);
struct option option_format(int *version);

/* What 'bise help' says about the options of every verb that computes. */
#define OPTIONS_MACHINE_HELP                                                                       \
    "    --threads N             compute threads (default: one per core)\n"                        \
    "    --cpu NAME              auto, c, avx2, avx512 or amx\n"                                   \
    "    --exact                 compute in float32: slower\n"                                     \
    "    --kv-q8                 keep keys and values in 8 bits: half the memory for them;\n"      \
    "                            --exact then computes with them in float32\n"                     \
    "    --expert-memory SIZE    of a mixture, keep experts in SIZE bytes (500M, 1.5G, 24GiB;\n"   \
    "                            K M G T count in 1000s, KiB and so on in 1024s; auto: what is\n"  \
    "                            left) and read others from disk when they are chosen\n"           \
    "                            (default: auto for a model that does not fit, else all)\n"        \
    "    --round-activations     round the inputs of FP8 weights, too, as the checkpoint says\n"   \
    "    --attn-scale-mult X     multiply attention's softmax scale by X, not by the model's\n"    \
    "                            own factor (1 unless its params.json says otherwise)\n"           \
    "    --adapter F[:S]         add the LoRA adapter F, a path or a name as MODEL's, to the\n"    \
    "                            model, S times (1); up to 16\n"

#endif
