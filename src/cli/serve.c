/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - "bise serve": the HTTP interface for many users at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bise.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/turn.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/options.h"
#include "cli/served.h"
#include "store/keys.h"
#include "store/store.h"

enum { DEFAULT_PORT = 8080, SYNC_S = 5, MOST_WAITING = 1024, GRACE_S = 30 };

struct serve {
    struct served_options models;
    struct option_texts hosts, names, origins, keys;
    const char *unix_path, *cert, *key, *store_url, *thinking;
    int port, grace;
    bool no_auth, any_model, log, no_prefix_cache;

    struct served *served; /* [n] */
    struct api_model *served_as;
    size_t n;
    struct turn *turn;
    struct store *store;
    struct buf uploads;
    struct keyring *keyring;
    struct api *api;
};

static void write_log(const char *line)
{
    fputs(line, stderr);
}

static bool open_models(struct serve *s, int argc, char **argv, struct err *err)
{
    size_t n = argc > 0 ? (size_t)argc : 1;
    s->served = mem_new(n, sizeof *s->served, err);
    s->served_as = s->served ? mem_new(n, sizeof *s->served_as, err) : NULL;
    s->turn = s->served_as ? turn_open(err) : NULL;
    if (!s->turn)
        return false;
    for (; s->n < n; s->n++) {
        const char *what = argc > 0 ? argv[s->n] : NULL;
        struct api_model *model = &s->served_as[s->n];
        if (!served_open(&s->served[s->n], what, &s->models, s->turn, model, err)) {
            served_close(&s->served[s->n]);
            return false;
        }
        for (size_t i = 0; i < s->n; i++)
            if (strcmp(s->served_as[i].name, model->name) == 0) {
                served_close(&s->served[s->n]);
                return err_set(err, ERR_ARG, "two models are called '%s'; rename one", model->name);
            }
        fprintf(stderr, "model %s: %s; %s\n", model->name, model->about,
                model->format ? "chats" : "continues text");
    }
    return true;
}

/* Where the first key is written, for who starts the server for the first time. */
static bool make_first_key(struct serve *s, struct err *err)
{
    char key[KEY_TEXT_CHARS + 1];
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    bool ok = store_folder(&path, err) && buf_add(&path, "/first-key", 10, err) &&
              keys_first(s->store, path.data, key, err);
    if (ok && key[0])
        fprintf(stderr,
                "an API key was made, and written to %s:\n    %s\nmore with 'bise keys add'\n",
                path.data, key);
    buf_free(&path);
    return ok;
}

/* Where uploads lie while they come. */
static bool open_store(struct serve *s, struct err *err)
{
    s->store = store_open(&(struct store_options){.url = s->store_url}, err);
    buf_init(&s->uploads, LIMIT_JSON_BYTES);
    if (s->store)
        return store_uploads(s->store, &s->uploads, err);
    if (!s->no_auth)
        return false;
    console_note("%s; so there are no files", err->text);
    err->code = ERR_NONE;
    return true;
}

static bool open_keys(struct serve *s, struct err *err)
{
    if (s->no_auth)
        return true;
    if (!s->keys.n && !make_first_key(s, err))
        return false;
    s->keyring = keyring_open(s->store, err);
    for (size_t i = 0; s->keyring && i < s->keys.n; i++)
        if (!keyring_add(s->keyring, s->keys.items[i], strlen(s->keys.items[i]), "option", ROLE_ALL,
                         err))
            return false;
    return s->keyring != NULL;
}

static bool is_loopback(const char *address)
{
    return strcmp(address, "localhost") == 0 || strncmp(address, "127.", 4) == 0 ||
           strcmp(address, "::1") == 0;
}

static bool open_api(struct serve *s, struct err *err)
{
    struct api_options o = {.models = s->served_as,
                            .n_models = s->n,
                            .no_auth = s->no_auth,
                            .keyring = s->keyring,
                            .store = s->store,
                            .mistral_thinking = s->thinking && strcmp(s->thinking, "mistral") == 0,
                            .any_model = s->any_model,
                            .log = s->log ? write_log : NULL,
                            .version = bise_version(),
                            .commit = version_commit()};
    http_limits_default(&o.http.limits);
    o.http.port = s->port;
    o.http.unix_path = s->unix_path;
    o.http.unix_mode = 0660;
    o.http.upload_folder = s->uploads.data;
    o.http.cert_file = s->cert;
    o.http.key_file = s->key;
    for (size_t i = 0; i < s->hosts.n && i < HTTP_ADDRESSES; i++)
        o.http.addresses[i] = s->hosts.items[i];
    if (!s->hosts.n)
        o.http.addresses[0] = "127.0.0.1";
    for (size_t i = 0; i < s->names.n && i < HTTP_NAMES; i++)
        o.http.hosts[i] = s->names.items[i];
    for (size_t i = 0; i < s->origins.n && i < HTTP_NAMES; i++)
        o.http.origins[i] = s->origins.items[i];
    s->api = api_open(&o, err);
    return s->api != NULL;
}

