/*
 * retry: the table of what each class of failure means, for the task and for its route.
 *
 * The table says what kind of thing to do; the functions below say when, within what the server asked
 * for, the configured back-off, the attempts left and the deadline. Nothing here waits or changes a
 * task or a route.
 */
#include "policy/retry.h"

#include <string.h>

#include "policy/select.h"

#define SECOND_US     ((int64_t)1000000)
#define MINUTE_US     (60 * SECOND_US)
#define HOUR_US       (60 * MINUTE_US)
#define JITTER_MIN_US 50000
#define DOUBLINGS_MAX 30

enum pause {
    PAUSE_NONE,
    PAUSE_BACKOFF,  /* hint, else back-off */
    PAUSE_OVERLOAD, /* hint, else half to twice the cool-down: 15 to 60 s by default */
    PAUSE_FIXED     /* hint, and at least off_us */
};

struct rule {
    int same_calls; /* calls in a row on one route before others come first; 0: others at once */
    bool counts;    /* uses up one of num_retries */
    bool refuse;    /* this route cannot serve this task, ever */
    enum route_effect effect;
    enum fallback_kind fallback;
    enum pause pause;
    int64_t off_us;
};

static const struct rule rules[CLASS_COUNT] = {
    [CLASS_OK] = {.fallback = FALLBACK_NONE},
    [CLASS_TRANSPORT] = {.same_calls = 3, .counts = true, .effect = ROUTE_FAILED},
    [CLASS_TIMEOUT] = {.same_calls = 2, .counts = true, .effect = ROUTE_DOUBT},
    [CLASS_TRANSIENT] = {.same_calls = 3, .counts = true, .effect = ROUTE_FAILED},
    [CLASS_BAD_RESPONSE] = {.same_calls = 2, .counts = true, .effect = ROUTE_DOUBT},
    [CLASS_UNKNOWN] = {.same_calls = 2, .counts = true},
    [CLASS_RATE_LIMIT] = {.effect = ROUTE_PAUSE, .pause = PAUSE_BACKOFF},
    [CLASS_OVERLOAD] = {.effect = ROUTE_COOL, .pause = PAUSE_OVERLOAD},
    [CLASS_TOO_LARGE_FOR_TPM] = {.counts = true, .refuse = true},
    /* An empty account and a bad key say nothing about the task: it waits for another route, or for this
     * one to come back, and is not lost by what an operator can put right. */
    [CLASS_QUOTA] = {.effect = ROUTE_OFF, .pause = PAUSE_FIXED, .off_us = 15 * MINUTE_US},
    [CLASS_CREDENTIAL] = {.effect = ROUTE_OFF, .pause = PAUSE_FIXED, .off_us = HOUR_US},
    [CLASS_MODEL_ACCESS] = {.counts = true,
                            .refuse = true,
                            .effect = ROUTE_OFF,
                            .pause = PAUSE_FIXED,
                            .off_us = 10 * MINUTE_US},
    [CLASS_MODEL_GONE] = {.counts = true,
                          .refuse = true,
                          .effect = ROUTE_OFF,
                          .pause = PAUSE_FIXED,
                          .off_us = 24 * HOUR_US},
    [CLASS_REGION] = {.counts = true,
                      .refuse = true,
                      .effect = ROUTE_OFF,
                      .pause = PAUSE_FIXED,
                      .off_us = 24 * HOUR_US},
    [CLASS_CONTEXT_WINDOW] = {.counts = true, .refuse = true, .fallback = FALLBACK_CONTEXT},
    [CLASS_CONTENT_POLICY] = {.counts = true, .refuse = true, .fallback = FALLBACK_POLICY},
    [CLASS_CALLER_FAULT] = {.counts = true, .refuse = true, .fallback = FALLBACK_NONE},
};

bool retry_counts(enum error_class class)
{
    return rules[class].counts;
}

bool retry_probe_counts(enum error_class class)
{
    return retry_counts(class) && class != CLASS_TRANSPORT && class != CLASS_TRANSIENT;
}

/* How many calls of t ended in this class, one after the other up to now. */
static int calls_of_class(const struct task *t, enum error_class class)
{
    int n = 0;

    while (n < t->ntrail && t->trail[t->ntrail - 1 - n].class == class)
        n++;
    return n > 0 ? n : 1;
}

/* How many calls that count the current route has had in a row. A 429 between them is none. */
static int calls_on_route(const struct task *t)
{
    int n = 0;
    int i = 0;

    for (i = t->ntrail - 1; i >= 0 && t->trail[i].route == t->route; i--)
        n += retry_counts(t->trail[i].class);
    return n > 0 ? n : 1;
}

/* min(retry_max, retry_base * 2^n), the upper edge of the jitter. */
static int64_t backoff_edge_us(const struct config *c, int n)
{
    int64_t max_us = c->router.retry_max_ms * 1000;
    int64_t edge_us = c->router.retry_base_ms * 1000;

    if (n > DOUBLINGS_MAX)
        n = DOUBLINGS_MAX;
    while (n-- > 0 && edge_us < max_us)
        edge_us *= 2;
    return edge_us < max_us ? edge_us : max_us;
}

static int64_t random_us(struct rng *rng, int64_t max_us)
{
    return max_us > 0 ? (int64_t)rng_below(rng, (uint64_t)max_us + 1) : 0;
}

/* The server's word is the floor; what is put on top keeps the callers it told the same apart. */
static int64_t hint_us(int64_t hint_ms, struct rng *rng)
{
    int64_t us = hint_ms * 1000;
    int64_t jitter_us = us / 10;

    return us + random_us(rng, jitter_us > JITTER_MIN_US ? jitter_us : JITTER_MIN_US);
}

