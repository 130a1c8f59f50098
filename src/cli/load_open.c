/* SPDX-License-Identifier: Apache-2.0 */
/* load_open.c - asks a server what it is before it is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/load_int.h"
#include "data/json_tree.h"

enum { CONNECT_S = 30 };

#define LOOK_EVERY_S 0.2

/* --- addresses ------------------------------------------------------------------------------ */

static bool check_url(const char *url, struct err *err)
{
    size_t n = strlen(url);
    bool scheme = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    for (size_t i = 0; i < n; i++)
        scheme = scheme && (unsigned char)url[i] > ' ' && url[i] != '?' && url[i] != '#';
    return (scheme && n <= LIMIT_URL_BYTES) ||
           err_set(err, ERR_ARG, "--url: expected an address such as http://127.0.0.1:8080");
}

/* Appends the address of a path below /v1, which may be a part of base or not. */
static bool join(struct buf *out, const char *base, const char *path, struct err *err)
{
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    bool has = n >= 3 && memcmp(base + n - 3, "/v1", 3) == 0;
    return buf_add(out, base, n, err) && buf_add(out, "/v1", has ? 0 : 3, err) &&
           buf_add(out, path, strlen(path), err);
}

/* --- the model ------------------------------------------------------------------------------ */

static bool add_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

/* Gets what lies at url.  Errors: ERR_IO, ERR_CANCELLED, ERR_LIMIT. */
static bool get(struct load *load, const char *url, struct buf *out, struct err *err)
{
    struct http_call call = {
        .url = url, .token = load->options->key, .write = add_bytes, .arg = out};
    struct http_call *done = NULL;
    bool ok = http_call_begin(load->caller, &call, err);
    while (ok && !done) {
        ok = http_caller_wait(load->caller, clock_now() + LOOK_EVERY_S, err);
        done = ok ? http_caller_done(load->caller) : NULL;
        if (interrupt_came())
            ok = err_set(err, ERR_CANCELLED, "interrupted");
    }
    http_call_free(load->caller, &call);
    if (ok && call.end != HTTP_WHOLE)
        return err_set(err, ERR_IO, "%s: %s; is a server there? see --url", url, call.err.text);
    if (ok && call.status == 401)
        return err_set(err, ERR_IO, "%s: the server answers 401; see --key-file", url);
    return ok && (call.status == 200 ||
                  err_set(err, ERR_IO, "%s: the server answers %ld; name the model with --model",
                          url, call.status));
}

static bool read_model(struct load *load, const char *url, const struct buf *text, struct err *err)
{
    struct json_tree tree;
    bool ok = json_tree_parse(&tree, url, text->data ? text->data : "", text->len, err);
    const struct json_node *list = ok ? json_member(tree.root, "data") : NULL;
    const struct json_node *first = list && list->kind == NODE_ARRAY ? list->first : NULL;
    const struct json_node *id = first ? json_member(first, "id") : NULL;
    if (ok && id && id->kind == NODE_STRING && id->text.n)
        ok = buf_add(&load->model, id->text.s, id->text.n, err);
    else if (ok)
        ok = err_set(err, ERR_FORMAT, "%s: it lists no model; name one with --model", url);
    if (ok && list && list->n > 1)
        console_note("the server has %zu models; --model chooses one, this is the first", list->n);
    json_tree_free(&tree);
    return ok;
}

static bool find_model(struct load *load, struct err *err)
{
    struct buf url, text;
    const char *name = load->options->model;
    buf_init(&url, LIMIT_URL_BYTES + 100);
    buf_init(&text, LIMIT_ANSWER_BYTES);
    bool ok = name ? buf_add(&load->model, name, strlen(name), err)
                   : join(&url, load->options->url, "/models", err) &&
                         get(load, url.data, &text, err) && read_model(load, url.data, &text, err);
    buf_free(&url);
    buf_free(&text);
    return ok;
}

/* --- what it takes, and how it counts ------------------------------------------------------- */

