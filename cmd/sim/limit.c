/* limit: the sliding window log; see limit.h. Pure: decides nothing about answers, reads no clock. */
#include "cmd/sim/limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MARKS_MAX ((size_t)1 << 20) /* 16 MB; past it new amounts join the newest mark */

void sim_window_done(struct sim_window *w)
{
    free(w->ring);
    *w = (struct sim_window){0};
}

static struct sim_mark *mark(const struct sim_window *w, size_t i)
{
    return &w->ring[(w->head + i) & (w->cap - 1)];
}

void sim_window_expire(struct sim_window *w, int64_t now_us, int64_t span_us)
{
    while (w->count && mark(w, 0)->at_us <= now_us - span_us) {
        w->sum -= mark(w, 0)->amount;
        w->head = (w->head + 1) & (w->cap - 1);
        w->count--;
    }
}

static void grow(struct sim_window *w)
{
    size_t cap = w->cap ? w->cap * 2 : 16;
    struct sim_mark *ring = mem_array(cap, sizeof *ring);

    for (size_t i = 0; i < w->count; i++)
        ring[i] = *mark(w, i);
    free(w->ring);
    w->ring = ring;
    w->cap = cap;
    w->head = 0;
}

void sim_window_add(struct sim_window *w, int64_t now_us, int64_t amount)
{
    w->sum += amount;
    if (w->count == MARKS_MAX) {
        /* The strict side: the older part of this mark stays longer than its span. */
        mark(w, w->count - 1)->at_us = now_us;
        mark(w, w->count - 1)->amount += amount;
        return;
    }
    if (w->count == w->cap)
        grow(w);
    w->count++;
    *mark(w, w->count - 1) = (struct sim_mark){.at_us = now_us, .amount = amount};
}

int64_t sim_window_wait_us(const struct sim_window *w, int64_t now_us, int64_t span_us,
                           int64_t amount, int64_t limit)
{
    int64_t sum = w->sum;

    if (amount > limit)
        return -1;
    for (size_t i = 0; sum + amount > limit && i < w->count; i++) {
        sum -= mark(w, i)->amount;
        if (sum + amount <= limit)
            return mark(w, i)->at_us + span_us - now_us;
    }
    return 0;
}
