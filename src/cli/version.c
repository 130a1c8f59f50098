/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - "bise version": what this program is, and what it finds here. */
#include <stdio.h>

#include <bise.h>

#include "base/cpus.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/options.h"
#include "cpu/cpu_backend.h"

/* Clang's version text has its name, GCC's has not. */
#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const char *features(unsigned flags)
{
    if (flags & CPU_AMX)
        return "avx2, avx512, amx";
    if (flags & CPU_AVX512)
        return "avx2, avx512";
    return flags & CPU_AVX2 ? "avx2" : "none";
}

static void print_cpus(void)
{
    struct cpus cpus;
    cpus_find(&cpus, "", NULL);
    printf("processors  %d\n", cpus.n_allowed);
    printf("cores       %d\n", cpus.n_cores);
    printf("nodes       %d\n", cpus.n_nodes);
    if (cpus.quota)
        printf("quota       %d\n", cpus.quota);
    else
        puts("quota       none");
    printf("threads     %d\n", cpus.n_threads);
}

const char *version_commit(void)
{
    return BISE_COMMIT;
}

static int version(int argc, char **argv)
{
    const struct option options[] = {{.name = NULL}};
    int code = options_parse(&verb_version, options, &argc, argv);
    if (code >= 0)
        return code;
    struct err err = {0};
    unsigned used = 0;
    if (!cpu_flags_from_name("auto", &used, &err))
        return console_fail(&err);
    printf("bise %s\n", bise_version());
    printf("commit      %s\n", version_commit());
    printf("compiler    %s\n", COMPILER);
    print_cpus();
    printf("cpu found   %s\n", features(cpu_detect()));
    printf("cpu in use  %s\n", features(used));
    return console_finish(EXIT_DONE);
}

const struct verb verb_version = {
    .name = "version",
    .summary = "print version, commit and processor features",
    .help =
        "usage: bise version\n"
        "\n"
        "Prints the version, the commit it was built from and the compiler; how many processors\n"
        "it may use, how many physical cores and nodes of memory these are, how many of them\n"
        "control groups grant at a time, and how many threads compute unless --threads says\n"
        "otherwise; which of the instruction sets that it knows the processors have, and which\n"
        "it uses unless --cpu says otherwise.\n",
    .max_args = 0,
    .run = version,
};
