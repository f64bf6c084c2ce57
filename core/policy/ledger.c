/*
 * ledger: remembers which records of one partition are open, so that no offset is committed too early.
 *
 * Received records stand in a ring in ascending order of offset; records at the front leave it as soon
 * as they are done, so the first entry always is an open one and the base moves in amortised constant
 * time. What a loaded map says is done stands beside the ring as ranges. It knows neither Kafka nor the
 * text form of the map.
 */
#include "policy/ledger.h"

#include <assert.h>

#include "base/mem.h"

#define DONE       INT64_MIN /* `since_us` of an entry that is done */
#define RANGES_MAX 1000000   /* far more than the largest map can hold */

struct entry {
    int64_t offset;
    int64_t since_us;
};

struct range {
    int64_t from, to;
};

struct ledger {
    struct entry *ring;
    size_t cap;   /* a power of two, or 0 */
    size_t head;  /* place of the first entry */
    size_t count; /* entries, open or done; the first one is open */
    size_t open;
    size_t max_open;
    int64_t max_window;
    int64_t next; /* lowest offset that was not received yet */
    int64_t now_us;
    bool begun;
    struct range *ranges; /* ascending, not touching each other */
    size_t nranges;
    size_t first_range; /* those before it lie below `next` */
};

struct ledger *ledger_new(int64_t base, size_t max_open, int64_t max_window)
{
    struct ledger *l = mem_alloc(sizeof *l);

    l->next = base;
    l->max_open = max_open;
    l->max_window = max_window;
    return l;
}

struct ledger *ledger_free(struct ledger *l)
{
    if (!l)
        return NULL;
    free(l->ring);
    free(l->ranges);
    free(l);
    return NULL;
}

static struct entry *entry_at(const struct ledger *l, size_t i)
{
    return &l->ring[(l->head + i) & (l->cap - 1)];
}

int ledger_load_done(struct ledger *l, int64_t from, int64_t to)
{
    struct range *last = l->nranges ? &l->ranges[l->nranges - 1] : NULL;

    if (l->begun || from > to || from < l->next || to == INT64_MAX)
        return -1;
    if (last && from <= last->to)
        return -1;
    if (last && from == last->to + 1) {
        last->to = to;
        return 0;
    }
    if (l->nranges == RANGES_MAX)
        return -1;
    if ((l->nranges & (l->nranges - 1)) == 0)
        l->ranges = mem_grow(l->ranges, l->nranges ? l->nranges * 2 : 1, sizeof *l->ranges);
    l->ranges[l->nranges++] = (struct range){from, to};
    return 0;
}

/* First range that does not end below offset; their number: none. */
static size_t range_from(const struct ledger *l, int64_t offset)
{
    size_t low = l->first_range;
    size_t high = l->nranges;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (l->ranges[mid].to < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The lowest offset >= `offset` that no loaded range covers. */
static int64_t skip_ranges(const struct ledger *l, int64_t offset)
{
    size_t i = range_from(l, offset);

    if (i < l->nranges && l->ranges[i].from <= offset)
        return l->ranges[i].to + 1;
    return offset;
}

static void received(struct ledger *l, int64_t offset)
{
    l->next = offset + 1;
    l->first_range = range_from(l, l->next);
}

static void append(struct ledger *l, int64_t offset)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct entry *ring = mem_array(cap, sizeof *ring);
        size_t i = 0;

        for (i = 0; i < l->count; i++)
            ring[i] = *entry_at(l, i);
        free(l->ring);
        l->ring = ring;
        l->cap = cap;
        l->head = 0;
    }
    *entry_at(l, l->count++) = (struct entry){offset, l->now_us};
    l->open++;
}

int ledger_begin(struct ledger *l, int64_t offset)
{
    l->begun = true;
    if (offset < l->next)
        return LEDGER_SEEN;
    if (skip_ranges(l, offset) != offset) {
        received(l, offset);
        return LEDGER_SEEN;
    }
    if (l->open >= l->max_open)
        return LEDGER_FULL;
    if (l->count > 0 && offset - entry_at(l, 0)->offset >= l->max_window)
        return LEDGER_FULL;
    received(l, offset);
    append(l, offset);
    return LEDGER_NEW;
}

