/*
 * store_layout: what the store costs at a size, through its own interface: written, read and missed, in processor time,
 * with its memory and disk, and the time until it is open again after a kill.
 *
 *     store_layout DIRECTORY ENTRIES [KEY=VALUE...]       such as cache.block_size=4KB cache.block_cache=64MB
 *
 * Fills DIRECTORY unless it exists, which tells what one layout costs under several caches; what is made stays there.
 * The answers are of words as prose has them, since nothing is compressed as well as a text that repeats itself.
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/store.h"
#include "tests/bench/measure.h"

#define AHEAD       256 /* entries that the writer has at most */
#define BODIES      4096 /* different ones; keys are random, so that equal ones do not meet in a block */
#define BODY_MAX    2400
#define BODY_WORDS  220 /* about 1.5 KB */
#define VOCABULARY  4000
#define STRETCHES   41
#define GETS        1000 /* in each */
#define HOT         10000
#define BEFORE_KILL 10000 /* entries written before a kill: what is in the log then */

struct entry {
    struct store_op op;
    uint8_t key[SHA256_LEN];
};

static sem_t room; /* entries that may be submitted; they are written in order */
static char *bodies[BODIES];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "store_layout: %s: %s\n", what, why);
    exit(EX_SOFTWARE);
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* found: a key that was written; else one that was not. */
static void make_key(uint64_t i, bool found, uint8_t key[SHA256_LEN])
{
    for (uint64_t part = 0; part < SHA256_LEN / 8; part++) {
        uint64_t x = mix(i * 8 + part * 2 + found);

        memcpy(key + part * 8, &x, 8);
    }
}

/* Of few letters, and the lower its number the more often it is said. */
static int word(uint64_t random, char out[16])
{
    double share = (double)(random >> 11) / (double)((uint64_t)1 << 53);
    uint64_t letters = mix((uint64_t)(VOCABULARY * share * share * share));
    int len = 2 + (int)(letters % 9);

    for (int i = 0; i < len; i++)
        out[i] = (char)('a' + (letters >> (8 + 5 * i)) % 26);
    out[len] = ' ';
    return len + 1;
}

static void make_bodies(void)
{
    for (uint64_t i = 0; i < BODIES; i++) {
        char text[BODY_MAX];
        int n = snprintf(
            text, sizeof text,
            "{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":1700000000,"
            "\"model\":"
            "\"sim\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
            (unsigned long long)mix(i));

        for (uint64_t w = 0; w < BODY_WORDS; w++)
            n += word(mix(i * BODY_WORDS + w), text + n);
        snprintf(
            text + n, sizeof text - (size_t)n,
            "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":230,"
            "\"completion_tokens\":230,\"total_tokens\":460}}");
        bodies[i] = mem_strdup(text);
    }
}

static void on_written(struct store_op *op)
{
    if (op->abandoned)
        die("store", "cannot be written");
    sem_post(&room);
}

static struct completion *make_completion(uint64_t i)
{
    struct completion *c = completion_new();

    *c = (struct completion){.refs = 1,
                             .body = mem_strdup(bodies[i % BODIES]),
                             .usage = {230, 0, -1, 230, 0},
                             .finish = FINISH_STOP,
                             .cost_usd = -1,
                             .created_wall_ms = clock_wall_ms(),
                             .model = "fast",
                             .provider = "openai",
                             .upstream_model = "sim"};
    c->body_len = strlen(c->body);
    return c;
}

/* Microseconds of all threads for an entry. */
static double put_all(struct store *s, uint64_t from, uint64_t to)
{
    struct entry *ring = mem_array(AHEAD, sizeof *ring);
    double began = measure_cpu_us();

    sem_init(&room, 0, AHEAD);
    for (uint64_t i = from; i < to; i++) {
        struct entry *en = &ring[i % AHEAD];

        sem_wait(&room);
        completion_unref(en->op.completion);
        make_key(i, true, en->key);
        en->op = (struct store_op){
            .completion_key = en->key, .completion = make_completion(i), .done = on_written};
        store_submit(s, &en->op);
    }
    for (int i = 0; i < AHEAD; i++)
        sem_wait(&room);
    for (int i = 0; i < AHEAD; i++)
        completion_unref(ring[i].op.completion);
    free(ring);
    return (measure_cpu_us() - began) / (double)(to - from);
}

