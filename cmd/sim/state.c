/* state: decides about requests and counts them; see state.h. stats.c writes the numbers out. */
#include "cmd/sim/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sim/dialect.h"
#include "cmd/sim/hash.h"

static const struct {
    const char *name;
    double minutes; /* of the window */
} dims[SIM_LIMITS] = {
    [SIM_RPS] = {"rps", 1.0 / 60},      [SIM_RPM] = {"rpm", 1},
    [SIM_RPD] = {"rpd", 1440},          [SIM_TPM] = {"tpm", 1},
    [SIM_INPUT_TPM] = {"input_tpm", 1}, [SIM_OUTPUT_TPM] = {"output_tpm", 1},
    [SIM_TPD] = {"tpd", 1440},          [SIM_PARALLEL] = {"parallel", 0},
};

const char *sim_limit_name(enum sim_limit l)
{
    return dims[l].name;
}

void sim_state_init(struct sim_state *st, const struct sim_setup *s, int64_t now_us)
{
    *st = (struct sim_state){.setup = s, .start_us = now_us};
    pthread_mutex_init(&st->lock, NULL);
    sim_counts_init(&st->bodies, s->max_digests);
    sim_counts_init(&st->headers, s->max_digests);
    snprintf(st->models[SIM_MODELS_MAX].name, sizeof st->models[0].name, "(others)");
}

static void model_clear(struct sim_model *m)
{
    m->requests = m->calls = m->paid = 0;
    for (int l = 0; l < SIM_LIMITS; l++)
        sim_window_done(&m->window[l]);
}

static void clear(struct sim_state *st)
{
    for (size_t i = 0; i <= SIM_MODELS_MAX; i++)
        model_clear(&st->models[i]);
    model_clear(&st->all);
    sim_counts_clear(&st->bodies);
    sim_counts_clear(&st->headers);
}

void sim_state_done(struct sim_state *st)
{
    clear(st);
    sim_script_done(&st->script);
    pthread_mutex_destroy(&st->lock);
}

void sim_state_reset(struct sim_state *st, int64_t now_us)
{
    pthread_mutex_lock(&st->lock);
    clear(st);
    sim_script_restart(&st->script);
    st->requests = st->ok = st->calls = st->paid = st->abandoned = 0;
    memset(st->status, 0, sizeof st->status);
    memset(st->kinds, 0, sizeof st->kinds);
    memset(st->violations, 0, sizeof st->violations);
    st->max_in_flight = st->in_flight;
    st->start_us = now_us;
    pthread_mutex_unlock(&st->lock);
}

/* A digest given in hex keeps its first 64 bits, so that a listing can be matched with the sender's
 * own; other values are hashed. 0: no header. */
static uint64_t header_key(const char *value)
{
    char head[17] = {0}, *end = NULL;
    uint64_t key = 0;

    if (!*value)
        return 0;
    memcpy(head, value, strnlen(value, 16));
    key = strtoull(head, &end, 16);
    if (end != head + 16)
        key = sim_hash(value, strlen(value));
    return key ? key : 1;
}

static struct sim_model *find_model(struct sim_state *st, const char *name)
{
    uint64_t hash = sim_hash(name, strlen(name));
    struct sim_model *m = &st->models[SIM_MODELS_MAX];

    for (size_t i = 0; i < st->model_count; i++)
        if (st->models[i].hash == hash)
            return &st->models[i];
    if (st->model_count < SIM_MODELS_MAX) {
        m = &st->models[st->model_count++];
        m->hash = hash;
        snprintf(m->name, sizeof m->name, "%.95s", name);
        m->name[sim_text_cut(m->name, strlen(m->name), sizeof m->name - 2)] = 0;
    }
    return m;
}

static int64_t span_us(const struct sim_setup *s, enum sim_limit l)
{
    return (int64_t)((double)s->window_us * dims[l].minutes);
}

static int64_t amount_of(const struct sim_ask *a, int64_t output, enum sim_limit l)
{
    switch (l) {
    case SIM_TPM:
    case SIM_TPD:
        return a->prompt_tokens + output;
    case SIM_INPUT_TPM:
        return a->prompt_tokens;
    case SIM_OUTPUT_TPM:
        return output;
    default:
        return 1;
    }
}

static enum sim_limit over_limit(const struct sim_setup *s, struct sim_model *m,
                                 const struct sim_ask *a, int64_t output, int64_t now_us,
                                 struct sim_verdict *v)
{
    if (s->limit[SIM_PARALLEL] && (int64_t)m->in_flight >= s->limit[SIM_PARALLEL]) {
        v->limit = s->limit[SIM_PARALLEL];
        v->wait_us = 1000000;
        return SIM_PARALLEL;
    }
    for (enum sim_limit l = SIM_RPS; l < SIM_PARALLEL; l++) {
        if (!s->limit[l])
            continue;
        v->limit = s->limit[l];
        v->wait_us = sim_window_wait_us(&m->window[l], now_us, span_us(s, l),
                                        amount_of(a, output, l), s->limit[l]);
        if (v->wait_us)
            return l;
    }
    return SIM_WITHIN;
}

