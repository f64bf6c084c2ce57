/*
 * history: keeps a record for each input and compares. Calls are matched to inputs by a sorted index of
 * digests that is made on first use. What is done is followed through all commits, so that a record that
 * is done at one time and open at a later one is found.
 */
#include "tests/chaos/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "policy/ledger.h"
#include "policy/map.h"

const char *const verdict_names[VERDICTS] = {
    [LOST] = "lost",
    [DUPLICATE] = "duplicate",
    [PHANTOM] = "phantom",
    [ABORTED_READ] = "aborted_read",
    [HIDDEN] = "hidden",
    [TORN_DONE] = "torn_done_without_reply",
    [TORN_OPEN] = "torn_reply_but_open",
    [WRONG] = "wrong_answer",
    [FAILED] = "error_reply",
    [BACKWARDS] = "nonmonotonic_offset",
    [FORGOTTEN] = "forgotten_done",
    [BAD_MAP] = "bad_map",
    [HANGING] = "hanging_transaction",
    [UNPAID] = "answer_without_call",
    [STRANGE_CALL] = "call_without_input",
    [OVERPAID] = "overpaid",
    [WAITED] = "waited_for_rebalance",
};

struct history *history_new(const char *group, const char *topic, int32_t nparts)
{
    struct history *h = mem_alloc(sizeof *h);

    h->group = group;
    h->topic = topic;
    h->exactly_once = true;
    h->nparts = nparts;
    h->parts = mem_array((size_t)nparts, sizeof *h->parts);
    for (int32_t i = 0; i < nparts; i++)
        h->parts[i].base = -1;
    return h;
}

struct history *history_free(struct history *h)
{
    if (!h)
        return NULL;
    for (int32_t i = 0; i < h->nparts; i++)
        free(h->parts[i].at);
    free(h->parts);
    free(h->index);
    free(h);
    return NULL;
}

uint64_t history_hash(const void *p, size_t n)
{
    uint8_t digest[SHA256_LEN];
    uint64_t head;

    sha256_of(p, n, digest);
    memcpy(&head, digest, sizeof head);
    return head;
}

void history_found(struct history *h, enum verdict v, const char *fmt, ...)
{
    struct history_finding *f = &h->found[v];
    va_list ap;

    if (f->count < HISTORY_EXAMPLES) {
        va_start(ap, fmt);
        vsnprintf(f->example[f->count], sizeof f->example[0], fmt, ap);
        va_end(ap);
    }
    f->count++;
}

static struct history_record *record_at(struct history *h, int32_t partition, int64_t offset)
{
    struct history_part *p;

    if (partition < 0 || partition >= h->nparts)
        return NULL;
    p = &h->parts[partition];
    if (offset < 0 || offset >= p->end || !p->at[offset].there)
        return NULL;
    return &p->at[offset];
}

void history_input(struct history *h, int32_t partition, int64_t offset,
                   const struct history_record *r)
{
    struct history_part *p = &h->parts[partition];

    if (offset >= p->cap) {
        p->cap = offset < 512 ? 1024 : offset * 2;
        p->at = mem_grow(p->at, (size_t)p->cap, sizeof *p->at);
    }
    if (offset >= p->end)
        memset(&p->at[p->end], 0, (size_t)(offset - p->end + 1) * sizeof *p->at);
    p->end = offset >= p->end ? offset + 1 : p->end;
    p->at[offset] = *r;
    p->at[offset].there = true;
    h->inputs++;
}

static void judge_fate(struct history *h, const struct history_reply *r)
{
    if (r->fate == FATE_ABORTED || r->fate == FATE_OPEN)
        history_found(h, ABORTED_READ,
                      "reply %d/%" PRId64 " is visible, its transaction was %s; input %d/%" PRId64,
                      (int)r->partition, r->offset,
                      r->fate == FATE_ABORTED ? "aborted" : "never ended", (int)r->source_partition,
                      r->source_offset);
}

void history_reply(struct history *h, const struct history_reply *r)
{
    struct history_record *in = record_at(h, r->source_partition, r->source_offset);

    h->replies++;
    judge_fate(h, r);
    if (!in) {
        history_found(h, PHANTOM, "reply %d/%" PRId64 " answers input %d/%" PRId64 ", which is not",
                      (int)r->partition, r->offset, (int)r->source_partition, r->source_offset);
        return;
    }
    if (in->replies++)
        history_found(h, DUPLICATE,
                      "input %d/%" PRId64 " was answered at %d/%" PRId64 " and at %d/%" PRId64,
                      (int)r->source_partition, r->source_offset, (int)in->reply_partition,
                      in->reply, (int)r->partition, r->offset);
    else
        in->reply = r->offset, in->reply_partition = r->partition;
    if (r->id != in->id || (!r->failed && r->prompt != in->prompt))
        history_found(h, WRONG, "reply %d/%" PRId64 " has another %s than input %d/%" PRId64,
                      (int)r->partition, r->offset, r->id != in->id ? "id" : "prompt",
                      (int)r->source_partition, r->source_offset);
    if (r->failed)
        history_found(h, FAILED, "reply %d/%" PRId64 " to input %d/%" PRId64, (int)r->partition,
                      r->offset, (int)r->source_partition, r->source_offset);
}

/* ---- commits ---- */

struct walk {
    struct history *h;
    int32_t partition;
    int64_t next; /* what stands between here and the next open offset is done */
};

static void mark_done(struct history *h, int32_t partition, int64_t from, int64_t to)
{
    struct history_part *p = &h->parts[partition];

    for (int64_t o = from < 0 ? 0 : from; o < to && o < p->end; o++)
        p->at[o].done = true;
}

