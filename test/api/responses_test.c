/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no weights; the rest is tested with OpenAI's own client (responses_test.mjs). */
#include "api_fixture.h"

#define PATH "/v1/responses"

TEST(responses, tokens_are_counted)
{
    struct api_fixture f;
    api_begin(&f);
    api_post(&f, PATH "/input_tokens", "{'model':'m','input':'Hi'}");
    api_said(&f, 200, "{'object':'response.input_tokens','input_tokens':4}");
    api_post(&f, PATH "/input_tokens", "{'model':'m','input':'Hi','instructions':'S'}");
    api_said(&f, 200, "'input_tokens':7");
    api_end(&f);
}

TEST(responses, errors_have_both_forms)
{
    static const struct {
        const char *body;
        int status;
        const char *want;
    } wrong[] = {
        {"{", 400, "'code':'invalid_json'"},
        {"{'model':'none','input':'Hi'}", 404, "'code':'model_not_found'"},
        {"{'model':'m'}", 422, "'param':'input'"},
        {"{'model':'m','input':5}", 422, "'loc':['body','input']"},
        {"{'model':'m','input':'Hi','max_output_tokens':'x'}", 422, "'param':'max_output_tokens'"},
        {"{'model':'m','input':'Hi','previous_response_id':'resp_1'}", 404,
         "'param':'previous_response_id'"},
        {"{'model':'m','input':'Hi','background':true}", 400, "'param':'background'"},
        {"{'model':'m','input':'Hi','tools':[{'type':'web_search'}]}", 400, "'param':'tools[0]'"},
        {"{'model':'m','input':[{'type':'function_call_output','call_id':'c','output':'x'}]}", 400,
         "belongs to no call"},
        {"{'model':'text','input':'Hi'}", 400, "no form for conversations"},
    };
    struct api_fixture f;
    api_begin(&f);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        api_post(&f, PATH, wrong[i].body);
        api_said(&f, wrong[i].status, wrong[i].want);
        api_said(&f, wrong[i].status, "{'object':'error','message':'");
    }
    api_end(&f);
}
