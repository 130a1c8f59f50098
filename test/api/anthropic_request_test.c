/* SPDX-License-Identifier: Apache-2.0 */
#include "api/anthropic_request.h"

#include "made_chat.h"

#define BEGIN "{'model':'m','max_tokens':5,'messages':["
#define HI    "{'role':'user','content':'Hi'}"
/* What each of them becomes. */
#define MADE_BEGIN "{'messages': ["
#define MADE_HI    "{'role': 'user', 'content': 'Hi'}"
#define MADE_HEAD  "], 'model': 'm', 'max_tokens': 5"
#define MADE_END   ", 'include_reasoning': false, 'reasoning_effort': 'none'}"

static bool read(const struct json_node *body, struct json_tree *out, struct err *err)
{
    return anthropic_request_read(body, false, out, err);
}

static bool read_prompt(const struct json_node *body, struct json_tree *out, struct err *err)
{
    return anthropic_request_read(body, true, out, err);
}

static void is(const char *request, const char *want)
{
    made_is(read, request, want);
}

static void fails(const char *request, const char *text)
{
    made_fails(read, request, ERR_ARG, text);
}

TEST(anthropic_request, settings)
{
    is("{'model':'m','max_tokens':5,'temperature':0.5,'top_p':0.9,'top_k':3,'stream':true,"
       "'stop_sequences':['a','b'],'metadata':{'user_id':'u'},'unknown':1,'messages':[" HI "]}",
       MADE_BEGIN MADE_HI MADE_HEAD
       ", 'temperature': 0.5, 'top_p': 0.9, 'top_k': 3, 'stream': true"
       ", 'include_reasoning': false, 'reasoning_effort': 'none', 'stop': ['a', 'b']}");
}

TEST(anthropic_request, system_texts)
{
    is("{'system':'S','model':'m','max_tokens':5,'messages':[" HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_HEAD MADE_END);
    is("{'system':[{'type':'text','text':'S','cache_control':{'type':'ephemeral'}}],'model':'m',"
       "'max_tokens':5,'messages':[" HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_HEAD MADE_END);
    is("{'system':[{'type':'text','text':'S'},{'type':'text','text':'T'}],'model':'m',"
       "'max_tokens':5,'messages':[" HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': [{'type': 'text', 'text': 'S'}, {'type': 'text', "
                  "'text': 'T'}]}, " MADE_HI MADE_HEAD MADE_END);
}

TEST(anthropic_request, what_changes_with_each_request_is_left_out)
{
    is("{'system':[{'type':'text','text':'x-anthropic-billing-header: cch=1;'},"
       "{'type':'text','text':'S'}],'model':'m','max_tokens':5,'messages':[" HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_HEAD MADE_END);
    is("{'system':'x-anthropic-billing-header: cch=1;\\nS','model':'m','max_tokens':5,"
       "'messages':[" HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_HEAD MADE_END);
}

TEST(anthropic_request, results_stand_before_what_is_said_beside_them)
{
    is(BEGIN HI
       ",{'role':'assistant','content':[{'type':'text','text':'T'},{'type':'tool_use','id':'i',"
       "'name':'f','input':{'a':1}},{'type':'tool_use','id':'j','name':'g','input':{}}]},"
       "{'role':'user','content':[{'type':'text','text':'So?'},{'type':'tool_result',"
       "'tool_use_id':'i','content':'R'},{'type':'tool_result','tool_use_id':'j',"
       "'is_error':true}]}]}",
       MADE_BEGIN MADE_HI ", {'role': 'assistant', 'content': 'T', 'tool_calls': ["
                          "{'id': 'i', 'function': {'name': 'f', 'arguments': {'a': 1}}}, "
                          "{'id': 'j', 'function': {'name': 'g', 'arguments': {}}}]}, "
                          "{'role': 'tool', 'tool_call_id': 'i', 'content': 'R'}, "
                          "{'role': 'tool', 'tool_call_id': 'j', 'content': 'error'}, "
                          "{'role': 'user', 'content': 'So?'}" MADE_HEAD MADE_END);
    is(BEGIN "{'role':'user','content':[{'type':'tool_result','tool_use_id':'i','content':["
             "{'type':'text','text':'a'},{'type':'text','text':'b'}]}]}]}",
       MADE_BEGIN "{'role': 'tool', 'tool_call_id': 'i', 'content': [{'type': 'text', 'text': "
                  "'a'}, {'type': 'text', 'text': 'b'}]}" MADE_HEAD MADE_END);
}

