/* history: see history.h. It reads no clock. */
#include "cmd/admin/history.h"

#include "base/json.h"
#include "base/mem.h"

/* Times of what came into the histogram since it was as `from` says. */
static void quantiles(const struct hist *now, const struct hist *from, struct history_point *ret)
{
    struct hist d = {.count = now->count - from->count};

    ret->p50_us = ret->p95_us = ret->p99_us = -1;
    if (d.count == 0)
        return;
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        d.bucket[i] = now->bucket[i] - from->bucket[i];
    ret->p50_us = hist_quantile(&d, 0.5);
    ret->p95_us = hist_quantile(&d, 0.95);
    ret->p99_us = hist_quantile(&d, 0.99);
}

void history_note(struct history *h, const struct pool_stats *p, int64_t now_us, int64_t wall_ms)
{
    struct history_point *at = &h->at[(h->first + h->count) % HISTORY_POINTS];

    if (now_us < h->next_us)
        return;
    h->next_us = now_us + HISTORY_EVERY_US;
    *at = (struct history_point){.wall_ms = wall_ms,
                                 .finished = p->finished,
                                 .failed = p->failed,
                                 .hits = p->hits,
                                 .in_flight = p->in_flight,
                                 .calling = p->calling,
                                 .waiting = p->waiting + p->delayed,
                                 .cost_usd = p->cost_usd};
    quantiles(&p->task_latency, &h->tasks, at);
    h->tasks = p->task_latency;
    if (h->count < HISTORY_POINTS)
        h->count++;
    else
        h->first = (h->first + 1) % HISTORY_POINTS;
}

/* What is not known is null: no task ended, or there was nothing to divide by. */
static struct json_object *time_of(int64_t us)
{
    return us < 0 ? NULL : json_object_new_double((double)us / 1000);
}

static struct json_object *member_of(const struct history_point *p, size_t member)
{
    switch (member) {
    case 0:
        return json_object_new_int64(p->wall_ms);
    case 1:
        return json_object_new_uint64(p->finished);
    case 2:
        return json_object_new_uint64(p->failed);
    case 3:
        return json_object_new_uint64(p->hits);
    case 4:
        return json_object_new_int64(p->in_flight);
    case 5:
        return json_object_new_int64(p->calling);
    case 6:
        return json_object_new_int64(p->waiting);
    case 7:
        return json_object_new_double(p->cost_usd);
    case 8:
        return time_of(p->p50_us);
    case 9:
        return time_of(p->p95_us);
    default:
        return time_of(p->p99_us);
    }
}

void history_write(const struct history *h, struct buf *out)
{
    static const char *const names[] = {"at_ms",     "finished", "failed",  "hits",
                                        "in_flight", "calling",  "waiting", "cost_usd",
                                        "p50_ms",    "p95_ms",   "p99_ms"};
    CLEANUP_JSON struct json_object *root = json_object_new_object();

    for (size_t m = 0; m < ARRAY_LEN(names); m++) {
        struct json_object *list = json_object_new_array_ext((int)h->count);

        json_object_object_add(root, names[m], list);
        for (size_t i = 0; i < h->count; i++)
            json_object_array_add(list, member_of(&h->at[(h->first + i) % HISTORY_POINTS], m));
    }
    json_write(root, out);
    buf_char(out, '\n');
}
