/*
 * batch: what goes into a transaction is exactly what its base and its map say, as many records as the
 * limit lets through, and what the broker has is read back without ever skipping a record.
 */
#include "policy/batch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define ALL 1000000 /* no limit of the map */

static const struct map_scope scope = {"group", "topic", 3};

static struct ledger *fresh(int64_t base)
{
    return ledger_new(base, 1000000, 1000000000);
}

/* Begins [from, to). */
static struct ledger *begun(int64_t from, int64_t to)
{
    struct ledger *l = fresh(from);

    for (; from < to; from++)
        cr_assert_eq(ledger_begin(l, from), LEDGER_NEW);
    return l;
}

static bool among(const int64_t *offsets, size_t n, int64_t offset)
{
    size_t i = 0;

    while (i < n && offsets[i] != offset)
        i++;
    return i < n;
}

/* The commit says of each offset in [from, to): done, when l has it done or it is one of the first n. */
static void expect_commit(const struct ledger *l, const int64_t *offsets, size_t n, int64_t base,
                          const struct buf *map, int64_t from, int64_t to)
{
    bool broken = true;
    struct ledger *got = batch_ledger(&scope, base, map->data, map->len, &broken);
    int64_t o = 0;

    cr_assert(!broken);
    cr_assert_eq(strlen(map->data), map->len);
    for (o = from; o < to; o++) {
        bool want = ledger_is_done(l, o) || among(offsets, n, o);

        cr_assert_eq(batch_is_done(got, o), want, "offset %lld is%s done, base %lld", (long long)o,
                     want ? " not" : "", (long long)base);
    }
    ledger_free(got);
}

struct row {
    const char *what;
    const char
        *state; /* from offset 10: o open, d done, f finished and waiting, g gap, n not received */
    int64_t base;
    bool map; /* is there one? */
};

static const struct row rows[] = {
    {"nothing at all", "", 10, false},
    {"only open ones", "ooo", 10, false},
    {"the only one", "f", 11, false},
    {"all of them", "ffff", 14, false},
    {"the head", "ffoo", 12, false},
    {"the head, and done behind it", "fddo", 13, false},
    {"the head, and done further up", "foddo", 11, true},
    {"not the head", "off", 10, true},
    {"the tail alone", "ooof", 10, true},
    {"in between", "odfdo", 10, true},
    {"a gap below the base", "fggfo", 14, false},
    {"a gap above the base", "oggf", 10, true},
    {"a gap is nothing to wait for", "fgggo", 14, false},
    {"nothing new, but done ones", "odd", 10, true},
};

/* Makes the ledger of a row and the list of what is finished. */
static struct ledger *make(const char *state, int64_t *finished, size_t *ret_n)
{
    struct ledger *l = fresh(10);
    size_t i = 0;

    *ret_n = 0;
    for (i = 0; state[i]; i++)
        if (state[i] != 'g')
            cr_assert_eq(ledger_begin(l, 10 + (int64_t)i), LEDGER_NEW);
    for (i = 0; state[i]; i++) {
        if (state[i] == 'd')
            ledger_done(l, 10 + (int64_t)i);
        if (state[i] == 'f')
            finished[(*ret_n)++] = 10 + (int64_t)i;
    }
    return l;
}

Test(batch, base_and_map_are_those_of_the_records)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        int64_t finished[32];
        size_t n = 0;
        struct ledger *l = make(row->state, finished, &n);
        struct buf map = BUF_INIT(4096);
        int64_t base = -7;

        cr_assert_eq(batch_fit(&scope, l, finished, n, 4096, &map, &base), n, "%s", row->what);
        cr_expect_eq(base, row->base, "%s: base %lld", row->what, (long long)base);
        cr_expect_eq(map.len > 0, row->map, "%s: map \"%s\"", row->what, map.data);
        cr_expect_eq(strlen(map.data), map.len, "%s", row->what);
        buf_done(&map);
        ledger_free(l);
    }
}

/* The length of the map for the first n, and its base. */
static size_t length(const struct ledger *l, const int64_t *offsets, size_t n, int64_t *ret_base)
{
    struct buf map = BUF_INIT(ALL);
    size_t len = 0;

    cr_assert_eq(batch_fit(&scope, l, offsets, n, ALL, &map, ret_base), n);
    len = map.len;
    buf_done(&map);
    return len;
}