static struct entry *find(const struct ledger *l, int64_t offset)
{
    size_t low = 0;
    size_t high = l->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (entry_at(l, mid)->offset < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->count && entry_at(l, low)->offset == offset ? entry_at(l, low) : NULL;
}

void ledger_done(struct ledger *l, int64_t offset)
{
    struct entry *e = find(l, offset);

    if (!e || e->since_us == DONE)
        return;
    e->since_us = DONE;
    l->open--;
    while (l->count > 0 && entry_at(l, 0)->since_us == DONE) {
        l->head = (l->head + 1) & (l->cap - 1);
        l->count--;
    }
}

bool ledger_is_open(const struct ledger *l, int64_t offset)
{
    const struct entry *e = find(l, offset);

    return e && e->since_us != DONE;
}

bool ledger_is_done(const struct ledger *l, int64_t offset)
{
    if (offset < l->next)
        return !ledger_is_open(l, offset);
    return skip_ranges(l, offset) != offset;
}

bool ledger_has_holes(const struct ledger *l)
{
    return l->first_range < l->nranges;
}

int64_t ledger_base(const struct ledger *l)
{
    return l->count > 0 ? entry_at(l, 0)->offset : skip_ranges(l, l->next);
}

size_t ledger_open(const struct ledger *l)
{
    return l->open;
}

int64_t ledger_window(const struct ledger *l)
{
    return l->count > 0 ? l->next - entry_at(l, 0)->offset : 0;
}

int64_t ledger_done_above(const struct ledger *l)
{
    int64_t head = l->count > 0 ? entry_at(l, 0)->offset : INT64_MAX;
    int64_t n = (int64_t)(l->count - l->open);

    for (size_t i = 0; i < l->nranges; i++) {
        int64_t from = l->ranges[i].from > head ? l->ranges[i].from : head;
        int64_t to = l->ranges[i].to < l->next ? l->ranges[i].to + 1 : l->next;

        n += to > from ? to - from : 0;
    }
    return n;
}

int64_t ledger_head_since(const struct ledger *l)
{
    return l->count > 0 ? entry_at(l, 0)->since_us : INT64_MAX;
}

void ledger_set_now(struct ledger *l, int64_t now_us)
{
    assert(now_us != DONE);
    l->now_us = now_us;
}

/* Is this entry to be treated as open? */
static bool still_open(const struct entry *e, bool (*also_done)(void *arg, int64_t offset),
                       void *arg)
{
    return e->since_us != DONE && !(also_done && also_done(arg, e->offset));
}

/* Offsets that a loaded map has between its ranges and that were not received yet. */
static void walk_holes(const struct ledger *l, int64_t base, void *arg,
                       void (*fn)(void *arg, int64_t offset))
{
    int64_t at = l->next > base ? l->next : base;
    size_t i = range_from(l, at);

    for (; i < l->nranges; i++) {
        for (; at < l->ranges[i].from; at++)
            fn(arg, at);
        at = l->ranges[i].to + 1;
    }
}

void ledger_walk(const struct ledger *l, bool (*also_done)(void *arg, int64_t offset), void *arg,
                 int64_t *ret_base, int64_t *ret_end, void (*fn)(void *arg, int64_t offset))
{
    int64_t base = 0;
    int64_t end = 0;
    size_t first = 0;
    size_t last = l->count; /* one past the highest entry that is done */
    size_t i = 0;

    while (first < l->count && !still_open(entry_at(l, first), also_done, arg))
        first++;
    base = first < l->count ? entry_at(l, first)->offset : skip_ranges(l, l->next);
    while (last > first && still_open(entry_at(l, last - 1), also_done, arg))
        last--;
    end = last > first ? entry_at(l, last - 1)->offset + 1 : base;
    if (l->nranges && l->ranges[l->nranges - 1].to >= end)
        end = l->ranges[l->nranges - 1].to + 1;
    for (i = first; fn && i < l->count; i++) {
        const struct entry *e = entry_at(l, i);

        if (e->offset >= end)
            break;
        if (still_open(e, also_done, arg))
            fn(arg, e->offset);
    }
    if (fn)
        walk_holes(l, base, arg, fn);
    *ret_base = base;
    *ret_end = end;
}
