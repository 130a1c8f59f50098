/* SPDX-License-Identifier: Apache-2.0 */
#include "api/responses_writer.h"

#include "writer_fixture.h"

#define EVENT(name, n, more)                                                                       \
    "event: " name "\ndata: {'type':'" name "','sequence_number':" n more "}\n\n"
#define RESPONSE(status, details, output, usage)                                                   \
    "{'id':'id_1','object':'response','created_at':1700000000,'status':'" status                   \
    "','error':null,'incomplete_details':" details                                                 \
    ",'instructions':null,'max_output_tokens':9,'metadata':{},'model':'m',"                        \
    "'parallel_tool_calls':true,'previous_response_id':null,'reasoning':{'effort':null,"           \
    "'summary':null},'store':false,'temperature':1,'text':{'format':{'type':'text'}},"             \
    "'tool_choice':'auto','tools':[],'top_logprobs':0,'top_p':1,'truncation':'disabled',"          \
    "'background':false,'user':null,'output':[" output "],'usage':" usage "}"
#define USAGE(answer, thinking, total)                                                             \
    "{'input_tokens':7,'input_tokens_details':{'cached_tokens':4},'output_tokens':" answer         \
    ",'output_tokens_details':{'reasoning_tokens':" thinking "},'total_tokens':" total "}"
#define START                                                                                      \
    EVENT("response.created", "0", ",'response':" RESPONSE("in_progress", "null", "", "null"))     \
    EVENT("response.in_progress", "1", ",'response':" RESPONSE("in_progress", "null", "", "null"))
#define MESSAGE(status, content)                                                                   \
    "{'type':'message','id':'msg_#','status':'" status "','role':'assistant','content':[" content  \
    "]}"
#define REASONING(status, content)                                                                 \
    "{'type':'reasoning','id':'rs_#','status':'" status "','summary':[],'content':[" content "]}"
#define CALL(status, arguments)                                                                    \
    "{'type':'function_call','id':'fc_#','status':'" status                                        \
    "','call_id':'callid001','name':'f','arguments':'" arguments "'}"
#define TEXT(text)    "{'type':'output_text','text':'" text "','annotations':[]}"
#define THOUGHT(text) "{'type':'reasoning_text','text':'" text "'}"
#define AT(id, i)     ",'item_id':'" id "','output_index':" i ",'content_index':0"

static void begin(struct stream *s)
{
    stream_begin(s, &responses_writer, "{'max_output_tokens':9}");
    s->c.sampling.job.sampler.temperature = 1.0f;
    s->c.sampling.job.sampler.top_p = 1.0f;
}

TEST(responses_writer, a_text)
{
    struct stream s;
    begin(&s);
    stream_hear(&s, ANSWER_TEXT, "Hel");
    stream_wrote(&s,
                 START EVENT("response.output_item.added", "2",
                             ",'output_index':0,'item':" MESSAGE("in_progress", ""))
                     EVENT("response.content_part.added", "3", AT("msg_#", "0") ",'part':" TEXT(""))
                         EVENT("response.output_text.delta", "4",
                               AT("msg_#", "0") ",'delta':'Hel','logprobs':[]"));
    stream_hear(&s, ANSWER_TEXT, "lo");
    stream_wrote(&s, EVENT("response.output_text.delta", "5",
                           AT("msg_#", "0") ",'delta':'lo','logprobs':[]"));
    stream_end(&s, FINISH_STOP, 2);
    stream_wrote(
        &s,
        EVENT("response.output_text.done", "6", AT("msg_#", "0") ",'text':'Hello','logprobs':[]")
            EVENT("response.content_part.done", "7", AT("msg_#", "0") ",'part':" TEXT("Hello"))
                EVENT("response.output_item.done", "8",
                      ",'output_index':0,'item':" MESSAGE("completed", TEXT("Hello")))
                    EVENT("response.completed", "9",
                          ",'response':" RESPONSE("completed", "null",
                                                  MESSAGE("completed", TEXT("Hello")),
                                                  USAGE("2", "0", "9"))));
    stream_free(&s);
}

