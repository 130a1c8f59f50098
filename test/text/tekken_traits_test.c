/* SPDX-License-Identifier: Apache-2.0 */
/* What each generation says of itself, and the tokenizers of all generations for other tests. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/traits.h"

#define DATA "test/data/tokenizers/"

static void add(struct buf *buf, const char *s)
{
    struct err err = {0};
    assert_true(buf_add(buf, s, strlen(s), &err));
}

/* The names of all control tokens of a generation as the list that its file has. */
static json_t *name_list(const json_t *common, const json_t *generation)
{
    const json_t *first = json_object_get(common, "special_tokens_0_19");
    int n = (int)json_integer_value(json_object_get(common, "default_num_special_tokens"));
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        char key[16], filler[32];
        snprintf(key, sizeof key, "%d", i);
        snprintf(filler, sizeof filler, "<SPECIAL_%d>", i);
        const json_t *extra = json_object_get(json_object_get(generation, "extra"), key);
        const json_t *name = extra ? extra : json_array_get(first, (size_t)i);
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:b}", "rank", i, "token_str",
                                        name ? json_string_value(name) : filler, "is_control", 1));
    }
    return list;
}

void fixture_heads(struct buf *json, const char *generation)
{
    json_error_t e;
    json_t *heads = json_load_file(DATA "tekken-heads.json", 0, &e), *section;
    const json_t *common = json_object_get(heads, "common");
    const json_t *head = json_object_get(json_object_get(heads, "generations"), generation);
    if (!head)
        fail_msg("no generation %s", generation);
    assert_string_equal(json_string_value(json_object_get(common, "pattern")), SPLIT_PATTERN);
    char *lines = test_read(DATA "tekken-vocab.b64", NULL), *names = NULL;
    if (json_is_true(json_object_get(head, "special_in_file"))) {
        json_t *list = name_list(common, head);
        names = json_dumps(list, 0);
        json_decref(list);
    }
    fixture_tekken(json, json_string_value(json_object_get(head, "version")), names, 1000, lines);
    json->data[--json->len] = 0; /* the last brace */
    const char *key;
    json_object_foreach(json_object_get(head, "top"), key, section)
    {
        char *text = json_dumps(section, 0);
        add(json, ", \"");
        add(json, key);
        add(json, "\": ");
        add(json, text);
        free(text);
    }
    add(json, "}");
    free(names);
    free(lines);
    json_decref(heads);
}

static struct tokenizer *open_generation(const char *name)
{
    struct err err = {0};
    struct buf json = {0};
    struct tokenizer *tok = NULL;
    if (strncmp(name, "tekken-", 7) == 0) {
        fixture_heads(&json, name + 7);
        tok = tokenizer_from_tekken("tekken.json", json.data, json.len, &err);
        buf_free(&json);
    } else {
        size_t n;
        char *bytes = test_read(DATA "mistral_instruct_tokenizer_241114.model.v7", &n);
        tok = tokenizer_open(test_write(test_tmp("tokenizer.model.v7m1"), bytes, n), &err);
        free(bytes);
    }
    if (!tok)
        fail_msg("%s: %s", name, err.text);
    return tok;
}

const struct tokenizer *fixture_generation(const char *name)
{
    static struct {
        char name[32];
        struct tokenizer *tok;
    } open[16];
    size_t i = 0;
    if (strncmp(name, "spm-", 4) == 0 && strcmp(name, "spm-v7m1") != 0)
        return fixture_tokenizer(strcmp(name, "spm-v2") == 0 ? "spm-v3" : name);
    while (i < 16 && open[i].tok && strcmp(open[i].name, name) != 0)
        i++;
    assert_true(i < 16);
    if (!open[i].tok) {
        snprintf(open[i].name, sizeof open[i].name, "%s", name);
        open[i].tok = open_generation(name);
    }
    return open[i].tok;
}

int fixture_version(const char *name)
{
    return strcmp(name, "spm-v2") == 0 ? 2 : 0;
}

