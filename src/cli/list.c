/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - "bise list": the models of the store. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/options.h"
#include "cli/unfinished.h"
#include "cli/weight_shares.h"
#include "data/gguf.h"
#include "data/safetensors.h"
#include "hub/hub_store.h"

/* Returns the number format in which most of the bytes are. */
static const char *main_type(const struct tensor_store *store)
{
    const char *best = "?";
    uint64_t most = 0;
    for (size_t i = 0; i < store->n; i++) {
        uint64_t n_bytes = 0;
        for (size_t k = i; k < store->n; k++)
            if (strcmp(store->entries[k].type, store->entries[i].type) == 0)
                n_bytes += store->entries[k].n_bytes;
        if (n_bytes > most) { /* less than most when a type was seen before */
            most = n_bytes;
            best = store->entries[i].type;
        }
    }
    return best;
}

/* The same of an opened model, in which the configuration says what bytes stand for. */
static const char *opened_type(const char *path)
{
    struct err ignored = {0};
    struct checkpoint *ckpt = checkpoint_open(path, &ignored);
    enum dtype best = DTYPE_COUNT;
    uint64_t most = 0;
    if (!ckpt)
        return NULL;
    struct weight_shares shares = weight_shares_count(ckpt);
    for (int i = 0; i < DTYPE_COUNT; i++) {
        uint64_t n_bytes = 0;
        for (int k = 0; k < WEIGHT_CLASSES; k++)
            n_bytes += shares.of[k][i].n_bytes;
        if (n_bytes > most) {
            most = n_bytes;
            best = (enum dtype)i;
        }
    }
    checkpoint_close(ckpt);
    return best == DTYPE_COUNT ? NULL : weight_format_name(best);
}

/* Finds the number format of a model, or that it is none; "?" when it cannot be read. */
static const char *format_of(const struct hub_model *model)
{
    struct err ignored = {0};
    struct tensor_store store = {0};
    struct gguf gguf = {0};
    const char *type = model->layout == HUB_ADAPTER ? "adapter" : "?";
    if (model->lacks)
        return type;
    switch (model->layout) {
    case HUB_GGUF:
        if (gguf_open(&gguf, model->path, &ignored))
            type = main_type(&gguf.tensors);
        gguf_close(&gguf);
        break;
    case HUB_NATIVE:
    case HUB_HF:
        if (safetensors_open(&store, model->path,
                             model->layout == HUB_NATIVE ? "consolidated" : "model", &ignored))
            type = main_type(&store);
        if (strcmp(type, "U8") == 0) { /* several numbers in a byte */
            const char *opened = opened_type(model->path);
            type = opened ? opened : type;
        }
        break;
    case HUB_ADAPTER:
        break;
    }
    tensor_store_free(&store);
    return type;
}

/* Writes how long ago something was: "3 days". */
static void describe_age(char *text, size_t size, time_t then)
{
    static const struct {
        const char *name;
        long seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    long age = (long)difftime(time(NULL), then);
    age = age < 0 ? 0 : age;
    int i = 0;
    while (i < 3 && age < units[i].seconds)
        i++;
    long n = age / units[i].seconds;
    snprintf(text, size, "%ld %s%s", n, units[i].name, plural((uint64_t)n));
}

static void print_table(const struct hub_models *models)
{
    int width = 5;
    for (size_t i = 0; i < models->n; i++)
        if ((int)strlen(models->items[i].name) > width)
            width = (int)strlen(models->items[i].name);
    printf("%-*s  %-14s  %-8s %9s  %s\n", width, "model", "layout", "format", "size", "age");
    for (size_t i = 0; i < models->n; i++) {
        const struct hub_model *m = &models->items[i];
        char size[UNITS_TEXT], age[40], why[UNFINISHED_TEXT];
        describe_age(age, sizeof age, m->time);
        printf("%-*s  ", width, m->name);
        if (m->is_begun)
            puts(unfinished_text(why, m->n_there, m->n_bytes));
        else if (m->lacks)
            printf("not whole: %s\n", m->lacks);
        else
            printf("%-14s  %-8s %9s  %s\n", hub_layout_name(m->layout), format_of(m),
                   units_bytes(size, m->n_bytes), age);
    }
}

static void print_member(const char *comma, const char *key, const char *value)
{
    printf("%s\"%s\":", comma, key);
    json_text(value, strlen(value));
}

static void print_json(const struct hub_models *models)
{
    putchar('[');
    for (size_t i = 0; i < models->n; i++) {
        const struct hub_model *m = &models->items[i];
        print_member(i ? ",\n {" : "{", "model", m->name);
        print_member(",", "path", m->path);
        printf(",\"complete\":%s", m->lacks ? "false" : "true");
        if (m->lacks) {
            print_member(",", "lacks", m->lacks);
            if (m->is_begun)
                printf(",\"there\":%llu", (unsigned long long)m->n_there);
            if (m->is_begun && m->n_bytes)
                printf(",\"bytes\":%llu", (unsigned long long)m->n_bytes);
        } else {
            print_member(",", "layout", hub_layout_name(m->layout));
            print_member(",", "format", format_of(m));
            printf(",\"bytes\":%llu,\"time\":%lld", (unsigned long long)m->n_bytes,
                   (long long)m->time);
        }
        putchar('}');
    }
    puts("]");
}

static int list(int argc, char **argv)
{
    bool json = false;
    const struct option options[] = {option_flag("json", &json), {.name = NULL}};
    int code = options_parse(&verb_list, options, &argc, argv);
    if (code >= 0)
        return code;
    struct err err = {0};
    struct hub_models models = {0};
    if (!hub_store_list(&models, &err)) {
        code = console_fail(&err);
    } else if (json) {
        print_json(&models);
        code = console_finish(EXIT_DONE);
    } else if (models.n) {
        print_table(&models);
        code = console_finish(EXIT_DONE);
    } else {
        console_note("the model store is empty; 'bise pull ORG/NAME' brings a model");
        code = EXIT_DONE;
    }
    hub_models_free(&models);
    return code;
}

const struct verb verb_list = {
    .name = "list",
    .summary = "list the models of the model store",
    .help = "usage: bise list [options]\n"
            "\n"
            "Prints the models that 'bise pull' or another tool of the hub has brought: what each\n"
            "is called, its layout, the number format of most of its weights, its size, how long\n"
            "ago it came, and whether anything of it is missing.\n"
            "\n"
            "    --json   print a JSON array with path, bytes and time (seconds since 1970)\n",
    .max_args = 0,
    .run = list,
};