static double thread_cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The median of some stretches, of this thread alone: tables may still be compacted behind it, and others may use the
 * machine. */
static double get_all(struct store *s, uint64_t among, bool found)
{
    double us[STRETCHES];

    for (uint64_t i = 0; i < STRETCHES * GETS; i++) {
        uint8_t key[SHA256_LEN];
        struct completion *c = NULL;
        struct err e = {0};

        if (i % GETS == 0)
            us[i / GETS] = thread_cpu_us();
        make_key(mix(~i) % among, found, key);
        if (store_get_completion(s, key, 0, &c, &e) != (found ? STORE_FOUND : STORE_NONE))
            die("get", e.msg[0] ? e.msg : "found what is not there, or not what is");
        completion_unref(c);
        if (i % GETS == GETS - 1)
            us[i / GETS] = (thread_cpu_us() - us[i / GETS]) / GETS;
    }
    qsort(us, STRETCHES, sizeof us[0], by_value);
    return us[STRETCHES / 2];
}

static double megabytes_now(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        die("/proc/self/statm", "cannot be read");
    fclose(f);
    return (double)(pages * sysconf(_SC_PAGESIZE)) / 1e6;
}

static struct store *open_store(const char *path, const struct config *c)
{
    struct err e = {0};
    struct store *s = store_open(path, c, &e);

    if (!s)
        die(path, e.msg);
    return s;
}

/* In a process of its own, which ends as a killed one does: fills the store unless it is there, then writes what the
 * log has to be read for. Before any other store is opened here, since its threads are not in a child. */
static void fill_and_die(const char *path, const struct config *c, uint64_t entries)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        int64_t began_us = clock_mono_us();
        struct store *s = open_store(path, c);
        double put_us = put_all(s, 0, entries);

        store_free(s);
        printf("put_us=%.1f fill_s=%.0f ", put_us, (double)(clock_mono_us() - began_us) / 1e6);
        fflush(stdout);
    }
    put_all(open_store(path, c), entries, entries + BEFORE_KILL);
    kill(getpid(), SIGKILL);
}

static void fill(const char *path, const struct config *c, uint64_t entries)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        fill_and_die(path, c, entries);
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSIGNALED(status))
        die(path, "was not filled");
}

static void read_all(const char *path, const struct config *c, uint64_t entries)
{
    int64_t began_us = clock_mono_us();
    struct store *s = open_store(path, c);
    struct store_stats stats;

    printf("reopen_ms=%.0f idle_mb=%.0f ", (double)(clock_mono_us() - began_us) / 1e3,
           megabytes_now());
    get_all(s, entries, true); /* caches are as warm as they get then */
    printf("random_us=%.1f ", get_all(s, entries, true));
    get_all(s, HOT, true);
    printf("hot_us=%.1f ", get_all(s, HOT, true));
    get_all(s, entries, false);
    printf("miss_us=%.1f ", get_all(s, entries, false));
    store_stats(s, &stats);
    printf("rss_mb=%.0f disk_mb=%.0f\n", megabytes_now(), (double)stats.completion_bytes / 1e6);
    store_free(s);
}

int main(int argc, char **argv)
{
    struct config *c = NULL;
    struct err e = {0};
    uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    if (entries < HOT) {
        fprintf(stderr, "usage: store_layout DIRECTORY ENTRIES [KEY=VALUE...]\n");
        return EX_USAGE;
    }
    if (config_load(NULL, NULL, (const char *const *)argv + 3, (size_t)argc - 3, &c, &e) < 0)
        die("configuration", e.msg);
    make_bodies();
    fill(argv[1], c, entries);
    read_all(argv[1], c, entries);
    config_free(c);
    return 0;
}
