/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_fetch_int.h"
#include "store_fixture.h"

static struct hub_settings settings;
static struct hub_pull_options options = {.settings = &settings};

static void begin(struct hub_pull *pull, struct hub_name *name)
{
    struct err err = {0};
    *pull = (struct hub_pull){.options = &options, .name = name};
    buf_init(&settings.endpoint, 100);
    assert_true(buf_add(&settings.endpoint, "http://hub", 10, &err));
}

TEST(hub_answer, addresses_are_escaped)
{
    struct hub_name name = store_name("a/b@refs/pr/1");
    struct hub_pull pull;
    struct buf url;
    struct err err = {0};
    begin(&pull, &name);
    buf_init(&url, 1000);
    assert_true(hub_url(&url, &pull, "/api/models", "/revision/", name.revision, NULL, &err));
    assert_string_equal(url.data, "http://hub/api/models/a/b/revision/refs%2Fpr%2F1");
    buf_clear(&url);
    assert_true(hub_url(&url, &pull, "", "/resolve/", COMMIT_1, "x y/\xc3\xa4?#%&.gguf", &err));
    assert_string_equal(url.data,
                        "http://hub/a/b/resolve/" COMMIT_1 "/x%20y/%C3%A4%3F%23%25%26.gguf");
    buf_free(&url);
    buf_free(&settings.endpoint);
}

TEST(hub_answer, a_refusal_says_which_part_is_wrong)
{
    static const struct {
        long status;
        const char *note, *token, *what, *says;
        enum err_code code;
    } cases[] = {
        {401, "GatedRepo", NULL, NULL, "terms must be accepted", ERR_ARG},
        {403, "GatedRepo", "t", NULL, "terms must be accepted", ERR_ARG},
        {401, "RepoNotFound", NULL, NULL, "set HF_TOKEN", ERR_ARG},
        {401, "", "t", NULL, "the token may not read it", ERR_ARG},
        {404, "RepoNotFound", NULL, NULL, "no such model at http://hub", ERR_NOT_FOUND},
        {404, "", NULL, NULL, "a/b@v1: no such model or revision at http://hub", ERR_NOT_FOUND},
        {404, "RevisionNotFound", NULL, NULL, "no revision 'v1'", ERR_NOT_FOUND},
        {404, "EntryNotFound", NULL, "x.json", "lists the file x.json", ERR_NOT_FOUND},
        {0, "", NULL, NULL, "HF_ENDPOINT", ERR_IO},
    };
    struct hub_name name = store_name("a/b@v1");
    struct hub_pull pull;
    begin(&pull, &name);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_get get = {.status = cases[i].status,
                               .token = cases[i].token,
                               .err = {.code = ERR_IO, .text = "no way"}};
        struct err err = {0};
        snprintf(get.notes[NOTE_ERROR], HTTP_NOTE_BYTES, "%s", cases[i].note);
        assert_false(hub_refused(&pull, &get, cases[i].what, &err));
        if (!strstr(err.text, cases[i].says))
            fail_msg("%ld %s: %s", cases[i].status, cases[i].note, err.text);
        assert_int_equal(err.code, cases[i].code);
    }
    buf_free(&settings.endpoint);
}
