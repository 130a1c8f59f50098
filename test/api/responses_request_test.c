/* SPDX-License-Identifier: Apache-2.0 */
#include "api/responses_request.h"

#include "made_chat.h"

#define HI "{'role':'user','content':'Hi'}"
/* What each of them becomes. */
#define MADE_BEGIN "{'messages': ["
#define MADE_HI    "{'role': 'user', 'content': 'Hi'}"
#define MADE_END   "], 'model': 'm'}"

static void is(const char *request, const char *want)
{
    made_is(responses_request_read, request, want);
}

static void fails(const char *request, enum err_code code, const char *text)
{
    made_fails(responses_request_read, request, code, text);
}

TEST(responses_request, a_text_is_what_the_user_says)
{
    is("{'model':'m','input':'Hi'}", MADE_BEGIN MADE_HI MADE_END);
    is("{'model':'m','input':[" HI "]}", MADE_BEGIN MADE_HI MADE_END);
    is("{'model':'m','input':[{'type':'message','role':'user','content':[{'type':'input_text',"
       "'text':'Hi'}]}]}",
       MADE_BEGIN MADE_HI MADE_END);
}

TEST(responses_request, instructions_and_developers_are_the_system)
{
    is("{'model':'m','input':'Hi','instructions':'S'}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_END);
    is("{'model':'m','input':[{'role':'developer','content':'S'}," HI "]}",
       MADE_BEGIN "{'role': 'system', 'content': 'S'}, " MADE_HI MADE_END);
}

TEST(responses_request, what_the_assistant_did_in_a_row_is_one_message)
{
    is("{'model':'m','input':[" HI ",{'type':'reasoning','id':'r','summary':[{'type':"
       "'summary_text','text':'s'}],'content':[{'type':'reasoning_text','text':'t'}]},"
       "{'type':'message','id':'a','role':'assistant','status':'completed','content':[{'type':"
       "'output_text','text':'T','annotations':[]}]},{'type':'function_call','call_id':'i','name':"
       "'f','arguments':'{}'},{'type':'function_call','call_id':'j','name':'g','arguments':'{}'},"
       "{'type':'function_call_output','call_id':'j','output':'J'},{'type':"
       "'function_call_output','call_id':'i','output':[{'type':'input_text','text':'I'}]}]}",
       MADE_BEGIN MADE_HI
       ", {'role': 'assistant', 'content': [{'type': 'thinking', 'thinking': 't'}, {'type': "
       "'output_text', 'text': 'T', 'annotations': []}], 'tool_calls': [{'id': 'i', 'function': "
       "{'name': 'f', 'arguments': '{}'}}, {'id': 'j', 'function': {'name': 'g', 'arguments': "
       "'{}'}}]}, {'role': 'tool', 'tool_call_id': 'j', 'content': 'J'}, {'role': 'tool', "
       "'tool_call_id': 'i', 'content': 'I'}" MADE_END);
    is("{'model':'m','input':[" HI ",{'role':'assistant','content':'A'},{'type':"
       "'web_search_call','id':'w'},{'role':'assistant','content':'B'}," HI "]}",
       MADE_BEGIN MADE_HI
       ", {'role': 'assistant', 'content': 'A'}, {'role': 'assistant', 'content': 'B'}, " MADE_HI
           MADE_END);
}

TEST(responses_request, tools_are_flat)
{
    is("{'model':'m','input':'Hi','tools':[{'type':'function','name':'f','description':null,"
       "'parameters':{'type':'object'},'strict':true}],'tool_choice':{'type':'function',"
       "'name':'f'},'parallel_tool_calls':false}",
       MADE_BEGIN MADE_HI
       "], 'model': 'm', 'parallel_tool_calls': false, 'tools': [{'type': 'function', 'function': "
       "{'name': 'f', 'parameters': {'type': 'object'}, 'strict': true}}], 'tool_choice': {'type': "
       "'function', 'function': {'name': 'f'}}}");
    is("{'model':'m','input':'Hi','tool_choice':{'type':'allowed_tools','mode':'required',"
       "'tools':[{'type':'function','name':'f'}]}}",
       MADE_BEGIN MADE_HI
       "], 'model': 'm', 'tool_choice': {'type': 'allowed_tools', 'allowed_tools': {'mode': "
       "'required', 'tools': [{'type': 'function', 'function': {'name': 'f'}}]}}}");
    is("{'model':'m','input':'Hi','tool_choice':'required'}",
       MADE_BEGIN MADE_HI "], 'model': 'm', 'tool_choice': 'required'}");
}

TEST(responses_request, settings)
{
    is("{'model':'m','input':'Hi','max_output_tokens':7,'temperature':0,'top_logprobs':2,"
       "'reasoning':{'effort':'minimal'},'text':{'format':{'type':'json_object'}},'store':true,"
       "'truncation':'auto','user':'u','metadata':{},'background':false,"
       "'previous_response_id':null}",
       MADE_BEGIN MADE_HI
       "], 'model': 'm', 'temperature': 0, 'top_logprobs': 2, 'max_tokens': 7, 'logprobs': true, "
       "'response_format': {'type': 'json_object'}, 'reasoning_effort': 'minimal'}");
    is("{'model':'m','input':'Hi','include':['message.output_text.logprobs'],'text':{'format':{"
       "'type':'json_schema','name':'n','schema':{'type':'object'},'strict':false}}}",
       MADE_BEGIN MADE_HI
       "], 'model': 'm', 'logprobs': true, 'response_format': {'type': 'json_schema', "
       "'json_schema': {'name': 'n', 'schema': {'type': 'object'}, 'strict': false}}}");
}

TEST(responses_request, what_would_have_to_be_stored_is_refused)
{
    fails("{'model':'m','input':'Hi','previous_response_id':'resp_1'}", ERR_NOT_FOUND,
          "request: previous_response_id: ");
    fails("{'model':'m','input':'Hi','conversation':'conv_1'}", ERR_NOT_FOUND, "conversation: ");
    fails("{'model':'m','input':'Hi','prompt':{'id':'p'}}", ERR_NOT_FOUND, "prompt: ");
    fails("{'model':'m','input':[{'type':'item_reference','id':'x'}]}", ERR_NOT_FOUND,
          "request: input[0]: ");
    fails("{'model':'m','input':'Hi','background':true}", ERR_UNSUPPORTED, "background: ");
}

TEST(responses_request, what_is_wrong_is_named)
{
    fails("{'model':'m'}", ERR_ARG, "request: input: missing");
    fails("{'model':'m','input':5}", ERR_ARG, "request: input: ");
    fails("{'model':'m','input':[5]}", ERR_ARG, "request: input[0]: ");
    fails("{'model':'m','input':[{'type':'x'}]}", ERR_ARG, "request: input[0].type: ");
    fails("{'model':'m','input':[{'role':'tool','content':''}]}", ERR_ARG, "input[0].role: ");
    fails("{'model':'m','input':[{'role':'user'}]}", ERR_ARG, "input[0]: content: missing");
    fails("{'model':'m','input':[{'type':'function_call','name':'f'}]}", ERR_ARG,
          "input[0]: call_id: missing");
    fails("{'model':'m','input':[{'type':'reasoning','content':[{}]}]}", ERR_ARG, "text: missing");
    fails("{'model':'m','input':'Hi','max_output_tokens':-1}", ERR_ARG, "max_output_tokens: ");
    fails("{'model':'m','input':'Hi','text':{'format':{'type':'json_schema'}}}", ERR_ARG,
          "text.format: schema: missing");
    fails("{'model':'m','input':'Hi','reasoning':{'effort':'a'}}", ERR_ARG, "reasoning.effort: ");
    fails("{'model':'m','input':'Hi','tools':[{'type':'function'}]}", ERR_ARG,
          "tools[0]: name: missing");
    fails("{'model':'m','input':'Hi','tools':[{'type':'mcp'}]}", ERR_UNSUPPORTED, "tools[0]: ");
    fails("{'model':'m','input':'Hi','tool_choice':{'type':'mcp'}}", ERR_UNSUPPORTED,
          "tool_choice: ");
}

TEST(responses_request, without_memory)
{
    made_without_memory(
        responses_request_read,
        "{'model':'m','instructions':'S','input':[" HI ",{'type':'reasoning','summary':[],"
        "'content':[{'type':'reasoning_text','text':'t'}]},{'type':'function_call','call_id':'i',"
        "'name':'f','arguments':'{}'},{'type':'function_call_output','call_id':'i','output':'o'}],"
        "'tools':[{'type':'function','name':'f'}],'text':{'format':{'type':'json_object'}}}");
}
