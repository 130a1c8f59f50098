/* SPDX-License-Identifier: Apache-2.0 */
#include "api/anthropic_writer.h"

#include "writer_fixture.h"

#define EVENT(name, more) "event: " name "\ndata: {'type':'" name "'" more "}\n\n"
#define USAGE(n, cached, answer)                                                                   \
    "'usage':{'input_tokens':" n                                                                   \
    ",'cache_creation_input_tokens':0,'cache_read_input_tokens':" cached                           \
    ",'output_tokens':" answer "}"
#define START                                                                                      \
    EVENT("message_start",                                                                         \
          ",'message':{'id':'id_1','type':'message','role':'assistant',"                           \
          "'model':'m','content':[],'stop_reason':null,'stop_sequence':null," USAGE("7", "0",      \
                                                                                    "0") "}")
#define BLOCK(i, block) EVENT("content_block_start", ",'index':" i ",'content_block':" block)
#define DELTA(i, delta) EVENT("content_block_delta", ",'index':" i ",'delta':" delta)
#define STOP(i)         EVENT("content_block_stop", ",'index':" i)
#define END(reason, stop, answer)                                                                  \
    EVENT("message_delta", ",'delta':{'stop_reason':'" reason "','stop_sequence':" stop            \
                           "}," USAGE("3", "4", answer))                                           \
    EVENT("message_stop", "")

static void begin(struct stream *s)
{
    stream_begin(s, &anthropic_writer, "{}");
}

TEST(anthropic_writer, a_text)
{
    struct stream s;
    begin(&s);
    stream_hear(&s, ANSWER_TEXT, "Hel");
    stream_wrote(&s, START BLOCK("0", "{'type':'text','text':''}")
                         DELTA("0", "{'type':'text_delta','text':'Hel'}"));
    stream_hear(&s, ANSWER_TEXT, "lo");
    stream_wrote(&s, DELTA("0", "{'type':'text_delta','text':'lo'}"));
    stream_end(&s, FINISH_STOP, 2);
    stream_wrote(&s, STOP("0") END("end_turn", "null", "2"));
    stream_free(&s);
}

TEST(anthropic_writer, a_thought_a_text_and_calls)
{
    struct stream s;
    begin(&s);
    stream_hear(&s, ANSWER_THINKING, "hm");
    stream_hear(&s, ANSWER_THOUGHT, NULL);
    stream_wrote(&s, START BLOCK("0", "{'type':'thinking','thinking':'','signature':''}")
                         DELTA("0", "{'type':'thinking_delta','thinking':'hm'}")
                             DELTA("0", "{'type':'signature_delta','signature':'bise'}") STOP("0"));
    stream_hear(&s, ANSWER_TEXT, "So");
    stream_hear(&s, ANSWER_CALL, "f");
    stream_wrote(
        &s, BLOCK("1", "{'type':'text','text':''}") DELTA("1", "{'type':'text_delta','text':'So'}")
                STOP("1") BLOCK("2", "{'type':'tool_use','id':'callid001','name':'f','input':{}}"));
    stream_hear(&s, ANSWER_ARGUMENTS, "{\"a\":");
    stream_hear(&s, ANSWER_ARGUMENTS, " 1}");
    stream_hear(&s, ANSWER_CALL_END, NULL);
    stream_wrote(&s, DELTA("2", "{'type':'input_json_delta','partial_json':'{\\'a\\':'}")
                         DELTA("2", "{'type':'input_json_delta','partial_json':' 1}'}") STOP("2"));
    stream_hear(&s, ANSWER_CALL, "g");
    stream_hear(&s, ANSWER_CALL_END, NULL);
    stream_wrote(&s, BLOCK("3", "{'type':'tool_use','id':'callid001','name':'g','input':{}}")
                         DELTA("3", "{'type':'input_json_delta','partial_json':'{}'}") STOP("3"));
    stream_end(&s, FINISH_STOP, 8);
    stream_wrote(&s, END("tool_use", "null", "8"));
    stream_free(&s);
}

TEST(anthropic_writer, a_call_that_is_cut_short_is_an_object)
{
    struct stream s;
    begin(&s);
    stream_hear(&s, ANSWER_CALL, "f");
    stream_hear(&s, ANSWER_ARGUMENTS, "{\"a\":\"x");
    stream_end(&s, FINISH_LENGTH, 9);
    stream_wrote(&s, START BLOCK("0", "{'type':'tool_use','id':'callid001','name':'f','input':{}}")
                         DELTA("0", "{'type':'input_json_delta','partial_json':'{\\'a\\':\\'x'}")
                             DELTA("0", "{'type':'input_json_delta','partial_json':'\\'}'}")
                                 STOP("0") END("max_tokens", "null", "9"));
    stream_free(&s);
}

TEST(anthropic_writer, why_it_ended)
{
    static const struct {
        enum finish_reason finish;
        uint32_t n;
        const char *want;
    } ends[] = {
        {FINISH_STOP, 0, START END("end_turn", "null", "0")},
        {FINISH_LENGTH, 9, START END("max_tokens", "null", "9")},
        {FINISH_LENGTH, 8, START END("model_context_window_exceeded", "null", "8")},
        {FINISH_LOOP, 8, START END("max_tokens", "null", "8")},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct stream s;
        begin(&s);
        stream_end(&s, ends[i].finish, ends[i].n);
        stream_wrote(&s, ends[i].want);
        stream_free(&s);
    }
}

TEST(anthropic_writer, the_stop_sequence_is_named)
{
    static const char *const stops[] = {"a", "END"};
    struct stream s;
    struct err err = {0};
    struct buf certain;
    buf_init(&certain, 100);
    begin(&s);
    assert_true(stop_filter_init(&s.choice.answer.stop, stops, 2, &err));
    assert_true(stop_filter_add(&s.choice.answer.stop, "xEND", 4, &certain, &err));
    s.choice.answer.stopped = true;
    stream_hear(&s, ANSWER_TEXT, "x");
    stream_end(&s, FINISH_STOP, 2);
    stream_wrote(&s, START BLOCK("0", "{'type':'text','text':''}")
                         DELTA("0", "{'type':'text_delta','text':'x'}") STOP("0")
                             END("stop_sequence", "'END'", "2"));
    buf_free(&certain);
    stream_free(&s);
}