Test(batch, limit_hit_exactly_and_missed_by_one)
{
    struct ledger *l = begun(0, 400);
    struct buf map = BUF_INIT(ALL);
    int64_t offsets[100];
    int64_t base = 0;
    size_t need = 0;
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(offsets); i++)
        offsets[i] = (int64_t)(3 + i * 4);
    need = length(l, offsets, 100, &base);
    cr_assert_eq(batch_fit(&scope, l, offsets, 100, need, &map, &base), 100);
    cr_expect_eq(map.len, need);
    i = batch_fit(&scope, l, offsets, 100, need - 1, &map, &base);
    cr_expect_lt(i, 100);
    cr_expect_gt(i, 90, "one character less costs %zu records", 100 - i);
    cr_expect_leq(map.len, need - 1);
    expect_commit(l, offsets, i, base, &map, 0, 420);
    cr_expect_geq(length(l, offsets, i + 1, &base), need, "one more would not have fitted");
    buf_done(&map);
    ledger_free(l);
}

Test(batch, slow_head_with_thousands_done_above_it)
{
    struct ledger *l = begun(1000, 9000);
    struct buf map = BUF_INIT(ALL);
    int64_t *offsets = mem_array(8000, sizeof *offsets);
    int64_t base = 0;
    int64_t o = 0;
    size_t n = 0;

    for (o = 1001; o < 6000; o++)
        ledger_done(l, o);
    for (o = 6000; o < 9000; o++)
        offsets[n++] = o;
    cr_assert_eq(batch_fit(&scope, l, offsets, n, 4096, &map, &base), n);
    cr_expect_eq(base, 1000);
    cr_expect_leq(map.len, 20, "8,000 done above one open are a short text, not %zu", map.len);
    expect_commit(l, offsets, n, base, &map, 990, 9010);
    offsets[0] = 1000;
    cr_assert_eq(batch_fit(&scope, l, offsets, 1, 0, &map, &base), 1, "the head needs no map");
    cr_expect_eq(base, 6000);
    cr_expect_str_eq(map.data, "");
    free(offsets);
    buf_done(&map);
    ledger_free(l);
}

/* A broker that takes less than it did: what is done already does not fit any more. */
Test(batch, too_little_room_for_what_is_done_already)
{
    struct ledger *l = begun(0, 64);
    struct buf map = BUF_INIT(ALL);
    int64_t offsets[2] = {5, 63};
    int64_t head[3] = {0, 1, 9};
    int64_t base = -7;
    int64_t o = 0;

    for (o = 2; o < 64; o += 3)
        ledger_done(l, o);
    cr_expect_eq(batch_fit(&scope, l, offsets, 2, 13, &map, &base), 0);
    cr_expect_eq(base, -1);
    cr_expect_str_eq(map.data, "");
    cr_expect_eq(batch_fit(&scope, l, offsets, 0, 13, &map, &base), 0);
    cr_expect_eq(base, -1);
    cr_expect_eq(batch_fit(&scope, l, head, 3, 4096, &map, &base), 3);
    cr_expect_eq(base, 3);
    buf_done(&map);
    ledger_free(l);
}

Test(batch, nothing_done_and_no_room_for_a_map)
{
    struct ledger *l = begun(50, 60);
    struct buf map = BUF_INIT(ALL);
    int64_t offsets[3] = {50, 51, 57};
    int64_t base = -7;

    cr_expect_eq(batch_fit(&scope, l, offsets, 3, 0, &map, &base), 2);
    cr_expect_eq(base, 52);
    cr_expect_str_eq(map.data, "");
    cr_expect_eq(batch_fit(&scope, l, offsets + 2, 1, 0, &map, &base), 0);
    cr_expect_eq(base, 50, "nothing goes, and what the broker knows fits");
    cr_expect_str_eq(map.data, "");
    buf_done(&map);
    ledger_free(l);
}

/* Random state of one partition: loaded ranges, gaps, done, open and finished records. */
struct state {
    struct ledger *ledger;
    int64_t offsets[256];
    size_t n;
    int64_t from, to;
};

