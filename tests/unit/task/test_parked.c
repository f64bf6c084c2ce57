/* parked: the header of a parked copy, and what others may have written in its place. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "task/parked.h"

#define OWNER "000102030405060708090a0b0c0d0e0f"
#define GOOD  "1 " OWNER " 3 2 1700000000000 1699999999999 7 123456789 llm.requests-a_B"

static const struct parked whole = {
    .topic = "llm.requests-a_B",
    .partition = 7,
    .offset = 123456789,
    .received_ms = 1700000000000,
    .record_ms = 1699999999999,
    .times = 3,
    .attempts = 2,
    .owner = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
};

static void expect_same(const struct parked *a, const struct parked *b)
{
    cr_expect_str_eq(a->topic, b->topic);
    cr_expect_eq(a->partition, b->partition);
    cr_expect_eq(a->offset, b->offset);
    cr_expect_eq(a->received_ms, b->received_ms);
    cr_expect_eq(a->record_ms, b->record_ms);
    cr_expect_eq(a->times, b->times);
    cr_expect_eq(a->attempts, b->attempts);
    cr_expect_arr_eq(a->owner, b->owner, sizeof a->owner);
}

Test(parked, there_and_back)
{
    struct parked p = {.topic = ""};
    char text[PARKED_TEXT_MAX];
    int n = parked_format(&whole, text, sizeof text);

    cr_assert_str_eq(text, GOOD);
    cr_assert_eq(n, strlen(GOOD));
    cr_assert_eq(parked_parse(text, (size_t)n, &p), 0);
    expect_same(&p, &whole);
}

Test(parked, the_longest_fits)
{
    struct parked p = {.partition = INT32_MAX,
                       .offset = 999999999999999999,
                       .received_ms = 999999999999999999,
                       .record_ms = -1,
                       .times = PARKED_TIMES_MAX,
                       .attempts = PARKED_CALLS_MAX};
    struct parked back = {.times = 0};
    char text[PARKED_TEXT_MAX];
    int n;

    memset(p.topic, 'x', sizeof p.topic - 1);
    n = parked_format(&p, text, sizeof text);
    cr_assert_lt(n, PARKED_TEXT_MAX);
    cr_assert_eq(parked_parse(text, (size_t)n, &back), 0);
    expect_same(&back, &p);
}

/* A producer's stamp may be in nanoseconds, or nonsense: the copy of its record is still ours. */
Test(parked, a_stamp_that_is_none_is_unknown)
{
    static const int64_t stamps[] = {1700000000000000000, INT64_MAX, -2, INT64_MIN};
    struct parked p = whole;
    struct parked back = {.times = 0};
    char text[PARKED_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
        p.record_ms = stamps[i];
        cr_assert_eq(parked_parse(text, (size_t)parked_format(&p, text, sizeof text), &back), 0,
                     "%lld", (long long)stamps[i]);
        cr_expect_eq(back.record_ms, -1);
    }
}

