/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_peft.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

/* Says whether a value asks for nothing. */
static bool is_off(const struct json *v)
{
    bool on = true;
    struct err ignored = {0};
    if (json_is_bool(v))
        return json_read_bool(v, &on, &ignored) && !on;
    return (json_is_array(v) || json_is_object(v)) && json_count(v) == 0;
}

static bool refuse_features(const struct json *root, struct err *err)
{
    static const struct {
        const char *key, *what;
    } features[] = {
        {"use_dora", "weight-decomposed adapters (DoRA)"},
        {"fan_in_fan_out", "transposed matrices"},
        {"lora_bias", "biases"},
        {"modules_to_save", "modules that are replaced whole"},
        {"trainable_token_indices", "single tokens that are replaced"},
        {"layer_replication", "layers that are repeated"},
        {"target_parameters", "adapted parameters that are no modules"},
        {"alora_invocation_tokens", "adapters that begin at a token"},
        {"megatron_config", "matrices split over machines"},
        {"use_qalora", "adapters of pooled inputs"},
    };
    struct json v;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (json_find(root, features[i].key, &v) && !is_off(&v))
            return json_fail(&v, err, ERR_UNSUPPORTED,
                             "%s are not supported; merge the adapter with the program that made "
                             "it",
                             features[i].what);
    return true;
}

/* Reads a word that must be, or begin with, one of words; absent is fine. */
static bool check_word(const struct json *root, const char *key, const char *const *words,
                       const char *remedy, struct err *err)
{
    struct json v;
    const char *s;
    size_t n;
    if (!json_find(root, key, &v) || json_is_bool(&v))
        return true;
    if (!json_read_string(&v, &s, &n, err))
        return false;
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return json_fail(&v, err, ERR_UNSUPPORTED, "\"%.32s\" is not supported; %s", s, remedy);
}

bool peft_read(struct peft_config *config, struct json_doc *doc, struct err *err)
{
    static const char *const types[] = {"LORA", NULL}, *const biases[] = {"none", NULL};
    /* Other ways to begin also change the weights of the model. */
    static const char *const starts[] = {"gaussian", "orthogonal", "eva", NULL};
    struct json root = json_root(doc);
    struct json v;
    *config = (struct peft_config){.doc = doc};
    if (!json_need(&root, "peft_type", &v, err))
        return false;
    return check_word(&root, "peft_type", types, "only LORA is", err) &&
           check_word(&root, "bias", biases, "merge the adapter with the program that made it",
                      err) &&
           check_word(&root, "init_lora_weights", starts,
                      "convert the adapter to plain LoRA with the program that made it", err) &&
           refuse_features(&root, err) &&
           json_u32(&root, "r", 1, LIMIT_LORA_RANK, &config->rank, err) &&
           json_f64(&root, "lora_alpha", -1e6, 1e6, &config->alpha, err) &&
           json_opt_bool(&root, "use_rslora", &config->rank_stabilised, err);
}

/* What stands before a character of a pattern. */
enum before { BEFORE_NOTHING, BEFORE_ATOM, BEFORE_END };

/* Checks a [...] that begins at *p, and moves to its end. */
static bool check_set(const char **p)
{
    const char *at = *p + 1;
    at += *at == '^';
    const char *first = at;
    while ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
           *at == '_' || *at == '-')
        at++;
    *p = at;
    return *at == ']' && at > first;
}

/* Checks what stands alone for characters of a name, and moves to its end. */
static bool check_atom(const char **p)
{
    if (**p == '[')
        return check_set(p);
    if (**p != '\\')
        return !strchr("{}]", **p);
    ++*p;
    return **p == '.' || **p == 'd';
}

/* Checks an operator behind what stands before it, and says what it leaves.  bounds: whether the
 * pattern begins or ends here. */
