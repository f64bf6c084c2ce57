/*
 * parts: what the libraries cost that a task cannot do without, in processor time of all threads: json-c and SHA-256
 * over a request, json-c over an answer, and RocksDB, at the options of our store, for an entry written, found
 * and not found. With what a call and a record through Kafka cost they add up to the floor of a path.
 *
 *     parts DIRECTORY ENTRIES
 *
 * DIRECTORY must not exist; what is made there stays.
 */
#include <json-c/json.h>
#include <openssl/evp.h>
#include <rocksdb/c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/bench/measure.h"
#include "tests/bench/prompt.h"

#define KEY_LEN   32
#define VALUE_LEN 1500
#define BATCH     32 /* what the store's writer gathers under load */
#define ROUNDS    20000
#define MIB       (1 << 20)

struct bench {
    rocksdb_options_t *options;
    rocksdb_t *db;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    EVP_MD *md;
    EVP_MD_CTX *hash;
    struct json_tokener *tokener;
    long entries;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "parts: %s: %s\n", what, why);
    exit(EX_SOFTWARE);
}

static void sha256(struct bench *b, const void *p, size_t n, uint8_t out[KEY_LEN])
{
    if (EVP_DigestInit_ex(b->hash, b->md, NULL) != 1 || EVP_DigestUpdate(b->hash, p, n) != 1 ||
        EVP_DigestFinal_ex(b->hash, out, NULL) != 1)
        die("SHA-256", "failed");
}

/* found: a key that was written; else one that was not. */
static void make_key(struct bench *b, long i, char found, uint8_t out[KEY_LEN])
{
    char text[32];
    int n = snprintf(text, sizeof text, "%c%ld", found, i);

    sha256(b, text, (size_t)n, out);
}

static void open_database(struct bench *b, const char *path)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    char *err = NULL;

    b->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(b->options, 1);
    rocksdb_options_set_write_buffer_size(b->options, 64 * (size_t)MIB);
    rocksdb_options_set_compression(b->options, rocksdb_lz4_compression);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(16));
    rocksdb_block_based_options_set_block_cache(t, rocksdb_cache_create_lru(512 * (size_t)MIB));
    rocksdb_block_based_options_set_block_size(t, 16384);
    rocksdb_options_set_block_based_table_factory(b->options, t);
    b->db = rocksdb_open(b->options, path, &err);
    if (err)
        die(path, err);
    b->write = rocksdb_writeoptions_create();
    b->read = rocksdb_readoptions_create();
}

/* An entry and a journal entry, as for a call that was paid for. */
static double put_all(struct bench *b)
{
    static char value[VALUE_LEN];
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    double from = measure_cpu_us();
    char *err = NULL;

    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)('a' + i * i % 26);
    for (long i = 0; i < b->entries; i++) {
        uint8_t key[KEY_LEN];

        make_key(b, i, '+', key);
        memcpy(value, key, KEY_LEN);
        rocksdb_writebatch_put(batch, (char *)key, KEY_LEN, value, sizeof value);
        rocksdb_writebatch_put(batch, (char *)key, KEY_LEN / 2, value, sizeof value);
        if (i % BATCH == BATCH - 1) {
            rocksdb_write(b->db, b->write, batch, &err);
            rocksdb_writebatch_clear(batch);
        }
        if (err)
            die("write", err);
    }
    rocksdb_writebatch_destroy(batch);
    return (measure_cpu_us() - from) / (double)b->entries;
}

static double get_all(struct bench *b, char found)
{
    unsigned short seed[3] = {1, 2, 3};
    double from = measure_cpu_us();
    char *err = NULL;

    for (long i = 0; i < ROUNDS * 5; i++) {
        uint8_t key[KEY_LEN];
        rocksdb_pinnableslice_t *p;

        make_key(b, nrand48(seed) % (b->entries / BATCH * BATCH), found, key);
        p = rocksdb_get_pinned(b->db, b->read, (char *)key, KEY_LEN, &err);
        if (err || (p != NULL) != (found == '+'))
            die("get", err ? err : "found what is not there, or not what is");
        rocksdb_pinnableslice_destroy(p);
    }
    return (measure_cpu_us() - from) / (ROUNDS * 5);
}

/* Parses, writes it again, and hashes that. */
static double json_all(struct bench *b, const char *text)
{
    double from = measure_cpu_us();
    uint8_t key[KEY_LEN];

    for (int i = 0; i < ROUNDS; i++) {
        struct json_object *o;
        size_t n;
        const char *out;

        json_tokener_reset(b->tokener);
        o = json_tokener_parse_ex(b->tokener, text, (int)strlen(text) + 1);
        if (!o)
            die("JSON", "not read");
        out = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &n);
        sha256(b, out, n, key);
        json_object_put(o);
    }
    return (measure_cpu_us() - from) / ROUNDS;
}

static void measure(struct bench *b)
{
    char request[BENCH_RECORD_MAX], answer[BENCH_ANSWER_MAX];

    bench_record(1, request, sizeof request);
    bench_answer(1, answer, sizeof answer);
    printf("put_us=%.2f ", put_all(b));
    get_all(b, '+'); /* the block cache is warm then */
    printf("get_us=%.2f ", get_all(b, '+'));
    printf("miss_us=%.2f ", get_all(b, '-'));
    printf("request_us=%.2f ", json_all(b, request));
    printf("answer_us=%.2f\n", json_all(b, answer));
}

int main(int argc, char **argv)
{
    struct bench b = {0};

    if (argc != 3 || strtol(argv[2], NULL, 10) < BATCH) {
        fprintf(stderr, "usage: parts DIRECTORY ENTRIES\n");
        return EX_USAGE;
    }
    b.entries = strtol(argv[2], NULL, 10);
    b.md = EVP_MD_fetch(NULL, "SHA256", NULL);
    b.hash = EVP_MD_CTX_new();
    b.tokener = json_tokener_new();
    open_database(&b, argv[1]);
    measure(&b);
    rocksdb_close(b.db);
    json_tokener_free(b.tokener);
    EVP_MD_CTX_free(b.hash);
    EVP_MD_free(b.md);
    return 0;
}
