/*
 * admission_report: what the end of a call says about the routes: to the breakers of all that it concerns, and to
 * what is learned about the one that was called. It lets nothing go.
 */
#include "policy/scope.h"
#include "pool/admission_int.h"

/* What a failure means for one of the rows that it concerns. */
static void route_failed(struct admission *a, int row, enum error_class class,
                         const struct retry_verdict *v, int64_t now_us)
{
    struct breaker *b = &a->routes[row].breaker;
    int64_t until_us = b->open_until_us;

    if (v->effect == ROUTE_OFF)
        a->off_class[row] = class;
    breaker_failure(b, v->effect, v->cool_until_us, a->config->router.allowed_fails,
                    a->config->router.cooldown_ms * 1000, now_us);
    if (b->open_until_us <= now_us || b->open_until_us == until_us)
        return;
    a->cool_class[row] = class;
    b->why = why_resting(class);
    a->cooldowns[row] += until_us <= now_us; /* else it only became longer */
}

/* The rows that a failure of `row` concerns. When a second model of a server is overloaded, the server is. */
static uint64_t concerned(const struct admission *a, int row, enum error_class class,
                          int64_t now_us)
{
    uint64_t set = scope_rows(a->config, row, class);
    uint64_t server = class == CLASS_OVERLOAD ? scope_server(a->config, row) : 0;
    size_t i = 0;

    for (i = 0; i < a->config->nmodels; i++) {
        if ((server & ~set) >> i & 1 && a->cool_class[i] == CLASS_OVERLOAD &&
            a->routes[i].breaker.open_until_us > now_us)
            return server;
    }
    return set;
}

/* The other rows rest as well, those that cool already until the later of both times; a probe of theirs that is
 * running goes on. Failures are counted for the called row alone. */
static void spread(struct admission *a, int row, enum error_class class,
                   const struct retry_verdict *v, int64_t now_us)
{
    uint64_t set = concerned(a, row, class, now_us);
    size_t i = 0;

    if (v->effect != ROUTE_PAUSE && v->effect != ROUTE_COOL && v->effect != ROUTE_OFF)
        return;
    for (i = 0; i < a->config->nmodels; i++) {
        struct breaker *b = &a->routes[i].breaker;
        bool probing = b->probing;

        if ((int)i == row || !(set >> i & 1))
            continue;
        b->probing = false;
        route_failed(a, (int)i, class, v, now_us);
        b->probing = probing;
    }
}

/* Tells what the route bears. */
static void report_load(struct admission *a, struct route *r, const struct task *t,
                        const struct admission_end *end, int64_t now_us)
{
    bool refused = end->sent && !end->ok &&
                   (t->last_class == CLASS_RATE_LIMIT || t->last_class == CLASS_OVERLOAD);
    enum learn_end how = end->ok ? LEARN_SERVED : refused ? LEARN_REFUSED : LEARN_NOTHING;

    learn_end(&r->learn, a->config->router.learn_limits ? how : LEARN_NOTHING, &t->mark, now_us);
    if (end->said && a->config->router.learn_limits)
        learn_headers(&r->learn, end->said, &t->mark, now_us);
}

void admission_report(struct admission *a, const struct task *t, const struct admission_end *end,
                      int64_t now_us)
{
    struct route *r = &a->routes[t->route];
    bool probing = r->breaker.probing;
    bool late = probing && !t->probe;

    report_load(a, r, t, end, now_us);
    /* While another task's probe is running, this call is one of those that were on their way when the route
     * opened: it says nothing about the probe, which goes on. */
    if (late)
        r->breaker.probing = false;
    if (!end->sent)
        breaker_abandon(&r->breaker);
    else if (end->ok)
        breaker_success(&r->breaker);
    else
        route_failed(a, t->route, t->last_class, end->verdict, now_us);
    if (late)
        r->breaker.probing = true;
    else if (probing && r->breaker.open_until_us == 0)
        learn_restore(&r->learn, now_us);
    if (end->sent && !end->ok)
        spread(a, t->route, t->last_class, end->verdict, now_us);
}
