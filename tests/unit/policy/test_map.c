/* map: the text form goes both ways, fits what it must, and broken text is no map. */
#include "policy/map.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

static const struct map_scope scope = {"group", "topic", 3};

static struct ledger *fresh(int64_t base)
{
    return ledger_new(base, 1000000, 1000000000);
}

/* A ledger with n records from base, of which `open` percent are open. */
static struct ledger *random_ledger(struct rng *rng, int64_t base, int64_t n, unsigned open)
{
    struct ledger *l = fresh(base);
    int64_t i = 0;

    for (i = 0; i < n; i++)
        ledger_begin(l, base + i);
    for (i = 0; i < n; i++) {
        if (rng_below(rng, 100) >= open)
            ledger_done(l, base + i);
    }
    return l;
}

static struct buf encode(const struct ledger *l, int64_t *base)
{
    struct buf out = BUF_INIT(1 << 20);

    cr_assert_eq(map_encode(&scope, l, NULL, NULL, 1 << 20, &out, base), MAP_GOOD);
    return out;
}

/* Reads all offsets again: as many must be open as were. */
static void expect_same(const struct ledger *was, struct ledger *now, int64_t from, int64_t to)
{
    int64_t o = 0;

    cr_assert_eq(ledger_base(now), ledger_base(was));
    for (o = from; o < to; o++)
        ledger_begin(now, o);
    cr_assert_eq(ledger_base(now), ledger_base(was));
    cr_assert_eq(ledger_open(now), ledger_open(was), "%zu open, not %zu", ledger_open(now),
                 ledger_open(was));
}

Test(map, nothing_above_the_base_is_empty_text)
{
    struct ledger *l = fresh(100);
    int64_t base = 0;
    struct buf out = encode(l, &base);

    cr_expect_eq(base, 100);
    cr_expect_eq(out.len, 0);
    ledger_begin(l, 100);
    ledger_begin(l, 101);
    buf_done(&out);
    out = encode(l, &base);
    cr_expect_eq(base, 100);
    cr_expect_str_eq(out.data, "");
    ledger_done(l, 100);
    buf_done(&out);
    out = encode(l, &base);
    cr_expect_eq(base, 101);
    cr_expect_eq(out.len, 0);
    buf_done(&out);
    ledger_free(l);
}

Test(map, text_is_pinned)
{
    struct ledger *l = fresh(1000);
    int64_t base = 0;
    int64_t o = 0;
    struct buf out = BUF_INIT(0);

    for (o = 1000; o < 1020; o++)
        ledger_begin(l, o);
    for (o = 1001; o < 1015; o++) {
        if (o != 1007)
            ledger_done(l, o);
    }
    out = encode(l, &base);
    cr_expect_eq(base, 1000);
    cr_expect_str_eq(out.data, "sl1.AAAPBnZfpt8", "%s", out.data);
    buf_done(&out);
    ledger_free(l);
}

