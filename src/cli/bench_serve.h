/* SPDX-License-Identifier: Apache-2.0 */
/* bench_serve.h - "bise bench serve": how fast a server is for many at once. */
#ifndef CLI_BENCH_SERVE_H
#define CLI_BENCH_SERVE_H

#include "cli/cli.h"

extern const struct verb verb_bench_serve;

#endif
