/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/units.h"
#include "cli/bundled.h"
#include "cli/console.h"
#include "lib/runtime.h"
#include "text/traits.h"

int options_wrong(const struct verb *verb, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    console_error("bise %s: %s; see 'bise help %s'", verb->name, text, verb->name);
    return EXIT_USAGE;
}

/* strtod and strtoull also take spaces, signs and, in hexadecimal, letters: no option means
 * those. */
static bool is_plain_number(const char *text, bool whole)
{
    size_t n = strlen(text);
    return n > 0 && n == strspn(text, whole ? "0123456789" : "+-.0123456789eE");
}

static bool read_whole(const struct option *o, const char *text)
{
    errno = 0;
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (!is_plain_number(text, true) || errno || *end)
        return false;
    if (o->kind == OPTION_U64) {
        *(uint64_t *)o->value = number;
        return true;
    }
    if ((double)number < o->min || (double)number > o->max)
        return false;
    if (o->kind == OPTION_INT)
        *(int *)o->value = (int)number;
    else
        *(uint32_t *)o->value = (uint32_t)number;
    return true;
}

static bool read_size(uint64_t *bytes, const char *text)
{
    bool is_auto = strcmp(text, "auto") == 0;
    if (is_auto)
        *bytes = UINT64_MAX;
    return is_auto || (units_read_bytes(text, bytes) && *bytes > 0 && *bytes < UINT64_MAX);
}

static bool read_f32(const struct option *o, const char *text)
{
    errno = 0;
    char *end;
    double number = strtod(text, &end);
    if (!is_plain_number(text, false) || errno || *end || !isfinite(number))
        return false;
    /* A small number must not become the 0 that would switch the option off. */
    float value = (float)number;
    if (number < o->min || number > o->max || (o->above_min && !((double)value > o->min)))
        return false;
    *(float *)o->value = value;
    return true;
}

static bool read_word(const struct option *o, const char *text)
{
    for (const char *const *word = o->words; *word; word++)
        if (strcmp(text, *word) == 0) {
            *(const char **)o->value = *word;
            return true;
        }
    return false;
}

static bool read_format(int *version, const char *text)
{
    text += *text == 'v';
    if (!is_plain_number(text, true) || strlen(text) > 2)
        return false;
    *version = (int)strtol(text, NULL, 10);
    return traits_is_version(*version);
}

static bool read_texts(struct option_texts *texts, const char *text)
{
    if (texts->n == OPTION_MAX_TEXTS)
        return false;
    texts->items[texts->n++] = text;
    return true;
}

/* Replaces what is there: the last of several options counts. */
static bool read_numbers(const struct option *o, const char *text)
{
    struct option_numbers *numbers = o->value;
    char one[16];
    numbers->n = 0;
    for (;; text++) {
        size_t n = strcspn(text, ",");
        if (n >= sizeof one || numbers->n == OPTION_MAX_NUMBERS)
            return false;
        memcpy(one, text, n);
        one[n] = '\0';
        struct option item = *o;
        item.kind = OPTION_U32;
        item.value = &numbers->items[numbers->n++];
        if (!read_whole(&item, one))
            return false;
        text += n;
        if (!*text)
            return true;
    }
}

/* A path may hold a colon: what is there is taken as it stands. */
static bool read_adapter(struct runtime_options *options, const char *text)
{
    double scale = 1;
    char *colon = strrchr(text, ':'), *end;
    options->find_adapter = bundled_or;
    if (options->n_adapters == LIMIT_ADAPTERS || !*text)
        return false;
    if (colon && !file_exists(text)) {
        scale = strtod(colon + 1, &end);
        if (!is_plain_number(colon + 1, false) || *end || !(fabs(scale) <= LIMIT_ADAPTER_SCALE) ||
            colon == text)
            return false;
        *colon = '\0';
    }
    options->adapters[options->n_adapters++] = (struct adapter_option){text, scale};
    return true;
}

static bool read_value(const struct option *o, const char *text)
{
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        return true;
    case OPTION_INT:
    case OPTION_U32:
    case OPTION_U64:
        return read_whole(o, text);
    case OPTION_F32:
        return read_f32(o, text);
    case OPTION_SIZE:
        return read_size(o->value, text);
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return true;
    case OPTION_WORD:
        return read_word(o, text);
    case OPTION_TEXTS:
        return read_texts(o->value, text);
    case OPTION_NUMBERS:
        return read_numbers(o, text);
    case OPTION_ADAPTER:
        return read_adapter(o->value, text);
    case OPTION_FORMAT:
        return read_format(o->value, text);
    }
    return false;
}

static int wrong_value(const struct verb *verb, const struct option *o, const char *text)
{
    if (o->kind == OPTION_TEXTS)
        return options_wrong(verb, "--%s: more than %d times", o->name, OPTION_MAX_TEXTS);
    if (o->kind == OPTION_ADAPTER &&
        ((const struct runtime_options *)o->value)->n_adapters == LIMIT_ADAPTERS)
        return options_wrong(verb, "--%s: more than %d times", o->name, LIMIT_ADAPTERS);
    if (o->kind == OPTION_NUMBERS)
        return options_wrong(verb,
                             "--%s: expected up to %d whole numbers from %.0f to %.0f with commas "
                             "between them, not '%s'",
                             o->name, OPTION_MAX_NUMBERS, o->min, o->max, text);
    if (o->expected)
        return options_wrong(verb, "--%s: expected %s, not '%s'", o->name, o->expected, text);
    if (o->kind == OPTION_F32)
        return options_wrong(verb, "--%s: expected a number %s %g %s %g, not '%s'", o->name,
                             o->above_min ? "above" : "from", o->min,
                             o->above_min ? "and at most" : "to", o->max, text);
    return options_wrong(verb, "--%s: expected a whole number from %.0f to %.0f, not '%s'", o->name,
                         o->min, o->max, text);
}

