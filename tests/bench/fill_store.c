/*
 * fill_store: puts an answer to each prompt of reply_clock, FROM to TO, into the first slot below the cache.path of a
 * configuration, as the model "fast" would have given it, so that a worker finds a large cache.
 *
 *     fill_store CONFIG FROM TO
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/store.h"
#include "policy/key.h"
#include "providers/providers.h"
#include "task/record.h"
#include "tests/bench/prompt.h"

#define AHEAD 256 /* entries that the writer has at most */

struct entry {
    struct store_op op;
    struct completion completion;
    uint8_t key[SHA256_LEN];
};

static sem_t room; /* entries that may be submitted; they are written in order */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "fill_store: %s: %s\n", what, why);
    exit(EX_SOFTWARE);
}

static void on_written(struct store_op *op)
{
    if (op->abandoned)
        die("store", "cannot be written");
    sem_post(&room);
}

static void find_key(const struct config *c, struct sha256 *sha, long number,
                     uint8_t key[SHA256_LEN])
{
    char record[BENCH_RECORD_MAX];
    struct buf scratch;
    struct task *t = task_new();

    t->origin = (struct task_origin){"fill", 0, number};
    t->raw_len = bench_record(number, record, sizeof record);
    t->raw = mem_strdup(record);
    buf_init(&scratch, 1 << 20);
    if (record_parse(t, c) != RECORD_GOOD || key_digest(t, sha, &scratch) < 0)
        die("prompt", t->error ? t->error->message : "no digest");
    key_completion(t, config_model(c, "fast", 0), sha, key);
    buf_done(&scratch);
    task_free(t);
}

static void fill(struct store *s, const struct config *c, long from, long to)
{
    struct entry *ring = mem_array(AHEAD, sizeof *ring);
    struct sha256 *sha = sha256_new();
    char body[BENCH_ANSWER_MAX];

    sem_init(&room, 0, AHEAD);
    for (long i = from; i < to; i++) {
        struct entry *en = &ring[i % AHEAD];

        sem_wait(&room);
        find_key(c, sha, i, en->key);
        free(en->completion.body);
        en->completion = (struct completion){.refs = 1,
                                             .body_len = bench_answer(i, body, sizeof body),
                                             .usage = {230, 0, -1, 230, 0},
                                             .finish = FINISH_STOP,
                                             .cost_usd = -1,
                                             .created_wall_ms = clock_wall_ms(),
                                             .model = "fast",
                                             .provider = "openai",
                                             .upstream_model = "sim"};
        en->completion.body = mem_strdup(body);
        en->op = (struct store_op){.completion_key = en->key,
                                   .completion = &en->completion,
                                   .done = on_written,
                                   .arg = en};
        store_submit(s, &en->op);
    }
    sha256_free(sha);
    for (int i = 0; i < AHEAD; i++)
        sem_wait(&room);
    for (int i = 0; i < AHEAD; i++)
        free(ring[i].completion.body);
    free(ring);
}

int main(int argc, char **argv)
{
    struct config *c = NULL;
    struct err e = {0};
    struct slot slot;
    struct store *s = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: fill_store CONFIG FROM TO\n");
        return EX_USAGE;
    }
    if (config_load(argv[1], environ, NULL, 0, &c, &e) < 0 ||
        config_resolve(c, providers, vendors, environ, &e) < 0)
        die(argv[1], e.msg);
    if (slot_take(&slot, c->cache.path, 0, &e) != 0 || !(s = store_open(slot.path, c, &e)))
        die(c->cache.path, e.msg);
    fill(s, c, strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    store_free(s);
    slot_release(&slot);
    config_free(c);
    return 0;
}
