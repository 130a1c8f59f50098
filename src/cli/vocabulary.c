/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/bundled.h"
#include "data/gguf.h"
#include "data/json.h"
#include "data/utf8.h"
#include "lib/runtime.h"
#include "model/checkpoint.h"

enum { NEWEST_FORMAT = 15 };

static bool is_gguf(const char *path)
{
    struct err ignored = {0};
    struct file_map map;
    if (!file_map(&map, path, &ignored))
        return false;
    bool yes = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    file_unmap(&map);
    return yes;
}

/* A folder whose only model is a .gguf file: the checkpoint knows which. */
static struct tokenizer *open_from_checkpoint(const char *path, struct err *err)
{
    struct checkpoint *ckpt = checkpoint_open(path, err);
    if (!ckpt)
        return NULL;
    struct tokenizer *tok = runtime_tokenizer(ckpt, err);
    checkpoint_close(ckpt);
    return tok;
}

static struct tokenizer *open_path(const char *path, struct err *err)
{
    struct err first = {0};
    if (is_gguf(path)) {
        struct gguf gguf = {0};
        if (!gguf_open(&gguf, path, err))
            return NULL;
        struct tokenizer *tok = tokenizer_from_gguf(&gguf, err);
        gguf_close(&gguf);
        return tok;
    }
    struct tokenizer *tok = tokenizer_open(path, &first);
    if (tok)
        return tok;
    if (first.code == ERR_NOT_FOUND && file_is_dir(path)) {
        struct err ignored = {0};
        tok = open_from_checkpoint(path, &ignored);
    }
    if (!tok)
        *err = first;
    return tok;
}

struct tokenizer *vocabulary_open(const char *model, struct err *err)
{
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    struct tokenizer *tok = bundled_or(model, &path, err) ? open_path(path.data, err) : NULL;
    buf_free(&path);
    return tok;
}

#define EXPECTED "standard input: expected a JSON array of ids such as [1,2,3]"

/* What the prompt of "bise render" is in its output. */
static bool read_ids(const struct tokenizer *tok, const struct json *root, struct token_ids *ids,
                     struct err *err)
{
    struct json array = *root;
    (void)json_find(root, "tokens", &array);
    if (!json_is_array(&array))
        return err_set(err, ERR_FORMAT, EXPECTED);
    for (size_t i = 0; i < json_count(&array); i++) {
        struct json item = json_item(&array, i);
        int64_t id;
        if (!json_read_int(&item, 0, tokenizer_n_vocab(tok) - 1, &id, err) ||
            !token_ids_add(ids, (int32_t)id, err))
            return false;
    }
    return true;
}

/* Says in remedy: [size] what --format can be, when what it was cannot. */
static void list_formats(const struct tokenizer *tok, char *remedy, size_t size)
{
    char list[64] = "";
    for (int version = 1; version <= NEWEST_FORMAT; version++) {
        struct prompt_format format;
        struct err ignored = {0};
        if (!prompt_format_init(&format, tok, version, &ignored))
            continue;
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, "%sv%d", at ? ", " : "", version);
    }
    if (*list)
        snprintf(remedy, size, "--format can be %s here, or be left out", list);
    else
        snprintf(remedy, size, "leave --format out");
}

bool vocabulary_format(const struct tokenizer *tok, int version, struct prompt_format *format,
                       struct err *err)
{
    char remedy[128] = "choose one with --format";
    if (prompt_format_init(format, tok, version, err))
        return true;
    if (version)
        list_formats(tok, remedy, sizeof remedy);
    return err_remedy(err, ERR_UNSUPPORTED, remedy);
}

bool vocabulary_ids(const struct tokenizer *tok, const struct buf *json, struct token_ids *ids,
                    struct err *err)
{
    struct err why = {0};
    struct json_doc *doc = json_parse("standard input", json->data, json->len, &why);
    if (!doc) {
        if (why.code == ERR_FORMAT)
            return err_set(err, ERR_FORMAT, EXPECTED);
        *err = why;
        return false;
    }
    struct json root = json_root(doc);
    bool ok = read_ids(tok, &root, ids, err);
    json_close(doc);
    return ok;
}

/* Prints text as between quotation marks in C: no byte is lost, and none is a control
 * character. */
static void print_quoted(const char *s, size_t n)
{
    putchar('"');
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        bool ok = utf8_decode(s + i, n - i, &code, &len) == UTF8_OK;
        if (s[i] == '\n')
            fputs("\\n", stdout);
        else if (s[i] == '"' || s[i] == '\\')
            printf("\\%c", s[i]);
        else if (ok && utf8_printable(s + i, len))
            fwrite(s + i, 1, len, stdout);
        else
            for (size_t k = 0; k < len; k++)
                printf("\\x%02x", (uint8_t)s[i + k]);
    }
    putchar('"');
}

bool vocabulary_print(const struct tokenizer *tok, const struct token_ids *ids, struct err *err)
{
    struct buf piece;
    buf_init(&piece, LIMIT_TEXT_BYTES);
    bool ok = true;
    for (size_t i = 0; ok && i < ids->n; i++) {
        buf_clear(&piece);
        ok = tokenizer_piece(tok, ids->ids[i], &piece, err);
        printf("%7d  ", ids->ids[i]);
        print_quoted(piece.data, piece.len);
        puts(tokenizer_is_control(tok, ids->ids[i]) ? "  control" : "");
    }
    buf_free(&piece);
    return ok;
}
