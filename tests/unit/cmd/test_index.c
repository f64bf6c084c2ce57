/* Index of a job: in-place sort, suspects, look-up and done bits. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/batch/index.h"

struct pairs {
    uint32_t count;
    uint32_t last_row, last_earlier;
    bool wrong_order;
};

static void note(void *arg, uint32_t row, uint32_t earlier)
{
    struct pairs *p = arg;

    p->count++;
    p->last_row = row;
    p->last_earlier = earlier;
    p->wrong_order |= row <= earlier;
}

enum shape { RANDOM, EQUAL, SORTED, REVERSED, LOW_BYTES, TWO_VALUES, SHAPES };

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static uint64_t value(enum shape shape, uint32_t i, uint32_t n)
{
    switch (shape) {
    case RANDOM:
        return mix(i + 1);
    case SORTED:
        return (uint64_t)i << 20;
    case REVERSED:
        return (uint64_t)(n - i) << 33;
    case LOW_BYTES:
        return mix(i) & 0xff;
    case TWO_VALUES:
        return i % 2 ? UINT64_MAX : 0;
    default:
        return 42;
    }
}

static struct index *filled(enum shape shape, uint32_t n)
{
    struct index *x = index_new();
    uint32_t i = 0;

    for (i = 0; i < n; i++)
        cr_assert_eq(index_add(x, value(shape, i, n)), 0);
    index_seal(x);
    return x;
}

/* Suspects are exactly the neighbours of equal hashes, in the order of their rows. */
static uint32_t expected_pairs(enum shape shape, uint32_t n)
{
    switch (shape) {
    case EQUAL:
        return n ? n - 1 : 0;
    case TWO_VALUES:
        return n > 2 ? n - 2 : 0;
    default:
        return 0;
    }
}

Test(index, sorts_every_shape_and_size)
{
    static const uint32_t sizes[] = {0, 1, 2, 3, 24, 25, 26, 255, 1000, 70000};
    int shape = 0;
    size_t k = 0;
    uint32_t i = 0;

    for (shape = 0; shape < SHAPES; shape++) {
        for (k = 0; k < ARRAY_LEN(sizes); k++) {
            uint32_t n = sizes[k];
            struct index *x = filled((enum shape)shape, n);
            struct pairs p = {0};

            cr_assert_eq(index_rows(x), n);
            index_suspects(x, note, &p);
            cr_assert_not(p.wrong_order, "shape %d size %u", shape, n);
            if (shape != LOW_BYTES)
                cr_assert_eq(p.count, expected_pairs((enum shape)shape, n), "shape %d size %u: %u",
                             shape, n, p.count);
            for (i = 0; i < n; i += n / 50 + 1) {
                int64_t row = index_find(x, value((enum shape)shape, i, n));

                cr_assert_geq(row, 0);
                cr_assert_eq(value((enum shape)shape, (uint32_t)row, n),
                             value((enum shape)shape, i, n));
                cr_assert_leq(row, i, "the first row of a hash is found");
            }
            cr_assert_eq(index_find(x, 0x123456789abcdef1ULL), -1);
            index_free(x);
        }
    }
}

Test(index, a_million_rows_are_found)
{
    struct index *x = filled(RANDOM, 1000000);
    uint32_t i = 0;

    for (i = 0; i < 1000000; i += 997)
        cr_assert_eq(index_find(x, mix(i + 1)), i);
    index_free(x);
}

Test(index, done_bits_outlive_the_ids)
{
    struct index *x = filled(RANDOM, 1000);
    uint32_t i = 0;

    index_forget_ids(x);
    for (i = 0; i < 1000; i += 3)
        cr_assert(index_set_done(x, i));
    cr_assert_not(index_set_done(x, 999), "it was done");
    for (i = 0; i < 1000; i++)
        cr_assert_eq(index_is_done(x, i), i % 3 == 0);
    cr_assert_eq(index_done(x), 334);
    index_free(x);
}

Test(index, hash_depends_on_all_bytes)
{
    cr_assert_eq(index_hash("row-1", 5), index_hash("row-1", 5));
    cr_assert_neq(index_hash("row-1", 5), index_hash("row-2", 5));
    cr_assert_neq(index_hash("row-1", 5), index_hash("row-1", 4));
}

static void digest_of(const char *const *rows, size_t n, uint32_t watch,
                      char out[INDEX_DIGEST_TEXT], char watched[INDEX_DIGEST_TEXT])
{
    struct index *x = index_new();
    size_t i = 0;

    index_watch(x, watch);
    for (i = 0; i < n; i++) {
        index_digest_add(x, rows[i], strlen(rows[i]));
        index_add(x, index_hash(rows[i], strlen(rows[i])));
    }
    index_digest(x, out);
    index_digest_watched(x, watched);
    index_free(x);
}

Test(index, digest_tells_changed_rows_from_appended_ones)
{
    static const char *const before[] = {"a", "b"};
    static const char *const appended[] = {"a", "b", "c"};
    static const char *const changed[] = {"a", "x", "c"};
    static const char *const regrouped[] = {"ab", "", "c"};
    char saved[INDEX_DIGEST_TEXT], all[INDEX_DIGEST_TEXT], watched[INDEX_DIGEST_TEXT];

    digest_of(before, 2, 0, saved, watched);
    cr_expect_str_empty(watched);
    digest_of(appended, 3, 2, all, watched);
    cr_expect_str_eq(watched, saved);
    cr_expect_str_neq(all, saved);
    digest_of(changed, 3, 2, all, watched);
    cr_expect_str_neq(watched, saved);
    digest_of(regrouped, 3, 2, all, watched);
    cr_expect_str_neq(watched, saved);
    digest_of(before, 1, 2, all, watched);
    cr_expect_str_empty(watched, "fewer rows than before");
}
