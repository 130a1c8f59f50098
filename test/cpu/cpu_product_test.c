/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/cpu_int.h"
#include "cpu/tensors.h"

static const struct cpu_backend *cpu_of(struct backend *b)
{
    return (const struct cpu_backend *)(void *)b;
}

/* Values by hand: codes 0x38 = 1, 0x40 = 2, 0xc0 = -2 of E4M3. */
TEST(cpu_product, a_decoded_row_has_scale_and_scales)
{
    static const uint8_t codes[2][5] = {{0x38, 0x38, 0x38, 0x40, 0xc0},
                                        {0x38, 0x40, 0xc0, 0x40, 0xc0}};
    static const float entries[2][3] = {{3.0f, 5.0f, 9.0f}, {7.0f, 11.0f, 9.0f}};
    struct tensor w = {.data = codes, .dtype = DTYPE_E4M3, .n_rows = 2, .n_cols = 5};
    struct backend *b = open_cpu(cpu_detect(), 1, false);
    const struct cpu_backend *cpu = cpu_of(b);
    float row[5];
    cpu_decode_row(cpu, &w, 1, 1, 3, row);
    assert_true(row[0] == 2.0f && row[1] == -2.0f && row[2] == 2.0f);
    w.scale = 0.5f;
    cpu_decode_row(cpu, &w, 1, 1, 3, row);
    assert_true(row[0] == 1.0f && row[1] == -1.0f && row[2] == 1.0f);
    w.scales = (struct tensor_scales){
        .data = entries, .dtype = DTYPE_F32, .n_rows = 1, .n_cols = 3, .stride = 3};
    cpu_decode_row(cpu, &w, 0, 0, 5, row);
    assert_true(row[2] == 1.5f && row[3] == 5.0f && row[4] == -5.0f);
    cpu_decode_row(cpu, &w, 1, 2, 2, row);
    assert_true(row[0] == -7.0f && row[1] == 11.0f);
    b->close(b);
}

TEST(cpu_product, a_decoded_row_is_the_definition_for_every_kind)
{
    uint64_t seed = 1;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int m = 0; m < n_masks; m++) {
        struct backend *b = open_cpu(masks[m], 1, false);
        for (int type = 0; type < DTYPE_COUNT; type++)
            for (int kind = 0; kind < TURNED; kind++) {
                int block = dtype_info((enum dtype)type)->block, n = block * 7;
                struct random_tensor r =
                    random_tensor((enum dtype)type, (enum tensor_kind)kind, 11, n, &seed);
                float *want = plain_values(&r.t);
                struct guarded got = guarded_new((size_t)(n - 2 * block) * sizeof(float));
                for (int row = 0; row < 11; row++) {
                    cpu_decode_row(cpu_of(b), &r.t, row, block, n - 2 * block, got.p);
                    for (int i = 0; i < n - 2 * block; i++)
                        assert_true(((float *)got.p)[i] == want[row * n + block + i]);
                }
                free(want);
                guarded_free(&got);
                random_tensor_free(&r);
            }
        b->close(b);
    }
}

/* Computes some rows of w for vectors that lie apart, and compares with all of them. */
static void check_range(const struct cpu_backend *cpu, struct cpu_product p, const float *all,
                        bool add)
{
    enum { N_TOK = 3, X_STRIDE = 300, Y_STRIDE = 4200 };
    static float y[N_TOK * Y_STRIDE];
    for (int i = 0; i < N_TOK * Y_STRIDE; i++)
        y[i] = 0.5f;
    p.y = y;
    p.y_stride = Y_STRIDE;
    p.add = add;
    assert_true(cpu_product_cost(&p) > 0);
    for (int item = cpu_product_items(&p) - 1; item >= 0; item--)
        cpu_product_item(cpu, &p, item, 0);
    double largest = 1.0;
    for (int i = 0; i < N_TOK * (int)p.w->n_rows; i++)
        largest = fmax(largest, fabs((double)all[i]));
    for (int t = 0; t < N_TOK; t++)
        for (int r = 0; r < Y_STRIDE; r++) {
            float got = y[t * Y_STRIDE + r];
            float want = r < p.n_rows ? all[t * p.w->n_rows + p.first + r] : 0.5f;
            if (!add || r >= p.n_rows)
                assert_memory_equal(&got, &want, sizeof got);
            else
                assert_true(fabs((double)got - (double)want - 0.5) <= 1e-6 * largest);
        }
}

