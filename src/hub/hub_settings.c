/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"

#define DEFAULT_ENDPOINT "https://huggingface.co"

enum { TOKEN_BYTES = 4096, DEFAULT_STALL_S = 20, MAX_STALL_S = 3600 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Appends the folder of everything that the hub's tools keep. */
static bool home_folder(struct buf *path, struct err *err)
{
    const char *home = variable("HF_HOME"), *cache = variable("XDG_CACHE_HOME");
    if (home)
        return buf_add(path, home, strlen(home), err);
    if (cache)
        return file_join(path, cache, "huggingface", err);
    home = variable("HOME");
    if (!home)
        return err_set(err, ERR_ARG, "no folder for models is known; set HF_HUB_CACHE to one");
    return file_join(path, home, ".cache/huggingface", err);
}

static bool name_store(struct buf *path, struct err *err)
{
    const char *chosen = variable("HF_HUB_CACHE");
    if (!chosen)
        chosen = variable("HUGGINGFACE_HUB_CACHE"); /* its former name */
    if (chosen)
        return buf_add(path, chosen, strlen(chosen), err);
    return home_folder(path, err) && buf_add(path, "/hub", 4, err);
}

bool hub_store_folder(struct buf *path, struct err *err)
{
    struct stat st;
    if (!name_store(path, err))
        return false;
    bool is_other = stat(path->data, &st) == 0 ? !S_ISDIR(st.st_mode) : errno == ENOTDIR;
    return !is_other ||
           err_set(err, ERR_ARG, "%s: the model store is not a folder; set HF_HUB_CACHE to one",
                   path->data);
}

static bool is_yes(const char *value)
{
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 ||
                     strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0);
}

/* Reads the file in which the hub's tools leave a token. */
static bool read_token_file(struct buf *token, struct err *err)
{
    struct buf path;
    const char *chosen = variable("HF_TOKEN_PATH");
    buf_init(&path, PATH_MAX);
    bool ok = chosen ? buf_add(&path, chosen, strlen(chosen), err)
                     : home_folder(&path, err) && buf_add(&path, "/token", 6, err);
    ok = ok && (!file_exists(path.data) || file_read(token, path.data, err));
    buf_free(&path);
    return ok;
}

static bool read_token(struct buf *token, struct err *err)
{
    const char *value = variable("HF_TOKEN");
    if (!(value ? buf_add(token, value, strlen(value), err) : read_token_file(token, err)))
        return false;
    while (token->len && strchr(" \t\r\n", token->data[token->len - 1]))
        token->data[--token->len] = '\0';
    /* A line break in it would begin another header. */
    for (size_t i = 0; i < token->len; i++)
        if (token->data[i] <= ' ' || token->data[i] > '~')
            return err_set(err, ERR_ARG,
                           "the token (HF_TOKEN or its file) has characters that no "
                           "token has; correct it");
    return true;
}

#define EXPECTED "expected https://HOST[:PORT][/PATH]"

/* Says whether value begins with a scheme and a host. */
static bool has_host(const char *value)
{
    const char *host = strncmp(value, "https://", 8) == 0  ? value + 8
                       : strncmp(value, "http://", 7) == 0 ? value + 7
                                                           : NULL;
    return host && *host && !strchr("/:", *host);
}

static bool read_endpoint(struct buf *endpoint, struct err *err)
{
    const char *value = variable("HF_ENDPOINT");
    value = value ? value : DEFAULT_ENDPOINT;
    size_t n = strlen(value);
    /* Not quoted: what stands before '@' is secret. */
    if (strchr(value, '@'))
        return err_set(err, ERR_ARG,
                       "HF_ENDPOINT: " EXPECTED " without a user name; a token belongs into "
                       "HF_TOKEN");
    for (size_t i = 0; i < n; i++)
        if (value[i] <= ' ' || value[i] > '~' || strchr("?#", value[i]))
            return err_set(err, ERR_ARG, "HF_ENDPOINT: " EXPECTED " without spaces, '?' or '#'");
    if (!has_host(value))
        return err_set(err, ERR_ARG,
                       "HF_ENDPOINT: '%s' is no address of a hub; " EXPECTED " as " DEFAULT_ENDPOINT
                       ", or leave it unset",
                       value);
    while (value[n - 1] == '/')
        n--;
    if (n > LIMIT_HUB_ENDPOINT)
        return err_set(err, ERR_ARG, "HF_ENDPOINT: expected an address of at most %u bytes",
                       LIMIT_HUB_ENDPOINT);
    return buf_add(endpoint, value, n, err);
}

bool hub_settings_read(struct hub_settings *settings, struct err *err)
{
    const char *stall = variable("HF_HUB_DOWNLOAD_TIMEOUT");
    *settings = (struct hub_settings){.stall_s = DEFAULT_STALL_S};
    buf_init(&settings->endpoint, LIMIT_HUB_ENDPOINT);
    buf_init(&settings->token, TOKEN_BYTES);
    settings->ca_file = variable("SSL_CERT_FILE");
    if (!settings->ca_file)
        settings->ca_file = variable("CURL_CA_BUNDLE");
    settings->offline = is_yes(variable("HF_HUB_OFFLINE"));
    if (stall) {
        char *end;
        long value = strtol(stall, &end, 10);
        if (*end || value < 1 || value > MAX_STALL_S)
            return err_set(err, ERR_ARG,
                           "HF_HUB_DOWNLOAD_TIMEOUT: expected 1 to %d seconds, not '%s'",
                           MAX_STALL_S, stall);
        settings->stall_s = (int)value;
    }
    return read_endpoint(&settings->endpoint, err) && read_token(&settings->token, err);
}

void hub_settings_free(struct hub_settings *settings)
{
    buf_free(&settings->endpoint);
    buf_free(&settings->token);
}
