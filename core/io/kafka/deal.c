/*
 * deal: makes the batches of exactly_once. A batch is due a moment after the last one was sent, so that a lone
 * outcome goes out at once, or when there are many outcomes; while one is away the next one gathers, so batches
 * grow with the load. An outcome
 * that the broker refuses is found by halving the group it was refused in; the others go on meanwhile.
 *
 * It never decides what is finished, nor how many outcomes a partition's metadata can carry: the pool and
 * policy/batch.h do. It talks to no broker: the group metadata is the client's own memory.
 */
#include "io/kafka/deal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/kafka/batch.h"
#include "io/kafka/intake.h"
#include "policy/batch.h"

#define LINGER_US   (100 * 1000LL)
#define MANY        2000 /* so many outcomes do not wait for more */
#define BATCH_MAX   10000
#define BATCH_BYTES (16LL << 20)

/* Outcomes to be published apart from all others. */
struct probe {
    struct list_node node;
    struct list_node tasks;
    size_t count;
};

/* What a batch is made from. */
struct hand {
    struct task **at;
    size_t count, cap;
    int64_t bytes;
};

void deal_init(struct deal *d)
{
    list_init(&d->ready);
    list_init(&d->probes);
}

void deal_add(struct kafka_intake *in, struct task *t)
{
    struct deal *d = &in->deal;

    list_push(&d->ready, &t->node);
    d->nready++;
}

static void put_back(struct deal *d, struct task *t)
{
    list_push_front(&d->ready, &t->node);
    d->nready++;
    d->since_us = 0;
}

/* One that has to wait for the head of its partition: those of others come before it. */
static void put_last(struct deal *d, struct task *t)
{
    list_push(&d->ready, &t->node);
    d->nready++;
    d->since_us = 0;
}

bool deal_idle(const struct kafka_intake *in)
{
    const struct deal *d = &in->deal;

    return !d->nready && list_empty(&d->probes) && !d->away;
}

/* ---- making a batch ---- */

static bool hand_add(struct hand *h, struct task *t)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 64;
        h->at = mem_grow(h->at, h->cap, sizeof(struct task *));
    }
    h->at[h->count++] = t;
    h->bytes += (int64_t)(t->park ? t->raw_len : t->reply_len);
    return h->count < BATCH_MAX && h->bytes < BATCH_BYTES;
}

/*
 * An outcome may come here, or back here, after its partition was given up: what ended while the assignment
 * was lost, what was refused in a batch that outlived it. It must not be published by the fresh group metadata
 * of a later generation, which no broker would fence; nor is the part's ledger what is done there. False: the
 * hand is full.
 */
static bool take(struct hand *h, struct task *t, struct list_node *gone)
{
    const struct kafka_part *p = t->source_data;

    if (!p->gone)
        return hand_add(h, t);
    list_push(gone, &t->node);
    return true;
}

static void take_probe(struct deal *d, struct hand *h, struct list_node *gone)
{
    struct probe *probe = CONTAINER_OF(list_pop(&d->probes), struct probe, node);
    struct list_node *n;

    while ((n = list_pop(&probe->tasks)))
        (void)take(h, CONTAINER_OF(n, struct task, node), gone);
    free(probe);
}

static void take_ready(struct deal *d, struct hand *h, struct list_node *gone)
{
    struct list_node *n;

    while ((n = list_pop(&d->ready))) {
        d->nready--;
        if (!take(h, CONTAINER_OF(n, struct task, node), gone))
            break;
    }
}

static void deal_out(struct kafka_intake *in, struct hand *h)
{
    struct deal *d = &in->deal;
    struct list_node gone;

    list_init(&gone);
    d->probed = !list_empty(&d->probes) && !(d->probed && d->nready);
    if (d->probed)
        take_probe(d, h, &gone);
    else
        take_ready(d, h, &gone);
    pthread_mutex_lock(&in->lock);
    list_splice(&in->returned, &gone);
    pthread_mutex_unlock(&in->lock);
}

static int by_place(const void *a, const void *b)
{
    const struct task *x = *(struct task *const *)a, *y = *(struct task *const *)b;
    const struct kafka_part *p = x->source_data, *q = y->source_data;

    if (p != q)
        return p < q ? -1 : 1;
    return (x->origin.offset > y->origin.offset) - (x->origin.offset < y->origin.offset);
}

