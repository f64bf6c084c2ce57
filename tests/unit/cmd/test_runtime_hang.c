/*
 * runtime: a worker whose intake thread hangs ends, whatever it is doing, and with a code that says why. In the
 * place of librdkafka's poll there is one that never comes back; ticks and alarms are made short.
 */
#include "cmd/runtime.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/signals.h"
#include "tests/unit/cmd/scratch.h"

#define SHORT_MS 100 /* an alarm */

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(runtime_hang, .init = set_up, .fini = tear_down, .timeout = 60);

rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms)
{
    (void)rk, (void)timeout_ms;
    for (;;)
        pause();
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    struct timespec tick = {.tv_nsec = 1000000};

    return ppoll(fds, n, timeout_ms < 0 ? NULL : &tick, NULL);
}

unsigned alarm(unsigned seconds)
{
    struct itimerval soon = {.it_value.tv_usec = seconds ? SHORT_MS * 1000 : 0};

    return (unsigned)setitimer(ITIMER_REAL, &soon, NULL);
}

/* Runs a worker, to which a signal may have been sent, in a process of its own. Its exit code. */
static int run_worker(int sig)
{
    pid_t pid = fork(), ended = 0;
    int64_t until_us = 0;
    int status = 0;

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct err e = {0};
        struct config *c = config_new();
        struct runtime_setup setup = {
            .config = c, .store_root = scratch.dir, .signal_fd = signals_open(&e)};
        struct runtime r;

        runtime_property(c, "bootstrap.servers", "127.0.0.1:1");
        runtime_property(c, "group.id", "test");
        if (runtime_start(&r, &setup, &e) < 0)
            _exit(EX_SOFTWARE);
        if (sig)
            kill(getpid(), sig);
        _exit(runtime_run(&r, &e));
    }
    until_us = clock_mono_us() + 20 * 1000000LL;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && clock_mono_us() < until_us)
        poll(NULL, 0, 1);
    if (ended == 0)
        kill(pid, SIGKILL);
    cr_assert(ended == pid && WIFEXITED(status), "it hangs, or died: status %d", status);
    return WEXITSTATUS(status);
}

Test(runtime_hang, is_noticed_and_ends_the_worker)
{
    cr_assert_eq(run_worker(0), EX_UNAVAILABLE);
}

Test(runtime_hang, holds_up_no_drain)
{
    cr_assert_eq(run_worker(SIGTERM), EX_TEMPFAIL);
}