TEST(anthropic_request, thoughts_go_back_and_those_of_the_service_do_not)
{
    is(BEGIN HI ",{'role':'assistant','content':[{'type':'redacted_thinking','data':'x'},"
                "{'type':'thinking','thinking':'hm','signature':'s'},{'type':'server_tool_use',"
                "'id':'a','name':'web_search','input':{}},{'type':'web_search_tool_result',"
                "'tool_use_id':'a','content':[]},{'type':'text','text':'T'}]}," HI "]}",
       MADE_BEGIN MADE_HI
       ", {'role': 'assistant', 'content': [{'type': 'thinking', 'thinking': 'hm'}, "
       "{'type': 'text', 'text': 'T'}]}, " MADE_HI MADE_HEAD MADE_END);
}

TEST(anthropic_request, what_the_assistant_said_last_goes_on)
{
    is(BEGIN HI ",{'role':'assistant','content':'So'}]}", MADE_BEGIN MADE_HI
       ", {'role': 'assistant', 'content': 'So', 'prefix': true}" MADE_HEAD MADE_END);
}

TEST(anthropic_request, images_and_documents)
{
    is(BEGIN "{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':"
             "'image/png','data':'AA'}},{'type':'image','source':{'type':'url','url':'http://x'}}"
             "]}]}",
       MADE_BEGIN
       "{'role': 'user', 'content': [{'type': 'image_url', 'image_url': "
       "'data:image/png;base64,AA'}, {'type': 'image_url', 'image_url': 'http://x'}]}" MADE_HEAD
           MADE_END);
    is(BEGIN "{'role':'user','content':[{'type':'document','title':'T','context':'C','source':{"
             "'type':'text','media_type':'text/plain','data':'D'}},{'type':'search_result',"
             "'source':'s','title':'t','content':[{'type':'text','text':'r'}]}]}]}",
       MADE_BEGIN "{'role': 'user', 'content': [{'type': 'text', 'text': 'T\\nC'}, {'type': "
                  "'text', 'text': 'D'}, {'type': 'text', 'text': 't\\ns'}, {'type': 'text', "
                  "'text': 'r'}]}" MADE_HEAD MADE_END);
    made_fails(read,
               BEGIN "{'role':'user','content':[{'type':'document','source':{'type':'base64',"
                     "'media_type':'application/pdf','data':''}}]}]}",
               ERR_UNSUPPORTED, "'base64'");
    made_fails(read,
               BEGIN "{'role':'user','content':[{'type':'image','source':{'type':'file'}}]}]}",
               ERR_UNSUPPORTED, "'file'");
}

TEST(anthropic_request, tools_and_their_choice)
{
    is("{'tools':[{'name':'f','description':'d','input_schema':{'type':'object'},'strict':true},"
       "{'type':'bash_20250124','name':'bash'},{'type':'custom','name':'g'}],'tool_choice':{"
       "'type':'tool','name':'f','disable_parallel_tool_use':true},'model':'m','max_tokens':5,"
       "'messages':[" HI "]}",
       MADE_BEGIN MADE_HI MADE_HEAD
       ", 'tools': [{'type': 'function', 'function': {'name': 'f', 'description': 'd', "
       "'parameters': {'type': 'object'}, 'strict': true}}, {'type': 'function', 'function': "
       "{'name': 'g'}}], 'parallel_tool_calls': false, 'tool_choice': {'type': 'function', "
       "'function': {'name': 'f'}}" MADE_END);
    is("{'tool_choice':{'type':'any'},'model':'m','max_tokens':5,'messages':[" HI "]}",
       MADE_BEGIN MADE_HI MADE_HEAD ", 'tool_choice': 'any'" MADE_END);
}

