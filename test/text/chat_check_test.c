/* SPDX-License-Identifier: Apache-2.0 */
/* The reference's verdicts stand in golden/chat-errors.json and chat/random.json, tested with
 * prompt_chat and chat_merge; here is what these leave open. */
#include "text/chat_check.h"

#include <string.h>

#include "test.h"
#include "text/prompt_fixture.h"

/* Asserts the verdict; want NULL: well formed. */
static void check(const char *template, enum chat_mode mode, const char *request, const char *want)
{
    const struct prompt_format format = fixture_format(template);
    struct chat chat;
    struct err err = {0};
    if (!chat_read(&chat, CHAT_MISTRAL, "request", request, strlen(request), &err))
        fail_msg("%s", err.text);
    bool ok = chat_check(&format, &chat, mode, &err);
    if (ok != !want || (want && !strstr(err.text, want)))
        fail_msg("%s: %s: %s", template, request, ok ? "accepted" : err.text);
    if (!ok)
        assert_int_equal(err.code, ERR_ARG);
    chat_free(&chat);
}

#define USER   "{\"role\": \"user\", \"content\": \"a\"}"
#define CALL   "{\"role\": \"assistant\", \"tool_calls\": [" F("aaaaaaaaa") "]}"
#define F(id)  "{\"id\": \"" id "\", \"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}"
#define R(id)  "{\"role\": \"tool\", \"tool_call_id\": \"" id "\", \"content\": \"1\"}"
#define ALL(m) "{\"model\": \"m\", \"messages\": [" m "]}"
#define SYSTEM "{\"role\": \"system\", \"content\": \"s\"}"
#define PREFIX "{\"role\": \"assistant\", \"content\": \"p\", \"prefix\": true}"
#define SPEAK  "{\"role\": \"user\", \"content\": [{\"type\": \"audio\", \"samples\": 9}]}"
#define HEARD  "{\"role\": \"system\", \"content\": [{\"type\": \"audio\", \"samples\": 9}]}"

TEST(chat_check, takes_calls_before_the_first_user)
{
    /* The reference's loops leave out the first message, so that it refuses this and takes the
     * next; here calls have results and results calls wherever they stand. */
    check("tekken-v13", CHAT_TEST, ALL(CALL "," R("aaaaaaaaa") "," USER), NULL);
    check("tekken-v7", CHAT_TEST, ALL(CALL "," R("aaaaaaaaa") "," PREFIX), NULL);
    check("tekken-v13", CHAT_TEST, ALL(R("aaaaaaaaa") "," USER),
          "Unexpected tool call id aaaaaaaaa");
    check("tekken-v7", CHAT_TEST, ALL(R("aaaaaaaaa") "," PREFIX), "Not the same number");
}

TEST(chat_check, matches_results_and_calls)
{
    static const char twice[] = ALL(USER "," CALL "," R("aaaaaaaaa") "," R("aaaaaaaaa") "," USER);
    check("tekken-v13", CHAT_TEST, twice, "Duplicate tool call id aaaaaaaaa in tool results");
    check("tekken-v7", CHAT_TEST, twice, NULL);
    check("tekken-v7", CHAT_SERVING, twice, "Not the same number");
    check("tekken-v7", CHAT_TEST, ALL(USER "," CALL "," PREFIX), "Not the same number");
    check("tekken-v13", CHAT_TEST, ALL(USER "," CALL "," PREFIX), "Not the same number");
    check("tekken-v13", CHAT_TEST, ALL(USER "," CALL "," USER), NULL);
    check("tekken-v13", CHAT_SERVING, ALL(USER "," CALL "," USER), "Not the same number");
    check("tekken-v13", CHAT_TEST, ALL(USER "," CALL "," R("bbbbbbbbb")),
          "Unexpected tool call id");
}

/* Ids are not in these prompts; the reference stops at a call without one. */
TEST(chat_check, takes_calls_without_ids_from_v13)
{
    static const char call[] =
        ALL(USER ", {\"role\": \"assistant\", \"tool_calls\": [{\"function\": "
                 "{\"name\": \"f\", \"arguments\": \"{}\"}}]}," USER);
    check("tekken-v13", CHAT_TEST, call, NULL);
    check("tekken-v13", CHAT_SERVING, call, "Not the same number");
    check("spm-v3", CHAT_SERVING, call, "Not the same number");
}

TEST(chat_check, hears_no_user_beside_a_system_before_v13)
{
    check("tekken-v7-audio", CHAT_TEST, ALL(SYSTEM "," SPEAK),
          "indexes [0] and audio chunks in "
          "messages at indexes [1]");
    check("tekken-v7-audio", CHAT_TEST, ALL(HEARD "," USER), NULL);
    check("tekken-v13", CHAT_TEST, ALL(SYSTEM "," SPEAK), NULL);
}

/* Of ids that no prompt can have the form is what is wrong, not that they occur twice. */
TEST(chat_check, long_ids_are_refused_for_their_form)
{
    check("tekken-v13", CHAT_TEST,
          ALL(USER ", {\"role\": \"assistant\", \"tool_calls\": [" F("aaaaaaaaaa") "," F(
              "aaaaaaaaaa") "]}," USER),
          "messages[1].tool_calls[0]: Tool call id was aaaaaaaaaa but must be");
    check("tekken-v13", CHAT_TEST,
          ALL(USER "," CALL "," R("aaaaaaaaaa") "," R("aaaaaaaaaa") "," USER),
          "messages[2]: Tool call id was aaaaaaaaaa but must be");
}

TEST(chat_check, ends_as_the_mode_wants)
{
    check("tekken-v7", CHAT_TEST, ALL(USER "," SYSTEM), NULL);
    check("tekken-v7", CHAT_FINETUNING, ALL(USER "," PREFIX), NULL);
    check("tekken-v7", CHAT_FINETUNING, ALL(USER), "Expected last role Assistant for finetuning");
    check("tekken-v7", CHAT_FINETUNING,
          "{\"continue_final_message\": true, \"messages\": [" USER
          ", {\"role\": \"assistant\", \"content\": \"b\"}]}",
          "Cannot continue final message in finetuning mode");
}
