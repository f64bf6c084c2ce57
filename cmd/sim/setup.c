/* setup: reads and checks the settings; see setup.h. Opens nothing. */
#include "cmd/sim/setup.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

#define THREADS_MAX     64
#define BODY_MAX        ((int64_t)16 << 20)
#define BODY_MOST       ((int64_t)1 << 30)
#define CONNECTIONS     20000
#define DIGESTS         ((int64_t)1 << 22)
#define ECHO_BYTES      4096
#define DIMENSIONS      64
#define DIMENSIONS_MOST 4096
#define TOKENS_MOST     ((int64_t)1 << 40)

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value ? value : fallback;
}

static int check_range(const char *name, int64_t value, int64_t min, int64_t max, struct err *e)
{
    if (value >= min && value <= max)
        return 0;
    return err_set(e, EX_USAGE, "--%s %lld: must be from %lld to %lld", name, (long long)value,
                   (long long)min, (long long)max);
}

static int check_numbers(const struct sim_conf *c, struct err *e)
{
    const struct {
        const char *name;
        int64_t value, max;
    } rows[] = {
        {"port", c->port, 65535},
        {"threads", c->threads, THREADS_MAX},
        {"body-max", c->body_max, BODY_MOST},
        {"max-connections", c->max_connections, 1000000},
        {"max-digests", c->max_digests, (int64_t)1 << 28},
        {"answer-bytes", c->answer_bytes, BODY_MAX},
        {"cached-percent", c->cached_percent, 100},
        {"reasoning-tokens", c->reasoning_tokens, 1000000},
        {"dimensions", c->dimensions, DIMENSIONS_MOST},
        {"rps", c->rps, INT32_MAX},
        {"rpm", c->rpm, INT32_MAX},
        {"rpd", c->rpd, INT32_MAX},
        {"tpm", c->tpm, TOKENS_MOST},
        {"input-tpm", c->input_tpm, TOKENS_MOST},
        {"output-tpm", c->output_tpm, TOKENS_MOST},
        {"tpd", c->tpd, TOKENS_MOST},
        {"max-parallel", c->parallel, INT32_MAX},
        {"limit-window", c->limit_window_ms, 86400000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (check_range(rows[i].name, rows[i].value, 0, rows[i].max, e) < 0)
            return -1;
    return 0;
}

static void take_numbers(struct sim_setup *s, const struct sim_conf *c)
{
    s->host = mem_strdup(c->host ? c->host : "127.0.0.1");
    s->port = (int)c->port;
    s->threads = (int)or_default(c->threads, 1);
    s->seed = (uint64_t)c->seed;
    s->body_max = (size_t)or_default(c->body_max, BODY_MAX);
    s->max_connections = (size_t)or_default(c->max_connections, CONNECTIONS);
    s->max_digests = (size_t)or_default(c->max_digests, DIGESTS);
    s->api_key = mem_strdup(c->api_key);
    s->count_header = mem_strdup(c->count_header ? c->count_header : "X-Sluice-Digest");
    s->cached_percent = c->cached_percent;
    s->reasoning_tokens = c->reasoning_tokens;
    s->dimensions = or_default(c->dimensions, DIMENSIONS);
    s->limit[SIM_RPS] = c->rps;
    s->limit[SIM_RPM] = c->rpm;
    s->limit[SIM_RPD] = c->rpd;
    s->limit[SIM_TPM] = c->tpm;
    s->limit[SIM_INPUT_TPM] = c->input_tpm;
    s->limit[SIM_OUTPUT_TPM] = c->output_tpm;
    s->limit[SIM_TPD] = c->tpd;
    s->limit[SIM_PARALLEL] = c->parallel;
    s->limit_all = c->limit_all;
    s->count_only = c->count_only;
    s->window_us = or_default(c->limit_window_ms, 60000) * 1000;
}

static void take_models(struct sim_setup *s, const struct option_list *l)
{
    s->models = l->count ? mem_array(l->count, sizeof *s->models) : NULL;
    for (; s->model_count < l->count; s->model_count++)
        s->models[s->model_count] = mem_strdup(l->at[s->model_count]);
}

int sim_setup_init(struct sim_setup *s, const struct sim_conf *c, struct err *e)
{
    const char *header = c->limit_header ? c->limit_header : "retry-after";

    *s = (struct sim_setup){0};
    if (check_numbers(c, e) < 0 || sim_latency_parse(c->latency, &s->latency, e) < 0 ||
        sim_voice_init(&s->voice, c->answer, c->text, or_default(c->answer_bytes, ECHO_BYTES),
                       c->output_tokens, e) < 0)
        return -1;
    take_numbers(s, c);
    take_models(s, &c->models);
    if (sim_header_parse(header, &s->limit_header) < 0) {
        err_set(e, EX_USAGE,
                "--limit-header %s: choose retry-after, retry-after-ms, retry-after-date, reset or "
                "none",
                header);
        goto fail;
    }
    for (size_t i = 0; i < c->faults.count; i++)
        if (sim_plan_add(&s->plan, c->faults.at[i], e) < 0)
            goto fail;
    return 0;
fail:
    sim_setup_done(s);
    return -1;
}

void sim_setup_done(struct sim_setup *s)
{
    for (size_t i = 0; i < s->model_count; i++)
        free(s->models[i]);
    free(s->models);
    free(s->host);
    free(s->api_key);
    free(s->count_header);
    sim_voice_done(&s->voice);
    *s = (struct sim_setup){0};
}

bool sim_setup_has_model(const struct sim_setup *s, const char *model)
{
    for (size_t i = 0; i < s->model_count; i++)
        if (strcmp(s->models[i], model) == 0)
            return true;
    return s->model_count == 0;
}
