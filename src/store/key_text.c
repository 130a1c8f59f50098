/* SPDX-License-Identifier: Apache-2.0 */
/* key_text.c - the form of a key, and the words of its roles. */
#include <string.h>

#include "store/keys.h"

static const struct {
    const char *name;
    uint32_t role;
} roles[] = {
    {"infer", ROLE_INFER},   {"files", ROLE_FILES}, {"train", ROLE_TRAIN},
    {"agents", ROLE_AGENTS}, {"admin", ROLE_ADMIN},
};

enum { N_ROLES = sizeof roles / sizeof roles[0] };

uint32_t role_find(const char *name, size_t n)
{
    for (int i = 0; i < N_ROLES; i++)
        if (strlen(roles[i].name) == n && memcmp(roles[i].name, name, n) == 0)
            return roles[i].role;
    return 0;
}

const char *role_name(uint32_t role)
{
    for (int i = 0; i < N_ROLES; i++)
        if (roles[i].role == role)
            return roles[i].name;
    return NULL;
}

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool key_text_read(const char *text, size_t n, char *id)
{
    if (n != KEY_TEXT_CHARS || memcmp(text, "bise_", 5) != 0)
        return false;
    for (size_t i = 5; i < n; i++)
        if (!is_letter(text[i]))
            return false;
    memcpy(id, text + 5, KEY_ID_CHARS);
    id[KEY_ID_CHARS] = '\0';
    return true;
}