static void say_where(const struct serve *s)
{
    const char *scheme = s->cert ? "https" : "http";
    for (size_t i = 0; i < (s->hosts.n ? s->hosts.n : 1); i++) {
        const char *host = s->hosts.n ? s->hosts.items[i] : "127.0.0.1";
        bool is_v6 = strchr(host, ':') != NULL;
        fprintf(stderr, "listening at %s://%s%s%s:%d%s\n", scheme, is_v6 ? "[" : "", host,
                is_v6 ? "]" : "", api_port(s->api), s->no_auth ? ", for everybody" : "");
    }
    if (s->unix_path)
        fprintf(stderr, "listening at %s\n", s->unix_path);
}

static void hold_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP);
    sigprocmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Keeps house until a signal ends the server. */
static void wait_for_end(struct serve *s, const sigset_t *signals)
{
    const struct timespec patience = {.tv_sec = SYNC_S};
    for (;;) {
        struct err err = {0};
        int which = sigtimedwait(signals, NULL, &patience);
        if (which == SIGINT || which == SIGTERM)
            return;
        if (s->keyring && !keyring_sync(s->keyring, which == SIGHUP, &err))
            console_error("bise: keys: %s", err.text);
    }
}

/* Lets running answers end; a second signal does not wait for them. */
static void drain(struct serve *s, const sigset_t *signals)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    fputs("no new requests; waiting for those that run\n", stderr);
    (void)api_drain(s->api, 0);
    for (int i = 0; i < s->grace * 10; i++) {
        int which = sigtimedwait(signals, NULL, &moment);
        if (which == SIGINT || which == SIGTERM || api_drain(s->api, 0))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 99000000}, NULL);
    }
}

static void close_all(struct serve *s)
{
    /* Engines first: what they still answer ends, and tells its clients. */
    for (size_t i = 0; i < s->n; i++)
        served_close(&s->served[i]);
    api_close(s->api);
    keyring_close(s->keyring);
    store_close(s->store);
    buf_free(&s->uploads);
    turn_close(s->turn);
    free(s->served);
    free(s->served_as);
}

static int run_server(struct serve *s, int argc, char **argv)
{
    struct err err = {0};
    sigset_t signals;
    int code = EXIT_DONE;
    hold_signals(&signals);
    if (open_store(s, &err) && open_keys(s, &err) && open_models(s, argc, argv, &err) &&
        open_api(s, &err)) {
        say_where(s);
        wait_for_end(s, &signals);
        drain(s, &signals);
    } else {
        code = console_fail(&err);
    }
    close_all(s);
    return code;
}

/* Who opens the door to others says so: a key protects, or --no-auth is spelt out. */
static int check(const struct serve *s)
{
    for (size_t i = 0; i < s->hosts.n; i++)
        if (s->no_auth && !is_loopback(s->hosts.items[i]))
            console_note("anybody who reaches %s may use this server; leave --no-auth out to ask "
                         "for a key",
                         s->hosts.items[i]);
    if (!s->cert != !s->key)
        return options_wrong(&verb_serve, "--tls-cert and --tls-key go together");
    if (s->hosts.n > HTTP_ADDRESSES || s->names.n > HTTP_NAMES || s->origins.n > HTTP_NAMES)
        return options_wrong(&verb_serve, "too many addresses, names or origins");
    return -1;
}