static void load_some(struct rng *rng, struct state *st)
{
    int64_t at = st->from + 1;

    while (at < st->to && rng_below(rng, 4)) {
        int64_t to = at + (int64_t)rng_below(rng, 20);

        cr_assert_eq(ledger_load_done(st->ledger, at, to), 0);
        at = to + 2 + (int64_t)rng_below(rng, 20);
    }
}

static void make_state(struct rng *rng, struct state *st)
{
    int64_t received = 0;
    uint64_t gaps = rng_below(rng, 2) * 15;
    uint64_t done = rng_below(rng, 101);
    uint64_t finished = rng_below(rng, 101);
    int64_t o = 0;

    st->from = (int64_t)rng_below(rng, 1000000);
    st->to = st->from + 1 + (int64_t)rng_below(rng, 250);
    st->n = 0;
    st->ledger = fresh(st->from);
    if (rng_below(rng, 2))
        load_some(rng, st);
    received = st->from + (int64_t)rng_below(rng, (uint64_t)(st->to - st->from + 1));
    for (o = st->from; o < received; o++)
        if (rng_below(rng, 100) >= gaps)
            ledger_begin(st->ledger, o);
    for (o = st->from; o < received; o++) {
        if (!ledger_is_open(st->ledger, o))
            continue;
        if (rng_below(rng, 100) < done)
            ledger_done(st->ledger, o);
        else if (rng_below(rng, 100) < finished)
            st->offsets[st->n++] = o;
    }
}

/* The base is open or was not received, so that it is never skipped, and gaps below it are not waited for:
 * of the gaps above it the map may say either. */
static void expect_truth(const struct state *st, size_t n, int64_t base, const struct buf *map)
{
    struct ledger *got = batch_ledger(&scope, base, map->data, map->len, NULL);
    int64_t o = 0;

    cr_assert(!batch_is_done(got, base));
    for (o = st->from; o < st->to + 300; o++) {
        bool chosen = among(st->offsets, n, o);

        if (ledger_is_open(st->ledger, o))
            cr_assert_eq(batch_is_done(got, o), chosen, "offset %lld", (long long)o);
        else if (!ledger_is_done(st->ledger, o))
            cr_assert(!batch_is_done(got, o), "offset %lld was never received", (long long)o);
    }
    ledger_free(got);
}

/* Done in l before, done in the commit: what is done stays done. */
static void expect_kept(const struct state *st, int64_t base, const struct buf *map,
                        const bool *gap)
{
    struct ledger *got = batch_ledger(&scope, base, map->data, map->len, NULL);
    int64_t o = 0;

    for (o = st->from; o < st->to + 300; o++)
        if (ledger_is_done(st->ledger, o) && !gap[o - st->from])
            cr_assert(batch_is_done(got, o), "offset %lld was done", (long long)o);
    ledger_free(got);
}

Test(batch, commit_is_what_was_done_and_the_batch_no_more_no_less)
{
    struct rng rng = {41};
    int round = 0;

    for (round = 0; round < 3000; round++) {
        struct state st;
        struct buf map = BUF_INIT(ALL);
        bool gap[1024] = {false}; /* passed and never received: nobody cares */
        int64_t base = 0;
        int64_t end = 0;
        int64_t o = 0;

        make_state(&rng, &st);
        cr_assert_eq(batch_fit(&scope, st.ledger, st.offsets, st.n, ALL, &map, &base), st.n);
        expect_truth(&st, st.n, base, &map);
        ledger_walk(st.ledger, NULL, NULL, &o, &end, NULL);
        for (; end < st.to + 300; end++)
            gap[end - st.from] = true;
        expect_kept(&st, base, &map, gap);
        buf_done(&map);
        ledger_free(st.ledger);
    }
}

