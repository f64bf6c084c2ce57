/* The set of seen ids: exact, and at most 16 bytes an id. */
#include <criterion/criterion.h>

#include "cmd/jobs/id_set.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

Test(id_set, remembers_what_was_added)
{
    struct id_set *s = id_set_new();
    uint64_t i = 0;

    for (i = 0; i < 200000; i++)
        cr_assert_eq(id_set_add(s, mix(i)), 1);
    for (i = 0; i < 200000; i++)
        cr_assert_eq(id_set_add(s, mix(i)), 0);
    cr_assert_eq(id_set_count(s), 200000);
    id_set_free(s);
}

Test(id_set, hashes_that_share_their_bits)
{
    static const uint64_t hashes[] = {0, 2, UINT64_MAX, UINT64_MAX - 1, UINT32_MAX, 1ULL << 63};
    struct id_set *s = id_set_new();
    uint64_t i = 0;

    for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        cr_assert_eq(id_set_add(s, hashes[i]), 1);
    for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        cr_assert_eq(id_set_add(s, hashes[i]), 0);
    for (i = 0; i < 5000; i++) /* all in one table, all wanting the same place */
        cr_assert_eq(id_set_add(s, 7 + (i << 32)), 1);
    cr_assert_eq(id_set_add(s, 7 + (4999ULL << 32)), 0);
    id_set_free(s);
}

Test(id_set, costs_at_most_16_bytes_an_id)
{
    struct id_set *s = id_set_new();
    uint64_t i = 0;

    for (i = 1; i <= 1000000; i++) {
        id_set_add(s, mix(i));
        if (i >= 100000 && i % 50000 == 0)
            cr_assert_leq(id_set_bytes(s), 16 * i, "%llu ids", (unsigned long long)i);
    }
    id_set_free(s);
}
