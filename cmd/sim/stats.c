/* stats: the numbers of the state, as a struct and as the JSON of GET /stats. Changes nothing. */
#include <string.h>

#include "cmd/sim/state.h"

static void fill(struct sim_state *st, struct sim_counters *c)
{
    struct sim_counts_sum sum = {0};

    sim_counts_sum(&st->bodies, &sum);
    *c = (struct sim_counters){
        .requests = st->requests,
        .ok = st->ok,
        .calls = st->calls,
        .paid = st->paid,
        .abandoned = st->abandoned,
        .distinct_bodies = sum.distinct,
        .repeated_bodies = sum.repeated,
        .max_per_digest = sum.most,
        .in_flight = st->in_flight,
        .max_in_flight = st->max_in_flight,
        .connections = st->connections,
        .overflow = st->bodies.overflow || st->headers.overflow,
    };
    memcpy(c->violations, st->violations, sizeof c->violations);
    for (int k = SIM_NONE + 1; k < SIM_KINDS; k++)
        c->faults += st->kinds[k];
}

void sim_state_counters(struct sim_state *st, struct sim_counters *ret)
{
    pthread_mutex_lock(&st->lock);
    fill(st, ret);
    pthread_mutex_unlock(&st->lock);
}

static void number(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, "\"%s\":%llu,", name, (unsigned long long)value);
}

/* Ends an object or array whose last member left a comma. */
static void close_list(struct buf *b, char with)
{
    if (b->len && b->data[b->len - 1] == ',')
        b->len--;
    buf_char(b, with);
}

static void write_groups(struct buf *b, const struct sim_state *st)
{
    buf_str(b, "\"status\":{");
    for (int i = 0; i < SIM_STATUS_MAX; i++)
        if (st->status[i])
            buf_printf(b, "\"%d\":%llu,", i, (unsigned long long)st->status[i]);
    close_list(b, '}');
    buf_str(b, ",\"faults\":{");
    for (int i = SIM_NONE + 1; i < SIM_KINDS; i++)
        if (st->kinds[i])
            number(b, sim_kind_name((enum sim_kind)i), st->kinds[i]);
    close_list(b, '}');
    buf_str(b, ",\"models\":{");
    for (size_t i = 0; i <= SIM_MODELS_MAX; i++) {
        const struct sim_model *m = &st->models[i];

        if (!m->requests)
            continue;
        buf_json_str(b, m->name, strlen(m->name));
        buf_str(b, ":{");
        number(b, "requests", m->requests);
        number(b, "calls", m->calls);
        number(b, "paid", m->paid);
        number(b, "in_flight", m->in_flight);
        close_list(b, '}');
        buf_char(b, ',');
    }
    close_list(b, '}');
}

static void write_counts(struct buf *b, const char *name, const struct sim_counts *c)
{
    size_t listed = 0;

    buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < c->cap && listed < SIM_LIST_MAX; i++) {
        if (!c->at[i].drawn)
            continue;
        buf_printf(b, "%s{\"digest\":\"%016llx\",\"requests\":%u,\"calls\":%u,\"paid\":%u}",
                   listed++ ? "," : "", (unsigned long long)c->at[i].digest, c->at[i].drawn,
                   c->at[i].calls, c->at[i].paid);
    }
    buf_char(b, ']');
}

static void write_header_sums(struct buf *b, const struct sim_state *st)
{
    struct sim_counts_sum sum = {0};

    sim_counts_sum(&st->headers, &sum);
    number(b, "distinct_headers", sum.distinct);
    number(b, "repeated_headers", sum.repeated);
    number(b, "max_per_header", sum.most);
}

static void write_all(struct sim_state *st, int64_t now_us, bool digests, struct buf *b)
{
    struct sim_counters c = {0};

    fill(st, &c);
    buf_char(b, '{');
    number(b, "requests", c.requests);
    number(b, "ok", c.ok);
    number(b, "calls", c.calls);
    number(b, "paid", c.paid);
    number(b, "abandoned", c.abandoned);
    number(b, "faults_injected", c.faults);
    number(b, "distinct_bodies", c.distinct_bodies);
    number(b, "repeated_bodies", c.repeated_bodies);
    number(b, "max_per_digest", c.max_per_digest);
    write_header_sums(b, st);
    buf_printf(b, "\"overflow\":%s,", c.overflow ? "true" : "false");
    number(b, "in_flight", c.in_flight);
    number(b, "max_in_flight", c.max_in_flight);
    number(b, "connections", c.connections);
    buf_printf(b, "\"uptime_s\":%.3f,", (double)(now_us - st->start_us) / 1e6);
    buf_str(b, "\"violations\":{");
    for (enum sim_limit l = SIM_RPS; l < SIM_LIMITS; l++)
        number(b, sim_limit_name(l), c.violations[l]);
    close_list(b, '}');
    buf_char(b, ',');
    write_groups(b, st);
    if (digests) {
        write_counts(b, "digests", &st->bodies);
        write_counts(b, "headers", &st->headers);
    }
    buf_str(b, "}\n");
}

void sim_state_json(struct sim_state *st, int64_t now_us, bool digests, struct buf *out)
{
    pthread_mutex_lock(&st->lock);
    write_all(st, now_us, digests, out);
    pthread_mutex_unlock(&st->lock);
}
