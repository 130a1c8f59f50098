/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/utf8.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool hub_path_is_safe(const char *path, size_t n)
{
    if (!n || n > LIMIT_HUB_PATH)
        return false;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(path + i, n - i, &code, &len) != UTF8_OK || code < 0x20 || code == '\\' ||
            (code >= 0x7f && code < 0xa0))
            return false;
    }
    for (size_t start = 0, end; start <= n; start = end + 1) {
        for (end = start; end < n && path[end] != '/';)
            end++;
        size_t n_part = end - start;
        bool dots = n_part <= 2 && memcmp(path + start, "..", n_part) == 0; /* or empty */
        if (dots || n_part > NAME_MAX)
            return false;
    }
    return true;
}

bool hub_is_commit(const char *text)
{
    return strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40;
}

/* Says whether text: [n] bytes may be ORG or NAME.  "--" separates them in names of folders. */
static bool is_id(const char *text, size_t n)
{
    if (!n || n > LIMIT_HUB_ID || strchr("-.", text[0]) || strchr("-.", text[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr(LETTERS "-._", text[i]) ||
            (i && text[i] == text[i - 1] && strchr("-.", text[i])))
            return false;
    return true;
}

/* Stores what was checked. */
static void set_repo(struct hub_name *name, const char *org, size_t n_org, const char *id,
                     size_t n_id)
{
    *name = (struct hub_name){.revision = "main"};
    snprintf(name->repo, sizeof name->repo, "%.*s/%.*s", (int)n_org, org, (int)n_id, id);
    snprintf(name->folder, sizeof name->folder, "models--%.*s--%.*s", (int)n_org, org, (int)n_id,
             id);
}

bool hub_name_parse(struct hub_name *name, const char *text, struct err *err)
{
    size_t n_repo = strcspn(text, "@:");
    size_t n_org = strcspn(text, "/@:");
    const char *id = text + n_org + 1;
    if (text[n_org] != '/' || !is_id(text, n_org) || !is_id(id, n_repo - n_org - 1))
        return err_set(err, ERR_ARG, "'%s': expected ORG/NAME, ORG/NAME:FILE or ORG/NAME:TYPE",
                       text);
    set_repo(name, text, n_org, id, n_repo - n_org - 1);
    const char *rest = text + n_repo;
    if (*rest == '@') {
        size_t n = strcspn(++rest, ":");
        if (n > LIMIT_HUB_REVISION || !hub_path_is_safe(rest, n) ||
            strspn(rest, LETTERS "-._/") < n)
            return err_set(err, ERR_ARG, "'%s': expected a branch, a tag or a commit behind '@'",
                           text);
        snprintf(name->revision, sizeof name->revision, "%.*s", (int)n, rest);
        rest += n;
    }
    if (*rest && !hub_path_is_safe(rest + 1, strlen(rest + 1)))
        return err_set(err, ERR_ARG, "'%s': expected a file or a type as Q4_K_M behind ':'", text);
    if (*rest)
        snprintf(name->want, sizeof name->want, "%s", rest + 1);
    return true;
}

bool hub_name_from_folder(struct hub_name *name, const char *folder)
{
    static const char start[] = "models--";
    if (strncmp(folder, start, strlen(start)) != 0)
        return false;
    const char *org = folder + strlen(start);
    const char *gap = strstr(org, "--");
    if (!gap || !is_id(org, (size_t)(gap - org)) || !is_id(gap + 2, strlen(gap + 2)))
        return false;
    set_repo(name, org, (size_t)(gap - org), gap + 2, strlen(gap + 2));
    return true;
}