/* The more rows, the more of them are an item. */
TEST(cpu_product, rows_in_ranges_are_those_of_the_whole)
{
    enum { N_TOK = 3, N = 256, STRIDE = 300, ROWS = 4136, N_TYPES = 6, N_RANGES = 5 };
    static const int64_t ranges[][2] = {{0, ROWS}, {0, 1}, {512, 8}, {64, 333}, {1024, 2064}};
    static const enum dtype types[N_TYPES] = {DTYPE_E4M3, DTYPE_E2M1, DTYPE_BF16,
                                              DTYPE_Q8_0, DTYPE_Q4_K, DTYPE_Q6_K};
    uint64_t seed = 2;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    size_t act = act_bytes(N);
    for (int i = 0; i < n_masks * N_TYPES * TENSOR_KINDS * 2; i++) {
        struct backend *b = open_cpu(masks[i % n_masks], 1, false);
        enum dtype type = types[i / n_masks % N_TYPES];
        enum tensor_kind kind = (enum tensor_kind)(i / n_masks / N_TYPES % TENSOR_KINDS);
        enum phase phase = i / n_masks / N_TYPES / TENSOR_KINDS ? PHASE_PROMPT : PHASE_GENERATE;
        struct random_tensor w = random_tensor(type, kind, kind >= TURNED ? 4096 : ROWS, N, &seed);
        struct guarded x = guarded_f32(2 * STRIDE + N, &seed), acts = guarded_new(N_TOK * act);
        float *all = malloc((size_t)N_TOK * ROWS * sizeof *all), packed[N_TOK * N];
        for (size_t t = 0; t < N_TOK; t++) {
            memcpy(packed + t * N, (float *)x.p + t * STRIDE, N * sizeof(float));
            cpu_of(b)->ops.round_act((int8_t *)acts.p + t * act, packed + t * N, N);
        }
        struct guarded tiles = guarded_new(cpu_tile_stride(N) * sizeof(uint16_t));
        cpu_tile_inputs(cpu_of(b), tiles.p, N_TOK, 0, packed, N);
        struct matmul_args args = {.x = packed, .n_tok = N_TOK, .n_in = N, .phase = phase};
        args.n_out = 1;
        args.out[0].w = &w.t;
        args.out[0].y = all;
        b->matmul(b, &args);
        for (int k = 0; k < N_RANGES; k++) {
            struct cpu_product p = {.w = &w.t,
                                    .path = cpu_path(cpu_of(b), &w.t, phase, N_TOK),
                                    .x = x.p,
                                    .acts = acts.p,
                                    .tiles = tiles.p,
                                    .x_stride = STRIDE,
                                    .first = ranges[k][0],
                                    .n_rows = ranges[k][1],
                                    .n_tok = N_TOK};
            int block = dtype_info(type)->block > 64 ? dtype_info(type)->block : 64;
            if (w.t.transposed && p.first % block)
                continue;
            if (w.t.transposed)
                p.n_rows = (p.n_rows + block - 1) / block * block;
            if (p.first + p.n_rows > w.t.n_rows)
                p.n_rows = w.t.n_rows - p.first;
            check_range(cpu_of(b), p, all, false);
            if (p.path == CPU_WIDE)
                check_range(cpu_of(b), p, all, true);
        }
        free(all);
        guarded_free(&x);
        guarded_free(&acts);
        guarded_free(&tiles);
        random_tensor_free(&w);
        b->close(b);
    }
}

enum { MANY = 40, MANY_ROWS = 71 };

/* Multiplies MANY tokens at once, and then in parts of so many. */
static void check_few(unsigned mask, const struct tensor *w, const float *x, const int *parts,
                      int n_parts)
{
    static float all[MANY * MANY_ROWS], few[MANY * MANY_ROWS];
    struct backend *b = open_cpu(mask, 1, false);
    struct matmul_args args = {.x = x, .n_in = (int)w->n_cols, .phase = PHASE_FLOAT, .n_out = 1};
    args.n_tok = MANY;
    args.out[0].w = w;
    args.out[0].y = all;
    b->matmul(b, &args);
    for (int first = 0, i = 0; first < MANY; first += args.n_tok, i++) {
        int n = parts[i % n_parts];
        args.n_tok = n < MANY - first ? n : MANY - first;
        args.x = x + (size_t)first * (size_t)w->n_cols;
        args.out[0].y = few + (size_t)first * MANY_ROWS;
        b->matmul(b, &args);
    }
    for (int i = 0; i < MANY * MANY_ROWS; i++)
        assert_true(isnan(all[i]) ? isnan(few[i]) : !memcmp(&all[i], &few[i], sizeof *all));
    b->close(b);
}

