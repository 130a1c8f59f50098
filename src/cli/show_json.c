/* SPDX-License-Identifier: Apache-2.0 */
/* show_json.c - facts about a model for programs: one JSON object, sizes in bytes. */
#include <stdio.h>
#include <string.h>

#include "cli/json_text.h"
#include "cli/show_int.h"

static void print_string(const char *key, const char *value)
{
    printf("\"%s\":", key);
    json_text(value, strlen(value));
    putchar(',');
}

static void print_share(const char **comma, enum dtype dtype, const struct weight_share *share)
{
    if (!share->n_params)
        return;
    printf("%s\"%s\":{\"parameters\":%llu,\"bytes\":%llu}", *comma, weight_format_name(dtype),
           (unsigned long long)share->n_params, (unsigned long long)share->n_bytes);
    *comma = ",";
}

static void print_formats(const struct weight_shares *shares)
{
    const char *comma = "";
    fputs("\"formats\":{", stdout);
    for (int i = 0; i < DTYPE_COUNT; i++) {
        struct weight_share sum = {0};
        for (int k = 0; k < WEIGHT_CLASSES; k++) {
            sum.n_params += shares->of[k][i].n_params;
            sum.n_bytes += shares->of[k][i].n_bytes;
        }
        print_share(&comma, (enum dtype)i, &sum);
    }
    fputs("},\"classes\":{", stdout);
    for (int k = 0; k < WEIGHT_CLASSES; k++) {
        comma = "";
        printf("%s\"%s\":{", k ? "," : "", weight_class_name((enum weight_class)k));
        for (int i = 0; i < DTYPE_COUNT; i++)
            print_share(&comma, (enum dtype)i, &shares->of[k][i]);
        putchar('}');
    }
    fputs("},", stdout);
}

static void print_experts(const struct model_config *c)
{
    const struct moe_config *m = &c->moe;
    if (!c->is_moe) {
        fputs("\"experts\":null,", stdout);
        return;
    }
    printf("\"experts\":{\"count\":%u,\"used\":%u,\"ffn_dim\":%u,\"shared\":%u,"
           "\"dense_layers\":%u,\"groups\":%u,\"groups_used\":%u},",
           m->n_experts, m->n_used, m->ffn_dim, m->n_shared, m->n_dense, m->n_groups,
           m->n_groups_used);
}

static void print_latent(const struct model_config *c)
{
    const struct latent_config *l = &c->latent;
    if (!c->is_latent) {
        fputs("\"latent\":null,", stdout);
        return;
    }
    printf("\"latent\":{\"q_rank\":%u,\"kv_rank\":%u,\"nope_dim\":%u,\"rope_dim\":%u,"
           "\"v_dim\":%u,\"scale\":%.9g},",
           l->q_rank, l->kv_rank, l->nope_dim, l->rope_dim, l->v_dim, (double)c->attn_scale_mult);
}

void show_json(const struct facts *f)
{
    const struct model_config *c = &f->ckpt->config;
    const struct plan *p = &f->plan;
    uint32_t window;
    putchar('{');
    print_string("model", f->ckpt->path);
    print_string("architecture", c->architecture);
    print_string("layout", show_layout(f->ckpt));
    print_string("tokenizer", f->tokenizer);
    if (*f->prompts)
        print_string("prompts", f->prompts);
    printf("\"files\":%zu,\"file_bytes\":%llu,", f->ckpt->tensors->n_files,
           (unsigned long long)f->n_file_bytes);
    printf("\"parameters\":%llu,\"active_parameters\":%llu,", (unsigned long long)f->ckpt->n_params,
           (unsigned long long)f->ckpt->n_active_params);
    print_formats(&f->shares);
    printf("\"layers\":%u,\"dim\":%u,\"ffn_dim\":%u,\"heads\":%u,\"kv_heads\":%u,\"head_dim\":%u,",
           c->n_layers, c->dim, c->ffn_dim, c->n_heads, c->n_kv_heads, c->head_dim);
    print_experts(c);
    print_latent(c);
    printf("\"vocabulary\":%u,\"tied\":%s,\"context\":%u,", c->n_vocab, c->tied ? "true" : "false",
           c->context);
    printf("\"rope_theta\":%.17g,\"yarn_factor\":%.17g,", c->rope_theta,
           c->has_yarn ? c->yarn.factor : 1.0);
    printf("\"windowed_layers\":%d,", show_windows(c, &window));
    printf("\"window\":%u,\"skipped_tensors\":%u,", window, f->ckpt->n_skipped);
    printf("\"read_bytes_per_token\":%llu,\"kv_bytes_per_token\":%llu,",
           (unsigned long long)f->shares.n_step_bytes, (unsigned long long)f->n_token_bytes);
    printf("\"memory\":{\"context\":%u,\"weights\":%llu,\"kv\":%llu,\"work\":%llu,\"needed\":%llu,"
           "\"available\":",
           p->context, (unsigned long long)p->weights, (unsigned long long)p->kv,
           (unsigned long long)p->work, (unsigned long long)p->needed);
    if (p->available)
        printf("%llu,\"fits\":%s}}\n", (unsigned long long)p->available,
               p->fits ? "true" : "false");
    else
        puts("null,\"fits\":null}}");
}

void show_json_tokenizer(const struct facts *f)
{
    putchar('{');
    print_string("tokenizer", f->tokenizer);
    printf("\"prompts\":");
    json_text(f->prompts, strlen(f->prompts));
    puts("}");
}
