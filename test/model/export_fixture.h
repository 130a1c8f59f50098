/* SPDX-License-Identifier: Apache-2.0 */
/* export_fixture.h - checkpoints written as GGUF files by tests. */
#ifndef EXPORT_FIXTURE_H
#define EXPORT_FIXTURE_H

#include "base/buf.h"
#include "model/checkpoint.h"

struct pool;

/* Cases of test/data/oracle that can be written, with the layouts that they have. */
struct fixture_case {
    const char *name;
    bool native, hf;
    bool is_same; /* both layouts hold the same numbers */
};
#define FIXTURE_CASES 16
extern const struct fixture_case fixture_cases[FIXTURE_CASES];

/* Appends the whole file of that type to out.  Errors: those of the parts. */
bool fixture_export_to(const struct checkpoint *ckpt, const char *type, struct pool *pool,
                       struct buf *out, struct err *err);

/* Writes the model at from as a GGUF file of that type to path, with n_threads. */
void fixture_export(const char *from, const char *path, const char *type, int n_threads);

/* The same with a case in one layout.  Borrowed: the path, as of test_tmp(). */
const char *fixture_export_case(const char *name, enum checkpoint_layout layout, const char *type);

/* Opens a file that must be well-formed.  Owned: gguf_close(). */
struct gguf fixture_gguf(const char *path);

/* Asserts that both files have the same tensors, byte for byte. */
void assert_same_tensors(const struct gguf *a, const struct gguf *b);

#endif
