/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_peft_test.c - patterns as Python's re.match() decides them, and what is refused. */
#include "model/adapter_peft.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

#define MODULE "model.layers.10.self_attn.q_proj"

/* What re.match(rf"(.*\.)?({pattern})$", MODULE) says in Python 3.11. */
static const struct {
    const char *pattern;
    bool matches;
} patterns[] = {
    {"q_proj", true},
    {"self_attn.q_proj", true},
    {"layers.10.self_attn.q_proj", true},
    {MODULE, true},
    {"proj", false}, /* no whole part of the name */
    {"attn.q_proj", false},
    {"k_proj", false},
    {"q_proj.", false},
    {"model", false},
    {"q_pro.", true},
    {"q\\.proj", false},
    {"self_attn\\.q_proj", true},
    {"layers\\.\\d+\\.self_attn\\.q_proj", true},
    {"layers\\.\\d\\.self_attn\\.q_proj", false},
    {"layers\\.[0-9]+\\..*proj", true},
    {"(q|k)_proj", true},
    {"q_proj|k_proj", true},
    {"(v|o)_proj", false},
    {"[^q]_proj", false},
    {"[a-z]_proj", true},
    {"^model\\.layers.*", true},
    {"^layers.*", false},
    {"q_proj$", true},
    {"(self_)?attn\\.q_proj", true},
    {"x*q_proj", true},
    {"x+q_proj", false},
};

TEST(adapter_peft, patterns_choose_what_they_choose_in_python)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct err err = {0};
        bool got = !patterns[i].matches;
        if (!peft_matches(patterns[i].pattern, MODULE, &got, &err))
            fail_msg("%s", err.text);
        if (got != patterns[i].matches)
            fail_msg("%s: %d", patterns[i].pattern, got);
    }
}

TEST(adapter_peft, other_patterns_are_refused_by_name)
{
    static const char *const refused[] = {
        "",           "q_proj{1}",
        "(?:q)_proj", "q*?",
        "q*+",        "q++",
        "\\w+",       "\\b",
        "\\1",        "q\\",
        "[\\d]",      "[q",
        "[]",         "a|",
        "|a",         "()",
        "(|a)",       "*a",
        "a^b",        "a$b",
        "(?=q)",      "[[:alpha:]]_proj",
        "}",          "]",
        "(",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err err = {0};
        bool got;
        if (peft_matches(refused[i], MODULE, &got, &err))
            fail_msg("accepted: %s", refused[i]);
        if (err.code != ERR_UNSUPPORTED || !strstr(err.text, "regular expression is not supported"))
            fail_msg("%s: %s", refused[i], err.text);
    }
    char lengthy[LIMIT_PATTERN_BYTES + 2] = "";
    memset(lengthy, 'a', sizeof lengthy - 1);
    struct err err = {0};
    bool got;
    assert_false(peft_matches(lengthy, MODULE, &got, &err));
    lengthy[LIMIT_PATTERN_BYTES] = '\0';
    assert_true(peft_matches(lengthy, MODULE, &got, &err));
    assert_false(got);
}

TEST(adapter_peft, parentheses_must_pair)
{
    static const char *const wrong[] = {"(a", "a)", "(a))", "((a)"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err = {0};
        bool got = false;
        if (peft_matches(wrong[i], MODULE, &got, &err))
            fail_msg("accepted: %s", wrong[i]);
    }
}

static bool read(struct peft_config *config, const char *json, struct err *err)
{
    struct json_doc *doc = json_parse("adapter_config.json", json, strlen(json), err);
    assert_non_null(doc);
    bool ok = peft_read(config, doc, err);
    if (!ok)
        json_close(doc);
    return ok;
}

