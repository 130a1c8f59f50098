/* SPDX-License-Identifier: Apache-2.0 */
#include "api/access_log.h"

#include <time.h>

#include "api/api_int.h"

enum { LINE_BYTES = 4096 };

static void write_time(struct json_out *o)
{
    char text[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_out_format(o, "{\"time\":\"%s\"", text);
}

static void write_text(struct json_out *o, const char *name, const char *text)
{
    json_out_format(o, ",\"%s\":", name);
    json_out_text(o, text);
}

void access_log_write(const struct api *api, const struct call *call,
                      const struct http_access *access)
{
    struct err err = {0};
    struct buf line;
    struct json_out o = {.buf = &line};
    buf_init(&line, LINE_BYTES);
    write_time(&o);
    write_text(&o, "request_id", access->request_id);
    write_text(&o, "peer", access->peer);
    write_text(&o, "method", access->method);
    write_text(&o, "route", access->route);
    json_out_format(&o, ",\"status\":%d,\"in_bytes\":%llu,\"out_bytes\":%llu,\"seconds\":%.4f",
                    access->status, (unsigned long long)access->in_bytes,
                    (unsigned long long)access->out_bytes, access->total_s);
    if (!access->complete)
        json_out_raw(&o, ",\"incomplete\":true");
    if (call && call->grant.key_id[0])
        write_text(&o, "key", call->grant.key_id);
    if (call && call->model) {
        write_text(&o, "model", call->model);
        json_out_format(&o,
                        ",\"prompt_tokens\":%u,\"cached_tokens\":%u,\"completion_tokens\":%u,"
                        "\"first_token_seconds\":%.4f",
                        call->n_prompt, call->n_cached, call->n_answer, call->first_s);
    }
    if (call && call->finish)
        write_text(&o, "finish_reason", call->finish);
    json_out_raw(&o, "}\n");
    if (json_out_done(&o, &err))
        api->options.log(line.data);
    buf_free(&line);
}
