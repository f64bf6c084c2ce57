/*
 * Model of one partition that comes and goes: records are begun, run, published, acknowledged, given back,
 * committed; the partition is revoked and assigned again at random moments, and the process crashes. Nothing
 * may be committed that was not answered, no record may run twice at the same time in one process, and in the
 * end everything is answered.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "io/kafka/adopt.h"
#include "policy/map.h"

#define RECORDS 60
#define ROUNDS  3000
#define STEPS   400

static struct kafka_intake in;
static struct kafka_part *part; /* the live one, or NULL */
static int64_t position;        /* next offset to be received */
static struct list_node pool, publisher;
static int answered[RECORDS], running[RECORDS];
static int64_t committed;
static char map_text[METADATA_MAX + 1];
static const struct map_scope scope = {"g", "t", 0};
static uint32_t seed;

static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static struct task *pick(struct list_node *list)
{
    struct list_node *n = list->next;

    if (list_empty(list))
        return NULL;
    for (uint32_t skip = dice(8); skip-- && n->next != list;)
        n = n->next;
    list_remove(n);
    return CONTAINER_OF(n, struct task, node);
}

static void to_pool(struct task *t)
{
    cr_assert_eq(running[t->origin.offset]++, 0, "seed: offset %d runs twice",
                 (int)t->origin.offset);
    list_push(&pool, &t->node);
}

static void assign(void)
{
    if (part)
        return;
    part = part_new("t", 0);
    part->live = true;
    part->ledger = ledger_new(committed, 30, 1000);
    if (*map_text)
        cr_assert_eq(map_decode(&scope, map_text, strlen(map_text), part->ledger), MAP_GOOD);
    in.parts = mem_grow(in.parts, 1, sizeof(struct kafka_part *));
    in.parts[0] = part;
    in.nparts = 1;
    position = committed;
}

static void commit(void)
{
    struct buf text = BUF_INIT(METADATA_MAX + 1);
    int64_t base = 0;
    struct ledger *l;

    if (!part)
        return;
    cr_assert_eq(map_encode(&scope, part->ledger, NULL, NULL, METADATA_MAX, &text, &base), 0);
    cr_assert_geq(base, committed, "the base went back");
    committed = base;
    snprintf(map_text, sizeof map_text, "%s", text.len ? text.data : "");
    buf_done(&text);
    l = ledger_new(committed, SIZE_MAX, 1000);
    if (*map_text)
        cr_assert_eq(map_decode(&scope, map_text, strlen(map_text), l), MAP_GOOD);
    for (int64_t i = 0; i < RECORDS; i++)
        if (i < committed || ledger_begin(l, i) == LEDGER_SEEN)
            cr_assert_gt(answered[i], 0, "offset %d was committed and has no answer", (int)i);
    ledger_free(l);
}

static void receive(void)
{
    struct task *t;

    if (!part || position >= RECORDS)
        return;
    switch (ledger_begin(part->ledger, position)) {
    case LEDGER_SEEN:
        position++;
        return;
    case LEDGER_FULL:
        return;
    }
    t = task_new();
    t->source_data = part_ref(part);
    t->origin = (struct task_origin){part->topic, 0, position++};
    t->fingerprint[0] = (uint8_t)t->origin.offset;
    if (!adopt_wait(&in, part, t))
        to_pool(t);
}

/* As settle.c books what comes back. */
static void settle(struct task *t, bool acked)
{
    struct kafka_part *p = t->source_data;
    struct list_node again, *n;
    bool on;

    list_init(&again);
    if (acked)
        answered[t->origin.offset]++;
    on = p->gone && adopt_returned(&in, t, acked, &again);
    while ((n = list_pop(&again)))
        list_push(&publisher, n);
    while ((n = list_pop(&in.got)))
        to_pool(CONTAINER_OF(n, struct task, node));
    if (on)
        return;
    if (!p->gone && acked)
        part_acked(p, t);
    else if (!p->gone)
        offsets_push(&p->dropped, t->origin.offset);
    atomic_fetch_sub(&p->outbox, 1);
    part_task_free(t);
}

