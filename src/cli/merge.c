/* SPDX-License-Identifier: Apache-2.0 */
/* merge.c - "bise merge": a model and its adapters become one model. */
#include <string.h>

#include "base/plural.h"
#include "base/units.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/summary.h"
#include "cli/written.h"
#include "lib/runtime.h"
#include "model/adapter_merge.h"

static bool go_on(void *arg, size_t n_done, size_t n, struct err *err)
{
    (void)arg;
    console_progress("merging: tensor %zu of %zu", n_done + 1, n);
    return summary_go_on(err);
}

static bool merge_into(const char *model, const char *out, const struct runtime_options *options,
                       const struct merge_options *wanted, struct merge_result *result,
                       struct err *err)
{
    struct adapter *adapters = NULL;
    struct buf path;
    buf_init(&path, LIMIT_JSON_BYTES);
    struct checkpoint *ckpt =
        bundled_or(model, &path, err) ? checkpoint_open(path.data, err) : NULL;
    bool ok = ckpt && runtime_adapters(ckpt, options, &adapters, err) &&
              adapter_merge(ckpt, adapters, out, wanted, result, err);
    adapter_close(adapters);
    checkpoint_close(ckpt);
    buf_free(&path);
    return ok;
}

static int print_summary(const char *out, const struct merge_result *r)
{
    char size[UNITS_TEXT];
    if (r->decoded)
        console_note("the %s weights became %s, as their own format would round away what an "
                     "adapter changes; 'bise quantize' makes the model small again",
                     r->from == DTYPE_E4M3   ? "FP8"
                     : r->from == DTYPE_E2M1 ? "NVFP4"
                                             : "quantised",
                     dtype_info(r->to)->name);
    return written_done(out, "%s, %zu tensor%s", units_bytes(size, r->n_bytes), r->n_tensors,
                        plural(r->n_tensors));
}

static int merge(int argc, char **argv)
{
    static const char *const words[] = {"f32", "bf16", "f16", NULL};
    static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
    struct runtime_options options = {0};
    struct merge_options wanted = {.go_on = go_on};
    const char *dtype = NULL;
    const struct option table[] = {
        option_adapter(&options),
        {.name = "dtype",
         .kind = OPTION_WORD,
         .value = &dtype,
         .words = words,
         .expected = "f32, bf16 or f16"},
        {.name = NULL},
    };
    int code = options_parse(&verb_merge, table, &argc, argv);
    if (code >= 0)
        return code;
    if (argc != 2)
        return options_wrong(&verb_merge, "give the folders MODEL and OUT");
    if (!options.n_adapters)
        return options_wrong(&verb_merge, "give what to merge with --adapter F");
    for (int i = 0; dtype && words[i]; i++) {
        if (strcmp(dtype, words[i]) == 0)
            wanted.dtype = dtypes[i];
        wanted.convert = true;
    }
    struct err err = {0};
    struct merge_result result;
    interrupt_hold_all();
    bool ok = merge_into(argv[0], argv[1], &options, &wanted, &result, &err);
    console_progress_end();
    interrupt_release();
    return ok ? print_summary(argv[1], &result) : written_fail(argv[1], &err);
}

const struct verb verb_merge = {
    .name = "merge",
    .summary = "write a model anew with adapters in it",
    .help = "usage: bise merge MODEL --adapter F[:S] OUT\n"
            "\n"
            "Adds LoRA adapters to the matrices of a safetensors model and writes the result as\n"
            "the new folder OUT: the same layout, names, number formats and other files.  A\n"
            "quantised model (FP8, NVFP4) becomes one of BF16.  OUT appears when it is complete.\n"
            "\n"
            "    bise merge path/to/model --adapter path/to/adapter path/to/merged\n"
            "\n"
            "    --adapter F[:S]  a PEFT folder, lora.safetensors or a GGUF adapter, S times (1);\n"
            "                     repeatable: their changes add up\n"
            "    --dtype T        write f32, bf16 or f16 (default: as each tensor is, bf16 for "
            "what was\n"
            "                     quantised)\n",
    .max_args = 2,
    .run = merge,
};