/* Finds the option that "-x", "--name" or "--name=value" names; *value is behind the '=', or
 * NULL. */
static const struct option *find(const struct option *options, const char *arg, const char **value)
{
    *value = NULL;
    for (const struct option *o = options; o->name; o++)
        if (o->letter && arg[1] == o->letter && !arg[2])
            return o;
    if (strncmp(arg, "--", 2) != 0)
        return NULL;
    arg += 2;
    size_t n = strcspn(arg, "=");
    *value = arg[n] ? arg + n + 1 : NULL;
    for (const struct option *o = options; o->name; o++)
        if (strlen(o->name) == n && memcmp(o->name, arg, n) == 0)
            return o;
    return NULL;
}

/* Reads the option argv[*i], and its value from argv[*i + 1] where it has one. */
static int parse_one(const struct verb *verb, const struct option *options, int argc, char **argv,
                     int *i)
{
    const char *value;
    const char *arg = argv[*i];
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        fputs(verb->help, stdout);
        return console_finish(EXIT_DONE);
    }
    const struct option *o = find(options, arg, &value);
    if (!o)
        return options_wrong(verb, "%s: unknown option", arg);
    if (o->kind == OPTION_FLAG && value)
        return options_wrong(verb, "--%s: takes no value", o->name);
    if (o->kind != OPTION_FLAG && !value) {
        if (*i + 1 == argc)
            return options_wrong(verb, "--%s: its value is missing", o->name);
        value = argv[++*i];
    }
    if (!read_value(o, value))
        return wrong_value(verb, o, value);
    if (o->given)
        *o->given = true;
    return -1;
}

int options_parse(const struct verb *verb, const struct option *options, int *argc, char **argv)
{
    int n_args = 0;
    bool any_options = true;
    for (int i = 1; i < *argc; i++) {
        if (any_options && strcmp(argv[i], "--") == 0) {
            any_options = false;
        } else if (any_options && argv[i][0] == '-' && argv[i][1]) {
            int code = parse_one(verb, options, *argc, argv, &i);
            if (code >= 0)
                return code;
        } else {
            argv[n_args++] = argv[i];
        }
    }
    if (n_args > verb->max_args)
        return options_wrong(verb, "'%s': one argument too many%s", argv[verb->max_args],
                             verb == &verb_run ? "; put quotes around the prompt" : "");
    *argc = n_args;
    return -1;
}

struct option option_flag(const char *name, bool *value)
{
    return (struct option){.name = name, .kind = OPTION_FLAG, .value = value};
}

struct option option_u32(const char *name, uint32_t *value, uint32_t min, uint32_t max)
{
    return (struct option){
        .name = name, .kind = OPTION_U32, .value = value, .min = min, .max = max};
}

struct option option_int(const char *name, int *value, int min, int max)
{
    return (struct option){
        .name = name, .kind = OPTION_INT, .value = value, .min = min, .max = max};
}

struct option option_numbers(const char *name, struct option_numbers *value, uint32_t min,
                             uint32_t max)
{
    return (struct option){
        .name = name, .kind = OPTION_NUMBERS, .value = value, .min = min, .max = max};
}

struct option option_f32(const char *name, float *value, double min, double max)
{
    return (struct option){
        .name = name, .kind = OPTION_F32, .value = value, .min = min, .max = max};
}

struct option option_text(const char *name, const char **value)
{
    return (struct option){.name = name, .kind = OPTION_TEXT, .value = value};
}

struct option option_adapter(struct runtime_options *options)
{
    return (struct option){.name = "adapter",
                           .kind = OPTION_ADAPTER,
                           .value = options,
                           .expected = "FILE or FILE:SCALE with a number from -1000 to 1000"};
}

struct option option_threads(struct runtime_options *options)
{
    return option_int("threads", &options->n_threads, 1, LIMIT_THREADS);
}

struct option option_cpu(struct runtime_options *options)
{
    static const char *const words[] = {"auto", "c", "avx2", "avx512", "amx", NULL};
    return (struct option){.name = "cpu",
                           .kind = OPTION_WORD,
                           .value = &options->cpu,
                           .words = words,
                           .expected = "auto, c, avx2, avx512 or amx"};
}

struct option option_exact(struct runtime_options *options)
{
    return option_flag("exact", &options->exact);
}

struct option option_kv_q8(bool *value)
{
    return option_flag("kv-q8", value);
}

struct option option_round_activations(struct runtime_options *options)
{
    return option_flag("round-activations", &options->round_inputs);
}

struct option option_attn_scale(struct runtime_options *options)
{
    struct option option = option_f32("attn-scale-mult", &options->attn_scale_mult, 0, 100);
    option.above_min = true;
    return option;
}

struct option option_expert_memory(struct runtime_options *options)
{
    return (struct option){.name = "expert-memory",
                           .kind = OPTION_SIZE,
                           .value = &options->expert_memory,
                           .expected = "a size such as 500M, 1.5G or 24GiB, or auto"};
}

struct option option_context(uint32_t *context)
{
    return option_u32("context", context, 1, LIMIT_CONTEXT);
}

struct option option_format(int *version)
{
    return (struct option){.name = "format",
                           .kind = OPTION_FORMAT,
                           .value = version,
                           .expected = "v1, v2, v3, v7, v11, v13 or v15"};
}
