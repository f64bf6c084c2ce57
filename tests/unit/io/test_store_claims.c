/* Claims of task ids: what is remembered, for how long, and what cannot take it away. */
#include <criterion/criterion.h>

#include "io/store_int.h"
#include "store_fixture.h"

#define HOUR (3600 * INT64_C(1000))
#define T0   INT64_C(1800000000000)

static char *dir;
static struct config conf;
static struct store *store;

static void setup(void)
{
    conf = fixture_config();
    conf.dedupe_ttl_ms = 24 * HOUR;
    conf.cache.journal_max_age_ms = HOUR;
    dir = fixture_dir();
    store = fixture_open(dir, &conf);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(dir);
}

static void reopen(void)
{
    store_free(store);
    store = fixture_open(dir, &conf);
}

TestSuite(store_claims, .init = setup, .fini = teardown, .timeout = 60);

static void write_op(struct store_op *op)
{
    struct acks a = ACKS_INIT;

    acks_submit(&a, store, op);
    acks_wait(&a);
    cr_assert_eq(a.written, 1);
}

/* Claims the id numbered i. */
static void claim(uint64_t i, int64_t offset, int64_t wall_ms)
{
    uint8_t key[SHA256_LEN];
    struct store_op op = {.claim_key = key, .claim = {3, offset, wall_ms}};

    fixture_key(i, key);
    write_op(&op);
}

/* The offset that claimed it, or what store_get_claim() said otherwise, negative. */
static int64_t claimed_by(uint64_t i, int64_t now_wall_ms)
{
    uint8_t key[SHA256_LEN];
    struct store_claim c = {0};
    int r;

    fixture_key(i, key);
    r = store_get_claim(store, key, now_wall_ms, &c, NULL);
    if (r == STORE_FOUND)
        cr_expect_eq(c.partition, 3);
    return r == STORE_FOUND ? c.offset : -1 - r;
}

#define NOBODY (-1 - STORE_NONE)

Test(store_claims, a_claim_is_found_and_survives_a_restart)
{
    cr_expect_eq(claimed_by(1, T0), NOBODY);
    claim(1, 40, T0);
    cr_expect_eq(claimed_by(1, T0), 40);
    cr_expect_eq(claimed_by(2, T0), NOBODY);
    reopen();
    cr_expect_eq(claimed_by(1, T0), 40);
    claim(1, 7, T0); /* taken over */
    cr_expect_eq(claimed_by(1, T0), 7);
}

Test(store_claims, a_claim_ends_with_its_time)
{
    claim(1, 40, T0);
    cr_expect_eq(claimed_by(1, T0 + 24 * HOUR - 1), 40);
    cr_expect_eq(claimed_by(1, T0 + 24 * HOUR), NOBODY);
}

Test(store_claims, claims_are_deleted_like_everything_else)
{
    uint8_t key[SHA256_LEN];
    struct store_op op = {.claim_key = key, .forget = true};

    claim(1, 40, T0);
    claim(2, 41, T0);
    fixture_key(1, key);
    write_op(&op);
    cr_expect_eq(claimed_by(1, T0), NOBODY);
    cr_expect_eq(claimed_by(2, T0), 41);
}

static bool keep_none(void *arg, const uint8_t *key, size_t len)
{
    (void)arg, (void)key, (void)len;
    return false;
}

Test(store_claims, pruning_the_journal_leaves_them)
{
    claim(1, 40, T0);
    fixture_put_outcome(store, "job/1", 'a', "r", T0);
    cr_assert_eq(store_prune(store, NULL, 0, keep_none, NULL, NULL), 0);
    cr_expect_eq(fixture_has_outcome(store, "job/1", 'a', "r"), STORE_NONE);
    cr_expect_eq(claimed_by(1, T0), 40);
}

static enum walk_action delete_odd(void *arg, const struct store_entry *entry)
{
    struct store_claim c;

    *(int *)arg += 1;
    cr_assert_eq(codec_get_claim(entry->value, entry->value_len, &c), 0);
    return c.offset % 2 ? WALK_DELETE : WALK_GO;
}

Test(store_claims, a_walk_finds_and_deletes_them)
{
    uint64_t deleted = 0;
    int seen = 0;

    for (uint64_t i = 0; i < 1000; i++)
        claim(i, (int64_t)i, T0);
    cr_assert_eq(store_walk(store, STORE_CLAIMS, NULL, 0, delete_odd, &seen, &deleted, NULL), 0);
    cr_expect_eq(seen, 1000);
    cr_expect_eq(deleted, 500);
    cr_expect_eq(claimed_by(10, T0), 10);
    cr_expect_eq(claimed_by(11, T0), NOBODY);
}

/* The journal's age is an hour here: it is not theirs. */
Test(store_claims, the_keeper_drops_them_by_their_own_age)
{
    uint8_t key[SHA256_LEN];
    struct store_claim c;

    claim(1, 40, T0);
    claim(2, 41, T0 + 23 * HOUR);
    store_maintain(store, T0 + 25 * HOUR);
    cr_expect_eq(claimed_by(2, T0 + 25 * HOUR), 41);
    fixture_key(1, key);
    cr_expect_eq(store_get_claim(store, key, T0, &c, NULL), STORE_NONE, "gone from the disk");
}

Test(store_claims, the_keeper_bounds_them_oldest_first)
{
    enum { N = 20000 };
    int64_t left = 0, oldest = N;

    conf.dedupe_max_bytes = 200 * 1024;
    reopen();
    for (uint64_t i = 0; i < N; i++)
        claim(i, (int64_t)i, T0 + (int64_t)i);
    cr_assert_eq(store_flush(store, NULL), 0);
    cr_assert_gt(store_family_bytes(store, STORE_CLAIMS), 200 * 1024);
    store_maintain(store, T0 + HOUR);
    cr_expect_leq(store_family_bytes(store, STORE_CLAIMS), 200 * 1024);
    for (int64_t i = N; i-- > 0;)
        if (claimed_by((uint64_t)i, T0 + HOUR) == i) {
            left++;
            oldest = i;
        }
    cr_expect_gt(left, N / 20);
    cr_expect_lt(left, N);
    cr_expect_eq(oldest, N - left, "those that went are the oldest");
}

Test(store_claims, bytes_that_are_no_claim_are_not_read)
{
    struct store_claim in = {-1, INT64_MAX, T0}, out;
    struct buf b = BUF_INIT(1000);

    cr_assert_eq(codec_put_claim(&b, &in), 0);
    cr_assert_eq(codec_get_claim(b.data, b.len, &out), 0);
    cr_expect(out.partition == in.partition && out.offset == in.offset &&
              out.wall_ms == in.wall_ms);
    for (size_t n = 0; n < b.len; n++)
        cr_expect_eq(codec_get_claim(b.data, n, &out), -1, "cut at %zu", n);
    for (size_t at = 0; at < 4; at++) { /* version, kind, and what must be zero */
        b.data[at] ^= 1;
        cr_expect_eq(codec_get_claim(b.data, b.len, &out), -1, "byte %zu", at);
        b.data[at] ^= 1;
    }
    buf_char(&b, 0);
    cr_expect_eq(codec_get_claim(b.data, b.len, &out), -1, "longer");
    buf_done(&b);
}
