/* What a store keeps in memory for reading: never more than its configuration says, and lookups of what is not
 * there, which is every lookup of a new job, do not fill it. */
#include <criterion/criterion.h>

#include "io/store_int.h"
#include "store_fixture.h"

#define ENTRIES 4096
#define BODY    2048
#define MISSES  20000

static struct config config;
static char *dir;
static struct store *store;

/* A store with tables of ENTRIES bodies that do not compress, 8 MiB, opened anew with nothing read yet. */
static void open_filled(int64_t block_cache_bytes)
{
    char body[BODY + 1] = "";
    struct err e = {0};
    uint64_t i = 0;

    config = fixture_config();
    config.cache.block_cache_bytes = block_cache_bytes;
    dir = fixture_dir();
    store = fixture_open(dir, &config);
    for (i = 0; i < ENTRIES; i++) {
        fixture_noise(i, body, sizeof body);
        fixture_put_at(store, i, fixture_completion("fast", body));
    }
    cr_assert_eq(store_flush(store, &e), 0, "%s", e.msg);
    store_free(store);
    store = fixture_open(dir, &config);
}

static void teardown(void)
{
    store_free(store);
    fixture_remove(dir);
}

static int64_t property(const char *name)
{
    uint64_t value = 0;

    cr_assert_eq(rocksdb_property_int_cf(store->handles.db,
                                         store->handles.family[STORE_COMPLETIONS], name, &value),
                 0);
    return (int64_t)value;
}

TestSuite(store_memory, .fini = teardown, .timeout = 60);

Test(store_memory, misses_read_no_blocks)
{
    uint64_t i = 0;

    open_filled(64 * MIB);
    for (i = 0; i < MISSES; i++)
        cr_assert_not(fixture_has_at(store, ENTRIES + i));
    /* what one of a hundred misses would have read is a quarter of it all */
    cr_expect_leq(property("rocksdb.block-cache-usage"), MIB);
}

Test(store_memory, reads_stay_within_the_cache)
{
    uint64_t i = 0;

    open_filled(2 * MIB);
    for (i = 0; i < ENTRIES; i++)
        cr_assert(fixture_has_at(store, i));
    cr_expect_geq(property("rocksdb.block-cache-usage"), MIB);
    cr_expect_leq(property("rocksdb.block-cache-usage"), 2 * MIB);
}
