/*
 * race_store: several threads submit, read, forget, walk and read statistics at once, while writes
 * fail now and then and the database is reopened under the readers. A plain program for the thread
 * sanitizer; it also checks that everything reported done can be read. Exit code 0 when it is
 * well.
 */
#include <stdio.h>
#include <string.h>

#include "../unit/io/store_fixture.h"
#include "io/store_int.h"

#define THREADS 4
#define ROUNDS  300

static struct store *store;
static int lost;

/* RocksDB is not built for the sanitizer, which therefore sees its copies but not its atomics.
 * Reports of what our own code does stay. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\n";
}

static void one_round(int thread, int round)
{
    struct completion *c = fixture_completion("fast", "{}"), *back = NULL;
    char key[32], reply[32];
    uint8_t digest[SHA256_LEN];
    struct store_stats st;

    snprintf(key, sizeof key, "%d/%d", thread, round);
    snprintf(reply, sizeof reply, "r%d", round);
    fixture_key((uint64_t)(thread * ROUNDS + round), digest);
    fixture_put(store, digest, c);
    fixture_put_outcome(store, key, 'a', reply, round + 1);
    if (store_get_completion(store, digest, 0, &back, NULL) != STORE_FOUND ||
        fixture_has_outcome(store, key, 'a', reply) != STORE_FOUND)
        __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
    store_forget(store, (const uint8_t *)key, strlen(key));
    store_stats(store, &st);
    completion_unref(back);
    completion_unref(c);
}

static void *work(void *arg)
{
    int thread = *(int *)arg;

    for (int i = 0; i < ROUNDS; i++)
        one_round(thread, i);
    return NULL;
}

static bool keep_all(void *arg, const uint8_t *key, size_t key_len)
{
    (void)arg, (void)key, (void)key_len;
    return true;
}

static void *disturb(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        __atomic_store_n(&store->fail_writes, i % 4, __ATOMIC_RELAXED); /* from 2 on: a reopen */
        store_maintain(store, 1000 + i);
        store_prune(store, NULL, 0, keep_all, NULL, NULL);
        store_failing(store);
    }
    return NULL;
}

int main(void)
{
    struct config config = fixture_config();
    char *dir = fixture_dir();
    pthread_t threads[THREADS], other;
    int numbers[THREADS];

    store = store_open(dir, &config, NULL);
    if (!store)
        return 1;
    store->age_next_wall_ms = INT64_MAX; /* rounds of the keeper's thread stay out of the test's */
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    }
    pthread_create(&other, NULL, disturb, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_join(other, NULL);
    store_free(store);
    fixture_remove(dir);
    printf("lost %d of %d\n", lost, THREADS * ROUNDS);
    return lost != 0;
}
