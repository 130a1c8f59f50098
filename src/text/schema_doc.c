/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_doc_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/schema_uri_int.h"
#include "text/schema_word_int.h"

/* A schema with a name: a URI of its own, or an anchor in the resource it lies in. */
struct schema_anchor {
    struct span uri;                /* of the resource, without fragment */
    struct span name;               /* s NULL: the resource itself */
    const struct json_node *schema; /* what is named */
    bool is_dynamic;
};

bool schema_fail(const struct schema_doc *doc, const struct json_node *node, struct err *err,
                 const char *fmt, ...)
{
    char path[ERR_TEXT_BYTES / 2], message[ERR_TEXT_BYTES / 2], *at = path + sizeof path;
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    *--at = 0;
    for (; node && node != doc->root && node->up; node = node->up) {
        char index[24];
        struct span part = node->key;
        if (node->up->kind == NODE_ARRAY)
            part = (struct span){index, (size_t)snprintf(index, sizeof index, "%zu", node->index)};
        if ((size_t)(at - path) < part.n + 1) /* the end of the path says enough */
            break;
        at -= part.n;
        if (part.n)
            memcpy(at, part.s, part.n);
        *--at = '/';
    }
    const char *name = doc->name ? doc->name : "";
    return err_set(err, ERR_ARG, "schema not supported: %s%s: %s", name, *at || *name ? at : "/",
                   message);
}

bool schema_fail_because(const struct schema_doc *doc, const struct json_node *node,
                         const struct err *cause, struct err *err)
{
    schema_fail(doc, node, err, "%s", cause->text);
    if (cause->code == ERR_LIMIT)
        err->code = ERR_LIMIT;
    return false;
}

static const struct json_node *member_of(const struct json_node *schema, const char *key)
{
    const struct json_node *m = schema->kind == NODE_OBJECT ? json_member(schema, key) : NULL;
    return m && m->kind == NODE_STRING ? m : NULL;
}

static enum schema_draft read_draft(struct span uri, bool *is_marked)
{
    static const struct {
        const char *part;
        enum schema_draft draft;
    } drafts[] = {{"draft-04", DRAFT_4},
                  {"draft-06", DRAFT_6},
                  {"draft-07", DRAFT_7},
                  {"/2019-09/", DRAFT_2019},
                  {"/2020-12/", DRAFT_2020}};
    *is_marked = false;
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        if (!uri.s || !span_has(uri, drafts[i].part))
            continue;
        *is_marked = true;
        return drafts[i].draft;
    }
    return DRAFT_2020;
}

static bool add_anchor(struct schema_doc *doc, struct schema_anchor anchor, struct err *err)
{
    if (doc->n_anchors == LIMIT_SCHEMA_NAMES)
        return schema_fail(doc, anchor.schema, err, "more than %u identifiers", LIMIT_SCHEMA_NAMES);
    if (doc->n_anchors == doc->n_places) {
        size_t n = doc->n_places ? 2 * doc->n_places : 8;
        struct schema_anchor *more = mem_resize(doc->anchors, n, sizeof *more, err);
        if (!more)
            return false;
        doc->anchors = more;
        doc->n_places = n;
    }
    doc->anchors[doc->n_anchors++] = anchor;
    return true;
}

/* Up to draft 7 a $ref stands alone: an identifier beside it names nothing. */
static bool is_plain_ref(const struct schema_doc *doc, const struct json_node *schema)
{
    return doc->is_marked && doc->draft <= DRAFT_7 && member_of(schema, "$ref");
}

static const struct json_node *id_of(const struct schema_doc *doc, const struct json_node *schema)
{
    if (is_plain_ref(doc, schema))
        return NULL;
    const struct json_node *id = member_of(schema, "$id");
    return id || (doc->is_marked && doc->draft != DRAFT_4) ? id : member_of(schema, "id");
}

/* Enters the names that a schema gives itself, and moves *base to its own URI. */
static bool enter_names(struct schema_doc *doc, const struct json_node *schema, struct span *base,
                        struct err *err)
{
    const struct json_node *id = id_of(doc, schema);
    if (id) {
        struct span uri, fragment;
        schema_uri_split(id->text, &uri, &fragment);
        if (fragment.n &&
            !add_anchor(doc, (struct schema_anchor){*base, fragment, schema, false}, err))
            return false;
        if (uri.n &&
            (!schema_uri_resolve(&doc->arena, *base, uri, base, err) ||
             !add_anchor(doc, (struct schema_anchor){.uri = *base, .schema = schema}, err)))
            return false;
    }
    const struct json_node *recursive = json_member(schema, "$recursiveAnchor");
    doc->has_recursive_anchor |= recursive && recursive->kind == NODE_TRUE;
    const struct json_node *anchor = member_of(schema, "$anchor");
    const struct json_node *dynamic = member_of(schema, "$dynamicAnchor");
    return (!anchor ||
            add_anchor(doc, (struct schema_anchor){*base, anchor->text, schema, false}, err)) &&
           (!dynamic ||
            add_anchor(doc, (struct schema_anchor){*base, dynamic->text, schema, true}, err));
}