static bool check_operator(char c, bool bounds, enum before *before)
{
    bool ends = c == '|' || c == ')';
    if (c == '^' || c == '$') {
        *before = c == '^' ? BEFORE_NOTHING : BEFORE_END;
        return bounds;
    }
    if (c == '(') {
        *before = BEFORE_NOTHING;
        return true;
    }
    if (*before == BEFORE_NOTHING || (*before == BEFORE_END && !ends))
        return false;
    *before = c == '|' ? BEFORE_NOTHING : c == ')' ? BEFORE_ATOM : BEFORE_END;
    return true;
}

/* Says whether the pattern means the same in both dialects, but for \d. */
static bool check_pattern(const char *pattern)
{
    enum before before = BEFORE_NOTHING;
    int depth = 0;
    for (const char *p = pattern; *p; p++) {
        depth += (*p == '(') - (*p == ')');
        if (depth < 0)
            return false;
        if (strchr("*+?|()^$", *p)) {
            if (!check_operator(*p, *p == '^' ? p == pattern : !p[1], &before))
                return false;
        } else {
            if (!check_atom(&p))
                return false;
            before = BEFORE_ATOM;
        }
    }
    return before != BEFORE_NOTHING && depth == 0;
}

/* Writes a checked pattern as POSIX has it; each character becomes at most five. */
static void translate(const char *pattern, char *out)
{
    static const char digit[] = "[0-9]";
    for (; *pattern; pattern++) {
        if (pattern[0] == '\\' && pattern[1] == 'd') {
            memcpy(out, digit, sizeof digit - 1);
            out += sizeof digit - 1;
            pattern++;
            continue;
        }
        if (pattern[0] == '\\')
            *out++ = *pattern++;
        *out++ = *pattern;
    }
    *out = '\0';
}

bool peft_matches(const char *pattern, const char *module, bool *matches, struct err *err)
{
    char posix[5 * LIMIT_PATTERN_BYTES + 1], whole[sizeof posix + 16];
    regex_t regex;
    if (strlen(pattern) > LIMIT_PATTERN_BYTES || !check_pattern(pattern))
        return err_set(err, ERR_UNSUPPORTED,
                       "%.64s: this regular expression is not supported; write the names out",
                       pattern);
    translate(pattern, posix);
    snprintf(whole, sizeof whole, "^(.*\\.)?(%s)$", posix);
    int code = regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB);
    if (code == REG_ESPACE)
        return err_set(err, ERR_LIMIT, "%.64s: not enough memory for this pattern", pattern);
    if (code)
        return err_set(err, ERR_FORMAT, "%.64s: not a regular expression; correct it", pattern);
    *matches = regexec(&regex, module, 0, NULL, 0) == 0;
    regfree(&regex);
    return true;
}

/* Finds the first pattern under key that chooses the module, and reads its number; else *out
 * stays. */
static bool own_number(const struct peft_config *config, const char *key, const char *module,
                       double min, double max, double *out, struct err *err)
{
    struct json root = json_root(config->doc), patterns, v;
    if (!json_find(&root, key, &patterns))
        return true;
    if (!json_is_object(&patterns))
        return json_fail(&patterns, err, ERR_FORMAT, "expected an object: pattern to number");
    for (void *it = json_first(&patterns, &v); it; it = json_next(&patterns, it, &v)) {
        bool matches = false;
        struct err why = {0};
        if (!peft_matches(v.key, module, &matches, &why))
            return json_fail(&patterns, err, why.code, "%s", why.text);
        if (matches)
            return json_read_f64(&v, min, max, out, err);
    }
    return true;
}

bool peft_scale(const struct peft_config *config, const char *module, double *rank, double *scale,
                struct err *err)
{
    double r = config->rank, alpha = config->alpha;
    if (!own_number(config, "rank_pattern", module, 1, LIMIT_LORA_RANK, &r, err) ||
        !own_number(config, "alpha_pattern", module, -1e6, 1e6, &alpha, err))
        return false;
    *rank = r;
    *scale = alpha / (config->rank_stabilised ? sqrt(r) : r);
    return true;
}
