/* SPDX-License-Identifier: Apache-2.0 */
/* show_table.c - facts about a model for people: a line each. */
#include <stdio.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/show_int.h"

const char *show_layout(const struct checkpoint *ckpt)
{
    switch (ckpt->layout) {
    case CHECKPOINT_NATIVE:
        return "Mistral native";
    case CHECKPOINT_HF:
        return "Hugging Face";
    case CHECKPOINT_GGUF:
        break;
    }
    return "GGUF";
}

int show_windows(const struct model_config *c, uint32_t *widest)
{
    int n = 0;
    *widest = 0;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        n += c->windows[i] != 0;
        if (c->windows[i] > *widest)
            *widest = c->windows[i];
    }
    return n;
}

static void print_features(const struct model_config *c)
{
    uint32_t window;
    int n = show_windows(c, &window);
    printf("positions     rotary, theta %.10g, %s\n", c->rope_theta,
           c->rope_layout == ROPE_INTERLEAVED ? "interleaved" : "half-split");
    if (c->has_yarn)
        printf("              YaRN, %.10g times %.10g tokens, magnitude %g\n", c->yarn.factor,
               c->yarn.original_context, (double)c->rope_magnitude);
    if (n)
        printf("              sliding window of %u token%s in %d of %u layer%s\n", window,
               plural(window), n, c->n_layers, plural(c->n_layers));
    if (c->temperature_beta > 0)
        printf("              queries scaled from token %.10g on, beta %g\n",
               c->temperature_original, c->temperature_beta);
}

static void print_formats(const struct facts *f)
{
    char size[UNITS_TEXT];
    const char *label = "formats";
    for (int k = 0; k < WEIGHT_CLASSES; k++)
        for (int i = 0; i < DTYPE_COUNT; i++) {
            const struct weight_share *share = &f->shares.of[k][i];
            if (!share->n_params)
                continue;
            printf("%-13s %-12s %-8s %5.1f %% of parameters, %s\n", label,
                   weight_class_name((enum weight_class)k), weight_format_name((enum dtype)i),
                   100 * (double)share->n_params / (double)f->ckpt->n_params,
                   units_bytes(size, share->n_bytes));
            label = "";
        }
}

static void print_parameters(const struct checkpoint *ckpt)
{
    char a[UNITS_TEXT], b[UNITS_TEXT];
    printf("parameters    %s (%llu), ", units_count(a, ckpt->n_params),
           (unsigned long long)ckpt->n_params);
    if (ckpt->n_active_params == ckpt->n_params)
        puts("all active for each token");
    else
        printf("%s active for each token (%llu)\n", units_count(b, ckpt->n_active_params),
               (unsigned long long)ckpt->n_active_params);
}

static void print_layers(const struct model_config *c)
{
    const struct moe_config *m = &c->moe;
    printf("layers        %u of width %u", c->n_layers, c->dim);
    if (!c->is_moe || m->n_dense)
        printf(", feed-forward %u", c->ffn_dim);
    putchar('\n');
    if (!c->is_moe)
        return;
    printf("experts       %u of width %u, %u for each token", m->n_experts, m->ffn_dim, m->n_used);
    if (m->n_groups > 1)
        printf(" from %u of %u groups", m->n_groups_used, m->n_groups);
    if (m->n_shared)
        printf(", %u shared", m->n_shared);
    if (m->n_dense)
        printf(", after %u dense layer%s", m->n_dense, plural(m->n_dense));
    putchar('\n');
}

static void print_attention(const struct model_config *c)
{
    const struct latent_config *l = &c->latent;
    if (!c->is_latent) {
        printf("attention     %u head%s of %u, %u for keys and values\n", c->n_heads,
               plural(c->n_heads), c->head_dim, c->n_kv_heads);
        return;
    }
    printf("attention     %u head%s of %u + %u rotating, values of %u\n", c->n_heads,
           plural(c->n_heads), l->nope_dim, l->rope_dim, l->v_dim);
    printf("              latent: queries from %u, keys and values from %u number%s\n", l->q_rank,
           l->kv_rank, plural(l->kv_rank));
    if (c->attn_scale_mult != 1.0f)
        printf("              products scaled by %g\n", (double)c->attn_scale_mult);
}

static void print_traffic(const struct facts *f)
{
    char a[UNITS_TEXT], b[UNITS_TEXT];
    printf("each token    reads %s of weights, stores %s of keys and values\n",
           units_bytes(a, f->shares.n_step_bytes), units_bytes(b, f->n_token_bytes));
}

static void print_advice(const struct plan *p)
{
    if (p->fitting_context)
        printf("              --context %u would fit\n", p->fitting_context);
    else
        puts("              take a model with fewer parameters or bits, or a larger machine");
}

static void print_memory(const struct plan *p)
{
    char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];
    printf("memory        %s: %s weights + %s keys and values of %u token%s + %s work\n",
           units_bytes(a, p->needed), units_bytes(b, p->weights), units_bytes(c, p->kv), p->context,
           plural(p->context), units_bytes(d, p->work));
    if (!p->available) {
        puts("fits here     not known: this system does not say how much memory is available");
    } else {
        printf("fits here     %s: needs %s, has %s\n", p->fits ? "yes" : "no",
               units_bytes(a, p->needed), units_bytes(b, p->available));
        if (!p->fits)
            print_advice(p);
    }
}

void show_table_tokenizer(const struct facts *f)
{
    printf("tokenizer     %s\n", f->tokenizer);
    if (*f->prompts)
        printf("prompts       %s\n", f->prompts);
}

void show_table(const struct facts *f)
{
    const struct checkpoint *ckpt = f->ckpt;
    const struct model_config *c = &ckpt->config;
    char text[UNITS_TEXT];
    printf("model         %s\n", ckpt->path);
    printf("architecture  %s\n", c->architecture);
    printf("layout        %s, %zu file%s, %s\n", show_layout(ckpt), ckpt->tensors->n_files,
           plural(ckpt->tensors->n_files), units_bytes(text, f->n_file_bytes));
    print_parameters(ckpt);
    print_formats(f);
    print_layers(c);
    print_attention(c);
    print_features(c);
    printf("vocabulary    %u%s\n", c->n_vocab, c->tied ? ", output tied to the embedding" : "");
    show_table_tokenizer(f);
    printf("context       %s %u token%s\n",
           c->context_assumed ? "not stated, taken as" : "made for", c->context,
           plural(c->context));
    if (ckpt->n_skipped)
        printf("left out      %u tensor%s of other parts (pictures, sound): text only\n",
               ckpt->n_skipped, plural(ckpt->n_skipped));
    if (f->checked)
        puts("numbers       every weight is finite");
    print_traffic(f);
    print_memory(&f->plan);
}