TEST(adapter_peft, the_first_pattern_that_chooses_counts)
{
    struct peft_config config;
    struct err err = {0};
    double rank, scale;
    assert_true(read(&config,
                     "{\"peft_type\": \"LORA\", \"r\": 16, \"lora_alpha\": 32, \"bias\": \"none\","
                     " \"rank_pattern\": {\"k_proj\": 2, \"layers.10.*\": 4, \"q_proj\": 8},"
                     " \"alpha_pattern\": {\"q_proj\": 12}, \"use_rslora\": true,"
                     " \"modules_to_save\": null, \"layer_replication\": [], \"use_dora\": false,"
                     " \"init_lora_weights\": \"gaussian\"}",
                     &err));
    assert_true(peft_scale(&config, MODULE, &rank, &scale, &err));
    assert_true(rank == 4 && scale == 6); /* 12 / sqrt(4) */
    assert_true(peft_scale(&config, "model.layers.1.self_attn.k_proj", &rank, &scale, &err));
    assert_true(rank == 2 && fabs(scale - 32 / sqrt(2)) < 1e-12);
    assert_true(peft_scale(&config, "lm_head", &rank, &scale, &err));
    assert_true(rank == 16 && scale == 8);
    json_close(config.doc);
}

TEST(adapter_peft, what_is_more_than_low_rank_is_refused_by_name)
{
    static const struct {
        const char *member, *why;
    } cases[] = {
        {"\"use_dora\": true", "use_dora: weight-decomposed adapters (DoRA)"},
        {"\"fan_in_fan_out\": true", "fan_in_fan_out: transposed"},
        {"\"modules_to_save\": [\"lm_head\"]", "modules_to_save: modules that are replaced"},
        {"\"bias\": \"all\"", "bias: \"all\" is not supported"},
        {"\"lora_bias\": true", "lora_bias: biases"},
        {"\"layer_replication\": [[0, 2]]", "layer_replication: "},
        {"\"trainable_token_indices\": [1]", "trainable_token_indices: "},
        {"\"target_parameters\": [\"mlp.experts.gate_up_proj\"]", "target_parameters: "},
        {"\"alora_invocation_tokens\": [1, 2]", "alora_invocation_tokens: "},
        {"\"init_lora_weights\": \"pissa\"", "init_lora_weights: \"pissa\" is not supported"},
        {"\"bias\": 1", "bias: expected a string"},
        {"\"use_rslora\": 2", "use_rslora: expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300];
        struct err err = {0};
        struct peft_config config;
        snprintf(json, sizeof json, "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, %s}",
                 cases[i].member);
        if (read(&config, json, &err))
            fail_msg("accepted: %s", cases[i].member);
        if (!strstr(err.text, cases[i].why))
            fail_msg("got \"%s\", want \"%s\"", err.text, cases[i].why);
    }
}

TEST(adapter_peft, type_rank_and_alpha_must_be_there)
{
    static const char *const wrong[] = {
        "{}",
        "{\"peft_type\": \"IA3\", \"r\": 1, \"lora_alpha\": 1}",
        "{\"peft_type\": \"LORA\", \"lora_alpha\": 1}",
        "{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 1}",
        "{\"peft_type\": \"LORA\", \"r\": 1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err = {0};
        struct peft_config config;
        assert_false(read(&config, wrong[i], &err));
        assert_true(strncmp(err.text, "adapter_config.json: ", 21) == 0);
    }
}

TEST(adapter_peft, patterns_of_another_shape_are_refused)
{
    static const char *const wrong[] = {"\"rank_pattern\": 1",
                                        "\"alpha_pattern\": {\"q_proj\": []}",
                                        "\"rank_pattern\": {\"(?:q)\": 1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char json[300];
        struct err err = {0};
        struct peft_config config;
        double rank, scale;
        snprintf(json, sizeof json, "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, %s}",
                 wrong[i]);
        assert_true(read(&config, json, &err));
        assert_false(peft_scale(&config, MODULE, &rank, &scale, &err));
        assert_non_null(strstr(err.text, "_pattern"));
        json_close(config.doc);
    }
}
