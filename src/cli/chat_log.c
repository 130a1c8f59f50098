/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/outfile.h"
#include "text/system_prompt.h"

static bool add_text(struct buf *out, const char *text, struct err *err)
{
    return buf_add(out, text, strlen(text), err);
}

/* Appends "name": text. */
static bool add_member(struct buf *out, const char *name, struct span text, struct err *err)
{
    return json_write_text((struct span){name, strlen(name)}, out, err) &&
           add_text(out, ": ", err) && json_write_text(text, out, err);
}

static char *copy_text(const struct buf *buf, struct err *err)
{
    return mem_string(buf->data ? buf->data : "", buf->len, err);
}

/* Makes room for one more message and puts it at place i; takes json over. */
static bool insert(struct chat_log *log, size_t i, struct chat_entry entry, struct err *err)
{
    if (!entry.json)
        return false;
    if (log->n == LIMIT_MESSAGES) {
        free(entry.json);
        return err_set(err, ERR_LIMIT, "the conversation has %u messages, as many as it can",
                       LIMIT_MESSAGES);
    }
    if (log->n == log->n_places) {
        size_t n_places = log->n_places ? 2 * log->n_places : 16;
        void *entries = mem_resize(log->entries, n_places, sizeof *log->entries, err);
        if (!entries) {
            free(entry.json);
            return false;
        }
        log->entries = entries;
        log->n_places = n_places;
    }
    memmove(log->entries + i + 1, log->entries + i, (log->n - i) * sizeof *log->entries);
    log->entries[i] = entry;
    log->n++;
    return true;
}

/* Puts a copy of text, which may be NULL, in the place of *place. */
static bool copy_string(char **place, const char *text, struct err *err)
{
    char *copy = text ? mem_string(text, strlen(text), err) : NULL;
    if (text && !copy)
        return false;
    free(*place);
    *place = copy;
    return true;
}

bool chat_log_copy(struct chat_log *to, const struct chat_log *from, struct err *err)
{
    *to = (struct chat_log){0};
    for (size_t i = 0; i < from->n; i++) {
        const struct chat_entry *entry = &from->entries[i];
        char *json = mem_string(entry->json, strlen(entry->json), err);
        if (!insert(to, i, (struct chat_entry){entry->role, json}, err))
            return false;
    }
    return copy_string(&to->tools, from->tools, err) && copy_string(&to->effort, from->effort, err);
}

void chat_log_free(struct chat_log *log)
{
    chat_log_cut(log, 0);
    free(log->entries);
    free(log->tools);
    free(log->effort);
    *log = (struct chat_log){0};
}

void chat_log_cut(struct chat_log *log, size_t n)
{
    while (log->n > n)
        free(log->entries[--log->n].json);
}

bool chat_log_add(struct chat_log *log, enum chat_role role, const struct buf *json,
                  struct err *err)
{
    return insert(log, log->n, (struct chat_entry){role, copy_text(json, err)}, err);
}

/* Writes {"role": ..., "content": ...} without the last brace. */
static bool begin_message(struct buf *out, enum chat_role role, struct span text, struct err *err)
{
    const char *name = chat_role_name(role);
    return add_text(out, "{", err) &&
           add_member(out, "role", (struct span){name, strlen(name)}, err) &&
           add_text(out, ", ", err) && add_member(out, "content", text, err);
}

static bool insert_text(struct chat_log *log, size_t i, enum chat_role role, struct span text,
                        struct err *err)
{
    struct buf json;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    bool ok = begin_message(&json, role, text, err) && add_text(&json, "}", err) &&
              insert(log, i, (struct chat_entry){role, copy_text(&json, err)}, err);
    buf_free(&json);
    return ok;
}

bool chat_log_say(struct chat_log *log, struct span text, struct err *err)
{
    return insert_text(log, log->n, CHAT_USER, text, err);
}

bool chat_log_result(struct chat_log *log, const struct chat_call *call, struct span text,
                     struct err *err)
{
    struct buf json;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    bool ok = begin_message(&json, CHAT_TOOL, text, err) && add_text(&json, ", ", err) &&
              add_member(&json, "tool_call_id", call->id, err) && add_text(&json, ", ", err) &&
              add_member(&json, "name", call->name, err) && add_text(&json, "}", err) &&
              chat_log_add(log, CHAT_TOOL, &json, err);
    buf_free(&json);
    return ok;
}

bool chat_log_has_system(const struct chat_log *log)
{
    return log->n && log->entries[0].role == CHAT_SYSTEM;
}

/* The system message that was set before one that is now in front of it goes. */
static void drop_system(struct chat_log *log)
{
    if (log->n > 1 && log->entries[1].role == CHAT_SYSTEM) {
        free(log->entries[1].json);
        log->n--;
        memmove(log->entries + 1, log->entries + 2, (log->n - 1) * sizeof *log->entries);
    }
}

bool chat_log_set_system(struct chat_log *log, struct span text, struct err *err)
{
    if (!insert_text(log, 0, CHAT_SYSTEM, text, err))
        return false;
    drop_system(log);
    return true;
}

