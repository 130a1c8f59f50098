/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no weights; the rest is tested with Anthropic's own client (anthropic_test.mjs). */
#include "api_fixture.h"

#define PATH  "/v1/messages"
#define COUNT "/v1/messages/count_tokens"
#define HI    "'messages':[{'role':'user','content':'Hi'}]"

TEST(messages, tokens_are_counted)
{
    struct api_fixture f;
    api_begin(&f);
    api_post(&f, COUNT, "{'model':'m'," HI "}");
    api_said(&f, 200, "{'input_tokens':4}"); /* <s>[INST]Hi[/INST] */
    api_post(&f, "/anthropic" COUNT, "{'model':'m','system':'S'," HI "}");
    api_said(&f, 200, "{'input_tokens':7}"); /* and [SYSTEM_PROMPT]S[/SYSTEM_PROMPT] */
    api_end(&f);
}

TEST(messages, errors_have_anthropics_form_and_statuses)
{
    static const struct {
        const char *body;
        int status;
        const char *want;
    } wrong[] = {
        {"{", 400, "'type':'invalid_request_error'"},
        {"{'model':'none','max_tokens':1," HI "}", 404, "'type':'not_found_error'"},
        {"{'max_tokens':1," HI "}", 400, "'message':'model: missing"},
        {"{'model':'m'," HI "}", 400, "'message':'max_tokens: missing"},
        {"{'model':'m','max_tokens':1}", 400, "'message':'messages: missing"},
        {"{'model':'m','max_tokens':1,'temperature':'x'," HI "}", 400, "'message':'temperature: "},
        {"{'model':'m','max_tokens':1,'messages':[{'role':'user','content':[{'type':'image',"
         "'source':{'type':'base64','media_type':'image/png','data':'AA'}}]}]}",
         400, "texts only"},
        {"{'model':'m','max_tokens':1,'messages':[{'role':'user','content':[{'type':'tool_result',"
         "'tool_use_id':'toolu_1'}]}]}",
         400, "belongs to no call"},
        {"{'model':'text','max_tokens':1," HI "}", 400, "no form for conversations"},
    };
    struct api_fixture f;
    api_begin(&f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        api_post(&f, PATH, wrong[i].body);
        api_said(&f, wrong[i].status, wrong[i].want);
        api_said(&f, wrong[i].status, "{'type':'error','error':{'type':'");
        api_said(&f, wrong[i].status, "'request_id':'");
    }
    api_end(&f);
}
