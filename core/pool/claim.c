/*
 * claim: with `dedupe: task_id`, the first record with a task id claims the id, durably, before anything is
 * looked up or called for it; any other record with that id ends without a reply.
 *
 * Tasks with the same key, which is the id, go to the same worker in the order in which they came
 * (pool_submit), so that nothing has to be locked: a claim that is on its way to the disk stands in a table of
 * that worker. What was claimed in an earlier life is found in the store. While the store cannot be read or
 * written the task waits, as it does for the journal.
 */
#include "pool/worker.h"

#include <string.h>

#include "base/mem.h"

#define BUCKETS 1024 /* a power of two */

void claim_init(struct worker *w)
{
    w->claims = mem_array(BUCKETS, sizeof *w->claims);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&w->claims[i]);
}

static struct list_node *bucket_of(const struct worker *w, const uint8_t key[STORE_CLAIM_KEY_LEN])
{
    return &w->claims[(key[0] | (size_t)key[1] << 8) & (BUCKETS - 1)];
}

static void make_key(struct worker *w, const struct task *t, uint8_t key[STORE_CLAIM_KEY_LEN])
{
    uint8_t digest[SHA256_LEN];

    sha256_field(w->sha, t->id_scope, sizeof t->id_scope);
    sha256_field(w->sha, t->id, strlen(t->id));
    sha256_final(w->sha, digest);
    memcpy(key, digest, STORE_CLAIM_KEY_LEN);
}

/* The task that is about to claim this id. */
static const struct task *find(const struct worker *w, const uint8_t key[STORE_CLAIM_KEY_LEN])
{
    const struct list_node *bucket = bucket_of(w, key);

    for (const struct list_node *n = bucket->next; n != bucket; n = n->next) {
        const struct call *c = CONTAINER_OF(n, struct call, claiming);

        if (memcmp(c->claim_key, key, STORE_CLAIM_KEY_LEN) == 0)
            return c->task;
    }
    return NULL;
}

void claim_over(struct call *c)
{
    if (c->claiming.next)
        list_remove(&c->claiming);
}

/* Only where the key is the id do all records with this id come here, in their order. */
bool claim_applies(struct worker *w, const struct task *t)
{
    if (!w->claims || !t->has_id_scope)
        return false;
    if (t->key && strlen(t->id) == t->key_len && memcmp(t->id, t->key, t->key_len) == 0)
        return true;
    w->count.unkeyed++;
    w->counted = true;
    return false;
}

/* A parked copy is the record that it was made of. */
static bool same_record(const struct task *t, int32_t partition, int64_t offset)
{
    struct task_origin own = task_first(t);

    return own.partition == partition && own.offset == offset;
}

/* A lower offset than the first one's comes later only when the topic was made anew, or the group was set
 * back: it is a first record then. One that was here already when the claim was made has only been
 * overtaken, while the store could not be read. */
static bool takes_over(const struct task *t, const struct store_claim *c)
{
    struct task_origin own = task_first(t);
    int64_t received_ms = t->parked ? t->parked->received_ms : t->received_wall_ms;

    return own.partition == c->partition && own.offset < c->offset && received_ms > c->wall_ms;
}

/* Writer thread. */
static void claimed(struct store_op *op)
{
    struct call *c = op->arg;
    struct pool *p = c->worker->pool;
    struct list_node one;

    __atomic_sub_fetch(&p->storing, 1, __ATOMIC_RELAXED);
    c->task->step = STEP_CLAIMED;
    task_set_state(c->task, TASK_INBOX);
    list_init(&one);
    list_push(&one, &c->task->node);
    worker_post(p, &one);
}

static void write_claim(struct worker *w, struct task *t)
{
    struct task_origin own = task_first(t);
    struct call *c = t->call;

    c->op = (struct store_op){.claim_key = c->claim_key,
                              .claim = {own.partition, own.offset, w->now_wall_ms},
                              .done = claimed,
                              .arg = c};
    task_set_state(t, TASK_STORING);
    __atomic_add_fetch(&w->pool->storing, 1, __ATOMIC_RELAXED);
    list_push(&w->ops, &c->op.node);
}

static int read_claim(struct worker *w, const uint8_t key[STORE_CLAIM_KEY_LEN],
                      struct store_claim *ret)
{
    struct store *s = w->pool->store;
    struct err e = {0};
    int r = store_get_claim(s, key, w->now_wall_ms, ret, &e);

    if (r >= 0)
        return r;
    r = store_get_claim(s, key, w->now_wall_ms, ret, &e);
    return step_after_error(w, r, &e);
}

static void go_on(struct worker *w, struct task *t)
{
    call_release(w, t);
    t->step = STEP_LOOKUP;
    step_run(w, t);
}

/* The claim of t stands in the table, and in t->call. */
static void decide(struct worker *w, struct task *t)
{
    struct store_claim first = {0};
    int r = read_claim(w, t->call->claim_key, &first);

    if (r < 0 && t->deadline_us > w->now_us)
        step_hold(w, t, STEP_CLAIM); /* those that come meanwhile find it in the table */
    else if (r < 0)
        step_deadline(w, t);
    else if (r == STORE_NONE || takes_over(t, &first))
        write_claim(w, t);
    else if (same_record(t, first.partition, first.offset))
        go_on(w, t);
    else
        step_suppress(w, t);
}

void claim_step(struct worker *w, struct task *t)
{
    uint8_t key[STORE_CLAIM_KEY_LEN];
    const struct task *first = NULL;
    struct task_origin own;

    if (t->call) { /* it was held */
        decide(w, t);
        return;
    }
    make_key(w, t, key);
    first = find(w, key);
    if (first)
        own = task_first(first);
    if (first && !same_record(t, own.partition, own.offset)) {
        step_suppress(w, t);
        return;
    }
    if (first) { /* read twice: single flight is for that */
        go_on(w, t);
        return;
    }
    memcpy(call_take(w, t)->claim_key, key, sizeof key);
    list_push(bucket_of(w, key), &t->call->claiming);
    decide(w, t);
}

/* Without the claim on the disk nothing may be published: the task is given back. */
void claim_written(struct worker *w, struct task *t)
{
    if (t->call->op.abandoned)
        step_give_back(w, t);
    else
        go_on(w, t);
}
