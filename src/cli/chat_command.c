/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/console.h"

struct command {
    const char *name;
    const char *argument; /* as the help shows it, or NULL */
    const char *help;
    bool needs_argument;
    bool (*run)(struct chat_session *s, const char *argument, struct err *err);
};

static const struct command *command_at(size_t i);

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static bool aside(const char *text, struct err *err)
{
    return console_aside(text, strlen(text), err);
}

static bool help(struct chat_session *s, const char *argument, struct err *err)
{
    (void)s, (void)argument;
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        char line[128];
        snprintf(line, sizeof line, "/%s %-*s %s\n", c->name, 16 - (int)strlen(c->name),
                 c->argument ? c->argument : "", c->help);
        if (!aside(line, err))
            return false;
    }
    return aside(
        "A message over several lines stands between \"\"\" and \"\"\", or its lines end in "
        "\\;\nbehind /system as well.  Only its first line can be a command, others that begin "
        "with\n/ are text; a first line that begins with // is text that begins with /.\n"
        "A FILE that begins with ~/ is in your home folder.\n",
        err);
}

/* The system text and the tools stay: they are what the user set up. */
static bool reset(struct chat_session *s, const char *argument, struct err *err)
{
    (void)argument, (void)err;
    chat_log_cut(&s->log, chat_log_has_system(&s->log));
    return true;
}

/* Makes what a command built the conversation if it could be one; else forgets it.  ok: whether
 * it was built; name: of the file it comes from, or NULL. */
static bool replace(struct chat_session *s, struct chat_log *log, bool ok, const char *name,
                    struct err *err)
{
    if (ok && !chat_session_check(s, log, err))
        ok = name && err_add(err, "%s", name);
    if (ok) {
        struct chat_log old = s->log;
        s->log = *log;
        *log = old;
    }
    chat_log_free(log);
    return ok;
}

static bool show_system(const struct chat_session *s, struct err *err)
{
    struct json_tree tree = {0};
    if (!chat_log_has_system(&s->log))
        return aside("there is no system text\n", err);
    const char *json = s->log.entries[0].json;
    bool ok = json_tree_parse(&tree, "system", json, strlen(json), err);
    if (ok) {
        const struct json_node *content = json_member(tree.root, "content");
        /* A list of parts comes from a loaded file and is shown as it is. */
        ok = content && content->kind == NODE_STRING
                 ? console_aside(content->text.s, content->text.n, err) && aside("\n", err)
                 : aside(json, err) && aside("\n", err);
    }
    json_tree_free(&tree);
    return ok;
}

static bool set_system(struct chat_session *s, const char *argument, struct err *err)
{
    struct chat_log log;
    if (!*argument)
        return show_system(s, err);
    bool ok =
        chat_log_copy(&log, &s->log, err) && chat_log_set_system(&log, span_of(argument), err);
    return replace(s, &log, ok, NULL, err);
}

static bool set_tools(struct chat_session *s, const char *argument, struct err *err)
{
    struct chat_log log;
    if (!*argument)
        return aside(s->log.tools ? s->log.tools : "there are no tools", err) && aside("\n", err);
    bool ok = chat_log_copy(&log, &s->log, err) && chat_log_read_tools(&log, argument, err);
    return replace(s, &log, ok, argument, err);
}

static bool regenerate(struct chat_session *s, const char *argument, struct err *err)
{
    (void)argument, (void)err;
    if (chat_session_again(s) == EXIT_DONE && s->run->wanted.sampler.temperature <= 0)
        console_note("at temperature 0 the answer is the same again; --temperature X draws");
    return true;
}

static bool save(struct chat_session *s, const char *argument, struct err *err)
{
    if (!chat_log_save(&s->log, argument, err))
        return false;
    console_note("saved %zu message%s to %s", s->log.n, plural(s->log.n), argument);
    return true;
}