/* More tokens than are multiplied where weights are stored have them decoded.  Rows end within a
 * vector, with and without a part before that is added up apart; a row of E4M3 has a NaN. */
TEST(cpu_product, few_tokens_of_float_weights_have_the_bits_of_many)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_E4M3, DTYPE_E2M1};
    static const int widths[] = {1003, 2 * WIDE_COLS + 5, 2 * WIDE_COLS + 192};
    static const int widths_e2m1[] = {80, 2 * WIDE_COLS + 6, 2 * WIDE_COLS + 192};
    static const int parts[] = {1, 2, 3, 4, 5, 7, 16}, ones[] = {1};
    uint64_t seed = 7;
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    for (int type = 0; type < 5; type++)
        for (int kind = 0; kind < TURNED; kind++)
            for (int width = 0; width < 3; width++) {
                int n = types[type] == DTYPE_E2M1 ? widths_e2m1[width] : widths[width];
                struct random_tensor w =
                    random_tensor(types[type], (enum tensor_kind)kind, MANY_ROWS, n, &seed);
                struct guarded x = guarded_f32((size_t)MANY * (size_t)n, &seed);
                if (types[type] == DTYPE_E4M3)
                    ((uint8_t *)w.data.p)[7 * n - 1] = 0x7f;
                for (int m = 0; m < n_masks; m++) {
                    check_few(masks[m], &w.t, x.p, parts, 7);
                    check_few(masks[m], &w.t, x.p, ones, 1);
                }
                random_tensor_free(&w);
                guarded_free(&x);
            }
}

/* The value of E4M3 that is nearest to x, of two the one with the even code. */
static double nearest_e4m3(double x)
{
    int best = 0;
    for (int code = 1; code < 127; code++) {
        double is = fabs(fabs(x) - (double)number_e4m3[code]);
        double was = fabs(fabs(x) - (double)number_e4m3[best]);
        if (is < was || (is == was && code % 2 == 0))
            best = code;
    }
    return copysign((double)number_e4m3[best], x);
}

TEST(cpu_product, inputs_are_rounded_to_the_nearest)
{
    uint64_t seed = 3;
    float x[300], y[300];
    for (int i = 0; i < 300; i++) /* ties too, and more than 448 */
        x[i] = i % 3 ? ldexpf(test_random_f32(&seed), i % 24 - 12) : (float)(i - 150) / 16.0f;
    const struct tensor_input by_one = {.rounding = INPUT_E4M3_STATIC, .scale = 1.0f};
    cpu_round_input(&by_one, y, x, 300);
    for (int i = 0; i < 300; i++)
        assert_true((double)y[i] == nearest_e4m3((double)x[i]));
    const struct tensor_input by_eighth = {.rounding = INPUT_E4M3_STATIC, .scale = 0.125f};
    cpu_round_input(&by_eighth, y, x, 300);
    for (int i = 0; i < 300; i++)
        assert_true((double)y[i] == nearest_e4m3((double)x[i] * 8.0) / 8.0);
}

TEST(cpu_product, groups_of_inputs_have_scales_of_their_own)
{
    float x[7] = {448.0f, 17.0f, -0.0f, 0.0f, -14.0f, 0.53125f, 7.0f}, y[7];
    struct tensor_input input = {.rounding = INPUT_E4M3_DYNAMIC, .group = 2};
    cpu_round_input(&input, y, x, 7);
    /* Scales 1, 0, 1/32, 1/64: 17 is a tie of 16 and 18, 32 * 0.53125 is 17 too. */
    static const float by_two[7] = {448.0f, 16.0f, 0.0f, 0.0f, -14.0f, 0.5f, 7.0f};
    for (int i = 0; i < 7; i++)
        assert_true(y[i] == by_two[i]);
    input.group = 0;
    cpu_round_input(&input, y, x, 7);
    static const float by_all[7] = {448.0f, 16.0f, 0.0f, 0.0f, -14.0f, 0.5f, 7.0f};
    for (int i = 0; i < 7; i++)
        assert_true(y[i] == by_all[i]);
    x[3] = NAN;
    cpu_round_input(&input, y, x, 7);
    assert_true(isnan(y[3]) && y[0] == 448.0f);
    cpu_round_input(&input, y, x + 3, 1);
    assert_true(isnan(y[0]));
}