static bool is_refusal(const struct load_row *row)
{
    return row->kinds[LOAD_STATUS] && row->errors.n &&
           (strcmp(row->errors.items[0].name, "status 400") == 0 ||
            strcmp(row->errors.items[0].name, "status 422") == 0);
}

/* Sends a short request with every field that some servers do not know, then with fewer. */
static bool probe_fields(struct load *load, struct load_row *row, struct err *err)
{
    static const struct load_accepts tries[] = {
        {true, true, true}, {false, true, true}, {false, false, true}, {false, false, false}};
    struct err first = {0}, later = {0};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        load->body.accepts = tries[i];
        if (load_one(load, row, i ? &later : &first))
            return true;
        if (!is_refusal(row))
            break;
    }
    *err = first;
    return false;
}

static bool probe(struct load *load, struct err *err)
{
    const struct load_options *o = load->options;
    struct load_row *row = mem_new(1, sizeof *row, err);
    uint32_t n_generate = load->body.n_generate;
    if (!row)
        return false;
    load->body.n_generate = 1;
    load->words = (struct load_words){.seed = o->seed ^ 1, .own = LOAD_PROBE_SHORT};
    bool ok = probe_fields(load, row, err);
    load->words.own = LOAD_PROBE_LONG;
    if (ok && !load->file.n_lines)
        ok = load_one(load, row, err);
    load->body.n_generate = n_generate;
    free(row);
    return ok;
}

/* --- opening -------------------------------------------------------------------------------- */

static bool open_all(struct load *load, struct err *err)
{
    const struct load_options *o = load->options;
    const struct http_caller_options how = {.agent = o->agent,
                                            .ca_file = getenv("SSL_CERT_FILE"),
                                            .connect_s = CONNECT_S,
                                            .most_s = o->most_s,
                                            .n_most = o->n_most};
    load->body = (struct load_body){.endpoint = o->endpoint,
                                    .stream = o->stream,
                                    .count_often = o->check,
                                    .n_generate = o->n_generate,
                                    .temperature = o->temperature,
                                    .seed = o->seed};
    const char *path = o->endpoint == LOAD_CHAT ? "/chat/completions" : "/completions";
    if (!check_url(o->url, err) || !join(&load->url, o->url, path, err) ||
        (o->file && !load_file_open(&load->file, o->file, o->endpoint, err)))
        return false;
    load->slots = mem_new(o->n_most, sizeof(struct load_slot *), err);
    load->caller = load->slots ? http_caller_open(&how, err) : NULL;
    if (!load->caller || ((o->model || !o->file) && !find_model(load, err)))
        return false;
    load->body.model = load->model.data;
    return probe(load, err);
}

struct load *load_open(const struct load_options *options, struct err *err)
{
    struct load *load = mem_new(1, sizeof *load, err);
    if (!load)
        return NULL;
    load->options = options;
    buf_init(&load->url, LIMIT_URL_BYTES + 100);
    buf_init(&load->model, LIMIT_URL_BYTES);
    for (int i = 0; i < LOAD_TEXTS; i++)
        buf_init(&load->wants[i], LIMIT_ANSWER_BYTES);
    if (open_all(load, err))
        return load;
    load_close(load);
    return NULL;
}

void load_close(struct load *load)
{
    if (!load)
        return;
    for (uint32_t i = 0; i < load->n_slots; i++) {
        http_call_free(load->caller, &load->slots[i]->call);
        load_answer_free(&load->slots[i]->answer);
        buf_free(&load->slots[i]->body);
        free(load->slots[i]);
    }
    http_caller_close(load->caller);
    for (int i = 0; i < LOAD_TEXTS; i++)
        buf_free(&load->wants[i]);
    request_file_close(&load->file);
    buf_free(&load->url);
    buf_free(&load->model);
    free(load->slots);
    free(load);
}

const char *load_model(const struct load *load)
{
    return load->model.data;
}

const struct load_accepts *load_accepted(const struct load *load)
{
    return &load->body.accepts;
}