static bool load(struct chat_session *s, const char *argument, struct err *err)
{
    struct chat_log log;
    bool ok = chat_log_copy(&log, &s->log, err);
    chat_log_cut(&log, 0);
    ok = ok && chat_log_load(&log, argument, err);
    if (!replace(s, &log, ok, argument, err))
        return false;
    chat_session_note(s);
    return true;
}

static bool quit(struct chat_session *s, const char *argument, struct err *err)
{
    (void)argument, (void)err;
    s->is_over = true;
    return true;
}

static const struct command commands[] = {
    {"help", NULL, "list these commands", false, help},
    {"reset", NULL, "begin a new conversation; system text and tools stay", false, reset},
    {"system", "[TEXT]", "set the system text, or show it", false, set_system},
    {"tools", "[FILE]", "read tool definitions (JSON), or show them", false, set_tools},
    {"regenerate", NULL, "answer the last message again", false, regenerate},
    {"save", "FILE", "write the conversation as JSON", true, save},
    {"load", "FILE", "go on with such a file; without tools in it yours stay", true, load},
    {"quit", NULL, "end; so does Ctrl-D", false, quit},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const struct command *command_at(size_t i)
{
    return i < N_COMMANDS ? &commands[i] : NULL;
}

static void unknown(const char *line, size_t n_name)
{
    char names[128] = "";
    for (size_t i = 0; i < N_COMMANDS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " /%s", commands[i].name);
    console_error("bise: '%.*s' is no command; there are%s", (int)n_name, line, names);
}

/* Appends argument as the shell would: ~/ at its start is the user's home folder. */
static bool add_file_name(struct buf *name, const char *argument, struct err *err)
{
    const char *home = getenv("HOME");
    bool is_at_home = home && *home && strncmp(argument, "~/", 2) == 0;
    return (!is_at_home || buf_add(name, home, strlen(home), err)) &&
           buf_add(name, argument + is_at_home, strlen(argument + is_at_home), err);
}

static bool run_command(const struct command *c, struct chat_session *s, const char *argument,
                        struct err *err)
{
    bool is_file = c->argument && strstr(c->argument, "FILE");
    struct buf name;
    if (!is_file)
        return c->run(s, argument, err);
    buf_init(&name, LIMIT_REQUEST_BYTES);
    bool ok = add_file_name(&name, argument, err) && c->run(s, name.data, err);
    buf_free(&name);
    return ok;
}

/* Says whether that is the name of c, or what it is called elsewhere. */
static bool is_called(const struct command *c, const char *name, size_t n)
{
    static const char *const others[][2] = {{"?", "help"}, {"exit", "quit"}, {"bye", "quit"}};
    const struct span called = {name, n};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (span_is(called, others[i][0]))
            return strcmp(c->name, others[i][1]) == 0;
    return span_is(called, c->name);
}

bool chat_command_is(const struct buf *line, bool is_quoted)
{
    return !is_quoted && line->len && line->data[0] == '/' &&
           !(line->len > 1 && line->data[1] == '/');
}

struct span chat_command_text(const struct buf *line, bool is_quoted)
{
    bool is_escaped = !is_quoted && line->len > 1 && memcmp(line->data, "//", 2) == 0;
    return (struct span){line->len ? line->data + is_escaped : "", line->len - is_escaped};
}

void chat_command(struct chat_session *s, const char *line)
{
    struct err err = {0};
    size_t n_name = strcspn(line, " \t\n");
    const char *argument = line + n_name + strspn(line + n_name, " \t\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command *c = &commands[i];
        if (!is_called(c, line + 1, n_name - 1))
            continue;
        if (*argument && !c->argument)
            console_error("bise: /%s takes no text", c->name);
        else if (!*argument && c->needs_argument)
            console_error("bise: /%s: expected %s", c->name, c->argument);
        else if (!run_command(c, s, argument, &err))
            (void)console_fail(&err);
        return;
    }
    unknown(line, n_name > 40 ? 40 : n_name);
}