/* What the released models take, by their published configurations. */
TEST(tekken_traits, of_every_generation)
{
    static const struct {
        const char *name;
        int version;
        uint32_t patch, max_size, merge, sampling_rate;
        double chunk_s;
        bool streaming, effort;
        size_t n_voices;
    } cases[] = {
        {"tekken-v3", 3, 0, 0, 0, 0, 0, false, false, 0},
        {"tekken-v3-image", 3, 16, 1024, 1, 0, 0, false, false, 0},
        {"tekken-v7", 7, 0, 0, 0, 0, 0, false, false, 0},
        {"tekken-v7-image", 7, 14, 1540, 2, 0, 0, false, false, 0},
        {"tekken-v7-audio", 7, 0, 0, 0, 16000, 30, false, false, 0},
        {"tekken-v7-realtime", 7, 0, 0, 0, 16000, 0, true, false, 0},
        {"tekken-v7-tts", 7, 0, 0, 0, 24000, 30, false, false, 20},
        {"tekken-v11-image", 11, 14, 1540, 2, 0, 0, false, false, 0},
        {"tekken-v13", 13, 0, 0, 0, 0, 0, false, false, 0},
        {"tekken-v13-image", 13, 14, 1540, 2, 0, 0, false, false, 0},
        {"tekken-v15-image", 15, 14, 1540, 2, 0, 0, false, true, 0},
        {"spm-v1", 1, 0, 0, 0, 0, 0, false, false, 0},
        {"spm-v3", 3, 0, 0, 0, 0, 0, false, false, 0},
        {"spm-v7", 7, 0, 0, 0, 0, 0, false, false, 0},
        {"spm-v7m1", 7, 16, 1024, 1, 0, 0, false, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct traits *traits = tokenizer_traits(fixture_generation(cases[i].name));
        assert_int_equal(traits->version, cases[i].version);
        assert_int_equal(traits->image.patch_size, cases[i].patch);
        assert_int_equal(traits->image.max_size, cases[i].max_size);
        assert_int_equal(traits->image.merge, cases[i].merge);
        assert_int_equal(traits->audio.sampling_rate, cases[i].sampling_rate);
        assert_true(traits->audio.chunk_s == cases[i].chunk_s);
        assert_int_equal(traits->audio.streaming, cases[i].streaming);
        assert_int_equal(traits->audio.n_voices, cases[i].n_voices);
        assert_int_equal(traits->effort.present, cases[i].effort);
        assert_int_equal(tokenizer_is_tekken(fixture_generation(cases[i].name)),
                         cases[i].name[0] == 't');
    }
}

TEST(tekken_traits, reads_sound_and_settings)
{
    const struct audio_traits *live =
        &tokenizer_traits(fixture_generation("tekken-v7-realtime"))->audio;
    assert_int_equal(live->delay_ms, 480);
    assert_int_equal(live->n_left_pad, 32);
    assert_int_equal(live->hop_length, 160);
    assert_int_equal(live->window_size, 400);
    assert_true(live->frame_rate == 12.5);
    const struct audio_traits *speech =
        &tokenizer_traits(fixture_generation("tekken-v7-tts"))->audio;
    uint32_t n_male = 0;
    for (size_t i = 0; i < speech->n_voices; i++)
        n_male += span_is(speech->voices[i].name, "fr_male") ? speech->voices[i].n_tokens : 0;
    assert_int_equal(n_male, 97);
    const struct effort_traits *effort =
        &tokenizer_traits(fixture_generation("tekken-v15-image"))->effort;
    assert_true(effort->accepts_none);
    assert_int_equal(effort->n_values, 2);
    assert_true(span_is(effort->values[0], "none"));
    assert_true(span_is(effort->values[1], "high"));
    assert_true(span_is(effort->preset, "none"));
}

/* A file of the bytes alone with one more section. */
static struct tokenizer *open_with(const char *version, const char *section, struct err *err)
{
    struct buf json, lines;
    char names[600];
    fixture_byte_lines(&lines);
    snprintf(names, sizeof names, "[]%s%s", *section ? ", " : "", section);
    fixture_tekken(&json, version, names, 20, lines.data);
    struct tokenizer *tok = tokenizer_from_tekken("t.json", json.data, json.len, err);
    buf_free(&json);
    buf_free(&lines);
    return tok;
}

#define AUDIO                                                                                      \
    "\"audio\": {\"sampling_rate\": 16000, \"frame_rate\": 12.5, "                                 \
    "\"audio_encoding_config\": {\"hop_length\": 160, \"window_size\": 400}"
#define EFFORT "\"model_settings_builder\": {\"reasoning_effort\": {\"type\": \"enum\""

TEST(tekken_traits, accepts_what_the_reference_does)
{
    static const struct {
        const char *version, *section;
    } cases[] = {
        {"v15", ""},
        {"v15", "\"model_settings_builder\": null"},
        {"v15", "\"model_settings_builder\": {}"},
        {"v15", "\"model_settings_builder\": {\"reasoning_effort\": null}"},
        {"v15", EFFORT ", \"values\": [\"x\"], \"accepts_none\": false, \"default\": null}}"},
        {"v15", EFFORT ", \"values\": []}}"},
        {"v11", "\"multimodal\": {\"image_patch_size\": 16, \"max_image_size\": 1024}"},
        {"v7", AUDIO "}"},
        {"v7", AUDIO ", \"chunk_length_s\": null, \"transcription_format\": \"instruct\"}"},
        {"v7", AUDIO ", \"voice_num_audio_tokens\": {}}"},
        {"v7", "\"audio\": {\"sampling_rate\": 16000, \"frame_rate\": 100, "
               "\"audio_encoding_config\": {\"hop_length\": 160, \"window_size\": 400}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct tokenizer *tok = open_with(cases[i].version, cases[i].section, &err);
        if (!tok)
            fail_msg("%s: %s", cases[i].section, err.text);
        assert_null(tokenizer_traits(tok)->effort.preset.s);
        tokenizer_close(tok);
    }
}

TEST(tekken_traits, refuses_bad_sections)
{
    static const struct {
        const char *version, *section, *want;
    } cases[] = {
        {"v13", "\"multimodal\": {\"image_patch_size\": 16, \"max_image_size\": 1024}",
         "multimodal: version 13 calls this section image"},
        {"v13", "\"image\": 5", "image: expected an object"},
        {"v13", "\"image\": {\"image_patch_size\": 0, \"max_image_size\": 1024}",
         "image.image_patch_size: expected a whole number from 1 to 1024"},
        {"v13", "\"image\": {\"image_patch_size\": 14}", "image.max_image_size: missing"},
        {"v13",
         "\"image\": {\"image_patch_size\": 14, \"max_image_size\": 9, "
         "\"spatial_merge_size\": 65}",
         "image.spatial_merge_size: expected a whole number from 1 to 64"},
        {"v13", "\"model_settings_builder\": {}",
         "model_settings_builder: version 13 has no settings; 15 is the first"},
        {"v15", "\"model_settings_builder\": []", "model_settings_builder: expected an object"},
        {"v15", "\"model_settings_builder\": {\"reasoning_effort\": {}}",
         "model_settings_builder.reasoning_effort: only a setting of type enum is read"},
        {"v15", EFFORT "}}", "model_settings_builder.reasoning_effort.values: missing"},
        {"v15", EFFORT ", \"values\": {}}}",
         "model_settings_builder.reasoning_effort.values: expected a list of at most 64 strings"},
        {"v15", EFFORT ", \"values\": [1]}}",
         "model_settings_builder.reasoning_effort.values[0]: expected a string"},
        {"v15", EFFORT ", \"values\": [\"a\"], \"default\": \"b\"}}",
         "model_settings_builder.reasoning_effort.default: not one of the values"},
        {"v7", "\"audio\": {}", "audio.sampling_rate: missing"},
        {"v7", "\"audio\": {\"sampling_rate\": 16000, \"frame_rate\": 12.5}",
         "audio.audio_encoding_config: missing"},
        {"v7",
         "\"audio\": {\"sampling_rate\": 16000, \"frame_rate\": 1000, "
         "\"audio_encoding_config\": {\"hop_length\": 160, \"window_size\": 400}}",
         "audio: a slot at frame_rate is shorter than hop_length"},
        {"v7", AUDIO ", \"transcription_format\": \"streaming\"}",
         "audio.transcription_delay_ms: missing"},
        {"v7", AUDIO ", \"voice_num_audio_tokens\": 3}",
         "audio.voice_num_audio_tokens: expected an object of at most 65536 voices"},
        {"v7", AUDIO ", \"voice_num_audio_tokens\": {\"x\": -1}}",
         "audio.voice_num_audio_tokens.x: expected a whole number from 1 to 1048576"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        char want[256];
        snprintf(want, sizeof want, "t.json: %s", cases[i].want);
        assert_null(open_with(cases[i].version, cases[i].section, &err));
        if (strncmp(err.text, want, strlen(want)) != 0)
            fail_msg("got \"%s\", want \"%s\"", err.text, want);
    }
}

TEST(tekken_traits, survives_any_failed_allocation)
{
    struct tokenizer *tok = NULL;
    struct buf json, lines;
    fixture_byte_lines(&lines);
    fixture_tekken(&json, "v15",
                   "[], " EFFORT ", \"values\": [\"a\"]}}, " AUDIO
                   ", \"voice_num_audio_tokens\": {\"x\": 1}}",
                   20, lines.data);
    for (size_t n = 0; !tok; n++) {
        struct err err = {0};
        mem_fail_after(n);
        tok = tokenizer_from_tekken("t.json", json.data, json.len, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(tok != NULL, !failed);
        assert_int_equal(err.code, tok ? ERR_NONE : ERR_LIMIT);
    }
    tokenizer_close(tok);
    buf_free(&json);
    buf_free(&lines);
}
