/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show_adapter.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/json_text.h"
#include "model/adapter_file.h"
#include "tensor/dtype.h"

enum { MAX_KINDS = 32 };

/* What the pairs have in common. */
struct adapter_facts {
    struct {
        const char *name; /* last part of the modules' names, not NUL-terminated */
        size_t n_name, n; /* n modules have it */
    } kinds[MAX_KINDS];
    size_t n_kinds;
    int64_t min_rank, max_rank;
    double min_scale, max_scale;
    uint64_t n_params, n_bytes;
};

static const char *dialect_name(enum checkpoint_layout dialect)
{
    switch (dialect) {
    case CHECKPOINT_NATIVE:
        return "LoRA, Mistral native";
    case CHECKPOINT_HF:
        return "LoRA, PEFT";
    case CHECKPOINT_GGUF:
        break;
    }
    return "LoRA, GGUF";
}

/* Counts the module under the last part of its name; past the end of the table under the last. */
static void count_kind(struct adapter_facts *f, const char *module)
{
    const char *dot = strrchr(module, '.');
    const char *name = dot ? dot + 1 : module;
    size_t n = strlen(name), i = 0;
    while (i < f->n_kinds && (f->kinds[i].n_name != n || memcmp(f->kinds[i].name, name, n) != 0))
        i++;
    if (i == f->n_kinds && i < MAX_KINDS) {
        f->kinds[i].name = name;
        f->kinds[i].n_name = n;
        f->n_kinds++;
    }
    f->kinds[i < MAX_KINDS ? i : MAX_KINDS - 1].n++;
}

static void count_pair(struct adapter_facts *f, const struct adapter_pair *pair, bool is_first)
{
    const struct tensor_entry *halves[2] = {pair->a, pair->b};
    count_kind(f, pair->module);
    for (int i = 0; i < 2; i++) {
        f->n_bytes += halves[i]->n_bytes;
        f->n_params += (uint64_t)tensor_entry_count(halves[i]);
    }
    if (is_first || pair->rank < f->min_rank)
        f->min_rank = pair->rank;
    if (is_first || pair->rank > f->max_rank)
        f->max_rank = pair->rank;
    if (is_first || pair->scale < f->min_scale)
        f->min_scale = pair->scale;
    if (is_first || pair->scale > f->max_scale)
        f->max_scale = pair->scale;
}

static void print_table(const struct adapter_facts *f, const struct adapter_file *file,
                        const char *path)
{
    char size[UNITS_TEXT], count[UNITS_TEXT];
    printf("adapter       %s\n", path);
    printf("kind          %s\n", dialect_name(file->dialect));
    printf("rank          %lld", (long long)f->min_rank);
    if (f->max_rank != f->min_rank)
        printf(" to %lld", (long long)f->max_rank);
    printf("\nscale         %g", f->min_scale);
    if (f->max_scale != f->min_scale)
        printf(" to %g", f->max_scale);
    printf("\nparameters    %s (%llu), %s\n", units_count(count, f->n_params),
           (unsigned long long)f->n_params, units_bytes(size, f->n_bytes));
    printf("modules       %zu:", file->n_pairs);
    for (size_t i = 0; i < f->n_kinds; i++)
        printf("%s %zu %.*s", i ? "," : "", f->kinds[i].n, (int)f->kinds[i].n_name,
               f->kinds[i].name);
    puts("\nuse           bise run MODEL --adapter, or bise merge");
}

static void print_json(const struct adapter_facts *f, const struct adapter_file *file,
                       const char *path)
{
    fputs("{\"adapter\":", stdout);
    json_text(path, strlen(path));
    printf(",\"kind\":\"%s\",\"min_rank\":%lld,\"max_rank\":%lld,\"min_scale\":%.17g,"
           "\"max_scale\":%.17g,\"parameters\":%llu,\"bytes\":%llu,\"modules\":{",
           dialect_name(file->dialect), (long long)f->min_rank, (long long)f->max_rank,
           f->min_scale, f->max_scale, (unsigned long long)f->n_params,
           (unsigned long long)f->n_bytes);
    for (size_t i = 0; i < f->n_kinds; i++) {
        fputs(i ? "," : "", stdout);
        json_text(f->kinds[i].name, f->kinds[i].n_name);
        printf(":%zu", f->kinds[i].n);
    }
    puts("}}");
}

bool show_adapter(const char *path, bool json, struct err *err)
{
    struct adapter_file file;
    struct err why = {0};
    bool ok = adapter_file_open(&file, path, &why);
    bool found = ok || why.code != ERR_ARG;
    if (ok) {
        struct adapter_facts facts = {0};
        for (size_t i = 0; i < file.n_pairs; i++)
            count_pair(&facts, &file.pairs[i], i == 0);
        (json ? print_json : print_table)(&facts, &file, path);
    }
    if (found)
        *err = why;
    adapter_file_close(&file);
    return found;
}