static bool enter(struct schema_doc *doc, const struct json_node *schema, struct span base,
                  struct err *err);

static bool enter_each(struct schema_doc *doc, const struct json_node *value, struct span base,
                       struct err *err)
{
    for (const struct json_node *m = value->first; m; m = m->next)
        if (schema_is_schema(m) && !enter(doc, m, base, err))
            return false;
    return true;
}

/* Enters the names of a schema and of those in it.  Depth: that of the JSON text, which its
 * reader bounds. */
static bool enter(struct schema_doc *doc, const struct json_node *schema, struct span base,
                  struct err *err)
{
    if (schema->kind != NODE_OBJECT)
        return true;
    if (!enter_names(doc, schema, &base, err))
        return false;
    for (const struct json_node *m = schema->first; m; m = m->next) {
        enum schema_inside inside = schema_word_inside(schema_word_find(m->key));
        if (inside == INSIDE_EITHER)
            inside = m->kind == NODE_ARRAY ? INSIDE_LIST : INSIDE_ONE;
        bool ok = true;
        if (inside == INSIDE_ONE)
            ok = enter(doc, m, base, err);
        else if ((inside == INSIDE_LIST && m->kind == NODE_ARRAY) ||
                 (inside == INSIDE_MAP && m->kind == NODE_OBJECT))
            ok = enter_each(doc, m, base, err);
        if (!ok)
            return false;
    }
    return true;
}

static int compare_schemas(const void *a, const void *b)
{
    const struct schema_anchor *const *x = a, *const *y = b;
    return ((*x)->schema > (*y)->schema) - ((*x)->schema < (*y)->schema);
}

/* Sorts the schemas with URIs, so that base_of() finds them at once. */
static bool index_resources(struct schema_doc *doc, struct err *err)
{
    doc->resources = mem_new(doc->n_anchors, sizeof(void *), err);
    if (!doc->resources)
        return false;
    for (size_t i = 0; i < doc->n_anchors; i++)
        if (!doc->anchors[i].name.s)
            doc->resources[doc->n_resources++] = &doc->anchors[i];
    qsort(doc->resources, doc->n_resources, sizeof(void *), compare_schemas);
    return true;
}

bool schema_doc_init(struct schema_doc *doc, const char *name, const struct json_node *root,
                     struct err *err)
{
    *doc = (struct schema_doc){.name = name, .root = root, .draft = DRAFT_2020};
    if (!schema_is_schema(root))
        return schema_fail(doc, root, err, "expected a schema: an object or a boolean");
    const struct json_node *uri = member_of(root, "$schema");
    if (uri)
        doc->draft = read_draft(uri->text, &doc->is_marked);
    return enter(doc, root, SPAN(""), err) && index_resources(doc, err);
}

void schema_doc_free(struct schema_doc *doc)
{
    free(doc->resources);
    free(doc->anchors);
    arena_free(&doc->arena);
    *doc = (struct schema_doc){0};
}

/* The URI of the resource that node lies in. */
static struct span base_of(const struct schema_doc *doc, const struct json_node *node)
{
    for (; node; node = node == doc->root ? NULL : node->up) {
        const struct schema_anchor wanted = {.schema = node}, *key = &wanted;
        const struct schema_anchor *const *found =
            bsearch(&key, doc->resources, doc->n_resources, sizeof(void *), compare_schemas);
        if (found)
            return (*found)->uri;
    }
    return SPAN("");
}

static const struct json_node *find_resource(const struct schema_doc *doc, struct span uri)
{
    for (size_t i = 0; i < doc->n_anchors; i++)
        if (!doc->anchors[i].name.s && span_same(doc->anchors[i].uri, uri))
            return doc->anchors[i].schema;
    return uri.n ? NULL : doc->root;
}

