/*
 * top_view: see top_view.h. A member that is missing, because the worker is of another version or is just starting,
 * counts as 0 or is left out: this is for looking, not for deciding.
 */
#include "cmd/admin/top_view.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/explain_view.h"

#define NAME_WIDTH 18

static double number(struct json_object *o, const char *key)
{
    struct json_object *v = json_get(o, key);

    return v ? json_object_get_double(v) : 0;
}

static long long whole(struct json_object *o, const char *key)
{
    return (long long)json_get_int(o, key, 0);
}

static const char *text(struct json_object *o, const char *key)
{
    const char *s = json_get_str(o, key);

    return s ? s : "-";
}

/* A name, cut to its column; how many characters. Bytes that a terminal would act on are not shown to it. */
static int put_text(struct buf *out, const char *name)
{
    size_t at = out->len;
    int n = 0;

    for (; *name && n < NAME_WIDTH; name++) {
        bool starts = ((unsigned char)*name & 0xc0) != 0x80;

        if (starts && ++n == NAME_WIDTH)
            break;
        buf_char(out, *name);
    }
    if (out->len > at)
        utf8_plain(out->data + at);
    return n < NAME_WIDTH ? n : NAME_WIDTH - 1;
}

static void put_name(struct buf *out, const char *name)
{
    int n = put_text(out, name);

    buf_printf(out, "%*s", NAME_WIDTH - n, "");
}