Test(map, round_trips)
{
    struct rng rng = {5};
    int round = 0;

    for (round = 0; round < 400; round++) {
        int64_t from = (int64_t)rng_below(&rng, 1000000000000);
        int64_t n = 1 + (int64_t)rng_below(&rng, round % 20 ? 300 : 20000);
        struct ledger *l = random_ledger(&rng, from, n, (unsigned)rng_below(&rng, 101));
        int64_t base = 0;
        struct buf text = encode(l, &base);
        struct ledger *next = fresh(base);

        cr_assert_eq(base, ledger_base(l));
        cr_assert_eq(map_decode(&scope, text.data, text.len, next), text.len ? MAP_GOOD : MAP_NONE);
        expect_same(l, next, base, from + n);
        cr_assert_eq(strspn(text.data, "sl1.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
                     text.len, "text only");
        ledger_free(next);
        ledger_free(l);
        buf_done(&text);
    }
}

Test(map, each_open_offset_survives_and_no_other)
{
    struct rng rng = {17};
    int round = 0;

    for (round = 0; round < 300; round++) {
        const int64_t n = 200;
        struct ledger *l = fresh(50);
        bool done[200] = {false};
        int64_t base = 0;
        struct buf text = BUF_INIT(0);
        struct ledger *next = NULL;
        unsigned open = (unsigned)rng_below(&rng, 101);
        int64_t i = 0;

        for (i = 0; i < n; i++)
            ledger_begin(l, 50 + i);
        for (i = 0; i < n; i++) {
            done[i] = rng_below(&rng, 100) >= open;
            if (done[i])
                ledger_done(l, 50 + i);
        }
        text = encode(l, &base);
        next = fresh(base);
        map_decode(&scope, text.data, text.len, next);
        for (i = base - 50; i < n; i++)
            cr_assert_eq(ledger_begin(next, 50 + i), done[i] ? LEDGER_SEEN : LEDGER_NEW);
        ledger_free(next);
        ledger_free(l);
        buf_done(&text);
    }
}

static bool odd(void *arg, int64_t offset)
{
    (void)arg;
    return offset % 2 == 1;
}

Test(map, batch_counts_as_done)
{
    struct ledger *l = fresh(101);
    struct buf text = BUF_INIT(4096);
    struct ledger *next = NULL;
    int64_t base = 0;
    int64_t o = 0;

    for (o = 101; o < 131; o++)
        ledger_begin(l, o);
    cr_assert_eq(map_encode(&scope, l, odd, NULL, 4096, &text, &base), MAP_GOOD);
    cr_expect_eq(base, 102);
    next = fresh(base);
    cr_assert_eq(map_decode(&scope, text.data, text.len, next), MAP_GOOD);
    for (o = 102; o < 131; o++)
        cr_expect_eq(ledger_begin(next, o), o % 2 ? LEDGER_SEEN : LEDGER_NEW);
    ledger_free(next);
    ledger_free(l);
    buf_done(&text);
}

Test(map, bound_is_kept)
{
    struct rng rng = {23};
    struct ledger *l = random_ledger(&rng, 0, 4000, 50);
    struct buf text = BUF_INIT(1 << 20);
    int64_t base = -7;
    size_t need = 0;
    size_t max = 0;

    cr_assert_eq(map_encode(&scope, l, NULL, NULL, 1 << 20, &text, &base), MAP_GOOD);
    need = text.len;
    for (max = need + 3; max-- > 0;) {
        int r = 0;

        base = -7;
        r = map_encode(&scope, l, NULL, NULL, max, &text, &base);
        cr_assert_eq(r, max >= need ? MAP_GOOD : MAP_TOO_LARGE, "max %zu, need %zu", max, need);
        cr_assert_leq(text.len, max);
        if (r == MAP_TOO_LARGE) {
            cr_assert_eq(text.len, 0);
            cr_assert_eq(base, -7);
        }
    }
    buf_done(&text);
    text = BUF_INIT(need - 1);
    cr_expect_eq(map_encode(&scope, l, NULL, NULL, 1 << 20, &text, &base), MAP_TOO_LARGE);
    cr_expect_eq(text.len, 0);
    buf_done(&text);
    ledger_free(l);
}

/* The sizes that the default of max_per_partition leans on: a thousand open, in a broker's 4,096. */
Test(map, a_thousand_open_fit)
{
    struct rng rng = {29};
    struct ledger *l = random_ledger(&rng, 0, 8000, 12);
    int64_t base = 0;
    struct buf text = encode(l, &base);

    cr_expect_leq(text.len, 1000, "%zu characters for %zu open", text.len, ledger_open(l));
    buf_done(&text);
    ledger_free(l);
    l = random_ledger(&rng, 0, 32000, 12);
    text = encode(l, &base);
    cr_expect_leq(text.len, 4096, "%zu characters for %zu open", text.len, ledger_open(l));
    buf_done(&text);
    ledger_free(l);
}

Test(map, huge_gap_is_small_text)
{
    struct ledger *l = fresh(5);
    struct ledger *next = fresh(5);
    struct buf text = BUF_INIT(0);
    int64_t base = 0;

    ledger_begin(l, 5);
    ledger_begin(l, 500000000);
    ledger_begin(l, 900000000);
    ledger_done(l, 900000000);
    text = encode(l, &base);
    cr_expect_leq(text.len, 30);
    cr_assert_eq(map_decode(&scope, text.data, text.len, next), MAP_GOOD);
    cr_expect_eq(ledger_begin(next, 5), LEDGER_NEW);
    cr_expect_eq(ledger_begin(next, 400000000), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(next, 500000000), LEDGER_NEW);
    cr_expect_eq(ledger_begin(next, 900000000), LEDGER_SEEN);
    cr_expect_eq(ledger_begin(next, 900000001), LEDGER_NEW);
    buf_done(&text);
    ledger_free(l);
    ledger_free(next);
}

static int decode_at(const struct map_scope *s, int64_t base, const char *text, size_t len)
{
    struct ledger *l = fresh(base);
    int r = map_decode(s, text, len, l);
    int64_t b = 0;
    int64_t end = 0;

    if (r != MAP_GOOD) {
        ledger_walk(l, NULL, NULL, &b, &end, NULL);
        cr_assert_eq(b, base);
        cr_assert_eq(end, base, "a map that is none leaves nothing behind");
    }
    ledger_free(l);
    return r;
}

Test(map, belongs_to_one_place)
{
    struct map_scope other = scope;
    struct rng rng = {31};
    struct ledger *l = random_ledger(&rng, 700, 100, 40);
    int64_t base = 0;
    struct buf text = encode(l, &base);

    cr_expect_eq(decode_at(&scope, base, text.data, text.len), MAP_GOOD);
    cr_expect_eq(decode_at(&scope, base + 1, text.data, text.len), MAP_NONE);
    cr_expect_eq(decode_at(&scope, base - 1, text.data, text.len), MAP_NONE);
    other.partition = 4;
    cr_expect_eq(decode_at(&other, base, text.data, text.len), MAP_NONE);
    other = (struct map_scope){"groupt", "opic", 3};
    cr_expect_eq(decode_at(&other, base, text.data, text.len), MAP_NONE);
    other = (struct map_scope){"group2", "topic", 3};
    cr_expect_eq(decode_at(&other, base, text.data, text.len), MAP_NONE);
    buf_done(&text);
    ledger_free(l);
}

Test(map, every_damage_is_noticed)
{
    static const char letters[] = "ABab01-_.=+/ \n";
    struct rng rng = {37};
    struct ledger *l = random_ledger(&rng, 700, 150, 20);
    int64_t base = 0;
    struct buf text = encode(l, &base);
    char *copy = NULL;
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < text.len; i++)
        cr_expect_eq(decode_at(&scope, base, text.data, i), MAP_NONE, "cut at %zu", i);
    copy = mem_dup(text.data, text.len);
    for (i = 0; i < text.len; i++) {
        for (j = 0; j < sizeof letters; j++) {
            if (text.data[i] == letters[j])
                continue;
            copy[i] = letters[j];
            cr_expect_eq(decode_at(&scope, base, copy, text.len), MAP_NONE, "%zu: %s", i, copy);
        }
        copy[i] = text.data[i];
    }
    buf_char(&text, 'A');
    cr_expect_eq(decode_at(&scope, base, text.data, text.len), MAP_NONE);
    free(copy);
    buf_done(&text);
    ledger_free(l);
}

Test(map, texts_of_others)
{
    static const char *const texts[] = {
        "",
        "sl1.",
        "sl1.A",
        "sl1.AAAA",
        "sl2.AAAPBnZfpt8",
        "SL1.AAAPBnZfpt8",
        "AgAAAYk",
        "{\"a\":1}",
        "sl1.AAAAAAAAAAAAAAAA",
        "sl1",
        "bzE=",
        "sl1.====",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++)
        cr_expect_eq(decode_at(&scope, 1000, texts[i], strlen(texts[i])), MAP_NONE, "%s", texts[i]);
    cr_expect_eq(decode_at(&scope, 1000, NULL, 0), MAP_NONE);
}