/* How long before the same route is tried again. */
static int64_t wait_us(const struct config *c, const struct task *t, const struct retry_input *in,
                       struct rng *rng)
{
    int n = retry_counts(in->class) ? t->attempts_used : calls_of_class(t, in->class);

    if (in->hint_ms > 0)
        return hint_us(in->hint_ms, rng);
    return random_us(rng, backoff_edge_us(c, n - 1));
}

/* How long the route rests. */
static int64_t rest_us(const struct config *c, const struct task *t, const struct retry_input *in,
                       struct rng *rng)
{
    const struct rule *r = &rules[in->class];
    int64_t us = wait_us(c, t, in, rng);
    int64_t least_us = 0;

    if (r->pause == PAUSE_FIXED)
        least_us = r->off_us;
    else if (in->hint_ms > 0)
        least_us = 0; /* the server knows best */
    else if (r->pause == PAUSE_OVERLOAD)
        least_us = c->router.cooldown_ms * 500 + random_us(rng, c->router.cooldown_ms * 1500);
    else
        least_us = c->router.retry_base_ms * 1000; /* a jitter of nothing is no pause */
    return us > least_us ? us : least_us;
}

/* Routes that may serve t, the current one apart. */
static uint64_t others_of(const struct config *c, const struct task *t)
{
    uint64_t all = select_candidates(c, t);

    return t->route >= 0 ? all & ~((uint64_t)1 << t->route) : all;
}

static uint64_t tried_by(const struct task *t)
{
    uint64_t set = 0;
    int i = 0;

    for (i = 0; i < t->ntrail; i++)
        set |= (uint64_t)1 << (t->trail[i].route % CONFIG_MODELS_MAX);
    return set;
}

/* A bad request is bad everywhere, except that providers differ in what they accept: with
 * retry_caller_fault one other provider gets to say so too. */
static bool caller_may_try_on(const struct config *c, const struct task *t, uint64_t others)
{
    const char *here = t->route >= 0 ? c->models[t->route].provider_name : NULL;
    int faults = 0;
    int i = 0;
    size_t row = 0;

    if (!c->router.retry_caller_fault || !here)
        return false;
    for (i = 0; i < t->ntrail; i++)
        faults += t->trail[i].class == CLASS_CALLER_FAULT;
    if (faults > 1)
        return false;
    for (row = 0; row < c->nmodels; row++) {
        if ((others >> row & 1) && strcmp(c->models[row].provider_name, here) != 0)
            return true;
    }
    return false;
}

static struct retry_verdict give_up(struct retry_verdict v)
{
    v.action = RETRY_GIVE_UP;
    v.fallback = FALLBACK_NONE;
    v.not_before_us = 0;
    return v;
}

/* Chooses between the same route and another one, for classes that a repetition may cure. */
static struct retry_verdict repeat(const struct config *c, const struct task *t,
                                   const struct retry_input *in, struct rng *rng,
                                   struct retry_verdict v)
{
    const struct rule *r = &rules[in->class];
    uint64_t others = others_of(c, t);
    bool parked = in->hint_ms > c->router.max_retry_after_ms;

    v.not_before_us = in->now_us + wait_us(c, t, in, rng);
    if (parked) {
        v.effect = ROUTE_COOL;
        v.cool_until_us = v.not_before_us;
        v.not_before_us = in->now_us;
        v.action = RETRY_SELECT;
        return v;
    }
    if (in->no_same_route && r->counts) /* a rate limit or an overload passes, whatever is said */
        v.refuse_route = true;
    v.action = RETRY_SAME;
    if (v.refuse_route || calls_on_route(t) >= r->same_calls || v.not_before_us >= t->deadline_us)
        v.action = RETRY_SELECT;
    if (v.action == RETRY_SELECT && others)
        v.not_before_us = in->now_us;
    return v;
}

/* All retries are used up. Each route that the task accepts is still tried once, this one no more. */
static struct retry_verdict exhausted(const struct config *c, const struct task *t,
                                      const struct retry_input *in, struct retry_verdict v)
{
    if (!(others_of(c, t) & ~tried_by(t)))
        return give_up(v);
    v.action = RETRY_SELECT;
    v.refuse_route = true;
    v.not_before_us = in->now_us;
    return v;
}

/* Is there no hope that anything goes before the deadline? */
static bool too_late(const struct config *c, const struct task *t, const struct retry_verdict *v)
{
    int64_t earliest_us = v->not_before_us;

    if ((v->effect == ROUTE_COOL || v->effect == ROUTE_PAUSE) && !others_of(c, t) &&
        v->cool_until_us > earliest_us)
        earliest_us = v->cool_until_us;
    return earliest_us >= t->deadline_us;
}

struct retry_verdict retry_decide(const struct config *c, const struct task *t,
                                  const struct retry_input *in, struct rng *rng)
{
    const struct rule *r = &rules[in->class];
    struct retry_verdict v = {.action = RETRY_SELECT,
                              .effect = r->effect,
                              .fallback = r->fallback,
                              .refuse_route = r->refuse,
                              .not_before_us = in->now_us};

    if (r->pause != PAUSE_NONE)
        v.cool_until_us = in->now_us + rest_us(c, t, in, rng);
    if (in->class == CLASS_OK)
        return give_up(v);
    if (in->class == CLASS_CALLER_FAULT && !caller_may_try_on(c, t, others_of(c, t)))
        return give_up(v);
    if (r->same_calls > 0) {
        v = repeat(c, t, in, rng, v);
        if (t->attempts_used > c->router.num_retries)
            v = exhausted(c, t, in, v);
    } else if (in->no_same_route && r->effect != ROUTE_OFF) {
        v.refuse_route = true; /* a route that is off is not repeated anyway */
    }
    if (v.action == RETRY_GIVE_UP)
        return v;
    return too_late(c, t, &v) ? give_up(v) : v;
}
