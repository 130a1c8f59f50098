/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/jobs_int.h"
#include "test.h"

TEST(job_worker, lives_and_dies_with_its_process)
{
    struct err err = {0};
    char worker[JOB_WORKER_BYTES], other[JOB_WORKER_BYTES];
    int fds[2], status;
    assert_true(jobs_worker(worker, &err) && jobs_worker(other, &err));
    assert_string_not_equal(worker, other); /* two in one process */
    assert_false(job_worker_is_dead(worker));
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) {
        if (!jobs_worker(worker, &err) || write(fds[1], worker, sizeof worker) < 0)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(fds[0], worker, sizeof worker), sizeof worker);
    assert_false(job_worker_is_dead(worker));
    kill(pid, SIGKILL);
    /* Dead before its parent has asked for it, and after. */
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(job_worker_is_dead(worker));
    waitpid(pid, &status, 0);
    assert_true(job_worker_is_dead(worker));
    close(fds[0]);
    close(fds[1]);
}

TEST(job_worker, knows_nothing_of_other_machines)
{
    struct err err = {0};
    char worker[JOB_WORKER_BYTES], text[JOB_WORKER_BYTES];
    static const char *const others[] = {"", "x", "////9f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a7b",
                                         "0000/pid:[1]/999999/1/x"};
    for (size_t i = 0; i < 4; i++)
        assert_false(job_worker_is_dead(others[i]));
    /* The same number, another beginning. */
    assert_true(jobs_worker(worker, &err));
    char *at = worker;
    for (int i = 0; i < 2; i++)
        at = strchr(at, '/') + 1;
    int n = (int)(at - worker);
    snprintf(text, sizeof text, "%.*s%ld/1/x", n, worker, (long)getpid());
    assert_true(job_worker_is_dead(text));
    snprintf(text, sizeof text, "%.*s0/1/x", n, worker);
    assert_false(job_worker_is_dead(text));
    snprintf(text, sizeof text, "%.*s-1/1/x", n, worker);
    assert_false(job_worker_is_dead(text));
    snprintf(text, sizeof text, "%.*s%ld", n, worker, (long)getpid());
    assert_false(job_worker_is_dead(text));
}