static void add_offset(struct kafka_batch *b, const struct kafka_part *p, int64_t base,
                       struct buf *map)
{
    rd_kafka_topic_partition_t *tp =
        rd_kafka_topic_partition_list_add(b->offsets, p->topic, p->partition);

    tp->offset = base;
    if (!map->len)
        return;
    tp->metadata_size = map->len;
    tp->metadata = buf_steal(map, NULL); /* the list frees it */
}

/* Outcomes of one part, in ascending order: as many as its metadata can carry go into the batch. */
static void add_run(struct kafka_intake *in, struct kafka_batch *b, struct kafka_part *p,
                    struct task **run, size_t n)
{
    struct map_scope scope = {in->group, p->topic, p->partition};
    struct buf map = BUF_INIT(METADATA_MAX);
    int64_t *offsets = mem_array(n + 1, sizeof *offsets);
    int64_t base = 0;
    size_t fit;

    for (size_t i = 0; i < n; i++)
        offsets[i] = run[i]->origin.offset;
    fit = batch_fit(&scope, p->ledger, offsets, n, in->map_max, &map, &base);
    if (map.len > in->map_sent)
        in->map_sent = map.len;
    pause_map(in, p, map.len, fit < n);
    if (base >= 0 && (fit || p->dirty)) {
        add_offset(b, p, base, &map);
        p->dirty = false;
    }
    for (size_t i = 0; i < fit; i++)
        list_push(&b->outcomes, &run[i]->node);
    for (size_t i = fit; i < n; i++)
        put_last(&in->deal, run[i]);
    b->count += fit;
    buf_done(&map);
    free(offsets);
}

static void add_runs(struct kafka_intake *in, struct kafka_batch *b, struct hand *h)
{
    size_t from = 0;

    if (h->count)
        qsort(h->at, h->count, sizeof(struct task *), by_place);
    while (from < h->count) {
        struct kafka_part *p = h->at[from]->source_data;
        size_t to = from + 1;

        while (to < h->count && h->at[to]->source_data == p)
            to++;
        add_run(in, b, p, h->at + from, to - from);
        from = to;
    }
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i]->dirty && in->parts[i]->ledger)
            add_run(in, b, in->parts[i], h->at, 0);
}

static bool any_dirty(const struct kafka_intake *in)
{
    for (size_t i = 0; i < in->nparts; i++)
        if (in->parts[i]->dirty && in->parts[i]->ledger)
            return true;
    return false;
}

static bool may_go(const struct kafka_intake *in, int64_t now_us)
{
    return !in->deal.away && !atomic_load(&in->close) && now_us >= in->deal.not_before_us;
}

bool deal_is_ripe(const struct kafka_intake *in, int64_t now_us)
{
    return may_go(in, now_us) && now_us >= in->deal.since_us + LINGER_US;
}

static bool is_due(const struct kafka_intake *in, int64_t now_us, bool now)
{
    const struct deal *d = &in->deal;

    if (!may_go(in, now_us))
        return false;
    if (!list_empty(&d->probes) || d->nready >= MANY || any_dirty(in))
        return true;
    return d->nready && (now || deal_is_ripe(in, now_us));
}

void deal_tick(struct kafka_intake *in, int64_t now_us, bool now)
{
    struct deal *d = &in->deal;
    struct hand h = {0};
    struct kafka_batch *b;
    bool untried;

    if (!is_due(in, now_us, now))
        return;
    b = batch_new();
    b->group = group_metadata(in->client.rk);
    if (!b->group) { /* no member of the group just now: nothing of ours would be fenced */
        d->not_before_us = now_us + LINGER_US;
        batch_free(b);
        return;
    }
    deal_out(in, &h);
    untried = d->nready > 0;
    b->offsets = rd_kafka_topic_partition_list_new(16);
    in->map_sent = 0;
    add_runs(in, b, &h);
    free(h.at);
    if (d->nready)
        d->since_us = 0;    /* more than one batch can hold */
    if (!b->offsets->cnt) { /* no metadata can carry any of them before a head moves */
        d->not_before_us = untried ? 0 : now_us + LINGER_US;
        batch_free(b);
        return;
    }
    if (!d->nready)
        d->since_us = now_us;
    d->away = true;
    kafka_publisher_submit(in->publisher, b);
}