static const struct {
    const char *name;
    const char *text;
} hostile[] = {
    {"nothing", ""},
    {"another version", "2 " OWNER " 1 0 1 1 0 0 t"},
    {"a version that begins alike", "11 " OWNER " 1 0 1 1 0 0 t"},
    {"no owner", "1 1 0 1 1 0 0 t"},
    {"half an owner", "1 0001020304050607 1 0 1 1 0 0 t"},
    {"an owner that is not hex", "1 000102030405060708090a0b0c0d0e0g 1 0 1 1 0 0 t"},
    {"an owner in capitals", "1 000102030405060708090A0B0C0D0E0F 1 0 1 1 0 0 t"},
    {"never parked", "1 " OWNER " 0 0 1 1 0 0 t"},
    {"parked too often", "1 " OWNER " 1000000001 0 1 1 0 0 t"},
    {"too many calls", "1 " OWNER " 1 1000001 1 1 0 0 t"},
    {"calls below zero", "1 " OWNER " 1 -1 1 1 0 0 t"},
    {"received before time", "1 " OWNER " 1 0 -1 1 0 0 t"},
    {"a stamp below -1", "1 " OWNER " 1 0 1 -2 0 0 t"},
    {"partition below zero", "1 " OWNER " 1 0 1 1 -1 0 t"},
    {"partition beyond 32 bits", "1 " OWNER " 1 0 1 1 2147483648 0 t"},
    {"offset beyond 64 bits", "1 " OWNER " 1 0 1 1 0 99999999999999999999 t"},
    {"offset below zero", "1 " OWNER " 1 0 1 1 0 -1 t"},
    {"a number with a plus", "1 " OWNER " 1 0 1 1 0 +5 t"},
    {"a number with a zero in front", "1 " OWNER " 1 0 1 1 0 05 t"},
    {"a hexadecimal number", "1 " OWNER " 1 0 1 1 0 0x5 t"},
    {"two spaces", "1 " OWNER "  1 0 1 1 0 0 t"},
    {"a space in front", " 1 " OWNER " 1 0 1 1 0 0 t"},
    {"no topic", "1 " OWNER " 1 0 1 1 0 0 "},
    {"no topic and no space", "1 " OWNER " 1 0 1 1 0 0"},
    {"a topic with a space", "1 " OWNER " 1 0 1 1 0 0 t u"},
    {"a topic with a slash", "1 " OWNER " 1 0 1 1 0 0 ../t"},
    {"a topic with a line end", "1 " OWNER " 1 0 1 1 0 0 t\n"},
};

Test(parked, what_we_would_not_write_is_refused)
{
    struct parked p = whole;
    char text[PARKED_TEXT_MAX] = "1 " OWNER " 1 0 1 1 0 0 ";
    size_t head = strlen(text);

    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        cr_expect_eq(parked_parse(hostile[i].text, strlen(hostile[i].text), &p), -1, "%s",
                     hostile[i].name);
    memset(text + head, 'x', PARKED_TOPIC_MAX);
    cr_expect_eq(parked_parse(text, head + PARKED_TOPIC_MAX, &p), -1, "a topic that is too long");
    cr_expect_eq(parked_parse(text, head + PARKED_TOPIC_MAX - 1, &p), 0, "the longest topic");
    p = whole;
    cr_expect_eq(parked_parse(NULL, 0, &p), -1, "a null value");
    cr_expect_eq(parked_parse(GOOD "\0", sizeof GOOD, &p), -1, "a zero byte in the topic");
    expect_same(&p, &whole);
}

/* Whatever is accepted is what we would have written: bytes changed, cut off and put in at random. */
Test(parked, only_its_own_spelling_is_accepted)
{
    struct rng rng = {.state = 7};
    char text[PARKED_TEXT_MAX], again[PARKED_TEXT_MAX];
    struct parked p;
    int accepted = 0;

    for (int round = 0; round < 200000; round++) {
        size_t n = strlen(GOOD);
        char *exact;

        memcpy(text, GOOD, n);
        for (int k = (int)(rng_unit(&rng) * 3) + 1; k > 0; k--) {
            size_t at = (size_t)(rng_unit(&rng) * (double)n);

            text[at] = "0123456789abcdef -.\n\0x"[(size_t)(rng_unit(&rng) * 22)];
        }
        if (rng_unit(&rng) < 0.2)
            n = (size_t)(rng_unit(&rng) * (double)n);
        exact = mem_dup(text, n); /* so that a sanitizer sees a read beyond the end */
        if (parked_parse(exact, n, &p) == 0) {
            int m = parked_format(&p, again, sizeof again);

            accepted++;
            cr_assert(m == (int)n && memcmp(again, text, n) == 0, "%.*s", (int)n, text);
        }
        free(exact);
    }
    cr_expect_gt(accepted, 1000, "the test looks at good ones, too");
}
