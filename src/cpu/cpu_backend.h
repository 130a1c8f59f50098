/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_backend.h - the backend on the processor: C, AVX2, AVX-512, AMX chosen at run time. */
#ifndef CPU_CPU_BACKEND_H
#define CPU_CPU_BACKEND_H

#include "base/err.h"
#include "tensor/backend.h"

enum cpu_flag {
    CPU_AVX2 = 1u << 0,   /* AVX2, FMA, F16C */
    CPU_AVX512 = 1u << 1, /* F, BW, DQ, VL, VNNI, on top of AVX2 */
    CPU_AMX = 1u << 2,    /* tiles of int8 and bf16, on top of AVX-512 with BF16 */
};

struct cpu_options {
    int n_threads;     /* 0: cpus_n_threads() */
    unsigned flags;    /* enum cpu_flag to use, at most cpu_detect() */
    bool exact;        /* float32 everywhere */
    bool kv_q8;        /* keys and values in 8-bit blocks; else float32 with exact, or bf16 */
    bool round_inputs; /* as the checkpoint says; see struct tensor_input */
};

/* Returns the enum cpu_flag bits that this machine and its system support. */
unsigned cpu_detect(void);

/* Turns "c", "avx2", "avx512", "amx" or "auto" into flags for this machine.
 * Errors: ERR_ARG for another word, ERR_UNSUPPORTED when the machine lacks it. */
bool cpu_flags_from_name(const char *name, unsigned *flags, struct err *err) CHECKED;

/* Owned: its close().  Errors: ERR_LIMIT. */
struct backend *cpu_backend_open(const struct cpu_options *options, struct err *err) CHECKED;

#endif
