/* What happens when a write fails: nothing is reported done, failing shows it, and once the disk
 * works again everything is written. The full disk is a real one: a limit on the size of files,
 * lifted later. */
#include <criterion/criterion.h>

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "io/store_int.h"
#include "store_fixture.h"

#define N 40

static struct config config;
static char *dir;
static struct store *store;

static void setup(void)
{
    config = fixture_config();
    dir = fixture_dir();
    store = fixture_open(dir, &config);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(dir);
}

struct jobs {
    struct store_op op[N];
    char key[N][16];
    uint8_t fingerprint[16];
    char *reply;
    struct acks acks;
};

static struct jobs *jobs_submit(size_t reply_len)
{
    struct jobs *j = mem_alloc(sizeof *j);

    j->acks = (struct acks)ACKS_INIT;
    j->reply = mem_alloc(reply_len + 1);
    memset(j->reply, 'r', reply_len);
    memset(j->fingerprint, 'a', sizeof j->fingerprint);
    for (int i = 0; i < N; i++) {
        snprintf(j->key[i], sizeof j->key[i], "f/%d", i);
        j->op[i] = (struct store_op){.journal_key = (const uint8_t *)j->key[i],
                                     .journal_key_len = strlen(j->key[i]),
                                     .fingerprint = j->fingerprint,
                                     .ok = true,
                                     .status = 200,
                                     .reply = j->reply,
                                     .reply_len = reply_len};
        acks_submit(&j->acks, store, &j->op[i]);
    }
    return j;
}

static void jobs_free(struct jobs *j)
{
    free(j->reply);
    free(j);
}

static bool wait_failing(bool want)
{
    int64_t end = clock_mono_us() + 10 * 1000000;

    while (store_failing(store) != want && clock_mono_us() < end)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return store_failing(store) == want;
}

static void expect_all(const struct jobs *j, int result)
{
    for (int i = 0; i < N; i++)
        cr_expect_eq(fixture_has_outcome(store, j->key[i], 'a', j->reply), result, "%d", i);
}

TestSuite(store_fault, .init = setup, .fini = teardown, .timeout = 60);

Test(store_fault, failed_tries_are_repeated_and_the_database_reopened)
{
    static const struct {
        int writes, opens;
    } rows[] = {{1, 0}, {2, 0}, {3, 0}, {2, 2}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_stats st;
        struct jobs *j;

        __atomic_store_n(&store->fail_opens, rows[i].opens, __ATOMIC_RELAXED);
        __atomic_store_n(&store->fail_writes, rows[i].writes, __ATOMIC_RELAXED);
        j = jobs_submit(10);
        acks_wait(&j->acks);
        cr_expect_eq(j->acks.written, N);
        cr_expect_eq(j->acks.abandoned, 0);
        cr_expect(!store_failing(store));
        expect_all(j, STORE_FOUND);
        store_stats(store, &st);
        cr_expect_geq(st.write_errors, (uint64_t)(rows[i].writes + rows[i].opens));
        jobs_free(j);
    }
}

Test(store_fault, full_disk_holds_everything_until_there_is_space)
{
    struct rlimit full = {.rlim_cur = 200000}, old;
    struct jobs *j;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    full.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &full);
    j = jobs_submit(64 * 1024);
    cr_assert(wait_failing(true));
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL); /* several tries */
    cr_expect(store_failing(store));
    cr_expect_lt(acks_written(&j->acks), N);
    cr_expect_eq(j->acks.abandoned, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    acks_wait(&j->acks);
    cr_expect_eq(j->acks.written, N);
    cr_expect(wait_failing(false));
    expect_all(j, STORE_FOUND);
    store_free(store);
    store = fixture_open(dir, &config);
    expect_all(j, STORE_FOUND);
    jobs_free(j);
}

Test(store_fault, settle_abandons_what_cannot_be_written_and_the_store_recovers)
{
    struct jobs *j;
    int64_t start;

    __atomic_store_n(&store->fail_writes, 1000000, __ATOMIC_RELAXED);
    j = jobs_submit(10);
    cr_assert(wait_failing(true));
    start = clock_mono_us();
    store_settle(store, 200);
    cr_expect_lt(clock_mono_us() - start, 5 * 1000000);
    cr_expect_eq(j->acks.abandoned, N);
    cr_expect_eq(j->acks.written, 0);
    jobs_free(j);
    __atomic_store_n(&store->fail_writes, 0, __ATOMIC_RELAXED);
    j = jobs_submit(10);
    store_settle(store, 5000);
    cr_expect_eq(j->acks.written, N);
    cr_expect(!store_failing(store));
    jobs_free(j);
}

Test(store_fault, lookups_fail_while_the_database_is_closed)
{
    struct err e = {0};
    struct jobs *j;
    struct completion *c;
    uint8_t key[SHA256_LEN] = {0};
    int64_t end = clock_mono_us() + 10 * 1000000;
    int r = STORE_NONE;

    __atomic_store_n(&store->fail_opens, 1000000, __ATOMIC_RELAXED);
    __atomic_store_n(&store->fail_writes, 2, __ATOMIC_RELAXED);
    j = jobs_submit(10);
    while (r != -1 && clock_mono_us() < end)
        r = store_get_completion(store, key, 0, &c, &e);
    cr_expect_eq(r, -1);
    cr_expect(strstr(e.msg, "cannot be read"), "%s", e.msg);
    store_settle(store, 10);
    cr_expect_eq(j->acks.abandoned, N);
    __atomic_store_n(&store->fail_opens, 0, __ATOMIC_RELAXED);
    jobs_free(j);
    j = jobs_submit(10);
    acks_wait(&j->acks);
    cr_expect_eq(j->acks.written, N);
    expect_all(j, STORE_FOUND);
    jobs_free(j);
}

Test(store_fault, closing_gives_up_in_bounded_time)
{
    struct jobs *j;
    int64_t start = clock_mono_us();

    __atomic_store_n(&store->fail_writes, 1000000, __ATOMIC_RELAXED);
    j = jobs_submit(10);
    cr_assert(wait_failing(true));
    store = store_free(store);
    cr_expect_eq(j->acks.abandoned, N);
    cr_expect_lt(clock_mono_us() - start, 15 * 1000000);
    jobs_free(j);
}
