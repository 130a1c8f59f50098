/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_int.h"
#include "api/endpoints.h"

enum { REPLY_BYTES = 4096 };

void health_answer(struct call *call)
{
    static const char ok[] = "{\"status\":\"ok\"}", draining[] = "{\"status\":\"draining\"}";
    if (http_server_is_draining(call->api->server))
        http_reply(call->x, 503, "application/json", draining, sizeof draining - 1);
    else
        http_reply(call->x, 200, "application/json", ok, sizeof ok - 1);
}

void version_answer(struct call *call)
{
    struct buf out;
    struct json_out o = {.buf = &out};
    buf_init(&out, REPLY_BYTES);
    json_out_raw(&o, "{\"version\":");
    json_out_text(&o, call->api->options.version);
    json_out_raw(&o, ",\"commit\":");
    json_out_text(&o, call->api->options.commit);
    json_out_raw(&o, ",\"build\":\"bise\"}");
    call_reply(call, &o);
    buf_free(&out);
}
