/* crash_log: what is remembered when a process is killed, and what is not. The dying process is a real one. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/kafka/crash_log.h"
#include "store_fixture.h"

#define NOW   INT64_C(1800000000000)
#define DAY   (86400 * INT64_C(1000))
#define HEAD  64 /* bytes of the file before its entries, and of an entry */
#define ENTRY 32

static char *dir;
static char path[200];
static const uint8_t print[16] = "fingerprint 0123";

static void setup(void)
{
    dir = fixture_dir();
    snprintf(path, sizeof path, "%s/in-flight", dir);
}

static void teardown(void)
{
    fixture_remove(dir);
}

TestSuite(crash_log, .init = setup, .fini = teardown, .timeout = 60);

static struct crash_log *open_at(size_t max, unsigned limit, int64_t now_wall_ms)
{
    struct err e = {0};
    struct crash_log_setup s = {
        .path = path, .max_marks = max, .limit = limit, .now_wall_ms = now_wall_ms};
    struct crash_log *l = crash_log_open(&s, &e);

    cr_assert_not_null(l, "%s", e.msg);
    return l;
}

static unsigned begin(struct crash_log *l, const char *key, uint64_t *ret_mark)
{
    return crash_log_begin(l, (const uint8_t *)key, strlen(key), print, ret_mark);
}

static unsigned began(struct crash_log *l, const char *key)
{
    uint64_t mark;

    return begin(l, key, &mark);
}

static bool may(const struct crash_log *l, const char *key)
{
    return crash_log_may_begin(l, (const uint8_t *)key, strlen(key), print);
}

/* How the life of a worker ends. */
enum end { KILLED, FORGIVEN_AND_KILLED, CLOSED };

/* A process takes these records into flight, ends the one named `done`, and ends. */
static void life(const char *const *keys, const char *done, enum end end, int64_t now_wall_ms)
{
    pid_t child = fork();
    int status = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        struct crash_log *l = open_at(16, 5, now_wall_ms);

        for (int i = 0; keys[i]; i++) {
            uint64_t mark = 0;

            begin(l, keys[i], &mark);
            if (done && strcmp(keys[i], done) == 0)
                crash_log_end(l, &mark);
        }
        if (end != KILLED)
            crash_log_forgive(l);
        if (end == CLOSED)
            crash_log_close(l);
        kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
}

static void lives(int n, const char *const *keys, const char *done)
{
    while (n-- > 0)
        life(keys, done, KILLED, NOW);
}

static const char *const abc[] = {"a", "b", "c", NULL};

Test(crash_log, nothing_is_known_of_a_new_record)
{
    struct crash_log *l = open_at(16, 5, NOW);
    uint64_t mark = 0;

    cr_expect(may(l, "a"));
    cr_expect_eq(begin(l, "a", &mark), 0);
    cr_expect_neq(mark, 0);
    cr_expect_eq(crash_log_suspects(l), 0);
    crash_log_end(l, &mark);
    cr_expect_eq(mark, 0);
    crash_log_end(l, &mark); /* a no-op */
    crash_log_close(l);
}

Test(crash_log, no_log_logs_nothing)
{
    uint64_t mark = 7;

    cr_expect(crash_log_may_begin(NULL, print, 16, print));
    cr_expect_eq(crash_log_begin(NULL, print, 16, print, &mark), 0);
    cr_expect_eq(mark, 0);
    crash_log_end(NULL, &mark);
    crash_log_forgive(NULL);
    cr_expect_eq(crash_log_suspects(NULL), 0);
    cr_expect_null(crash_log_close(NULL));
}

Test(crash_log, a_kill_counts_for_what_was_in_flight_and_for_nothing_else)
{
    struct crash_log *l;

    lives(3, abc, "b");
    l = open_at(16, 5, NOW);
    cr_expect_eq(crash_log_suspects(l), 2);
    cr_expect_eq(began(l, "a"), 3);
    cr_expect_eq(began(l, "b"), 0);
    cr_expect_eq(began(l, "c"), 3);
    cr_expect_eq(began(l, "d"), 0);
    crash_log_close(l);
}

Test(crash_log, another_record_at_the_same_place_is_another_record)
{
    const uint8_t other[16] = "another print 01";
    struct crash_log *l;
    uint64_t mark;

    lives(1, abc, NULL);
    l = open_at(16, 5, NOW);
    cr_expect_eq(crash_log_begin(l, (const uint8_t *)"a", 1, other, &mark), 0);
    cr_expect_eq(began(l, "a"), 1);
    crash_log_close(l);
}

Test(crash_log, one_that_did_not_come_back_keeps_its_count)
{
    static const char *const only_a[] = {"a", NULL};
    struct crash_log *l;

    lives(2, abc, NULL);
    lives(3, only_a, NULL);
    l = open_at(16, 5, NOW);
    cr_expect_eq(began(l, "a"), 5);
    cr_expect_eq(began(l, "b"), 2);
    crash_log_close(l);
}

