/*
 * part: the life of one partition assignment, its journal keys, and the copy of a message into a task.
 * Messages are copied and given back at once, because one small message that is kept pins the whole fetch
 * response it came in. Talks to no broker.
 */
#include "io/kafka/part.h"

#include <endian.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "task/record.h"

struct kafka_part *part_new(const char *topic, int32_t partition)
{
    struct kafka_part *p = mem_alloc(sizeof *p);

    atomic_init(&p->refs, 1);
    atomic_init(&p->owned, true);
    atomic_init(&p->outbox, 0);
    atomic_init(&p->excess, 0);
    p->topic = mem_strdup(topic);
    p->partition = partition;
    p->next = -1;
    list_init(&p->held);
    list_init(&p->begun);
    list_init(&p->waiting);
    return p;
}

struct kafka_part *part_ref(struct kafka_part *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

struct kafka_part *part_unref(struct kafka_part *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return NULL;
    ledger_free(p->ledger);
    free(p->acked.at);
    free(p->flying.at);
    free(p->dropped.at);
    free(p->topic);
    free(p);
    return NULL;
}

static bool put_text(struct kafka_part *p, const char *s)
{
    size_t n = strlen(s);
    uint16_t wire = htobe16((uint16_t)n);

    if (n > UINT16_MAX || p->prefix_len + sizeof wire + n > sizeof p->prefix)
        return false;
    memcpy(p->prefix + p->prefix_len, &wire, sizeof wire);
    memcpy(p->prefix + p->prefix_len + sizeof wire, s, n);
    p->prefix_len += sizeof wire + n;
    return true;
}

void part_scope_of(const struct kafka_part *p, const char *topic, uint8_t scope[ID_SCOPE_LEN])
{
    uint8_t text[JOURNAL_KEY_MAX + sizeof(uint16_t) + PARKED_TOPIC_MAX];
    uint8_t digest[SHA256_LEN];
    size_t n = strnlen(topic, PARKED_TOPIC_MAX);
    uint16_t wire = htobe16((uint16_t)n);

    memcpy(text, p->prefix, p->owner_len);
    memcpy(text + p->owner_len, &wire, sizeof wire);
    memcpy(text + p->owner_len + sizeof wire, topic, n);
    sha256_of(text, p->owner_len + sizeof wire + n, digest);
    memcpy(scope, digest, ID_SCOPE_LEN);
}

int part_set_prefix(struct kafka_part *p, const char *cluster_id, const char *group)
{
    uint32_t partition = htobe32((uint32_t)p->partition);
    uint8_t digest[SHA256_LEN];

    p->prefix_len = 0;
    if (!put_text(p, cluster_id) || !put_text(p, group))
        return -1;
    p->owner_len = p->prefix_len;
    sha256_of(p->prefix, p->owner_len, digest);
    memcpy(p->owner, digest, sizeof p->owner);
    if (!put_text(p, p->topic) ||
        p->prefix_len + sizeof partition + sizeof(uint64_t) > sizeof p->prefix)
        return -1;
    part_scope_of(p, p->topic, p->id_scope);
    memcpy(p->prefix + p->prefix_len, &partition, sizeof partition);
    p->prefix_len += sizeof partition;
    return 0;
}

void part_journal_key(const struct kafka_part *p, int64_t offset, uint8_t key[JOURNAL_KEY_MAX],
                      size_t *ret_len)
{
    uint64_t wire = htobe64((uint64_t)offset);

    memcpy(key, p->prefix, p->prefix_len);
    memcpy(key + p->prefix_len, &wire, sizeof wire);
    *ret_len = p->prefix_len + sizeof wire;
}

int64_t part_key_offset(const uint8_t *key, size_t len)
{
    uint64_t wire;

    if (len < sizeof wire)
        return -1;
    memcpy(&wire, key + len - sizeof wire, sizeof wire);
    return (int64_t)be64toh(wire);
}

void offsets_push(struct offsets *o, int64_t offset)
{
    if (o->count == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->at = mem_grow(o->at, o->cap, sizeof *o->at);
    }
    o->at[o->count++] = offset;
}

void offsets_move(struct offsets *to, struct offsets *from)
{
    if (!to->count) {
        struct offsets empty = *to;

        *to = *from;
        *from = empty;
        return;
    }
    for (size_t i = 0; i < from->count; i++)
        offsets_push(to, from->at[i]);
    from->count = 0;
}

void part_acked(struct kafka_part *p, const struct task *t)
{
    if (!p->ledger)
        return;
    ledger_done(p->ledger, t->origin.offset);
    if (!t->not_journaled)
        offsets_push(&p->acked, t->origin.offset);
    p->dirty = true;
}

/* Of a parked copy only the headers of its first record, so that it is the same record but for its place. */
static void copy_headers(struct task *t, const rd_kafka_message_t *m, bool delay)
{
    rd_kafka_headers_t *hs;
    const char *name;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(m, &hs))
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(hs, i, &name, &value, &len); i++) {
        if (delay && strcmp(name, PARKED_HEADER) == 0)
            continue;
        if (task_header_add(t, name, value, len) < 0)
            break; /* more than a task keeps */
    }
}

