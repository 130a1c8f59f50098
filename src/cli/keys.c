/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - "bise keys": the API keys of a server's store. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/options.h"
#include "store/keys.h"

enum { ROLES_TEXT = 40, DATE_TEXT = 24, NUMBER_TEXT = 12 };

struct keys_options {
    const char *store, *name, *roles;
    struct key_limits limits;
    bool json;
};

/* Reads "infer,files" or "all".  Returns 0 when there is another word. */
static uint32_t read_roles(const char *text)
{
    uint32_t roles = 0;
    if (strcmp(text, "all") == 0)
        return ROLE_ALL;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        uint32_t role = role_find(at, n);
        if (!role)
            return 0;
        roles |= role;
        at += n;
        if (!*at)
            return roles;
    }
}

/* Writes roles with what separates them and returns text: [ROLES_TEXT]. */
static const char *write_roles(char *text, uint32_t roles, const char *separator)
{
    size_t n = 0;
    *text = '\0';
    for (uint32_t role = 1; role <= ROLE_ADMIN; role *= 2)
        if (roles & role)
            n += (size_t)snprintf(text + n, ROLES_TEXT - n, "%s%s", n ? separator : "",
                                  role_name(role));
    return text;
}

/* Writes a day and returns text: [DATE_TEXT]. */
static const char *write_date(char *text, int64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (!seconds || !gmtime_r(&t, &tm) || !strftime(text, DATE_TEXT, "%Y-%m-%d", &tm))
        snprintf(text, DATE_TEXT, "-");
    return text;
}

/* Writes a limit and returns text: [NUMBER_TEXT]. */
static const char *write_limit(char *text, uint32_t limit)
{
    snprintf(text, NUMBER_TEXT, limit ? "%u" : "-", limit);
    return text;
}

static void print_table(const struct key_list *list)
{
    int width = 4;
    for (size_t i = 0; i < list->n; i++)
        if ((int)strlen(list->items[i].name) > width)
            width = (int)strlen(list->items[i].name);
    printf("%-8s  %-*s  %-30s %6s %8s %4s  %-10s  %-10s  %s\n", "id", width, "name", "roles",
           "req/m", "tokens/m", "conc", "created", "used", "revoked");
    for (size_t i = 0; i < list->n; i++) {
        const struct key *k = &list->items[i];
        char roles[ROLES_TEXT], rpm[NUMBER_TEXT], tpm[NUMBER_TEXT], concurrent[NUMBER_TEXT];
        char created[DATE_TEXT], used[DATE_TEXT], revoked[DATE_TEXT];
        printf("%-8s  %-*s  %-30s %6s %8s %4s  %-10s  %-10s  %s\n", k->id, width, k->name,
               write_roles(roles, k->roles, ","), write_limit(rpm, k->limits.requests_per_minute),
               write_limit(tpm, k->limits.tokens_per_minute),
               write_limit(concurrent, k->limits.concurrent), write_date(created, k->created_at),
               write_date(used, k->used_at), write_date(revoked, k->revoked_at));
    }
}

static void print_limit(const char *name, uint32_t limit)
{
    if (limit)
        printf(",\"%s\":%u", name, limit);
}

static void print_time(const char *name, int64_t seconds)
{
    if (seconds)
        printf(",\"%s\":%lld", name, (long long)seconds);
}

/* Prints a key as a JSON object; text is the key itself, or NULL. */
static void print_object(const struct key *key, const char *text)
{
    char roles[ROLES_TEXT + 16];
    printf("{\"id\":\"%s\",", key->id);
    if (text)
        printf("\"key\":\"%s\",", text);
    fputs("\"name\":", stdout);
    json_text(key->name, strlen(key->name));
    printf(",\"roles\":[\"%s\"]", write_roles(roles, key->roles, "\",\""));
    print_limit("requests_per_minute", key->limits.requests_per_minute);
    print_limit("tokens_per_minute", key->limits.tokens_per_minute);
    print_limit("concurrent", key->limits.concurrent);
    print_time("created_at", key->created_at);
    print_time("used_at", key->used_at);
    print_time("revoked_at", key->revoked_at);
    putchar('}');
}

static void print_json(const struct key_list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->n; i++) {
        fputs(i ? ",\n " : "", stdout);
        print_object(&list->items[i], NULL);
    }
    puts("]");
}

static int add(struct store *store, const struct keys_options *options)
{
    struct err err = {0};
    char text[KEY_TEXT_CHARS + 1], roles[ROLES_TEXT];
    struct key key = {.roles = read_roles(options->roles), .limits = options->limits};
    snprintf(key.name, sizeof key.name, "%s", options->name);
    if (!keys_add(store, &key, text, &err))
        return console_fail(&err);
    if (options->json) {
        print_object(&key, text);
        putchar('\n');
    } else {
        puts(text);
        console_note("key %s may: %s; this is the only time that it is shown", key.id,
                     write_roles(roles, key.roles, ", "));
    }
    return console_finish(EXIT_DONE);
}