static const struct schema_anchor *find_anchor(const struct schema_doc *doc, struct span uri,
                                               struct span name)
{
    for (size_t i = 0; i < doc->n_anchors; i++) {
        const struct schema_anchor *a = &doc->anchors[i];
        if (a->name.s && span_same(a->name, name) && span_same(a->uri, uri))
            return a;
    }
    return NULL;
}

/* One step of a JSON pointer; NULL when it leads nowhere. */
static const struct json_node *step(const struct json_node *node, struct span part)
{
    bool is_list = node->kind == NODE_ARRAY;
    if (!is_list && node->kind != NODE_OBJECT)
        return NULL;
    for (const struct json_node *m = node->first; m; m = m->next) {
        char index[24];
        struct span name = m->key;
        if (is_list)
            name = (struct span){index, (size_t)snprintf(index, sizeof index, "%zu", m->index)};
        if (span_same(name, part))
            return m;
    }
    return NULL;
}

static bool follow(struct schema_doc *doc, const struct json_node *from, struct span pointer,
                   const struct json_node **target, struct err *err)
{
    while (from && pointer.n) {
        pointer.s++; /* a slash */
        pointer.n--;
        const char *slash = pointer.n ? memchr(pointer.s, '/', pointer.n) : NULL;
        struct span part = {pointer.s, slash ? (size_t)(slash - pointer.s) : pointer.n};
        pointer.s += part.n;
        pointer.n -= part.n;
        if (!schema_uri_decode(&doc->arena, part, true, &part, err))
            return false;
        from = step(from, part);
    }
    *target = from;
    return true;
}

/* Finds the resource that ref names and the fragment inside it. */
static bool locate(struct schema_doc *doc, const struct json_node *ref,
                   const struct json_node **resource, struct span *base, struct span *fragment,
                   struct err *err)
{
    struct span uri;
    const struct json_node *from = ref->up;
    if (from && is_plain_ref(doc, from))
        from = from->up;
    schema_uri_split(ref->text, &uri, fragment);
    if (!schema_uri_resolve(&doc->arena, base_of(doc, from), uri, base, err))
        return false;
    *resource = find_resource(doc, *base);
    if (!*resource)
        return schema_fail(doc, ref, err,
                           "\"%.*s\" is in another document, and those are not fetched",
                           (int)(ref->text.n < 200 ? ref->text.n : 200), ref->text.s);
    return true;
}

static bool target_is_schema(struct schema_doc *doc, const struct json_node *ref,
                             const struct json_node *target, struct err *err)
{
    int n = (int)(ref->text.n < 200 ? ref->text.n : 200);
    if (!target)
        return schema_fail(doc, ref, err, "\"%.*s\" is not in the schema", n, ref->text.s);
    if (!schema_is_schema(target))
        return schema_fail(doc, ref, err, "\"%.*s\" is no schema", n, ref->text.s);
    return true;
}

bool schema_doc_resolve(struct schema_doc *doc, const struct json_node *ref,
                        const struct json_node **target, struct err *err)
{
    struct span base, fragment;
    const struct json_node *resource;
    if (!locate(doc, ref, &resource, &base, &fragment, err))
        return false;
    if (!fragment.n) {
        *target = resource;
    } else if (fragment.s[0] == '/') {
        if (!follow(doc, resource, fragment, target, err))
            return false;
    } else {
        if (!schema_uri_decode(&doc->arena, fragment, false, &fragment, err))
            return false;
        const struct schema_anchor *anchor = find_anchor(doc, base, fragment);
        *target = anchor ? anchor->schema : NULL;
    }
    return target_is_schema(doc, ref, *target, err);
}

static size_t count_dynamic(const struct schema_doc *doc, struct span name)
{
    size_t n = 0;
    for (size_t i = 0; i < doc->n_anchors; i++)
        n += doc->anchors[i].is_dynamic && span_same(doc->anchors[i].name, name);
    return n;
}

bool schema_doc_resolve_dynamic(struct schema_doc *doc, const struct json_node *ref,
                                const struct json_node **target, struct err *err)
{
    struct span uri, fragment;
    schema_uri_split(ref->text, &uri, &fragment);
    bool is_named = fragment.n && fragment.s[0] != '/';
    /* $recursiveAnchor makes the target depend on the way, where there are several resources. */
    if (is_named ? count_dynamic(doc, fragment) > 1
                 : !fragment.n && doc->n_resources > 1 && doc->has_recursive_anchor)
        return schema_fail(doc, ref, err, "several targets are possible");
    return schema_doc_resolve(doc, ref, target, err);
}