/* Writes parts of text and thinking as a system message. */
static bool write_system(struct buf *out, const struct chat_part *parts, size_t n, struct err *err)
{
    bool ok = add_text(out, "{\"role\": \"system\", \"content\": [", err);
    for (size_t i = 0; ok && i < n; i++) {
        const char *key = parts[i].kind == PART_THINKING ? "thinking" : "text";
        ok = add_text(out, i ? ", {" : "{", err) &&
             add_member(out, "type", (struct span){key, strlen(key)}, err) &&
             add_text(out, ", ", err) && add_member(out, key, parts[i].text, err) &&
             add_text(out, "}", err);
    }
    return ok && add_text(out, "]}", err);
}

bool chat_log_read_system(struct chat_log *log, const char *path,
                          const struct prompt_format *format, struct err *err)
{
    struct chat_part parts[SYSTEM_PROMPT_PARTS];
    struct buf text, json;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    buf_init(&json, LIMIT_REQUEST_BYTES);
    bool ok = file_read(&text, path, err);
    struct span all = {text.len ? text.data : "", text.len};
    size_t n = ok ? system_prompt_parts(format, all, parts) : 0;
    if (ok && n < 2 && (!n || parts->kind == PART_TEXT))
        ok = chat_log_set_system(log, all, err);
    else if (ok &&
             (ok = write_system(&json, parts, n, err) &&
                   insert(log, 0, (struct chat_entry){CHAT_SYSTEM, copy_text(&json, err)}, err)))
        drop_system(log);
    buf_free(&text);
    buf_free(&json);
    return ok;
}

static bool parse_file(const char *path, struct buf *bytes, struct json_tree *tree, struct err *err)
{
    return file_read(bytes, path, err) && json_tree_parse(tree, path, bytes->data, bytes->len, err);
}

/* Takes the list over as the tools of the conversation. */
static bool take_tools(struct chat_log *log, const struct json_node *list, struct err *err)
{
    struct buf json;
    char *tools = NULL;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    if (json_write(list, &json, err))
        tools = copy_text(&json, err);
    buf_free(&json);
    if (!tools)
        return false;
    free(log->tools);
    log->tools = tools;
    return true;
}

bool chat_log_read_tools(struct chat_log *log, const char *path, struct err *err)
{
    struct json_tree tree = {0};
    struct buf bytes;
    bool ok = false;
    buf_init(&bytes, LIMIT_REQUEST_BYTES);
    if (parse_file(path, &bytes, &tree, err)) {
        const struct json_node *list = json_member(tree.root, "tools");
        if (!list)
            list = tree.root;
        ok = list->kind == NODE_ARRAY
                 ? take_tools(log, list, err)
                 : json_node_fail(list, err, "expected a list of tool definitions");
    }
    json_tree_free(&tree);
    buf_free(&bytes);
    return ok;
}

bool chat_log_set_effort(struct chat_log *log, const char *effort, struct err *err)
{
    return copy_string(&log->effort, effort, err);
}

bool chat_log_request(const struct chat_log *log, struct buf *out, struct err *err)
{
    bool ok = add_text(out, "{\"messages\": [", err);
    for (size_t i = 0; ok && i < log->n; i++)
        ok = add_text(out, i ? ",\n" : "\n", err) && add_text(out, log->entries[i].json, err);
    ok = ok && add_text(out, "\n]", err);
    if (ok && log->tools)
        ok = add_text(out, ", \"tools\": ", err) && add_text(out, log->tools, err);
    if (ok && log->effort)
        ok = add_text(out, ", ", err) &&
             add_member(out, "reasoning_effort", (struct span){log->effort, strlen(log->effort)},
                        err);
    return ok && add_text(out, "}\n", err);
}

/* The messages as they were written, with the roles that chat_read() found. */
static bool take_messages(struct chat_log *log, const struct chat *chat, struct err *err)
{
    const struct json_node *node = json_member(chat->tree.root, "messages")->first;
    struct buf json;
    bool ok = true;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    for (size_t i = 0; ok && i < chat->n_messages; i++, node = node->next) {
        buf_clear(&json);
        ok = json_write(node, &json, err) && chat_log_add(log, chat->messages[i].role, &json, err);
    }
    buf_free(&json);
    const struct json_node *tools = json_member(chat->tree.root, "tools");
    return ok && (!tools || tools->kind != NODE_ARRAY || take_tools(log, tools, err));
}

static bool take_effort(struct chat_log *log, struct span effort, struct err *err)
{
    if (!effort.s)
        return true;
    char *text = mem_string(effort.s, effort.n, err);
    bool ok = text && chat_log_set_effort(log, text, err);
    free(text);
    return ok;
}

bool chat_log_load(struct chat_log *log, const char *path, struct err *err)
{
    struct chat chat = {0};
    struct buf bytes;
    buf_init(&bytes, LIMIT_REQUEST_BYTES);
    bool ok = file_read(&bytes, path, err) &&
              chat_read(&chat, CHAT_MISTRAL, path, bytes.data, bytes.len, err) &&
              take_messages(log, &chat, err) && take_effort(log, chat.reasoning_effort, err);
    chat_free(&chat);
    buf_free(&bytes);
    return ok;
}

bool chat_log_save(const struct chat_log *log, const char *path, struct err *err)
{
    struct outfile out;
    struct buf json;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    bool ok = chat_log_request(log, &json, err);
    if (ok) {
        ok = outfile_open(&out, path, err) && outfile_write(&out, json.data, json.len, err) &&
             outfile_commit(&out, err);
        outfile_close(&out);
    }
    buf_free(&json);
    return ok;
}
