/*
 * commit_map: commits an offset with chosen metadata for a group, as a foreign or older program might have
 * done, so that a test can see what the worker makes of it.
 *
 *   commit_map BROKER GROUP TOPIC PARTITION BASE END KIND
 *
 * KIND: longest (a map of exactly the 4,096 characters that brokers accept), longer (four more), garbage,
 * other (a map of another partition), old (another version of the format). Prints the offsets below END, one a
 * line, that are still to be answered: with `longest` and `longer` those that the map leaves open and all
 * behind it, else all from BASE on. Exit code 0: committed, 1: the broker refused the metadata.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "policy/map.h"

#define LIMIT 4096

static void die(const char *what)
{
    fprintf(stderr, "commit_map: %s\n", what);
    exit(2);
}

/* A ledger with `window` offsets above the base, about half of them open, without a pattern. */
static struct ledger *scattered(int64_t base, int64_t window)
{
    struct ledger *l = ledger_new(base, SIZE_MAX, INT64_MAX);
    struct rng r = {7};

    for (int64_t i = 0; i <= window; i++) {
        bool done = i == window || (i && rng_below(&r, 2));

        ledger_begin(l, base + i);
        if (done)
            ledger_done(l, base + i);
    }
    return l;
}

static size_t length(const struct map_scope *s, int64_t base, int64_t window, struct buf *out)
{
    struct ledger *l = scattered(base, window);
    int64_t ret_base;

    out->len = 0;
    if (map_encode(s, l, NULL, NULL, 100000, out, &ret_base) != MAP_GOOD || ret_base != base)
        die("the map cannot be written");
    ledger_free(l);
    return out->len;
}

/* The window whose map has exactly `want` characters. */
static int64_t window_for(const struct map_scope *s, int64_t base, size_t want, struct buf *out)
{
    int64_t low = 1, high = 1000000;

    while (low < high) {
        int64_t mid = low + (high - low) / 2;

        if (length(s, base, mid, out) < want)
            low = mid + 1;
        else
            high = mid;
    }
    if (length(s, base, low, out) != want)
        die("no map has this length");
    return low;
}

static size_t kind_length(const char *kind)
{
    return strcmp(kind, "longer") == 0 ? LIMIT + 4 : LIMIT;
}

static void print_open(void *arg, int64_t offset)
{
    (void)arg;
    printf("%" PRId64 "\n", offset);
}

static int64_t number(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);

    if (end == text || *end || n < 0)
        die("a number is wanted");
    return n;
}

static int commit(char *const *a, const char *text, size_t len)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_add(list, a[3], (int32_t)number(a[4]));
    rd_kafka_resp_err_t err;
    char why[256];
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", a[1], why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", a[2], why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk)
        die(why);
    tp->offset = number(a[5]);
    tp->metadata = memcpy(mem_array(len, 1), text, len);
    tp->metadata_size = len;
    err = rd_kafka_commit(rk, list, 0);
    err = err ? err : list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
        return 1;
    if (err)
        die(rd_kafka_err2str(err));
    return 0;
}

int main(int argc, char **argv)
{
    struct buf map = BUF_INIT(100000);
    struct map_scope scope;
    int64_t base, end;
    const char *kind;
    struct ledger *l;
    int code;

    if (argc != 8)
        die("BROKER GROUP TOPIC PARTITION BASE END KIND");
    kind = argv[7];
    base = number(argv[5]);
    scope = (struct map_scope){argv[2], argv[3], (int32_t)number(argv[4])};
    if (strcmp(kind, "other") == 0)
        scope.partition++;
    l = scattered(base, window_for(&scope, base, kind_length(kind), &map));
    if (strcmp(kind, "longest") == 0 || strcmp(kind, "longer") == 0)
        ledger_walk(l, NULL, NULL, &base, &end, print_open);
    else
        end = base;
    for (; end < number(argv[6]); end++)
        print_open(NULL, end);
    ledger_free(l);
    if (strcmp(kind, "garbage") == 0)
        map.data[map.len / 2] ^= 1;
    else if (strcmp(kind, "old") == 0)
        map.data[2] = '0';
    code = commit(argv, map.data, map.len);
    buf_done(&map);
    return code;
}