struct task *part_task(struct kafka_part *p, const rd_kafka_message_t *m)
{
    struct task *t = task_new();
    uint8_t key[JOURNAL_KEY_MAX];
    size_t key_len = 0;

    part_ref(p);
    t->source_data = p;
    t->wanted = &p->owned;
    t->excess = p->parks ? &p->excess : NULL;
    memcpy(t->id_scope, p->id_scope, sizeof t->id_scope);
    t->has_id_scope = true;
    t->topic_priority = p->priority;
    t->origin = (struct task_origin){p->topic, p->partition, m->offset};
    t->raw = mem_dup(m->payload, m->len);
    t->raw_len = m->payload ? m->len : 0;
    t->key = mem_dup(m->key, m->key_len);
    t->key_len = m->key ? m->key_len : 0;
    copy_headers(t, m, p->delay);
    part_journal_key(p, m->offset, key, &key_len);
    task_set_journal_key(t, key, key_len);
    record_fingerprint(t);
    t->received_us = clock_mono_us();
    t->received_wall_ms = clock_wall_ms();
    t->record_ms = rd_kafka_message_timestamp(m, NULL);
    return t;
}

struct task *part_task_again(struct task *t)
{
    struct task *copy = task_new();

    copy->source_data = part_ref(t->source_data);
    copy->wanted = t->wanted;
    copy->origin = t->origin;
    copy->parked = STEAL(t->parked);
    memcpy(copy->id_scope, t->id_scope, sizeof copy->id_scope);
    copy->has_id_scope = t->has_id_scope;
    copy->raw = STEAL(t->raw);
    copy->raw_len = t->raw_len;
    copy->key = STEAL(t->key);
    copy->key_len = t->key_len;
    copy->headers = STEAL(t->headers);
    copy->nheaders = t->nheaders;
    t->nheaders = 0;
    memcpy(copy->fingerprint, t->fingerprint, sizeof copy->fingerprint);
    copy->journal_key = STEAL(t->journal_key);
    copy->journal_key_len = t->journal_key_len;
    copy->received_us = clock_mono_us();
    copy->received_wall_ms = t->received_wall_ms;
    copy->record_ms = t->record_ms;
    copy->waited_us = t->waited_us + copy->received_us - t->received_us;
    copy->attempts_used = t->attempts_used;
    copy->topic_priority = t->topic_priority;
    return copy;
}

void part_ended(struct kafka_part *p, struct task *t)
{
    crash_log_end(p->crash_log, &t->source_u64);
    if (t->source_node.next)
        list_remove(&t->source_node);
}

void part_task_free(struct task *t)
{
    struct kafka_part *p = t->source_data;

    part_ended(p, t);
    task_free(t);
    part_unref(p);
}

void part_hold(struct kafka_part *p, struct task *t)
{
    list_push(&p->held, &t->node);
    p->nheld++;
}

void part_hold_front(struct kafka_part *p, struct task *t)
{
    list_push_front(&p->held, &t->node);
    p->nheld++;
}

struct task *part_unhold(struct kafka_part *p)
{
    struct list_node *n = list_pop(&p->held);

    if (!n)
        return NULL;
    p->nheld--;
    return CONTAINER_OF(n, struct task, node);
}