Test(crash_log, an_end_forgets_the_count)
{
    static const char *const none[] = {NULL};
    struct crash_log *l;

    lives(2, abc, NULL);
    lives(1, abc, "a");
    lives(1, none, NULL);
    l = open_at(16, 5, NOW);
    cr_expect_eq(crash_log_suspects(l), 2);
    cr_expect_eq(began(l, "a"), 0);
    cr_expect_eq(began(l, "b"), 3);
    crash_log_close(l);
}

Test(crash_log, a_wanted_end_counts_for_nothing_and_clears_all)
{
    enum end ends[] = {FORGIVEN_AND_KILLED, CLOSED};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct crash_log *l;

        lives(4, abc, NULL);
        life(abc, NULL, ends[i], NOW);
        l = open_at(16, 5, NOW);
        cr_expect_eq(crash_log_suspects(l), 0, "end %d", (int)ends[i]);
        cr_expect_eq(began(l, "a"), 0);
        crash_log_forgive(l);
        crash_log_close(l);
    }
}

Test(crash_log, what_was_closed_and_not_forgiven_counts)
{
    struct crash_log *l = open_at(16, 5, NOW);

    began(l, "a");
    crash_log_close(l);
    l = open_at(16, 5, NOW);
    cr_expect_eq(began(l, "a"), 1);
    crash_log_close(l);
}

Test(crash_log, an_old_suspect_is_forgotten)
{
    static const char *const none[] = {NULL};
    struct crash_log *l;

    life(abc, NULL, KILLED, NOW);
    life(none, NULL, KILLED, NOW + DAY); /* counts the crash, at that time */
    l = open_at(16, 5, NOW + (CRASH_LOG_DAYS + 1) * DAY);
    cr_expect_eq(crash_log_suspects(l), 3);
    crash_log_close(l);
    l = open_at(16, 5, NOW + (CRASH_LOG_DAYS + 1) * DAY + 1000);
    cr_expect_eq(crash_log_suspects(l), 0);
    crash_log_close(l);
}

static void rewrite(long at, const void *bytes, size_t n)
{
    int fd = open(path, O_RDWR);

    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
    close(fd);
}

/* Any byte of an entry but the last ones says that it was not whole. */
Test(crash_log, a_torn_entry_is_none)
{
    for (long byte = 0; byte < ENTRY; byte++) {
        unsigned char wrong[1];
        struct crash_log *l;
        int fd;

        life(abc, NULL, KILLED, NOW);
        fd = open(path, O_RDONLY);
        cr_assert_eq(pread(fd, wrong, 1, HEAD + byte), 1); /* of "a", the first one */
        close(fd);
        wrong[0] ^= 0x5a;
        rewrite(HEAD + byte, wrong, 1);
        l = open_at(16, 5, NOW);
        cr_expect_eq(crash_log_suspects(l), 2, "byte %ld", byte);
        cr_expect_eq(began(l, "a"), 0);
        cr_expect_eq(began(l, "b"), 1);
        crash_log_forgive(l);
        crash_log_close(l);
    }
}

Test(crash_log, a_file_of_another_kind_or_length_is_begun_anew)
{
    static const char other[] =
        "something else altogether that is long enough for a header, and more";
    static const char *const texts[] = {"", "x", "sluice-crash-1", other};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        FILE *f = fopen(path, "w");
        struct crash_log *l;

        cr_assert_not_null(f);
        fputs(texts[i], f);
        fclose(f);
        l = open_at(16, 5, NOW);
        cr_expect_eq(crash_log_suspects(l), 0);
        cr_expect_eq(began(l, "a"), 0);
        crash_log_close(l);
        l = open_at(16, 5, NOW);
        cr_expect_eq(began(l, "a"), 1, "%s", texts[i]);
        crash_log_close(l);
    }
}

Test(crash_log, a_cut_file_keeps_what_is_whole)
{
    struct crash_log *l;

    life(abc, NULL, KILLED, NOW);
    cr_assert_eq(truncate(path, HEAD + 2 * ENTRY + 7), 0);
    l = open_at(16, 5, NOW);
    cr_expect_eq(crash_log_suspects(l), 2);
    crash_log_close(l);
}

Test(crash_log, more_than_fit_are_not_marked)
{
    struct crash_log *l = open_at(4, 5, NOW);
    uint64_t marks[9], one_more = 1;
    char key[8];
    int i, marked = 0;

    for (i = 0; i < 9; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_expect_eq(begin(l, key, &marks[i]), 0);
        marked += marks[i] != 0;
    }
    cr_expect_eq(marked, 8);
    crash_log_end(l, &marks[3]);
    begin(l, "another", &one_more);
    cr_expect_neq(one_more, 0, "there is room again");
    crash_log_close(l);
    l = open_at(4, 5, NOW); /* half of the room is for suspects */
    cr_expect_eq(crash_log_suspects(l), 4);
    for (i = 0, marked = 0; i < 9; i++) {
        snprintf(key, sizeof key, "n%d", i);
        begin(l, key, &marks[i]);
        marked += marks[i] != 0;
    }
    cr_expect_eq(marked, 4);
    crash_log_close(l);
}