static int list(struct store *store, const struct keys_options *options)
{
    struct err err = {0};
    struct arena arena = {0};
    struct key_list keys;
    int code = EXIT_DONE;
    if (!keys_list(store, &arena, &keys, &err))
        code = console_fail(&err);
    else if (options->json)
        print_json(&keys);
    else if (keys.n)
        print_table(&keys);
    else
        console_note("%s: no keys; 'bise keys add' makes one", store_name(store));
    arena_free(&arena);
    return console_finish(code);
}

static int revoke(struct store *store, const char *arg)
{
    struct err err = {0};
    char id[KEY_ID_CHARS + 1];
    /* A whole key is as good as its id: from here on it opens nothing. */
    const char *named = key_text_read(arg, strlen(arg), id) ? id : arg;
    if (!keys_revoke(store, named, &err))
        return console_fail(&err);
    console_note("key %s: revoked; servers that run refuse it within seconds", named);
    return EXIT_DONE;
}

/* What is wrong with the arguments, or -1. */
static int check(const struct keys_options *options, int argc, char **argv)
{
    bool is_add = argc && strcmp(argv[0], "add") == 0;
    bool is_revoke = argc && strcmp(argv[0], "revoke") == 0;
    if (!argc || (!is_add && !is_revoke && strcmp(argv[0], "list") != 0))
        return options_wrong(&verb_keys, "expected add, list or revoke");
    if (is_revoke != (argc == 2))
        return options_wrong(&verb_keys,
                             is_revoke ? "revoke: expected the id of a key"
                                       : "'%s': one argument too many",
                             argv[argc - 1]);
    if (is_add && !read_roles(options->roles))
        return options_wrong(&verb_keys,
                             "--role: expected some of infer, files, train, agents and admin with "
                             "commas, or all, not '%s'",
                             options->roles);
    if (is_add && strlen(options->name) >= KEY_NAME_BYTES)
        return options_wrong(&verb_keys, "--name: expected at most %d bytes", KEY_NAME_BYTES - 1);
    return -1;
}

static int keys(int argc, char **argv)
{
    struct keys_options o = {.name = "", .roles = "infer,files"};
    const struct option options[] = {
        option_text("store", &o.store),
        option_text("name", &o.name),
        option_text("role", &o.roles),
        option_u32("rpm", &o.limits.requests_per_minute, 1, 1000000000),
        option_u32("tpm", &o.limits.tokens_per_minute, 1, 1000000000),
        option_u32("concurrent", &o.limits.concurrent, 1, 1000000),
        option_flag("json", &o.json),
        {.name = NULL},
    };
    int code = options_parse(&verb_keys, options, &argc, argv);
    if (code < 0)
        code = check(&o, argc, argv);
    if (code >= 0)
        return code;
    struct err err = {0};
    bool is_add = strcmp(argv[0], "add") == 0;
    struct store *store =
        store_open(&(struct store_options){.url = o.store, .must_exist = !is_add}, &err);
    if (!store)
        return console_fail(&err);
    code = is_add ? add(store, &o) : argc == 2 ? revoke(store, argv[1]) : list(store, &o);
    store_close(store);
    return code;
}

const struct verb verb_keys = {
    .name = "keys",
    .summary = "make, list and revoke the API keys of a server",
    .help =
        "usage: bise keys add [options]\n"
        "       bise keys list [--json] [--store URL]\n"
        "       bise keys revoke ID [--store URL]\n"
        "\n"
        "add makes a key for clients of 'bise serve' and prints it, this once: the store keeps\n"
        "its SHA-256 only.  list prints ids, never keys.  revoke ends a key for good.  A server\n"
        "that runs on the same store follows within seconds.\n"
        "\n"
        "    --name TEXT      what the key is for, up to 64 bytes\n"
        "    --role R,...     what it may: infer, files, train, agents, admin, or all\n"
        "                     (default: infer,files)\n"
        "    --rpm N          at most N requests a minute\n"
        "    --tpm N          at most N tokens a minute\n"
        "    --concurrent N   at most N requests at a time\n"
        "    --json           print JSON; times are seconds since 1970\n"
        "    --store URL      a path, or postgresql://USER@HOST/DATABASE; a password belongs into\n"
        "                     ~/.pgpass or PGPASSWORD, since others see arguments (default:\n"
        "                     $BISE_STORE, else bise/bise.db in $XDG_DATA_HOME or\n"
        "                     ~/.local/share)\n",
    .max_args = 2,
    .run = keys,
};