TEST(anthropic_request, thinking_and_output)
{
    is("{'thinking':{'type':'enabled','budget_tokens':1024},'model':'m','max_tokens':5,"
       "'messages':[" HI "]}",
       MADE_BEGIN MADE_HI MADE_HEAD ", 'include_reasoning': true, 'reasoning_effort': 'high'}");
    is("{'thinking':{'type':'adaptive','display':'omitted'},'output_config':{'effort':'low',"
       "'format':{'type':'json_schema','schema':{'type':'object'}}},'model':'m','max_tokens':5,"
       "'messages':[" HI "]}",
       MADE_BEGIN MADE_HI MADE_HEAD
       ", 'include_reasoning': false, 'reasoning_effort': 'low', 'response_format': {'type': "
       "'json_schema', 'json_schema': {'name': 'answer', 'schema': {'type': 'object'}}}}");
}

TEST(anthropic_request, what_is_wrong_is_named)
{
    fails("{'model':'m','messages':[" HI "]}", "request: max_tokens: missing");
    fails("{'model':'m','max_tokens':5}", "request: messages: missing");
    fails("{'model':'m','max_tokens':5,'messages':[]}", "request: messages: ");
    fails(BEGIN "{'role':'tool','content':'x'}]}", "request: messages[0].role: ");
    fails(BEGIN "{'role':'user','content':5}]}", "request: messages[0].content: ");
    fails(BEGIN "{'role':'user','content':[{'type':'x'}]}]}",
          "request: messages[0].content[0].type: ");
    fails(BEGIN "{'role':'user','content':[{'type':'text'}]}]}",
          "request: messages[0].content[0]: text: missing");
    fails(BEGIN "{'role':'user','content':[{'type':'tool_result'}]}]}", "tool_use_id: missing");
    fails(BEGIN HI "],'tools':[{'input_schema':{}}]}", "request: tools[0]: name: missing");
    fails(BEGIN HI "],'tools':[{'name':'f','input_schema':5}]}", "tools[0].input_schema: ");
    fails(BEGIN HI "],'tool_choice':{'type':'all'}}", "request: tool_choice: ");
    fails(BEGIN HI "],'thinking':{'type':'much'}}", "request: thinking: ");
    fails(BEGIN HI "],'output_config':{'format':{'type':'xml'}}}", "output_config.format: ");
    fails(BEGIN HI "],'output_config':{'effort':'a'},'thinking':{'type':'adaptive'}}",
          "output_config.effort: ");
    fails(BEGIN HI "],'stop_sequences':'x'}", "request: stop_sequences: ");
}

TEST(anthropic_request, a_prompt_alone_needs_no_limit)
{
    made_is(read_prompt, "{'model':'m','messages':[" HI "]}",
            MADE_BEGIN MADE_HI "], 'model': 'm'" MADE_END);
}

TEST(anthropic_request, without_memory)
{
    made_without_memory(
        read, "{'system':[{'type':'text','text':'S'}],'model':'m','max_tokens':5,'messages':[" HI
              ",{'role':'assistant','content':[{'type':'thinking','thinking':'hm'},{'type':"
              "'tool_use','id':'i','name':'f','input':{}}]},{'role':'user','content':[{'type':"
              "'tool_result','tool_use_id':'i'},{'type':'image','source':{'type':'base64',"
              "'media_type':'image/png','data':'AA'}}]},{'role':'assistant','content':'So'}],"
              "'tools':[{'name':'f','input_schema':{}}],'tool_choice':{'type':'tool','name':'f'}}");
}