static int serve(int argc, char **argv)
{
    static const char *const thinkings[] = {"openai", "mistral", NULL};
    struct serve s = {.port = DEFAULT_PORT, .grace = GRACE_S};
    struct scheduler_options *o = &s.models.scheduler;
    *o = (struct scheduler_options){.n_running = 64, .n_waiting = MOST_WAITING};
    const struct option options[] = {
        {.name = "host", .kind = OPTION_TEXTS, .value = &s.hosts},
        option_int("port", &s.port, 0, 65535),
        option_text("unix-socket", &s.unix_path),
        option_text("tls-cert", &s.cert),
        option_text("tls-key", &s.key),
        {.name = "allow-host", .kind = OPTION_TEXTS, .value = &s.names},
        {.name = "allow-origin", .kind = OPTION_TEXTS, .value = &s.origins},
        {.name = "api-key", .kind = OPTION_TEXTS, .value = &s.keys},
        option_flag("no-auth", &s.no_auth),
        option_text("store", &s.store_url),
        option_flag("any-model", &s.any_model),
        option_flag("access-log", &s.log),
        {.name = "thinking", .kind = OPTION_WORD, .value = &s.thinking, .words = thinkings},
        option_int("grace", &s.grace, 0, 3600),
        option_context(&s.models.context),
        {.name = "kv-memory",
         .kind = OPTION_SIZE,
         .value = &s.models.kv_memory,
         .expected = "a size such as 500M, 1.5G or 24GiB"},
        option_u32("parallel", &o->n_running, 1, SCHEDULER_RUNNING),
        option_u32("queue", &o->n_waiting, 0, 100000),
        option_u32("speculate", &o->n_draft, 0, SCHEDULER_DRAFT),
        option_flag("no-prefix-cache", &o->no_prefix_cache),
        option_format(&s.models.version),
        OPTIONS_MACHINE(&s.models.machine),
        {.name = NULL},
    };
    int code = options_parse(&verb_serve, options, &argc, argv);
    if (code < 0)
        code = check(&s);
    return code >= 0 ? code : run_server(&s, argc, argv);
}

const struct verb verb_serve = {
    .name = "serve",
    .summary = "answer over HTTP: the APIs of Mistral, OpenAI and Anthropic",
    .help =
        "usage: bise serve [options] [MODEL...]\n"
        "\n"
        "Answers many users at once over HTTP, in the words of Mistral's, OpenAI's and\n"
        "Anthropic's APIs, so that their clients work when their base URL is changed to\n"
        "this server's.  MODEL is as for 'bise run'; several are served side by side, each\n"
        "under the name of its folder or file.  Without one the bundled model is served.\n"
        "\n"
        "    bise serve ~/models/Ministral-3-3B-Instruct-2512\n"
        "    curl http://127.0.0.1:8080/v1/chat/completions -H \"Authorization: Bearer KEY\" \\\n"
        "        -d '{\"model\":\"Ministral-3-3B-Instruct-2512\",\n"
        "             \"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n"
        "\n"
        "A key is made and printed when the server starts for the first time.\n"
        "\n"
        "    --host ADDRESS          listen there (127.0.0.1; * for everywhere; repeatable)\n"
        "    --port N                listen at that port (8080; 0: any free one)\n"
        "    --unix-socket PATH      listen there, too\n"
        "    --tls-cert, --tls-key F certificate and key, PEM files, for https\n"
        "    --allow-host NAME       answer requests for that name (beside localhost;\n"
        "                            repeatable)\n"
        "    --allow-origin ORIGIN   let pages of https://NAME use the server (repeatable)\n"
        "    --api-key KEY           a key that the store does not have (repeatable)\n"
        "    --no-auth               ask nobody for a key\n"
        "    --store URL             where keys and files are: a path or postgresql://...\n"
        "                            ($BISE_STORE, else ~/.local/share/bise/bise.db)\n"
        "    --any-model             requests need not name the model when there is one only\n"
        "    --access-log            write a line of JSON about each request to stderr\n"
        "    --thinking FORM         openai or mistral: how thoughts are told to clients that\n"
        "                            do not say what they want (openai)\n"
        "    --grace N               wait N seconds for running answers when stopped (30)\n"
        "    --context N             tokens of a request with its answer (the model's, at\n"
        "                            most 32768)\n"
        "    --kv-memory SIZE        memory for keys and values of each model (4 contexts or 1024\n"
        "                            tokens for each answer, at most half of what is left)\n"
        "    --parallel N            answers that are written at the same time (64)\n"
        "    --queue N               requests that may wait besides (1024)\n"
        "    --speculate N           try out N tokens at a time that the text or a request's\n"
        "                            prediction suggests: answers stay the same (0)\n"
        "    --no-prefix-cache       compute every prompt anew\n"
        "    --format V              prompt format, such as v7 (what the model's files "
        "say)\n" OPTIONS_MACHINE_HELP,
    .max_args = API_MODELS,
    .run = serve,
};