Test(crash_log, the_size_may_change_between_lives)
{
    size_t sizes[] = {16, 16, 3, 100, 2};
    struct crash_log *l;
    char key[8];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        l = open_at(sizes[i], 9, NOW);
        for (int k = 0; k < 20; k++) {
            snprintf(key, sizeof key, "%zu-%d", i, k);
            began(l, key);
            if (k == (i ? 0 : 10)) /* in the middle of the first file */
                cr_expect_eq(began(l, "a"), i);
        }
        crash_log_close(l);
    }
    l = open_at(1, 9, NOW);
    cr_expect_eq(crash_log_suspects(l), 1, "those with the most crashes stay");
    cr_expect_eq(began(l, "a"), ARRAY_LEN(sizes));
    crash_log_close(l);
}

Test(crash_log, one_record_is_in_flight_once)
{
    struct crash_log *l = open_at(16, 5, NOW);
    uint64_t first, second;

    begin(l, "a", &first);
    begin(l, "a", &second);
    cr_expect_neq(first, 0);
    cr_expect_eq(second, 0);
    crash_log_end(l, &second);
    crash_log_close(l);
    l = open_at(16, 5, NOW);
    cr_expect_eq(began(l, "a"), 1, "the mark of the first one stood");
    crash_log_close(l);
}

/* Begins as many of `n` records as may be begun; how many were. `innocent` is one that never crashes. */
static int begin_what_may(struct crash_log *l, int n, unsigned *ret_worst)
{
    char key[16];
    int count = 0;

    for (int i = 0; i < n; i++) {
        unsigned crashes;

        snprintf(key, sizeof key, "r%d", i);
        if (!may(l, key))
            continue;
        crashes = began(l, key);
        if (crashes > *ret_worst)
            *ret_worst = crashes;
        count++;
    }
    return count;
}

/* A window of 64 crashes whenever it is full: the groups get smaller, until one alone is left, and only that
 * one reaches the limit. */
Test(crash_log, suspects_are_tried_in_ever_smaller_groups)
{
    static const int together[] = {64, 64, 16, 4, 1};
    struct crash_log *l;
    unsigned worst = 0;
    int given_up = 0;
    char key[16];

    for (size_t crash = 0; crash < ARRAY_LEN(together); crash++) {
        int fresh_or_less = 0;

        l = open_at(64, 5, NOW);
        fresh_or_less = begin_what_may(l, 64, &worst);
        cr_expect_eq(worst, crash);
        if (crash < 2)
            cr_expect_eq(fresh_or_less, 64);
        crash_log_close(l);
    }
    l = open_at(64, 5, NOW);
    for (int i = 0; i < 64; i++) {
        snprintf(key, sizeof key, "r%d", i);
        given_up += may(l, key) && began(l, key) >= 5;
    }
    cr_expect_eq(given_up, 1, "the others are innocent");
    crash_log_close(l);
}

Test(crash_log, a_suspect_that_waits_may_begin_when_another_has_ended)
{
    struct crash_log *l;
    uint64_t a, b;

    lives(4, abc, NULL);
    l = open_at(16, 5, NOW); /* limit 5: at four crashes one is tried alone */
    cr_assert(may(l, "a"));
    cr_expect_eq(begin(l, "a", &a), 4);
    cr_expect(may(l, "a"), "it is in flight already");
    cr_expect_not(may(l, "b"));
    cr_expect(may(l, "fresh"));
    crash_log_end(l, &a);
    cr_expect_eq(crash_log_suspects(l), 2);
    cr_expect(may(l, "b"));
    cr_expect_eq(begin(l, "b", &b), 4);
    cr_expect_not(may(l, "c"));
    crash_log_end(l, &b);
    cr_expect_eq(began(l, "c"), 4);
    cr_expect_eq(began(l, "a"), 0, "it has ended well");
    crash_log_close(l);
}

Test(crash_log, what_is_given_up_waits_for_nothing)
{
    static const char *const a[] = {"a", NULL};
    struct crash_log *l;

    lives(6, a, NULL);
    l = open_at(16, 5, NOW);
    cr_expect(may(l, "a"));
    cr_expect_eq(began(l, "a"), 6);
    crash_log_close(l);
    l = open_at(16, 1, NOW); /* a limit that is reached at the first crash */
    cr_expect(may(l, "a"));
    cr_expect_eq(began(l, "a"), 7);
    cr_expect_eq(began(l, "b"), 0);
    crash_log_close(l);
}

Test(crash_log, a_place_that_cannot_be_written_is_an_error)
{
    struct crash_log_setup s = {
        .path = "/proc/no/such/place", .max_marks = 4, .limit = 5, .now_wall_ms = NOW};
    struct err e = {0};

    cr_expect_null(crash_log_open(&s, &e));
    cr_expect(strstr(e.msg, "/proc/no/such/place"), "%s", e.msg);
    cr_expect(strstr(e.msg, "poison_crashes"), "it says what to do: %s", e.msg);
}
