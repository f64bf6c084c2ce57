/*
 * batch: cuts what is finished to what one commit can say, and asks a commit what it says. Decides from
 * ledgers and text only; who sends it, and when, is the business of io/kafka.
 */
#include "policy/batch.h"

#include <limits.h>
#include <stdlib.h>

/* The records that are to be committed: the lowest n of those that are finished. */
struct chosen {
    const int64_t *offsets;
    size_t n;
};

/* How many of n ascending offsets lie below `limit`. */
static size_t count_below(const int64_t *offsets, size_t n, int64_t limit)
{
    size_t low = 0;
    size_t high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (offsets[mid] < limit)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_chosen(void *arg, int64_t offset)
{
    const struct chosen *c = arg;
    size_t at = count_below(c->offsets, c->n, offset);

    return at < c->n && c->offsets[at] == offset;
}

/* What one call of batch_fit() is about. */
struct fit {
    const struct map_scope *s;
    const struct ledger *l;
    const int64_t *offsets;
    size_t max_chars;
};

static bool fits(const struct fit *f, size_t n, struct buf *map, int64_t *ret_base)
{
    struct chosen c = {f->offsets, n};

    return map_encode(f->s, f->l, is_chosen, &c, f->max_chars, map, ret_base) == MAP_GOOD;
}

/*
 * With how many the map is shortest. A record below the highest one that is done already fills a hole, and
 * one that moves the base takes itself and all below it out of the map: both make it shorter or leave it.
 * Every further one makes the window wider and adds what is open in between. So the length falls up to
 * this number and rises from there on, which is what makes bisecting right.
 */
static size_t shortest(const struct fit *f, size_t n)
{
    struct chosen all = {f->offsets, n};
    int64_t base = 0;
    int64_t base_of_all = 0;
    int64_t end = 0;
    int64_t end_of_all = 0;
    size_t holes = 0;
    size_t head = 0;

    ledger_walk(f->l, NULL, NULL, &base, &end, NULL);
    ledger_walk(f->l, is_chosen, &all, &base_of_all, &end_of_all, NULL);
    holes = count_below(f->offsets, n, end);
    head = count_below(f->offsets, n, base_of_all);
    return holes > head ? holes : head;
}

/* All n do not fit. Leaves map and *ret_base as they are for the number returned. */
static size_t most(const struct fit *f, size_t n, struct buf *map, int64_t *ret_base)
{
    size_t low = shortest(f, n); /* fits */
    size_t high = n;             /* does not fit */

    if (!fits(f, low, map, ret_base)) {
        buf_clear(map);
        buf_str(map, "");
        *ret_base = -1;
        return 0;
    }
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (fits(f, mid, map, ret_base))
            low = mid;
        else
            high = mid;
    }
    (void)fits(f, low, map, ret_base); /* the last try may have been another one */
    return low;
}

size_t batch_fit(const struct map_scope *s, const struct ledger *l, const int64_t *offsets,
                 size_t n, size_t max_chars, struct buf *map, int64_t *ret_base)
{
    const struct fit f = {s, l, offsets, max_chars};

    if (fits(&f, n, map, ret_base))
        return n;
    return most(&f, n, map, ret_base);
}

struct ledger *batch_ledger(const struct map_scope *s, int64_t committed, const char *map,
                            size_t len, bool *ret_broken)
{
    int64_t base = committed < 0 ? 0 : committed;
    struct ledger *l = ledger_new(base, SIZE_MAX, INT64_MAX);
    bool broken = len > 0 && (committed < 0 || map_decode(s, map, len, l) != MAP_GOOD);

    if (ret_broken)
        *ret_broken = broken;
    return l;
}

bool batch_is_done(const struct ledger *l, int64_t offset)
{
    return ledger_is_done(l, offset);
}
