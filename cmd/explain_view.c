/* explain_view: see explain_view.h. It takes what it is given; a member that is missing is left out. */
#include "cmd/explain_view.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "policy/advice.h"

#define SHARES_SHOWN 4

static struct advice_facts facts_of(const struct explain_source *s, int row)
{
    struct advice_facts f = {.config = s->config, .budget = s->pool->budget};
    double tokens = 0;
    uint64_t answers = 0;

    if (row < 0) {
        const struct hist *h = &s->pool->call_latency;

        f.answer_s = h->count ? (double)h->sum_us / (double)h->count / 1e6 : 0;
        return f;
    }
    f.model = &s->config->models[row];
    f.used_requests = s->pool->route[row].used[LIMIT_RPM];
    for (int op = 0; op < POOL_OPS; op++) {
        answers += s->routes[row].seconds[op][0].count;
        f.answer_s += s->routes[row].seconds[op][0].sum;
        tokens += s->routes[row].usage[op][0].sum + s->routes[row].usage[op][1].sum;
    }
    if (answers > 0) {
        f.answer_s /= (double)answers;
        f.answer_tokens = tokens / (double)answers;
    }
    return f;
}

static void put(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

/* The largest first, but idle time last. */
static void put_shares(struct json_object *shares, const int64_t us[WHY_COUNT])
{
    int64_t left[WHY_COUNT];

    memcpy(left, us, sizeof left);
    for (;;) {
        enum why most = explain_main(left);

        if (left[most] <= 0)
            return;
        json_object_object_add(shares, why_name(most),
                               json_object_new_double(explain_share(us, most)));
        left[most] = 0;
    }
}

static struct json_object *part_json(const struct advice_facts *f, const int64_t us[WHY_COUNT])
{
    struct json_object *o = json_object_new_object();
    struct json_object *shares = json_object_new_object();
    enum why most = explain_main(us);
    struct advice a;

    advice_give(f, most, &a);
    put(o, "main", why_name(most));
    put(o, "key", a.key);
    put(o, "because", a.because);
    put(o, "change", a.change);
    put_shares(shares, us);
    json_object_object_add(o, "shares", shares);
    return o;
}

struct json_object *explain_json(const struct explain_source *s, int row)
{
    const struct explain_view *x = row < 0 ? &s->explain->pool : &s->explain->route[row];
    struct advice_facts f = facts_of(s, row);
    struct json_object *o = json_object_new_object();

    put(o, "now", why_name(x->now));
    json_object_object_add(o, "minute", part_json(&f, x->minute_us));
    json_object_object_add(o, "run", part_json(&f, x->run_us));
    return o;
}

/* Bytes that a terminal would act on are not shown to it. */
static void put_plain(struct buf *out, const char *s)
{
    size_t at = out->len;

    if (buf_str(out, s) == 0 && out->len > at)
        utf8_plain(out->data + at);
}

void explain_shares(struct json_object *part, struct buf *out)
{
    struct json_object *shares = json_get_type(part, "shares", json_type_object);
    int shown = 0;

    if (!shares)
        return;
    json_object_object_foreach(shares, name, value)
    {
        double size = json_object_get_double(value);

        if (shown == SHARES_SHOWN || (shown > 0 && size < 0.005))
            return;
        buf_str(out, shown++ ? ", " : "");
        put_plain(out, name);
        buf_printf(out, " %.0f%%", size * 100);
    }
}

static const char *text(struct json_object *o, const char *key)
{
    const char *s = json_get_str(o, key);

    return s ? s : "";
}

static void put_part(struct buf *out, struct json_object *part)
{
    if (!part)
        return;
    buf_str(out, ": ");
    explain_shares(part, out);
    buf_str(out, "\n      ");
    put_plain(out, text(part, "because"));
    buf_str(out, "\n      -> ");
    put_plain(out, text(part, "change"));
    buf_char(out, '\n');
}

/* Does another row of this list call the same model at the same provider? */
static bool has_twin(struct json_object *models, struct json_object *m)
{
    for (size_t i = 0; i < json_object_array_length(models); i++) {
        struct json_object *other = json_object_array_get_idx(models, i);

        if (other != m && strcmp(text(other, "model"), text(m, "model")) == 0 &&
            strcmp(text(other, "provider"), text(m, "provider")) == 0)
            return true;
    }
    return false;
}

static void put_model(struct buf *out, struct json_object *models, struct json_object *m,
                      const char *span)
{
    struct json_object *part = json_get(json_get(m, "held_up"), span);

    if (!part)
        return;
    buf_str(out, "  ");
    put_plain(out, text(m, "model"));
    buf_char(out, '/');
    put_plain(out, text(m, "provider"));
    if (has_twin(models, m))
        buf_printf(out, " (row %lld)", (long long)json_get_int(m, "row", 0));
    put_part(out, part);
}

void explain_text(struct json_object *status, bool minute, struct buf *out)
{
    const char *span = minute ? "minute" : "run";
    struct json_object *models = json_get_type(status, "models", json_type_array);
    struct json_object *pool = json_get(json_get(json_get(status, "pool"), "held_up"), span);
    size_t n = models ? json_object_array_length(models) : 0;

    buf_str(out, pool ? "  pool" : "");
    put_part(out, pool);
    for (size_t i = 0; i < n; i++)
        put_model(out, models, json_object_array_get_idx(models, i), span);
}

void explain_report(const struct explain_source *s, struct buf *out)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();
    struct json_object *pool = json_object_new_object();
    struct json_object *models = json_object_new_array();

    json_object_object_add(pool, "held_up", explain_json(s, -1));
    json_object_object_add(root, "pool", pool);
    json_object_object_add(root, "models", models);
    for (size_t row = 0; row < s->config->nmodels; row++) {
        struct json_object *m = NULL;

        if (explain_main(s->explain->route[row].run_us) == WHY_IDLE)
            continue;
        m = json_object_new_object();
        json_object_object_add(m, "row", json_object_new_int64((int64_t)row + 1));
        put(m, "model", s->config->models[row].model_name);
        put(m, "provider", s->config->models[row].provider_name);
        json_object_object_add(m, "held_up", explain_json(s, (int)row));
        json_object_array_add(models, m);
    }
    explain_text(root, false, out);
}

void explain_now(const struct config *c, const struct pool_stats *p, char *out, size_t cap)
{
    for (size_t i = 0; p->stage == WHY_MODELS && i < c->nmodels; i++) {
        if (!why_holds(p->route[i].why))
            continue;
        snprintf(out, cap, "%s/%s: %s", c->models[i].model_name, c->models[i].provider_name,
                 why_name(p->route[i].why));
        return;
    }
    snprintf(out, cap, "%s", why_name(p->stage));
}
