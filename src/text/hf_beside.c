/* SPDX-License-Identifier: Apache-2.0 */
/* The small files that Hugging Face keeps beside a tokenizer. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "text/hf_int.h"

enum { MAX_PATH = 4096, MAX_PATCH = 1024, MAX_MERGE = 64 };

struct neighbours {
    struct tokenizer *tok;
    const char *folder;
    struct buf path;
    struct buf template; /* data is NULL until one is found */
};

/* Says whether a file of that name lies in the folder; path is then its path. */
static bool find_file(struct neighbours *in, const char *name, bool *found, struct err *err)
{
    buf_clear(&in->path);
    if (!file_join(&in->path, in->folder, name, err))
        return false;
    *found = file_exists(in->path.data);
    return true;
}

/* Opens a JSON file; *doc is NULL when there is none. */
static bool open_json(struct neighbours *in, const char *name, struct json_doc **doc,
                      struct err *err)
{
    bool found;
    *doc = NULL;
    if (!find_file(in, name, &found, err))
        return false;
    if (!found)
        return true;
    *doc = json_open(in->path.data, err);
    return *doc != NULL;
}

static bool read_template_file(struct neighbours *in, struct err *err)
{
    bool found;
    return find_file(in, "chat_template.jinja", &found, err) &&
           (!found ||
            (buf_add(&in->template, "", 0, err) && file_read(&in->template, in->path.data, err)));
}

/* Takes the template that a document holds: a text, or the default of some with names. */
static bool read_template(struct neighbours *in, const struct json *root, struct err *err)
{
    struct json value, text;
    const char *s;
    size_t n;
    if (in->template.data || !json_find(root, "chat_template", &value))
        return true;
    if (!json_is_array(&value))
        return json_read_string(&value, &s, &n, err) && buf_add(&in->template, s, n, err);
    for (size_t i = 0; i < json_count(&value); i++) {
        struct json item = json_item(&value, i);
        const char *name = "";
        if (!json_opt_string(&item, "name", &name, err))
            return false;
        if (strcmp(name, "default") == 0)
            return json_need(&item, "template", &text, err) &&
                   json_read_string(&text, &s, &n, err) && buf_add(&in->template, s, n, err);
    }
    return true;
}

/* Reads the control token that a member names: a text, or an object with its content. */
static bool read_end(const struct tokenizer *tok, const struct json *root, const char *key,
                     int32_t *id, struct err *err)
{
    struct json value, content;
    const char *name;
    size_t n;
    if (!json_find(root, key, &value))
        return true;
    if (json_is_object(&value)) {
        if (!json_need(&value, "content", &content, err))
            return false;
    } else {
        content = value;
    }
    if (!json_read_string(&content, &name, &n, err))
        return false;
    *id = tokenizer_control(tok, name);
    return *id >= 0 || json_fail(&value, err, ERR_FORMAT, "\"%.40s\" is no control token", name);
}

static bool read_config(struct neighbours *in, bool is_hf, struct err *err)
{
    struct json_doc *doc;
    if (!open_json(in, "tokenizer_config.json", &doc, err))
        return false;
    if (!doc)
        return true;
    struct json root = json_root(doc);
    bool ok = read_template(in, &root, err);
    if (ok && is_hf)
        ok = read_end(in->tok, &root, "bos_token", &in->tok->bos, err) &&
             read_end(in->tok, &root, "eos_token", &in->tok->eos, err);
    json_close(doc);
    return ok;
}

static bool read_template_json(struct neighbours *in, struct err *err)
{
    struct json_doc *doc;
    if (!open_json(in, "chat_template.json", &doc, err))
        return false;
    if (!doc)
        return true;
    struct json root = json_root(doc);
    bool ok = read_template(in, &root, err);
    json_close(doc);
    return ok;
}

/* The patches are the vision model's; transformers' processors repeat them. */
static bool read_image(struct neighbours *in, struct err *err)
{
    struct json_doc *doc;
    struct json vision;
    struct image_traits image = {.patch_size = 16, .max_size = 1024, .merge = 1};
    bool ok = true;
    if (tokenizer_control(in->tok, "[IMG]") < 0)
        return true;
    if (!open_json(in, "config.json", &doc, err))
        return false;
    if (!doc)
        return true;
    struct json root = json_root(doc);
    if (json_find(&root, "vision_config", &vision)) {
        ok = json_opt_u32(&vision, "patch_size", 1, MAX_PATCH, &image.patch_size, err) &&
             json_opt_u32(&vision, "image_size", 1, LIMIT_IMAGE_SIDE, &image.max_size, err) &&
             json_opt_u32(&root, "spatial_merge_size", 1, MAX_MERGE, &image.merge, err);
        in->tok->traits.image = image;
    }
    json_close(doc);
    return ok;
}

/* Who writes the tokenizer into another file needs the whole template. */
static bool keep_template(struct neighbours *in, struct err *err)
{
    struct traits *traits = &in->tok->traits;
    if (!in->template.data)
        return true;
    traits->template.n = in->template.len;
    traits->template.s = arena_string(&traits->arena, in->template.data, in->template.len, err);
    return traits->template.s != NULL;
}

bool hf_read_beside(struct tokenizer *tok, const char *folder, bool is_hf, struct err *err)
{
    struct neighbours in = {.tok = tok, .folder = folder};
    buf_init(&in.path, MAX_PATH);
    buf_init(&in.template, LIMIT_TEMPLATE_BYTES);
    bool ok = read_template_file(&in, err) && read_config(&in, is_hf, err) &&
              read_template_json(&in, err) && (!is_hf || read_image(&in, err));
    ok = ok && keep_template(&in, err);
    if (ok)
        traits_set_template(tok, (struct span){in.template.data, in.template.len}, !is_hf);
    else
        err_remedy(err, ERR_FORMAT, JSON_REMEDY);
    buf_free(&in.path);
    buf_free(&in.template);
    return ok;
}