/* What is left of a window, and when its oldest mark leaves. */
static void window_left(const struct sim_window *w, int64_t limit, int64_t now_us, int64_t span,
                        int64_t *ret_left, int64_t *ret_free_us)
{
    *ret_left = w->sum < limit ? limit - w->sum : 0;
    *ret_free_us = w->count ? w->ring[w->head].at_us + span - now_us : 0;
}

/* True when the request may pass. */
static bool check_limits(struct sim_state *st, struct sim_model *m, const struct sim_ask *a,
                         int64_t output, int64_t now_us, struct sim_verdict *v)
{
    const struct sim_setup *s = st->setup;
    enum sim_limit broken = SIM_WITHIN;

    for (enum sim_limit l = SIM_RPS; l < SIM_PARALLEL; l++)
        sim_window_expire(&m->window[l], now_us, span_us(s, l));
    broken = over_limit(s, m, a, output, now_us, v);
    if (broken)
        st->violations[broken]++;
    if (broken && !s->count_only) {
        v->broken = broken;
        return false;
    }
    for (enum sim_limit l = SIM_RPS; l < SIM_PARALLEL; l++) {
        if (!s->limit[l])
            continue;
        sim_window_add(&m->window[l], now_us, amount_of(a, output, l));
        window_left(&m->window[l], s->limit[l], now_us, span_us(s, l), &v->left[l], &v->free_us[l]);
    }
    return true;
}

/* Asks script and plan; counts the draw. */
static void draw(struct sim_state *st, const struct sim_ask *a, uint64_t header, int64_t now_us,
                 struct sim_verdict *v)
{
    struct sim_count *n = sim_counts_draw(&st->bodies, a->digest);
    struct sim_script_ask ask = {.api = a->dialect->name,
                                 .model = a->model,
                                 .body = a->raw,
                                 .body_len = a->raw_len,
                                 .at_ms = (now_us - st->start_us) / 1000};
    const struct sim_fault *f = NULL;

    /* A body that the table cannot hold draws by its arrival, or its retries would never end. */
    v->attempt = n ? n->drawn - 1 : st->requests;
    if (header)
        sim_counts_draw(&st->headers, header);
    ask.attempt = (int64_t)v->attempt + 1;
    f = sim_script_apply(&st->script, &ask);
    if (!f)
        f = sim_plan_draw(&st->setup->plan, st->setup->seed, a->digest, v->attempt, a->model);
    if (f)
        v->fault = *f;
}

static void count_call(struct sim_state *st, struct sim_ticket *t)
{
    struct sim_count *n = sim_counts_find(&st->bodies, t->digest);

    t->call = true;
    st->calls++;
    t->model->calls++;
    if (n)
        n->calls++;
    n = t->header ? sim_counts_find(&st->headers, t->header) : NULL;
    if (n)
        n->calls++;
}

void sim_state_begin(struct sim_state *st, const struct sim_ask *a, const char *header,
                     int64_t output, int64_t now_us, struct sim_verdict *ret,
                     struct sim_ticket *ret_ticket)
{
    struct sim_verdict v = {.fault = {.kind = SIM_NONE}};
    struct sim_ticket t = {.open = true, .digest = a->digest, .header = header_key(header)};

    pthread_mutex_lock(&st->lock);
    t.model = find_model(st, a->model);
    t.model->requests++;
    st->requests++;
    if (check_limits(st, st->setup->limit_all ? &st->all : t.model, a, output, now_us, &v)) {
        draw(st, a, t.header, now_us, &v);
        t.kind = v.fault.kind;
        st->kinds[t.kind]++;
        if (sim_kind_billed(t.kind))
            count_call(st, &t);
    }
    t.model->in_flight++;
    st->all.in_flight++;
    if (++st->in_flight > st->max_in_flight)
        st->max_in_flight = st->in_flight;
    pthread_mutex_unlock(&st->lock);
    *ret = v;
    *ret_ticket = t;
}

static void count_paid(struct sim_state *st, const struct sim_ticket *t)
{
    struct sim_count *n = sim_counts_find(&st->bodies, t->digest);

    st->paid++;
    t->model->paid++;
    if (n)
        n->paid++;
    n = t->header ? sim_counts_find(&st->headers, t->header) : NULL;
    if (n)
        n->paid++;
}

void sim_state_end(struct sim_state *st, struct sim_ticket *t, enum sim_end end)
{
    if (!t->open)
        return;
    t->open = false;
    pthread_mutex_lock(&st->lock);
    t->model->in_flight--;
    st->all.in_flight--;
    st->in_flight--;
    st->abandoned += end == SIM_ABANDONED;
    if (end == SIM_DELIVERED) {
        st->status[t->status % SIM_STATUS_MAX]++;
        st->ok += t->status == 200;
        if (t->call)
            count_paid(st, t);
    }
    pthread_mutex_unlock(&st->lock);
}

void sim_state_refused(struct sim_state *st, int status)
{
    pthread_mutex_lock(&st->lock);
    st->requests++;
    st->status[status % SIM_STATUS_MAX]++;
    pthread_mutex_unlock(&st->lock);
}

void sim_state_connections(struct sim_state *st, int change)
{
    pthread_mutex_lock(&st->lock);
    st->connections += (uint64_t)(int64_t)change;
    pthread_mutex_unlock(&st->lock);
}