/* As many as any limit lets through, found by trying them all. */
Test(batch, takes_as_many_as_fit)
{
    struct rng rng = {43};
    size_t partial = 0;
    int round = 0;

    for (round = 0; round < 600; round++) {
        struct state st;
        struct buf map = BUF_INIT(ALL);
        size_t len[257];
        size_t max = 0;
        int64_t base = 0;
        size_t k = 0;

        make_state(&rng, &st);
        for (k = 0; k <= st.n; k++)
            len[k] = length(st.ledger, st.offsets, k, &base);
        for (max = 0; max < 90; max++) {
            size_t most = st.n + 1;
            size_t got = batch_fit(&scope, st.ledger, st.offsets, st.n, max, &map, &base);

            while (most > 0 && len[most - 1] > max)
                most--;
            cr_assert_eq(got, most ? most - 1 : 0, "round %d, limit %zu: %zu of %zu", round, max,
                         got, st.n);
            cr_assert_eq(base < 0, most == 0);
            cr_assert_leq(map.len, max);
            if (base >= 0)
                expect_truth(&st, got, base, &map);
            partial += got > 0 && got < st.n;
        }
        buf_done(&map);
        ledger_free(st.ledger);
    }
    cr_expect_gt(partial, 200, "only %zu cases were cut", partial);
}

/* Ten thousand waiting above a slow head, all cut by the limit: the tests of membership and the search for
 * the number must not multiply. Linear lookups alone would be 100 million comparisons a try. */
Test(batch, many_are_cut_quickly, .timeout = 20)
{
    struct ledger *l = begun(0, 40000);
    struct buf map = BUF_INIT(ALL);
    int64_t *offsets = mem_array(10000, sizeof *offsets);
    int64_t base = 0;
    size_t i = 0;
    size_t n = 0;

    for (i = 0; i < 10000; i++)
        offsets[i] = (int64_t)i * 4 + 1 + (int64_t)(i * 7 % 3);
    for (i = 0; i < 20; i++)
        n = batch_fit(&scope, l, offsets, 10000, 4096, &map, &base);
    cr_expect_gt(n, 1000);
    cr_expect_lt(n, 10000);
    cr_expect_eq(base, 0);
    cr_expect_leq(map.len, 4096);
    free(offsets);
    buf_done(&map);
    ledger_free(l);
}

Test(batch, ledger_of_a_commit)
{
    struct ledger *l = begun(100, 120);
    struct buf map = BUF_INIT(4096);
    int64_t offsets[2] = {104, 107};
    int64_t base = 0;
    bool broken = true;
    struct ledger *got = NULL;

    cr_assert_eq(batch_fit(&scope, l, offsets, 2, 4096, &map, &base), 2);
    got = batch_ledger(&scope, base, map.data, map.len, &broken);
    cr_expect(!broken);
    cr_expect(batch_is_done(got, 99));
    cr_expect(!batch_is_done(got, 100));
    cr_expect(batch_is_done(got, 107));
    cr_expect(batch_is_done(got, 104), "may be asked in any order");
    cr_expect(!batch_is_done(got, 108));
    cr_expect(!batch_is_done(got, INT64_MAX));
    ledger_free(got);
    got = batch_ledger(&scope, base, NULL, 0, &broken);
    cr_expect(!broken, "no map is not a broken one");
    cr_expect(batch_is_done(got, 99));
    cr_expect(!batch_is_done(got, 107));
    ledger_free(got);
    buf_done(&map);
    ledger_free(l);
}

Test(batch, no_commit_is_nothing_done)
{
    bool broken = true;
    struct ledger *got = batch_ledger(&scope, -1001, NULL, 0, &broken);

    cr_expect(!broken);
    cr_expect(!batch_is_done(got, 0));
    cr_expect(!batch_is_done(got, 5));
    ledger_free(got);
    got = batch_ledger(&scope, -1001, "sl1.AAAPBnZfpt8", 15, &broken);
    cr_expect(broken, "a map without an offset");
    cr_expect(!batch_is_done(got, 0));
    ledger_free(got);
}

Test(batch, broken_map_is_no_map_and_nothing_above_the_offset_is_done)
{
    static const char *const texts[] = {"x", "sl1.", "sl1.AAAA", "AQAAAX", "sl1.AAAPBnZfpt8", "\n"};
    size_t i = 0;
    int64_t o = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++) {
        bool broken = false;
        struct ledger *got = batch_ledger(&scope, 700, texts[i], strlen(texts[i]), &broken);

        cr_expect(broken, "%s", texts[i]);
        cr_expect(batch_is_done(got, 699));
        for (o = 700; o < 730; o++)
            cr_expect(!batch_is_done(got, o), "%s: offset %lld", texts[i], (long long)o);
        ledger_free(got);
        ledger_free(batch_ledger(&scope, 700, texts[i], strlen(texts[i]), NULL));
    }
}