static void mark_open(struct history *h, int32_t partition, int64_t offset)
{
    struct history_record *r = record_at(h, partition, offset);

    if (!r || !r->done)
        return;
    r->done = false;
    /* In at_least_once the map may be left out when it does not fit: that costs a repeated reply. */
    if (h->exactly_once)
        history_found(h, FORGOTTEN, "record %d/%" PRId64 " was done and is open again",
                      (int)partition, offset);
}

static void on_open(void *arg, int64_t offset)
{
    struct walk *w = arg;

    mark_done(w->h, w->partition, w->next, offset);
    mark_open(w->h, w->partition, offset);
    w->next = offset + 1;
}

void history_commit(struct history *h, int32_t partition, int64_t base, const char *map, size_t len)
{
    struct map_scope scope = {h->group, h->topic, partition};
    struct history_part *p = &h->parts[partition];
    struct walk w = {h, partition, base};
    struct ledger *l = ledger_new(base, SIZE_MAX, INT64_MAX);
    int64_t walked_base, end;

    h->commits++;
    p->commits++;
    if (base < p->base)
        history_found(h, BACKWARDS,
                      "partition %d: commit %" PRIu64 " went from %" PRId64 " back to %" PRId64,
                      (int)partition, p->commits, p->base, base);
    if (len && map_decode(&scope, map, len, l) != MAP_GOOD)
        history_found(h, BAD_MAP, "partition %d: commit %" PRIu64 " at %" PRId64, (int)partition,
                      p->commits, base);
    mark_done(h, partition, p->base, base);
    ledger_walk(l, NULL, &w, &walked_base, &end, on_open);
    ledger_free(l);
    mark_done(h, partition, w.next, end);
    for (int64_t o = end; o < p->top; o++)
        mark_open(h, partition, o);
    p->base = base;
    p->top = end;
}

/* ---- the broker's log ---- */

void history_log(struct history *h, int32_t partition, uint64_t committed, uint64_t open,
                 uint64_t seen)
{
    /* One finding for each reply; more seen than committed shows as aborted reads already. */
    for (uint64_t i = seen; i < committed; i++)
        history_found(h, HIDDEN, "reply partition %d: %" PRIu64 " committed, %" PRIu64 " visible",
                      (int)partition, committed, seen);
    for (uint64_t i = 0; i < open; i++)
        history_found(h, HANGING, "reply partition %d: %" PRIu64 " open at the end", (int)partition,
                      open);
}

/* ---- calls ---- */

struct history_index {
    uint64_t digest;
    struct history_record *record;
};

static int compare(const void *a, const void *b)
{
    const struct history_index *x = a, *y = b;

    return x->digest < y->digest ? -1 : x->digest > y->digest;
}

static void make_index(struct history *h)
{
    h->index = mem_array(h->inputs + 1, sizeof *h->index);
    for (int32_t i = 0; i < h->nparts; i++)
        for (int64_t o = 0; o < h->parts[i].end; o++)
            if (h->parts[i].at[o].there)
                h->index[h->nindex++] =
                    (struct history_index){h->parts[i].at[o].digest, &h->parts[i].at[o]};
    qsort(h->index, h->nindex, sizeof *h->index, compare);
}

void history_call(struct history *h, uint64_t digest, uint32_t calls)
{
    struct history_index key = {digest, NULL}, *found;

    if (!h->index)
        make_index(h);
    h->calls += calls;
    found = bsearch(&key, h->index, h->nindex, sizeof *h->index, compare);
    if (!found) {
        history_found(h, STRANGE_CALL, "%u calls of the request %016" PRIx64, calls, digest);
        return;
    }
    found->record->calls += calls;
    h->repeated_calls += calls > 1 ? calls - 1 : 0;
}

/* ---- the end ---- */

static void judge_record(struct history *h, const struct history_bound *b, int32_t partition,
                         int64_t offset, const struct history_record *r)
{
    h->done += r->done;
    if (!r->replies)
        history_found(h, LOST, "input %d/%" PRId64 " has no visible reply (%s, %u calls)",
                      (int)partition, offset, r->done ? "committed as done" : "open", r->calls);
    if (!r->replies && r->done)
        history_found(h, TORN_DONE, "input %d/%" PRId64 " is committed as done without a reply",
                      (int)partition, offset);
    if (r->replies && !r->done)
        history_found(h, TORN_OPEN, "input %d/%" PRId64 " is open, its reply is at %d/%" PRId64,
                      (int)partition, offset, (int)r->reply_partition, r->reply);
    if (b->counted && r->replies && !r->calls)
        history_found(h, UNPAID, "input %d/%" PRId64, (int)partition, offset);
}

void history_judge(struct history *h, const struct history_bound *b)
{
    uint64_t allowed = h->inputs + b->in_flight + b->moved;

    for (int32_t i = 0; i < h->nparts; i++)
        for (int64_t o = 0; o < h->parts[i].end; o++)
            if (h->parts[i].at[o].there)
                judge_record(h, b, i, o, &h->parts[i].at[o]);
    if (b->counted && h->calls > allowed)
        history_found(h, OVERPAID,
                      "%" PRIu64 " calls, allowed are %" PRIu64 " = %" PRIu64 " records + %" PRIu64
                      " in flight at kills + %" PRIu64 " on disks left behind",
                      h->calls, allowed, h->inputs, b->in_flight, b->moved);
}

uint64_t history_violations(const struct history *h)
{
    uint64_t n = 0;

    for (int v = 0; v < VERDICTS; v++)
        n += v == DUPLICATE && !h->exactly_once ? 0 : h->found[v].count;
    return n;
}
