/* SPDX-License-Identifier: Apache-2.0 */
/* grammar_check.c - "bise grammar-check": which texts a schema or a grammar accepts. */
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/input.h"
#include "cli/options.h"
#include "data/json_tree.h"
#include "text/gbnf.h"
#include "text/grammar.h"
#include "text/matcher.h"
#include "text/regex.h"
#include "text/schema.h"

struct check {
    const char *path, *kind;
    bool generate;
    bool is_unsatisfiable; /* no text can be right: all are wrong */
};

static struct grammar *compile_schema(struct check *check, const struct buf *text, struct err *err)
{
    struct schema_options options = {.is_unsatisfiable = &check->is_unsatisfiable};
    struct json_tree tree = {0};
    struct grammar *grammar = NULL;
    if (!check->generate) {
        options.closing = SCHEMA_CLOSE_NEVER;
        options.space = SCHEMA_SPACE_ANY;
        options.any_order = true;
        options.conform = true;
    }
    if (json_tree_parse(&tree, check->path, text->data, text->len, err))
        grammar = schema_grammar(tree.root, &options, err);
    json_tree_free(&tree);
    return grammar;
}

static struct grammar *compile_regex(const struct buf *text, struct err *err)
{
    struct grammar_builder *builder = grammar_builder_open(err);
    if (!builder)
        return NULL;
    const char *s = text->data ? text->data : "";
    size_t n = text->len;
    if (n && s[n - 1] == '\n')
        n--;
    uint32_t regex = regex_parse(grammar_regexes(builder), s, n, REGEX_WHOLE, err);
    if (regex != REGEX_FAILED)
        return grammar_finish(builder, grammar_terminal(builder, regex), err);
    grammar_builder_close(builder);
    return NULL;
}

static struct grammar *compile(struct check *check, const struct buf *text, struct err *err)
{
    struct span all = {text->data ? text->data : "", text->len};
    if (strcmp(check->kind, "gbnf") == 0)
        return gbnf_grammar(check->path, all, NULL, err);
    if (strcmp(check->kind, "regex") == 0)
        return compile_regex(text, err);
    return compile_schema(check, text, err);
}

static bool print(const char *verdict, const char *why, struct err *err)
{
    return console_text(verdict, strlen(verdict), err) && console_text(why, strlen(why), err) &&
           console_text("\n", 1, err);
}

/* Judges one candidate.  What takes too many steps is not judged, and says so. */
static bool judge(struct matcher *matcher, struct span line, struct err *err)
{
    struct err why = {0};
    bool accepted = matcher_accept_bytes(matcher, line.s, line.n, NULL, &why), ends = false;
    if (accepted && !matcher_can_end(matcher, &ends, &why))
        return print("unsupported: ", why.text, err);
    if (accepted)
        matcher_rollback(matcher, 1);
    if (!accepted && why.code != ERR_ARG)
        return print("unsupported: ", why.text, err);
    return print(ends ? "accept" : "reject", "", err);
}

/* What to say of every candidate when there is no grammar. */
static bool refuse(const struct check *check, const struct err *refusal, struct err *err)
{
    return check->is_unsatisfiable && !check->generate ? print("reject", "", err)
                                                       : print("unsupported: ", refusal->text, err);
}

static bool judge_all(const struct check *check, struct grammar *grammar, const struct err *refusal,
                      const struct buf *input, struct err *err)
{
    struct matcher *matcher = NULL;
    if (grammar && !(matcher = matcher_open(grammar, NULL, NULL, 0, err)))
        return false;
    bool ok = true;
    for (size_t at = 0; at < input->len && ok;) {
        const char *begin = input->data + at, *newline = memchr(begin, '\n', input->len - at);
        struct span line = {begin, newline ? (size_t)(newline - begin) : input->len - at};
        ok = matcher ? judge(matcher, line, err) : refuse(check, refusal, err);
        at += line.n + 1;
    }
    matcher_close(matcher);
    return ok;
}

static bool check_input(struct check *check, struct err *err)
{
    struct err refusal = {0};
    struct buf text, input;
    buf_init(&text, LIMIT_SCHEMA_BYTES);
    buf_init(&input, LIMIT_TEXT_BYTES);
    bool ok = file_read(&text, check->path, err) && input_read(&input, err);
    struct grammar *grammar = ok ? compile(check, &text, &refusal) : NULL;
    /* What cannot be read is an error, what cannot be enforced an answer. */
    if (ok && !grammar && refusal.code != ERR_ARG && refusal.code != ERR_LIMIT &&
        refusal.code != ERR_UNSUPPORTED)
        ok = err_set(err, refusal.code, "%s", refusal.text);
    ok = ok && judge_all(check, grammar, &refusal, &input, err);
    grammar_unref(grammar);
    buf_free(&text);
    buf_free(&input);
    return ok;
}

static int grammar_check(int argc, char **argv)
{
    static const char *const kinds[] = {"schema", "gbnf", "regex", NULL};
    struct check check = {.kind = "schema"};
    const struct option options[] = {
        {.name = "as", .kind = OPTION_WORD, .value = &check.kind, .words = kinds},
        option_flag("generate", &check.generate),
        {.name = NULL},
    };
    int code = options_parse(&verb_grammar_check, options, &argc, argv);
    if (code >= 0)
        return code;
    if (!argc)
        return options_wrong(&verb_grammar_check, "expected a file");
    struct err err = {0};
    check.path = argv[0];
    return check_input(&check, &err) ? console_finish(EXIT_DONE) : console_fail(&err);
}

const struct verb verb_grammar_check = {
    .name = "grammar-check",
    .summary = "which texts a JSON Schema or a grammar accepts",
    .help =
        "usage: bise grammar-check [options] FILE\n"
        "\n"
        "Reads candidate texts from standard input, one a line, and prints for each of them\n"
        "\"accept\" or \"reject\", by the matcher that constrains what models write; or, for all,\n"
        "\"unsupported:\" and the reason, when FILE asks for what cannot be enforced.  FILE is a\n"
        "JSON Schema and means what the standard says: objects are open unless they are closed,\n"
        "members come in any order, white space may stand where JSON has it.\n"
        "\n"
        "    echo '{\"a\": 1}' | bise grammar-check schema.json\n"
        "\n"
        "    --generate   what a model may write for the schema: a part of that, with objects\n"
        "                 closed when they declare members, those in the order of the schema, and\n"
        "                 little white space\n"
        "    --as KIND    what FILE is: schema (the default), gbnf, a grammar in llama.cpp's\n"
        "                 notation, or regex, a regular expression for the whole text\n",
    .max_args = 1,
    .run = grammar_check,
};