TEST(responses_writer, a_thought_and_a_call_that_is_cut_short)
{
    struct stream s;
    begin(&s);
    stream_hear(&s, ANSWER_THINKING, "hm");
    stream_hear(&s, ANSWER_THOUGHT, NULL);
    stream_wrote(
        &s,
        START EVENT("response.output_item.added", "2",
                    ",'output_index':0,'item':" REASONING("in_progress", ""))
            EVENT("response.content_part.added", "3", AT("rs_#", "0") ",'part':" THOUGHT("")) EVENT(
                "response.reasoning_text.delta", "4", AT("rs_#", "0") ",'delta':'hm'")
                EVENT("response.reasoning_text.done", "5", AT("rs_#", "0") ",'text':'hm'") EVENT(
                    "response.content_part.done", "6", AT("rs_#", "0") ",'part':" THOUGHT("hm"))
                    EVENT("response.output_item.done", "7",
                          ",'output_index':0,'item':" REASONING("completed", THOUGHT("hm"))));
    stream_hear(&s, ANSWER_CALL, "f");
    stream_hear(&s, ANSWER_ARGUMENTS, "{\"a\":");
    stream_wrote(&s, EVENT("response.output_item.added", "8",
                           ",'output_index':1,'item':" CALL("in_progress", ""))
                         EVENT("response.function_call_arguments.delta", "9",
                               ",'item_id':'fc_#','output_index':1,'delta':'{\\'a\\':'"));
    s.choice.answer.n_thinking = 3;
    stream_end(&s, FINISH_LENGTH, 9);
    stream_wrote(
        &s, EVENT("response.function_call_arguments.done", "10",
                  ",'item_id':'fc_#','output_index':1,'name':'f','arguments':'{\\'a\\':'")
                EVENT("response.output_item.done", "11",
                      ",'output_index':1,'item':" CALL("incomplete", "{\\'a\\':"))
                    EVENT("response.incomplete", "12",
                          ",'response':" RESPONSE("incomplete", "{'reason':'max_output_tokens'}",
                                                  REASONING("completed", THOUGHT("hm")) "," CALL(
                                                      "incomplete", "{\\'a\\':"),
                                                  USAGE("9", "3", "16"))));
    stream_free(&s);
}

TEST(responses_writer, what_was_asked_for_is_said_again)
{
    struct stream s;
    stream_begin(&s, &responses_writer,
                 "{'instructions':'S','metadata':{'k':'v'},'tools':[{'type':'function','n':1e999}],"
                 "'tool_choice':'required','user':'u'}");
    stream_end(&s, FINISH_STOP, 0);
    struct err err = {0};
    assert_true(buf_add(&s.c.buf, "", 1, &err));
    assert_non_null(strstr(s.c.buf.data, "\"instructions\":\"S\""));
    assert_non_null(strstr(s.c.buf.data, "\"metadata\":{\"k\":\"v\"}"));
    assert_non_null(strstr(s.c.buf.data, "\"tools\":[{\"type\":\"function\",\"n\":null}]"));
    assert_non_null(strstr(s.c.buf.data, "\"tool_choice\":\"required\""));
    assert_non_null(strstr(s.c.buf.data, "\"user\":\"u\""));
    stream_free(&s);
}

TEST(responses_writer, a_failure_ends_with_the_whole_response)
{
    struct stream s;
    struct api_error error;
    begin(&s);
    stream_hear(&s, ANSWER_TEXT, "Hel");
    buf_clear(&s.c.buf);
    api_error_set(&error, 500, "server_error", NULL, "out of luck");
    (responses_writer.fail)(&s.c, &error);
    struct err err = {0};
    assert_true(buf_add(&s.c.buf, "", 1, &err));
    assert_non_null(strstr(s.c.buf.data, "event: response.failed\n"));
    assert_non_null(strstr(s.c.buf.data, "\"status\":\"failed\",\"error\":{\"code\":"
                                         "\"server_error\",\"message\":\"out of luck\"}"));
    assert_non_null(strstr(s.c.buf.data, "\"text\":\"Hel\""));
    stream_free(&s);
}
