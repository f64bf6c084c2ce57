/*
 * group_log: Kafka's own formats of keys and values of __consumer_offsets (OffsetCommitKey/Value, GroupMetadata-
 * Key/Value, ConsumerProtocolAssignment). All numbers are big-endian; every read is bounded, and a record
 * that does not fit is no entry.
 */
#include "tests/chaos/group_log.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/chaos/history.h"

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static int64_t number(struct cursor *c, size_t bytes)
{
    uint64_t v = 0;

    if ((size_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | *c->at++;
    return bytes == 8 ? (int64_t)v : bytes == 4 ? (int32_t)v : (int16_t)v;
}

/* A length of `bytes` bytes, -1 is null, and what it counts. */
static const uint8_t *chunk(struct cursor *c, size_t bytes, size_t *ret_len)
{
    int64_t n = number(c, bytes);
    const uint8_t *p = c->at;

    *ret_len = 0;
    if (c->bad || n < 0)
        return NULL;
    if (n > c->end - c->at) {
        c->bad = true;
        return NULL;
    }
    c->at += n;
    *ret_len = (size_t)n;
    return p;
}

static void name(struct cursor *c, char *out)
{
    size_t n;
    const uint8_t *p = chunk(c, 2, &n);

    snprintf(out, GROUP_NAME_MAX, "%.*s", (int)(p ? n : 0), p ? (const char *)p : "");
}

static void read_commit(struct cursor *k, struct cursor *v, struct group_entry *e)
{
    int64_t version;

    name(k, e->topic);
    e->partition = (int32_t)number(k, 4);
    version = number(v, 2);
    e->offset = number(v, 8);
    if (version >= 3)
        number(v, 4); /* leader epoch */
    e->metadata = (const char *)chunk(v, 2, &e->metadata_len);
    e->kind = k->bad || v->bad ? GROUP_OTHER : GROUP_COMMIT;
}

static void read_assignment(const uint8_t *p, size_t n, const char *wanted, uint64_t owner,
                            struct group_entry *e)
{
    struct cursor c = {p, p + n, false};
    char topic[GROUP_NAME_MAX];
    int64_t topics, parts;

    number(&c, 2); /* version */
    topics = number(&c, 4);
    for (int64_t t = 0; t < topics && !c.bad; t++) {
        name(&c, topic);
        parts = number(&c, 4);
        for (int64_t i = 0; i < parts && !c.bad; i++) {
            int64_t p_at = number(&c, 4);

            if (!c.bad && p_at >= 0 && p_at < GROUP_PARTS_MAX && strcmp(topic, wanted) == 0)
                e->owner[p_at] = owner;
        }
    }
}

static void read_member(struct cursor *v, int64_t version, const char *wanted,
                        struct group_entry *e)
{
    const uint8_t *instance = NULL, *client, *assignment;
    size_t instance_len = 0, client_len, len;
    uint64_t owner;

    chunk(v, 2, &len); /* member id */
    if (version >= 3)
        instance = chunk(v, 2, &instance_len);
    client = chunk(v, 2, &client_len);
    chunk(v, 2, &len); /* host */
    if (version >= 1)
        number(v, 4);  /* rebalance timeout */
    number(v, 4);      /* session timeout */
    chunk(v, 4, &len); /* subscription */
    assignment = chunk(v, 4, &len);
    if (v->bad)
        return;
    owner = instance ? history_hash(instance, instance_len)
                     : history_hash(client ? (const void *)client : "", client ? client_len : 0);
    if (assignment && len)
        read_assignment(assignment, len, wanted, owner ? owner : 1, e);
    e->members++;
}

static void read_members(struct cursor *v, const char *wanted, struct group_entry *e)
{
    int64_t version = number(v, 2), members;
    size_t len;

    chunk(v, 2, &len); /* protocol type */
    e->generation = (int32_t)number(v, 4);
    chunk(v, 2, &len); /* protocol */
    chunk(v, 2, &len); /* leader */
    e->time_ms = version >= 2 ? number(v, 8) : 0;
    members = number(v, 4);
    for (int64_t i = 0; i < members && !v->bad; i++)
        read_member(v, version, wanted, e);
    e->kind = v->bad ? GROUP_OTHER : GROUP_MEMBERS;
}

void group_entry_read(const void *key, size_t key_len, const void *value, size_t value_len,
                      const char *wanted, struct group_entry *ret)
{
    struct cursor k = {key, (const uint8_t *)key + key_len, false};
    struct cursor v = {value, (const uint8_t *)value + value_len, false};
    int64_t version = number(&k, 2);

    memset(ret, 0, sizeof *ret);
    name(&k, ret->group);
    if (k.bad || !value)
        return;
    if (version == 0 || version == 1)
        read_commit(&k, &v, ret);
    else if (version == 2)
        read_members(&v, wanted, ret);
}

/* ---- moves ---- */

static void add_generation(struct group_moves *m, int64_t time_ms)
{
    if (m->generations == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->at_ms = mem_grow(m->at_ms, m->cap, sizeof *m->at_ms);
    }
    m->at_ms[m->generations++] = time_ms;
}

static void add_change(struct group_moves *m, int32_t partition, int64_t time_ms, uint64_t owner)
{
    if (m->nchanges == m->changes_cap) {
        m->changes_cap = m->changes_cap ? m->changes_cap * 2 : 64;
        m->changes = mem_grow(m->changes, m->changes_cap, sizeof *m->changes);
    }
    m->changes[m->nchanges++] = (struct group_change){partition, time_ms, owner};
}

static bool moves_now(const struct group_moves *m, const struct group_entry *e, int32_t i)
{
    return m->owner[i] && e->owner[i] && e->owner[i] != m->owner[i];
}

/* What one owner loses in one generation counts no more than all it may have open. It is summed up at the
 * first partition that it loses. */
static uint64_t exposed_by(const struct group_moves *m, const struct group_entry *e)
{
    uint64_t sum = 0;

    for (int32_t i = 0; i < GROUP_PARTS_MAX; i++) {
        uint64_t n = 0, open;
        bool first = moves_now(m, e, i);

        for (int32_t k = 0; first && k < GROUP_PARTS_MAX; k++) {
            if (!moves_now(m, e, k) || m->owner[k] != m->owner[i])
                continue;
            first = k >= i;
            n++;
        }
        open = first ? n * m->max_per_partition : 0;
        sum += open < m->max_per_owner ? open : m->max_per_owner;
    }
    return sum;
}

void group_moves_add(struct group_moves *m, const struct group_entry *e)
{
    add_generation(m, e->time_ms);
    m->exposed += exposed_by(m, e);
    for (int32_t i = 0; i < GROUP_PARTS_MAX; i++) {
        if (e->owner[i] != m->now[i])
            add_change(m, i, e->time_ms, e->owner[i]);
        m->now[i] = e->owner[i];
        if (!e->owner[i])
            continue;
        m->moved += m->owner[i] && e->owner[i] != m->owner[i];
        m->owner[i] = e->owner[i];
    }
}

void group_moves_done(struct group_moves *m)
{
    free(m->at_ms);
    free(m->changes);
    *m = (struct group_moves){0};
}

bool group_moves_generation(const struct group_moves *m, int64_t from_ms, int64_t to_ms)
{
    for (size_t i = 0; i < m->generations; i++)
        if (m->at_ms[i] >= from_ms && m->at_ms[i] <= to_ms)
            return true;
    return false;
}

bool group_moves_changed(const struct group_moves *m, int32_t partition, int64_t from_ms,
                         int64_t to_ms)
{
    for (size_t i = 0; i < m->nchanges; i++)
        if (m->changes[i].partition == partition && m->changes[i].at_ms >= from_ms &&
            m->changes[i].at_ms <= to_ms)
            return true;
    return false;
}

uint64_t group_moves_owner(const struct group_moves *m, int32_t partition, int64_t at_ms)
{
    uint64_t owner = 0;

    for (size_t i = 0; i < m->nchanges && m->changes[i].at_ms <= at_ms; i++)
        if (m->changes[i].partition == partition)
            owner = m->changes[i].owner;
    return owner;
}
