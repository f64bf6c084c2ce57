/* flight: a bounded chained hash table of running flights; see flight.h. */
#include "pool/flight.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct flight {
    struct list_node node; /* in its bucket */
    struct list_node twins;
    uint8_t key[SHA256_LEN];
};

struct flights {
    pthread_mutex_t lock;
    struct list_node *buckets;
    size_t mask;
    int64_t twins; /* atomic */
};

struct flights *flights_new(size_t expected)
{
    struct flights *fs = mem_alloc(sizeof *fs);
    size_t n = 64;
    size_t i = 0;

    while (n < expected && n < (size_t)1 << 20)
        n *= 2;
    pthread_mutex_init(&fs->lock, NULL);
    fs->buckets = mem_array(n, sizeof *fs->buckets);
    fs->mask = n - 1;
    for (i = 0; i < n; i++)
        list_init(&fs->buckets[i]);
    return fs;
}

struct flights *flights_free(struct flights *fs)
{
    if (!fs)
        return NULL;
    pthread_mutex_destroy(&fs->lock);
    free(fs->buckets);
    free(fs);
    return NULL;
}

static struct list_node *bucket_of(struct flights *fs, const uint8_t key[SHA256_LEN])
{
    size_t h = 0;

    memcpy(&h, key, sizeof h); /* the key is a digest: any bytes of it are a hash */
    return &fs->buckets[h & fs->mask];
}

static struct flight *find(struct list_node *bucket, const uint8_t key[SHA256_LEN])
{
    struct list_node *n = NULL;

    for (n = bucket->next; n != bucket; n = n->next) {
        struct flight *f = CONTAINER_OF(n, struct flight, node);

        if (memcmp(f->key, key, SHA256_LEN) == 0)
            return f;
    }
    return NULL;
}

int flight_join(struct flights *fs, const uint8_t key[SHA256_LEN], struct task *t)
{
    struct flight *mine = mem_alloc(sizeof *mine);
    struct list_node *bucket = bucket_of(fs, key);
    struct flight *f = NULL;

    list_init(&mine->twins);
    memcpy(mine->key, key, SHA256_LEN);
    pthread_mutex_lock(&fs->lock);
    f = find(bucket, key);
    if (f) {
        task_set_state(t, TASK_TWIN);
        list_push(&f->twins, &t->node);
        __atomic_add_fetch(&fs->twins, 1, __ATOMIC_RELAXED);
    } else {
        list_push(bucket, &mine->node);
        t->flight = STEAL(mine);
    }
    pthread_mutex_unlock(&fs->lock);
    free(mine);
    return f ? FLIGHT_FOLLOWS : FLIGHT_LEADS;
}

void flight_close(struct flights *fs, struct task *t, struct list_node *ret)
{
    struct flight *f = t->flight;
    struct list_node *n = NULL;

    list_init(ret);
    if (!f)
        return;
    pthread_mutex_lock(&fs->lock);
    list_remove(&f->node);
    for (n = f->twins.next; n != &f->twins; n = n->next) {
        task_set_state(CONTAINER_OF(n, struct task, node), TASK_INBOX);
        __atomic_sub_fetch(&fs->twins, 1, __ATOMIC_RELAXED);
    }
    list_splice(ret, &f->twins);
    pthread_mutex_unlock(&fs->lock);
    t->flight = NULL;
    free(f);
}

bool flight_leave(struct flights *fs, struct task *t)
{
    bool left = false;

    pthread_mutex_lock(&fs->lock);
    if (t->state == TASK_TWIN) {
        list_remove(&t->node);
        __atomic_sub_fetch(&fs->twins, 1, __ATOMIC_RELAXED);
        task_set_state(t, TASK_RUNNING);
        left = true;
    }
    pthread_mutex_unlock(&fs->lock);
    return left;
}

int64_t flights_twins(const struct flights *fs)
{
    return __atomic_load_n(&fs->twins, __ATOMIC_RELAXED);
}