/* ---- what became of it ---- */

static void halve(struct deal *d, struct list_node *refused)
{
    struct probe *probes[2] = {0};
    size_t n = 0, half;

    for (struct list_node *i = refused->next; i != refused; i = i->next)
        n++;
    half = (n + 1) / 2;
    for (size_t i = 0; i < n; i++) {
        struct probe **to = &probes[i >= half];

        if (!*to) {
            *to = mem_alloc(sizeof **to);
            list_init(&(*to)->tasks);
            list_push(&d->probes, &(*to)->node);
        }
        list_push(&(*to)->tasks, list_pop(refused));
        (*to)->count++;
    }
}

/* The commit is known: the journal entries may go. Most records have none: their answers were found. */
static void forget(struct kafka_intake *in, const struct list_node *acked)
{
    for (struct list_node *n = acked->next; in->setup.committed && n != acked; n = n->next) {
        const struct task *t = CONTAINER_OF(n, struct task, node);

        if (!t->not_journaled)
            in->setup.committed(in->setup.arg, t->journal_key, t->journal_key_len);
    }
}

/* Those of partitions that are gone to `returned`, the others to the front of the next batch. */
static void sort_again(struct deal *d, struct list_node *tasks, struct list_node *returned)
{
    struct list_node *n;

    while ((n = list_pop(tasks))) {
        struct task *t = CONTAINER_OF(n, struct task, node);
        struct kafka_part *p = t->source_data;

        if (p->gone)
            list_push(returned, n);
        else
            put_back(d, t);
    }
}

/* What cannot be parked need not be looked for one by one: it only goes on waiting in the pool. */
static void give_back_parked(struct list_node *refused, struct list_node *returned)
{
    struct list_node others, *n;

    list_init(&others);
    while ((n = list_pop(refused)))
        list_push(CONTAINER_OF(n, struct task, node)->park ? returned : &others, n);
    list_splice(refused, &others);
}

static void stay_dirty(struct kafka_intake *in, const struct kafka_batch *b)
{
    for (int i = 0; i < b->offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &b->offsets->elems[i];
        struct kafka_part *p = intake_find(in, tp->topic, tp->partition);

        if (p)
            p->dirty = true;
    }
}

void deal_settled(struct kafka_intake *in, struct kafka_batch *b, struct list_node *acked,
                  struct list_node *returned)
{
    struct deal *d = &in->deal;

    d->away = false;
    d->not_before_us = b->rest_us ? clock_mono_us() + b->rest_us : 0;
    if (b->published) {
        atomic_fetch_add(&in->commits, 1);
    } else {
        atomic_fetch_add(&in->commit_errors, 1);
        stay_dirty(in, b);
    }
    if (b->map_refused)
        pause_shrink_map(in);
    forget(in, &b->acked);
    list_splice(acked, &b->acked);
    sort_again(d, &b->again, returned);
    give_back_parked(&b->refused, returned);
    halve(d, &b->refused);
    batch_free(b);
}

static void give_back_list(struct list_node *from, bool all, struct list_node *returned,
                           size_t *count)
{
    struct list_node kept, *n;

    list_init(&kept);
    while ((n = list_pop(from))) {
        struct kafka_part *p = CONTAINER_OF(n, struct task, node)->source_data;
        bool back = all || p->gone;

        list_push(back ? returned : &kept, n);
        *count -= back;
    }
    list_splice(from, &kept);
}

void deal_give_back(struct kafka_intake *in, bool all, struct list_node *returned)
{
    struct deal *d = &in->deal;
    struct list_node kept, *n;

    give_back_list(&d->ready, all, returned, &d->nready);
    list_init(&kept);
    while ((n = list_pop(&d->probes))) {
        struct probe *probe = CONTAINER_OF(n, struct probe, node);

        give_back_list(&probe->tasks, all, returned, &probe->count);
        if (probe->count)
            list_push(&kept, n);
        else
            free(probe);
    }
    list_splice(&d->probes, &kept);
}