static void finish(void)
{
    struct task *t = pick(&pool);
    struct kafka_part *p;

    if (!t)
        return;
    p = t->source_data;
    running[t->origin.offset]--;
    t->reply = mem_strdup("{}");
    atomic_fetch_add(&p->outbox, 1);
    if (atomic_load(&p->owned))
        list_push(&publisher, &t->node);
    else
        settle(t, false);
}

static void publish(void)
{
    struct task *t = pick(&publisher);

    if (t)
        settle(t, true);
}

/* Now and then with replies that come back, and with or without a commit, as in a lost assignment. */
static void revoke(void)
{
    if (!part)
        return;
    atomic_store(&part->owned, false);
    for (uint32_t n = dice(4); n--;)
        dice(2) ? finish() : publish();
    if (dice(2))
        commit();
    in.nparts = 0;
    intake_retire(&in, part, true);
    part = NULL;
}

static void crash(void)
{
    struct task *t;

    revoke();
    while ((t = pick(&pool)) || (t = pick(&publisher)))
        part_task_free(t);
    adopt_free(&in);
    in.orphans_cap = 0;
    memset(running, 0, sizeof running);
}

static void step(void)
{
    switch (dice(40)) {
    case 0:
    case 1:
        revoke();
        break;
    case 2:
        if (dice(4) == 0)
            crash();
        break;
    case 3:
    case 4:
    case 5:
        assign();
        break;
    case 6:
    case 7:
        commit();
        break;
    default:
        dice(2) ? receive() : dice(2) ? finish() : publish();
    }
}

static void run_round(void)
{
    committed = 0;
    *map_text = '\0';
    memset(answered, 0, sizeof answered);
    for (int i = 0; i < STEPS; i++)
        step();
    /* No more revokes: everything must come to an end. */
    for (int i = 0; committed < RECORDS; i++) {
        cr_assert_lt(i, 10000, "stuck at %d", (int)committed);
        assign();
        receive();
        finish();
        publish();
        commit();
    }
    for (int i = 0; i < RECORDS; i++)
        cr_assert_gt(answered[i], 0);
    crash();
}

Test(kafka_adopt, model, .timeout = 60)
{
    unsigned long long adopted;

    list_init(&in.got);
    list_init(&pool);
    list_init(&publisher);
    for (seed = 1; seed < ROUNDS; seed++) {
        uint32_t keep = seed;

        run_round();
        seed = keep;
    }
    adopted = atomic_load(&in.adopted);
    cr_assert_gt(adopted, 1000, "only %llu calls were adopted", adopted);
    free(in.parts);
}

/* The topic was made anew between the assignments: the old call's answer belongs to another record. */
Test(kafka_adopt, another_record_at_the_same_offset)
{
    struct list_node again;
    struct task *old, *copy;

    list_init(&in.got);
    list_init(&pool);
    list_init(&again);
    committed = 0;
    assign();
    receive();
    old = pick(&pool);
    in.nparts = 0;
    intake_retire(&in, part, true);
    part = NULL;
    assign();
    receive();
    cr_assert(list_empty(&pool), "the new record waits for the old call");
    old->reply = mem_strdup("{}");
    old->fingerprint[3] = 1;
    cr_assert_not(adopt_returned(&in, old, false, &again));
    cr_assert(list_empty(&again));
    cr_assert_not(list_empty(&in.got), "the new record goes to the pool after all");
    copy = CONTAINER_OF(list_pop(&in.got), struct task, node);
    cr_assert_eq(ledger_open(part->ledger), 1);
    part_task_free(old);
    part_task_free(copy);
    in.nparts = 0;
    intake_retire(&in, part, true);
    adopt_free(&in);
    free(in.parts);
}
