/* latency: reads and draws the time an answer takes; see latency.h. Pure. */
#include "cmd/sim/latency.h"

#include <math.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/sim/spec.h"

#define LATENCY_MAX_US (3600 * (int64_t)1000000)
#define PIECE_MAX      64

static int parse_uniform(const char *list, struct sim_latency *l)
{
    char low[PIECE_MAX], high[PIECE_MAX], none[PIECE_MAX];

    if (sim_spec_next(&list, low, none, sizeof low) != 1 ||
        sim_spec_next(&list, high, none, sizeof high) != 1 || *list)
        return -1;
    l->kind = SIM_LATENCY_UNIFORM;
    if (sim_spec_duration(low, &l->low_ms) < 0 || sim_spec_duration(high, &l->high_ms) < 0)
        return -1;
    return l->high_ms < l->low_ms ? -1 : 0;
}

static int parse_lognormal(const char *list, struct sim_latency *l)
{
    char key[PIECE_MAX], value[PIECE_MAX];
    int more = 0;

    l->kind = SIM_LATENCY_LOGNORMAL;
    l->sigma = 0.5;
    while ((more = sim_spec_next(&list, key, value, sizeof key)) == 1) {
        int rc = -1;

        if (strcmp(key, "median") == 0)
            rc = sim_spec_duration(value, &l->low_ms);
        else if (strcmp(key, "sigma") == 0)
            rc = sim_spec_number(value, &l->sigma);
        if (rc < 0)
            return -1;
    }
    return more < 0 || l->low_ms <= 0 ? -1 : 0;
}

int sim_latency_parse(const char *text, struct sim_latency *ret, struct err *e)
{
    struct sim_latency l = {0};
    int rc = 0;

    if (!text || !*text)
        rc = 0;
    else if (strncmp(text, "uniform:", 8) == 0)
        rc = parse_uniform(text + 8, &l);
    else if (strncmp(text, "lognormal:", 10) == 0)
        rc = parse_lognormal(text + 10, &l);
    else
        rc = sim_spec_duration(text, &l.low_ms);
    if (rc < 0)
        return err_set(e, EX_USAGE,
                       "--latency %s: write a duration (200ms), uniform:50ms,200ms or "
                       "lognormal:median=800ms,sigma=0.6",
                       text);
    *ret = l;
    return 0;
}

static double draw_ms(const struct sim_latency *l, struct rng *r)
{
    double u = rng_unit(r), v = rng_unit(r);

    switch (l->kind) {
    case SIM_LATENCY_UNIFORM:
        return (double)l->low_ms + u * (double)(l->high_ms - l->low_ms);
    case SIM_LATENCY_LOGNORMAL: /* Box and Muller; 1 - u is never 0 */
        return (double)l->low_ms * exp(l->sigma * sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v));
    default:
        return (double)l->low_ms;
    }
}

int64_t sim_latency_draw_us(const struct sim_latency *l, struct rng *r)
{
    double us = l->low_ms || l->high_ms ? draw_ms(l, r) * 1e3 : 0;

    return us > (double)LATENCY_MAX_US ? LATENCY_MAX_US : (int64_t)us;
}
