/*
 * config_warn: settings that are allowed and probably not meant. One line of text each; the caller decides
 * what becomes of them.
 */
#include "task/config_resolve.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "task/account.h"
#include "task/config_prices.h"

#define BROKER_MESSAGE_MAX INT64_C(1048588) /* default of message.max.bytes of a broker */

struct warner {
    const struct config *c;
    void (*fn)(void *arg, const char *text);
    void *arg;
};

static void warn(const struct warner *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void warn(const struct warner *w, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    w->fn(w->arg, text);
}

static void warn_model(const struct warner *w, const struct model *m)
{
    conf_warn_prices(m, w->fn, w->arg);
    if (m->weight <= 0)
        warn(w,
             "model `%s` (%s/%s): weight 0, so this row is asked only when the others of its name "
             "refuse or are off",
             m->model_name, m->provider_name, m->upstream_model);
    if (!m->tls_verify)
        warn(w, "model `%s` (%s/%s): tls_verify is off; anyone on the way can read the key",
             m->model_name, m->provider_name, m->upstream_model);
    if (*m->api_key && strncmp(m->api_base, "http://", 7) == 0)
        warn(w, "model `%s` (%s/%s): the key is sent without TLS, api_base begins with http://",
             m->model_name, m->provider_name, m->upstream_model);
    if (w->c->router.task_timeout_ms && m->timeout_ms > w->c->router.task_timeout_ms)
        warn(w, "model `%s` (%s/%s): timeout is longer than router_settings.task_timeout",
             m->model_name, m->provider_name, m->upstream_model);
}

/* Rows of one account with limits of their own: the provider knows of one limit only. */
static void warn_account(const struct warner *w, const struct model *m)
{
    int i = 0;

    for (i = 0; i < m->index; i++) {
        const struct model *other = &w->c->models[i];

        if (!account_same(m, other) || account_same_limits(m, other))
            continue;
        warn(w,
             "models `%s` and `%s` are %s/%s with the same key and have different limits: both "
             "together may use the sum of them; rows with the same limits share one",
             other->model_name, m->model_name, m->provider_name, m->upstream_model);
        return;
    }
}

static void warn_kafka(const struct warner *w)
{
    const struct config *c = w->c;
    const char *reset = conf_kafka_get(c, &c->kafka_consumer, "auto.offset.reset");
    const char *max = conf_kafka_get(c, &c->kafka_producer, "message.max.bytes");
    int64_t bytes = BROKER_MESSAGE_MAX;

    if (!conf_kafka_get(c, NULL, "bootstrap.servers")) {
        if (c->kafka.count || c->kafka_consumer.count || c->kafka_producer.count)
            warn(w, "kafka: bootstrap.servers is not set, so there is no broker to talk to");
        return;
    }
    if (!conf_kafka_get(c, &c->kafka_consumer, "group.id"))
        warn(w, "kafka.group.id is not set; `sluice worker` needs one");
    if (reset && (strcmp(reset, "latest") == 0 || strcmp(reset, "largest") == 0 ||
                  strcmp(reset, "end") == 0))
        warn(w, "kafka: auto.offset.reset=%s skips records that arrive before the first commit",
             reset);
    if (max)
        config_int(max, &bytes);
    if (c->limits.reply_bytes > bytes)
        warn(w,
             "limits.reply_bytes (%lld) is larger than %s (%lld); a larger reply becomes an error "
             "unless broker and topic allow it (max.message.bytes of the topic)",
             (long long)c->limits.reply_bytes,
             max ? "kafka message.max.bytes" : "what a broker takes by default", (long long)bytes);
}

/* A fallback to a window that is not known to be larger is never taken. */
static void warn_windows(const struct warner *w)
{
    const struct fallback_list *l = &w->c->router.context_window_fallbacks;
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < l->count; i++) {
        const struct model *from = config_model(w->c, l->at[i].from, 0);

        for (k = 0; k < l->at[i].to.count; k++) {
            const struct model *to = config_model(w->c, l->at[i].to.at[k], 0);

            if (from && to && to->max_input_tokens <= from->max_input_tokens)
                warn(w,
                     "router_settings.context_window_fallbacks: the window of `%s` is not known "
                     "to be larger than that of `%s`; set model_info.max_input_tokens of both",
                     to->model_name, from->model_name);
        }
    }
}