/* "1.2s", "350ms", "2h05m". */
static void put_time(struct buf *out, double seconds)
{
    long long s = (long long)seconds;

    if (seconds < 1)
        buf_printf(out, "%.0fms", seconds * 1000);
    else if (seconds < 60)
        buf_printf(out, "%.1fs", seconds);
    else if (s < 3600)
        buf_printf(out, "%lldm%02llds", s / 60, s % 60);
    else if (s < 48 * 3600)
        buf_printf(out, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else
        buf_printf(out, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

static void put_bytes(struct buf *out, double n)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    size_t i = 0;

    for (; n >= 1024 && i + 1 < ARRAY_LEN(units); i++)
        n /= 1024;
    buf_printf(out, i ? "%.1f %s" : "%.0f %s", n, units[i]);
}

static void put_head(struct buf *out, struct json_object *now)
{
    struct json_object *reasons = json_get_type(now, "not_ready", json_type_array);
    size_t n = reasons ? json_object_array_length(reasons) : 0;

    buf_printf(out, "sluice %s  up ", text(now, "version"));
    put_time(out, number(now, "uptime_s"));
    buf_str(out, n ? "  NOT READY:" : "  ready");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, " %s", json_object_get_string(json_object_array_get_idx(reasons, i)));
    buf_str(out, "  memory ");
    put_bytes(out, number(now, "resident_bytes"));
    buf_char(out, '\n');
}

static void put_quantiles(struct buf *out, struct json_object *pool, const char *key,
                          const char *name)
{
    struct json_object *q = json_get(pool, key);

    buf_printf(out, "  %s p50 ", name);
    put_time(out, number(q, "p50") / 1000);
    buf_str(out, " p95 ");
    put_time(out, number(q, "p95") / 1000);
}

/* What took most of the last minute. */
static void put_held_up(struct buf *out, const char *title, struct json_object *o)
{
    struct json_object *minute = json_get(json_get(o, "held_up"), "minute");

    if (!minute)
        return;
    buf_str(out, title);
    explain_shares(minute, out);
    buf_char(out, '\n');
}

static void put_pool(struct buf *out, struct json_object *pool, struct json_object *before,
                     double seconds)
{
    buf_printf(out, "tasks   done %lld  failed %lld  cached %lld  in flight %lld  calling %lld",
               whole(pool, "finished"),
               whole(pool, "finished") - whole(json_get(pool, "outcomes"), "success"),
               whole(pool, "cache_hits"), whole(pool, "in_flight"), whole(pool, "calling"));
    if (before && seconds > 0)
        buf_printf(out, "  %.1f/s",
                   (double)(whole(pool, "finished") - whole(before, "finished")) / seconds);
    buf_printf(out, "\n        waiting: limits %lld  retry %lld  twins %lld  store %lld\n",
               whole(pool, "waiting_for_limits"), whole(pool, "waiting_for_retry"),
               whole(pool, "waiting_for_twin"), whole(pool, "waiting_for_store"));
    put_held_up(out, "        held up by: ", pool);
    buf_str(out, "times ");
    put_quantiles(out, pool, "task_ms", "task");
    buf_str(out, " p99 ");
    put_time(out, number(json_get(pool, "task_ms"), "p99") / 1000);
    put_quantiles(out, pool, "queue_ms", "queue");
    put_quantiles(out, pool, "call_ms", "call");
    buf_printf(out, "\ncost    $%.4f", number(pool, "cost_usd"));
    if (whole(pool, "cost_unknown"))
        buf_printf(out, " and %lld answers without a price", whole(pool, "cost_unknown"));
    buf_char(out, '\n');
}

static long long sum_of(struct json_object *o)
{
    long long sum = 0;

    if (!o)
        return 0;
    json_object_object_foreach(o, key, value)
    {
        (void)key;
        sum += json_object_get_int64(value);
    }
    return sum;
}

static void put_kafka(struct buf *out, struct json_object *k)
{
    struct json_object *unread = json_get(k, "unread");

    buf_printf(out, "kafka   %s  partitions %lld (%lld paused)  open %lld  stock %lld",
               text(k, "delivery"), whole(k, "partitions"), whole(k, "partitions_paused"),
               whole(k, "open"), whole(k, "stock"));
    if (unread)
        buf_printf(out, "  unread %lld", whole(k, "unread"));
    buf_printf(out, "\n        window %lld  map %lld B  head ", whole(k, "window"),
               whole(k, "map_bytes"));
    put_time(out, number(k, "head_age_s"));
    buf_printf(out, "  commits %lld  aborts %lld  rebuilds %lld", whole(k, "commits"),
               sum_of(json_get(k, "aborts")), whole(k, "producer_rebuilds"));
    put_quantiles(out, k, "commit_ms", "commit");
    buf_printf(out, "\n        replies %lld  dead letters %lld\n", whole(k, "replies"),
               whole(k, "dead_letters"));
}

static void put_store(struct buf *out, struct json_object *s)
{
    buf_printf(out, "store   %s%lld completions, ",
               json_get_bool(s, "failing", false) ? "FAILING  " : "", whole(s, "completions"));
    put_bytes(out, number(s, "completion_bytes"));
    buf_printf(out, "  %lld outcomes, ", whole(s, "outcomes"));
    put_bytes(out, number(s, "outcome_bytes"));
    buf_char(out, '\n');
}

/* What is left of a limit, or "-". */
static void put_left(struct buf *out, struct json_object *model, const char *limit)
{
    struct json_object *l = json_get(json_get(model, "limits"), limit);

    if (l)
        buf_printf(out, " %9lld", whole(l, "left"));
    else
        buf_printf(out, " %9s", "-");
}

/* Who really answers, and what was used. */
static void put_use(struct buf *out, struct json_object *m)
{
    struct json_object *tokens = json_get(m, "tokens");

    if (!tokens)
        return;
    buf_printf(out, "  row %lld  ", whole(m, "row"));
    put_name(out, text(m, "upstream_model"));
    buf_printf(out, "tokens %lld in, %lld out  cost $%.4f\n", whole(tokens, "input"),
               whole(tokens, "output"), number(m, "cost_usd"));
}

static void put_model(struct buf *out, struct json_object *m)
{
    struct json_object *cooling = json_get_type(m, "cooling", json_type_object);

    put_name(out, text(m, "model"));
    put_name(out, text(m, "provider"));
    buf_printf(out, "%-8s %8lld %8lld %5lld", text(m, "state"), whole(m, "calls"),
               whole(json_get(m, "classes"), "ok"), whole(m, "in_flight"));
    put_left(out, m, "requests");
    put_left(out, m, "tokens");
    buf_char(out, '\n');
    put_use(out, m);
    if (cooling) {
        buf_printf(out, "  %s, for ", text(cooling, "why"));
        put_time(out, number(cooling, "for_s"));
        buf_str(out, " more\n");
    }
    put_held_up(out, "  ", m);
}

static void put_error(struct buf *out, struct json_object *e)
{
    buf_printf(out, "  %lld %s", whole(e, "count"), text(e, "class"));
    if (whole(e, "last_status"))
        buf_printf(out, " (HTTP %lld)", whole(e, "last_status"));
    if (json_get_str(e, "model")) {
        buf_str(out, " of ");
        put_text(out, text(e, "model"));
    }
    buf_printf(out, ", last %s: ", text(e, "last_at"));
    put_text(out, text(e, "last_task_id"));
    buf_char(out, '\n');
}

static void put_list(struct buf *out, struct json_object *now, const char *key, const char *title,
                     void (*put)(struct buf *out, struct json_object *o))
{
    struct json_object *list = json_get_type(now, key, json_type_array);
    size_t n = list ? json_object_array_length(list) : 0;

    if (n)
        buf_printf(out, "\n%s\n", title);
    for (size_t i = 0; i < n; i++)
        put(out, json_object_array_get_idx(list, i));
}

void top_view(struct json_object *now, struct json_object *before, double seconds, struct buf *out)
{
    struct json_object *pool = json_get(now, "pool");

    put_head(out, now);
    if (!pool)
        return;
    put_pool(out, pool, json_get(before, "pool"), seconds);
    put_kafka(out, json_get(now, "kafka"));
    put_store(out, json_get(now, "store"));
    put_list(
        out, now, "models",
        "MODEL             PROVIDER          STATE       CALLS       OK   RUN  REQ LEFT  TOK LEFT",
        put_model);
    put_list(out, now, "failed_calls", "FAILED CALLS", put_error);
    put_list(out, now, "failed_tasks", "FAILED TASKS", put_error);
}
