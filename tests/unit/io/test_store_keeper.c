/* Bounds: what is too old or too much goes, the newest stays. Time is moved by hand. */
#include <criterion/criterion.h>

#include "io/store_int.h"
#include "store_fixture.h"

#define HOUR (3600 * 1000LL)

static char *dir;
static struct store *store;

static void open_with(int64_t max_bytes, int64_t journal_bytes, int64_t journal_age)
{
    struct config c = fixture_config();

    c.cache.max_bytes = max_bytes;
    c.cache.journal_max_bytes = journal_bytes;
    c.cache.journal_max_age_ms = journal_age;
    dir = fixture_dir();
    store = fixture_open(dir, &c);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(dir);
}

/* Bodies that do not compress, so that sizes are what they seem. */
static void put(uint64_t i, int64_t created, int64_t expires)
{
    char body[2100];
    struct completion *c;

    fixture_noise(i * 100000, body, sizeof body);
    c = fixture_completion("m", body);
    c->created_wall_ms = created;
    c->expires_wall_ms = expires;
    fixture_put_at(store, i, c);
}

static bool has(uint64_t i)
{
    return fixture_has_at(store, i);
}

TestSuite(store_keeper, .fini = teardown, .timeout = 60);

Test(store_keeper, expired_completions_are_removed)
{
    open_with(0, 0, 0);
    for (uint64_t i = 0; i < 100; i++)
        put(i, 1000, i % 2 ? 2000 : 0);
    store_maintain(store, 3000);
    for (uint64_t i = 0; i < 100; i++)
        cr_expect_eq(has(i), i % 2 == 0, "%d", (int)i);
}

Test(store_keeper, age_is_looked_at_every_few_hours_only)
{
    open_with(0, 0, 0);
    store_maintain(store, 1000);
    put(1, 1000, 2000);
    store_maintain(store, 3000);
    cr_expect(has(1));
    store_maintain(store, 7 * HOUR);
    cr_expect(!has(1));
}

Test(store_keeper, too_many_bytes_take_the_oldest)
{
    enum { N = 1000 };
    int left = 0;

    open_with(400 * 1024, 0, 0);
    for (uint64_t i = 0; i < N; i++)
        put(i, 1000 + (int64_t)i, 0);
    cr_assert_eq(store_flush(store, NULL), 0);
    cr_assert_gt(store_family_bytes(store, STORE_COMPLETIONS), 400 * 1024);
    store_maintain(store, 5000);
    cr_expect_leq(store_family_bytes(store, STORE_COMPLETIONS), 400 * 1024);
    for (uint64_t i = 0; i < N; i++)
        left += has(i);
    cr_expect_gt(left, N / 10);
    cr_expect_lt(left, N / 2);
    for (uint64_t i = 0; i < N; i++) /* all that is left is newer than all that went */
        cr_expect_eq(has(i), i >= (uint64_t)(N - left), "%d of %d", (int)i, left);
    put(5, 1, 0); /* the cutoff was for that one round */
    store_maintain(store, 6000);
    cr_expect(has(5));
}

Test(store_keeper, garbage_is_compacted_before_the_living_are_touched)
{
    open_with(400 * 1024, 0, 0);
    for (int round = 0; round < 8; round++) {
        for (uint64_t i = 0; i < 100; i++)
            put(i, 1000 + (int64_t)i, 0);
        cr_assert_eq(store_flush(store, NULL), 0);
    }
    store_maintain(store, 5000);
    for (uint64_t i = 0; i < 100; i++)
        cr_expect(has(i), "%d", (int)i);
}

Test(store_keeper, old_outcomes_go_by_age)
{
    open_with(0, 0, 1000);
    fixture_put_outcome(store, "old", 'a', "r", 5000);
    fixture_put_outcome(store, "new", 'a', "r", 5600);
    store_maintain(store, 6500);
    cr_expect_eq(fixture_has_outcome(store, "old", 'a', "r"), STORE_NONE);
    cr_expect_eq(fixture_has_outcome(store, "new", 'a', "r"), STORE_FOUND);
}

Test(store_keeper, outcomes_go_by_size_oldest_first)
{
    enum { N = 400 };
    char key[32], reply[2100];
    int left = 0;

    open_with(0, 200 * 1024, 0);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "t/%05d", N - i); /* order of keys against order of time */
        fixture_noise((uint64_t)i * 100000, reply, sizeof reply);
        fixture_put_outcome(store, key, 'a', reply, 1000 + i);
    }
    cr_assert_eq(store_flush(store, NULL), 0);
    store_maintain(store, 5000);
    cr_expect_leq(store_family_bytes(store, STORE_OUTCOMES), 200 * 1024);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "t/%05d", N - i);
        left += fixture_has_outcome(store, key, 'a', "") != STORE_NONE;
    }
    cr_expect_gt(left, N / 10);
    cr_expect_eq(fixture_has_outcome(store, "t/00001", 'a', ""), -2); /* newest: there */
    cr_expect_eq(fixture_has_outcome(store, "t/00400", 'a', ""), STORE_NONE);
}

Test(store_keeper, undecodable_values_are_left_for_verify)
{
    struct store_retention r = {.now_wall_ms = 1000, .max_age_ms = {0, 1}, .cutoff = {500, 500}};

    open_with(0, 0, 0);
    cr_expect(!store_keeper_drops(&r, STORE_COMPLETIONS, "junk", 4));
    cr_expect(!store_keeper_drops(&r, STORE_OUTCOMES, "", 0));
}