/* Another region of the row before it, for which all has been said. */
static bool is_next_region(const struct config *c, size_t i)
{
    const struct model *m = &c->models[i];
    const struct model *last = i > 0 ? m - 1 : NULL;

    return last && m->line == last->line && m->aws_region_name && last->aws_region_name &&
           strcmp(m->aws_region_name, last->aws_region_name) != 0 &&
           strcmp(m->model_name, last->model_name) == 0 &&
           strcmp(m->upstream_model, last->upstream_model) == 0 && m->weight > 0;
}

/* Under a budget of money a request is refused when its longest answer has no known length. */
static void warn_budget(const struct warner *w)
{
    const struct config *c = w->c;
    bool money = c->budget.max_cost >= 0;
    size_t i = 0;

    for (i = 0; i < c->ntenants; i++)
        money |= c->tenants[i].max_cost >= 0;
    for (i = 0; money && i < c->nmodels; i++) {
        if (c->models[i].max_output_tokens == 0 && !is_next_region(c, i))
            warn(w,
                 "max_cost is set and model `%s` has no model_info.max_output_tokens: requests "
                 "without max_completion_tokens cannot be bounded, which budget.unknown_price: %s "
                 "decides about",
                 c->models[i].model_name, c->budget.unknown_price);
    }
}

/* A limit that another one keeps from being reached says something that is not meant. */
static void warn_limits(const struct warner *w, const struct model *m)
{
    const int64_t both = m->input_tpm > 0 && m->output_tpm > 0 ? m->input_tpm + m->output_tpm : 0;
    const struct {
        const char *name, *lower;
        int64_t max, most;
    } rows[] = {
        {"rpm", "rps", m->rpm, m->rps * 60},
        {"rpd", "rpm", m->rpd, m->rpm * 1440},
        {"rpd", "rps", m->rpd, m->rps * 86400},
        {"input_tpm", "tpm", m->input_tpm, m->tpm},
        {"output_tpm", "tpm", m->output_tpm, m->tpm},
        {"tpd", "tpm", m->tpd, m->tpm * 1440},
        {"rps", "rpm", m->rps, m->rpm},
        {"rpm", "rpd", m->rpm, m->rpd},
        {"tpm", "tpd", m->tpm, m->tpd},
        {"tpm", "input_tpm with output_tpm", m->tpm, both},
    };
    size_t i = 0;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].most > 0 && rows[i].max > rows[i].most)
            warn(w,
                 "model `%s` (%s/%s): %s (%lld) is never reached, as %s allows %lld in that time",
                 m->model_name, m->provider_name, m->upstream_model, rows[i].name,
                 (long long)rows[i].max, rows[i].lower, (long long)rows[i].most);
    }
}

/* The longest answer that a request may ask for has to fit. */
static void warn_answers(const struct warner *w, const struct model *m)
{
    const struct {
        const char *name;
        int64_t max;
    } rows[] = {{"tpm", m->tpm}, {"output_tpm", m->output_tpm}, {"tpd", m->tpd}};
    size_t i = 0;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].max > 0 && m->max_output_tokens > rows[i].max)
            warn(w,
                 "model `%s` (%s/%s): max_output_tokens (%lld) is larger than %s (%lld); a request "
                 "that asks for so much is never sent",
                 m->model_name, m->provider_name, m->upstream_model,
                 (long long)m->max_output_tokens, rows[i].name, (long long)rows[i].max);
    }
}

void config_warnings(const struct config *c, void (*fn)(void *arg, const char *text), void *arg)
{
    const struct warner w = {c, fn, arg};
    size_t i = 0;

    if (c->nmodels == 0)
        warn(&w, "model_list is empty, so every request will be answered with an error");
    for (i = 0; i < c->nmodels; i++) {
        if (!is_next_region(c, i)) {
            warn_model(&w, &c->models[i]);
            warn_limits(&w, &c->models[i]);
            warn_answers(&w, &c->models[i]);
        }
        warn_account(&w, &c->models[i]);
    }
    warn_windows(&w);
    warn_budget(&w);
    warn_kafka(&w);
    if (c->limits.response_bytes < c->limits.reply_bytes)
        warn(&w, "limits.response_bytes is smaller than limits.reply_bytes, which then is never "
                 "reached");
    if (c->pool.workers > c->pool.max_calls)
        warn(&w,
             "pool.workers is larger than pool.max_calls; some workers will have nothing to do");
}
