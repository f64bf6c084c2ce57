/*
 * store_options: everything that is set on RocksDB, in one place. The figures behind the choices:
 * a block that is not in the cache has to be unpacked as a whole, so small ones make gets cheap and the
 * cache hold more of what is asked for (README, The cache), a bloom filter makes misses cheap, and
 * after a kill the log is replayed at some milliseconds a megabyte, so memtables and log stay
 * small.
 */
#include "io/store_int.h"

#include <string.h>

#include "base/mem.h"

#define MIB              ((int64_t)1 << 20)
#define BLOOM_BITS       16 /* all lookups of a new job miss: few of a thousand may read a block */
#define KIB              ((int64_t)1 << 10)
#define OPEN_FILES       512
#define BACKGROUND_JOBS  3
#define MEMTABLE_BLOOM   0.05 /* part of a write buffer: lookups of what is not there pass it by */
#define INFO_LOG_FILES   2
#define INFO_LEVEL_FATAL 4 /* rocksdb::InfoLogLevel, which the C header leaves out */

static int64_t clamp(int64_t v, int64_t least, int64_t most)
{
    if (v < least)
        return least;
    return v > most ? most : v;
}

void store_conf_init(struct store_conf *conf, const struct config *c)
{
    int64_t largest = clamp(c->limits.reply_bytes, MIB, 1024 * MIB);

    if (c->limits.response_bytes > largest)
        largest = clamp(c->limits.response_bytes, MIB, 1024 * MIB);
    *conf = (struct store_conf){
        .block_cache_bytes = clamp(c->cache.block_cache_bytes, MIB, INT64_MAX),
        .block_bytes = clamp(c->cache.block_bytes, 4 * KIB, MIB),
        .write_buffer_bytes = clamp(c->cache.write_buffer_bytes, MIB, 128 * MIB),
        .line_max = 2 * largest + MIB, /* a body may grow when it is escaped */
        .max_bytes = {c->cache.max_bytes, c->cache.journal_max_bytes, c->dedupe_max_bytes},
        .max_age_ms = {0, c->cache.journal_max_age_ms, c->dedupe_ttl_ms},
        .sync = c->cache.sync,
    };
}

static unsigned char drop_completion(void *state, int level, const char *key, size_t key_len,
                                     const char *value, size_t len, char **ret_value,
                                     size_t *ret_len, unsigned char *ret_changed)
{
    (void)level, (void)key, (void)key_len, (void)ret_value, (void)ret_len;
    *ret_changed = 0;
    return store_keeper_drops(state, STORE_COMPLETIONS, value, len);
}

static unsigned char drop_outcome(void *state, int level, const char *key, size_t key_len,
                                  const char *value, size_t len, char **ret_value, size_t *ret_len,
                                  unsigned char *ret_changed)
{
    (void)level, (void)key, (void)key_len, (void)ret_value, (void)ret_len;
    *ret_changed = 0;
    return store_keeper_drops(state, STORE_OUTCOMES, value, len);
}

static unsigned char drop_claim(void *state, int level, const char *key, size_t key_len,
                                const char *value, size_t len, char **ret_value, size_t *ret_len,
                                unsigned char *ret_changed)
{
    (void)level, (void)key, (void)key_len, (void)ret_value, (void)ret_len;
    *ret_changed = 0;
    return store_keeper_drops(state, STORE_CLAIMS, value, len);
}

static const char *filter_name(void *state)
{
    (void)state;
    return "sluice.retention";
}

static void filter_done(void *state)
{
    (void)state;
}

static void set_database(const struct store *s, rocksdb_options_t *o)
{
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_db_write_buffer_size(o, (size_t)s->conf.write_buffer_bytes);
    rocksdb_options_set_max_total_wal_size(o, (uint64_t)s->conf.write_buffer_bytes);
    rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_bytes_per_sync(o, (uint64_t)MIB);
    /* When the disk is full, one line to RocksDB's own log aborts the process: it gets none after the
     * opening, which store_has_room() guards. What goes wrong comes back as an error anyway. */
    rocksdb_options_set_info_log_level(o, INFO_LEVEL_FATAL);
    rocksdb_options_set_keep_log_file_num(o, INFO_LOG_FILES);
    /* A reader beside a live worker holds all files open, since the worker may delete them, and
     * writes no log of its own into the worker's directory: no log can be made below a device. */
    rocksdb_options_set_max_open_files(o, s->readonly ? -1 : OPEN_FILES);
    if (s->readonly)
        rocksdb_options_set_db_log_dir(o, "/dev/null");
}

static rocksdb_block_based_table_options_t *table_options(const struct store *s)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_filter_policy(
        t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_block_cache(t, s->options.cache);
    rocksdb_block_based_options_set_block_size(t, (size_t)s->conf.block_bytes);
    /* Indexes and filters count as cache too: otherwise they would grow with the number of entries,
     * outside of any bound (measured: 27 MB a million entries of 2 KB). They are cut into pieces of
     * 4 KB, so that a lookup in a store whose indexes are larger than the cache reads two of these
     * and not the filter of a whole table. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_block_based_options_set_index_type(
        t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(t, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    return t;
}

static void set_family(struct store *s, enum store_family f)
{
    static unsigned char (*const drops[STORE_FAMILIES])(void *, int, const char *, size_t,
                                                        const char *, size_t, char **, size_t *,
                                                        unsigned char *) = {
        [STORE_COMPLETIONS] = drop_completion,
        [STORE_OUTCOMES] = drop_outcome,
        [STORE_CLAIMS] = drop_claim,
    };
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = table_options(s);

    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_write_buffer_size(o, (size_t)s->conf.write_buffer_bytes / 2);
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, MEMTABLE_BLOOM);
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    s->options.filter[f] =
        rocksdb_compactionfilter_create(&s->retention, filter_done, drops[f], filter_name);
    rocksdb_options_set_compaction_filter(o, s->options.filter[f]);
    s->options.family[f] = o;
}

void store_options_init(struct store *s)
{
    struct store_options *o = &s->options;

    memcpy(s->retention.max_age_ms, s->conf.max_age_ms, sizeof s->retention.max_age_ms);
    o->cache = rocksdb_cache_create_lru((size_t)s->conf.block_cache_bytes);
    o->db = rocksdb_options_create();
    set_database(s, o->db);
    for (int f = 0; f < STORE_FAMILIES; f++)
        set_family(s, (enum store_family)f);
    o->read = rocksdb_readoptions_create();
    o->scan = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(o->scan, 0);
    o->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(o->write, s->conf.sync);
}

void store_options_done(struct store *s)
{
    struct store_options *o = &s->options;

    if (!o->db)
        return;
    rocksdb_writeoptions_destroy(o->write);
    rocksdb_readoptions_destroy(o->scan);
    rocksdb_readoptions_destroy(o->read);
    for (int f = 0; f < STORE_FAMILIES; f++) {
        rocksdb_options_destroy(o->family[f]);
        rocksdb_compactionfilter_destroy(o->filter[f]);
    }
    rocksdb_options_destroy(o->db);
    rocksdb_cache_destroy(o->cache);
}
