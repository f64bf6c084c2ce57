/*
 * config_resolve: what one key alone cannot tell. Joins the rows of model_list with the tables of providers
 * and vendors, fetches keys, and refuses combinations that cannot work. It reads no file
 * but those that hold secrets.
 */
#include "task/config_resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "task/config_prices.h"
#include "task/config_table.h"
#include "task/provider.h"

#define NAMES_MAX 256
#define BASE_MAX  2048

struct resolver {
    struct config *c;
    const struct provider *const *providers;
    const struct vendor *vendors;
    char *const *envp;
    struct err *e;
};

int conf_place_err(const struct config *c, int line, struct err *e, const char *fmt, ...)
{
    const char *file = c->path ? c->path : "configuration";
    char msg[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (line)
        return err_set(e, EX_CONFIG, "%s:%d: %s", file, line, msg);
    return err_set(e, EX_CONFIG, "%s: %s", file, msg);
}

/* ---- providers and vendors ------------------------------------------------------------------- */

static const struct provider *find_provider(const struct resolver *r, const char *name)
{
    const struct provider *const *p = NULL;

    for (p = r->providers; *p && (*p)->name; p++) {
        if (strcmp((*p)->name, name) == 0)
            return *p;
    }
    return NULL;
}

static const struct vendor *find_vendor(const struct resolver *r, const char *name)
{
    const struct vendor *v = NULL;

    for (v = r->vendors; v->name; v++) {
        if (strcmp(v->name, name) == 0)
            return v;
    }
    return NULL;
}

static int unknown_provider(const struct resolver *r, const struct model *m)
{
    const struct provider *const *p = NULL;
    const struct vendor *v = NULL;
    const char *names[NAMES_MAX];
    const char *near = NULL;
    size_t n = 0;

    for (v = r->vendors; v->name && n < NAMES_MAX; v++)
        names[n++] = v->name;
    for (p = r->providers; *p && (*p)->name && n < NAMES_MAX; p++)
        names[n++] = (*p)->name;
    near = config_nearest(m->provider_name, names, n);
    if (near)
        return conf_place_err(r->c, m->line, r->e,
                              "model `%s`: unknown provider `%.60s`; did you "
                              "mean `%s`?",
                              m->model_name, m->provider_name, near);
    return conf_place_err(r->c, m->line, r->e,
                          "model `%s`: unknown provider `%.60s`; for a server that speaks OpenAI's "
                          "API write openai/%.60s and set api_base",
                          m->model_name, m->provider_name, m->upstream_model);
}

static int set_dialect(const struct resolver *r, struct model *m)
{
    m->vendor = find_vendor(r, m->provider_name);
    m->provider = find_provider(r, m->vendor ? m->vendor->dialect : m->provider_name);
    return m->provider ? 0 : unknown_provider(r, m);
}

/*
 * The API that serves the row. A model's name may ask for it, too: "openai/responses/gpt-5".
 */
static int set_mode(const struct resolver *r, struct model *m)
{
    static const char prefix[] = "responses/";
    const size_t n = sizeof prefix - 1;
    bool named = m->provider->responses && m->upstream_model &&
                 strncmp(m->upstream_model, prefix, n) == 0 && m->upstream_model[n];

    if (named && m->mode && strcmp(m->mode, "chat") == 0)
        return conf_place_err(
            r->c, m->line, r->e,
            "model `%s`: params.model asks for the API `responses`, params.mode for "
            "`chat`; keep one of them",
            m->model_name);
    if (named) {
        memmove(m->upstream_model, m->upstream_model + n, strlen(m->upstream_model + n) + 1);
        free(m->mode);
        m->mode = mem_strdup("responses");
    }
    if (m->mode && strcmp(m->mode, "responses") == 0 && !m->provider->responses)
        return conf_place_err(
            r->c, m->line, r->e,
            "model `%s`: params.mode: provider %s has no Responses API; leave mode "
            "out, requests to /v1/responses are translated for it",
            m->model_name, m->provider_name);
    return 0;
}

bool conf_bad_authority(const char *url)
{
    const char *host = strstr(url, "//") + 2;
    size_t n = strcspn(host, "/?#");
    const char *colon = memrchr(host, ':', n);
    const char *bracket = memrchr(host, ']', n);
    char *end = NULL;
    long port = 0;

    if (n == 0 || memchr(host, '@', n))
        return true;
    if (!colon || (bracket && colon < bracket)) /* the colons of an IPv6 address */
        return false;
    port = strtol(colon + 1, &end, 10);
    return end != host + n || end == colon + 1 || port < 1 || port > 65535;
}

/* A base URL that the dialect makes of other settings. */
static int make_base(const struct resolver *r, struct model *m)
{
    struct buf base = BUF_INIT(BASE_MAX);
    struct err why = {0};
    int bad = 0;

    if (m->api_base || !m->provider->make_base)
        return 0;
    bad = m->provider->make_base(m, &base, &why);
    if (bad >= 0 && base.over)
        bad = err_set(&why, EX_CONFIG, "the base URL is longer than %d bytes", BASE_MAX);
    if (bad >= 0 && base.len > 0)
        m->api_base = buf_steal(&base, NULL);
    buf_done(&base);
    return bad < 0 ? conf_place_err(r->c, m->line, r->e, "%s", why.msg) : 0;
}

static int set_base(const struct resolver *r, struct model *m)
{
    size_t n = 0;

    if (make_base(r, m) < 0)
        return -1;
    if (!m->api_base && m->vendor && m->vendor->api_base &&
        conf_vendor_base(r->c, m, r->envp, r->e) < 0)
        return -1;
    if (!m->api_base || !*m->api_base)
        return conf_place_err(r->c, m->line, r->e,
                              "model `%s`: provider `%s` has no base URL of its own; set api_base",
                              m->model_name, m->provider_name);
    if (strncmp(m->api_base, "http://", 7) != 0 && strncmp(m->api_base, "https://", 8) != 0)
        return conf_place_err(r->c, m->line, r->e,
                              "model `%s`: api_base must begin with http:// or https://",
                              m->model_name);
    if (conf_bad_authority(m->api_base))
        return conf_place_err(
            r->c, m->line, r->e,
            "model `%s`: api_base must hold a host and perhaps a port from 1 to 65535, "
            "and no user or password; put secrets into api_key or extra_headers",
            m->model_name);
    for (n = strlen(m->api_base); n > 8 && m->api_base[n - 1] == '/'; n--)
        m->api_base[n - 1] = '\0';
    return 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int read_key(const struct resolver *r, struct model *m)
{
    char label[200];

    snprintf(label, sizeof label, "model `%.120s`: api_key_file", m->model_name);
    return conf_read_secret(r->c, m->line, label, m->api_key_file, &m->api_key, r->e);
}

static int set_key(const struct resolver *r, struct model *m)
{
    const char *p = NULL;
    int bad = 0;

    if (m->api_key && m->api_key_file)
        return conf_place_err(r->c, m->line, r->e,
                              "model `%s`: api_key and api_key_file are both set; keep one",
                              m->model_name);
    if (m->api_key_file)
        bad = read_key(r, m);
    else if (!m->api_key)
        bad = conf_vendor_key(r->c, m, r->envp, r->e);
    if (bad < 0)
        return bad;
    for (p = m->api_key; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return conf_place_err(r->c, m->line, r->e,
                                  "model `%s`: the key holds white space or a control byte",
                                  m->model_name);
    }
    return 0;
}

static int resolve_model(const struct resolver *r, struct model *m)
{
    struct err why = {0};

    if (set_dialect(r, m) < 0 || set_mode(r, m) < 0)
        return -1;
    if (conf_resolve_aws(r->c, m, r->envp, r->e) < 0 || set_base(r, m) < 0 || set_key(r, m) < 0)
        return -1;
    if (conf_resolve_prices(r->c, m, r->e) < 0)
        return -1;
    if (m->connect_timeout_ms > m->timeout_ms)
        m->connect_timeout_ms = m->timeout_ms;
    if (m->provider->check && m->provider->check(m, &why) < 0)
        return conf_place_err(r->c, m->line, r->e, "%s", why.msg);
    return 0;
}

/* ---- models among each other ----------------------------------------------------------------- */

static int unknown_model(const struct config *c, int line, const char *where, const char *name,
                         struct err *e)
{
    const char *names[CONFIG_MODELS_MAX];
    const char *near = NULL;
    size_t i = 0;

    for (i = 0; i < c->nmodels; i++)
        names[i] = c->models[i].model_name;
    near = config_nearest(name, names, c->nmodels);
    if (near)
        return conf_place_err(c, line, e, "%s: no model `%.80s` in model_list; did you mean `%s`?",
                              where, name, near);
    return conf_place_err(c, line, e, "%s: no model `%.80s` in model_list", where, name);
}

static int check_fallbacks(const struct config *c, const struct fallback_list *l, const char *where,
                           struct err *e)
{
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < l->count; i++) {
        const struct fallback *f = &l->at[i];

        if (!config_model(c, f->from, 0))
            return unknown_model(c, f->line, where, f->from, e);
        for (k = 0; k < f->to.count; k++) {
            if (!config_model(c, f->to.at[k], 0))
                return unknown_model(c, f->line, where, f->to.at[k], e);
            if (strcmp(f->from, f->to.at[k]) == 0)
                return conf_place_err(c, f->line, e, "%s: `%s` falls back to itself", where,
                                      f->from);
        }
    }
    return 0;
}

static const struct fallback *fallback_of(const struct fallback_list *l, const char *from)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        if (strcmp(l->at[i].from, from) == 0)
            return &l->at[i];
    }
    return NULL;
}

/* Can `to` be reached from `from`? depth bounds the walk: no path without a cycle is longer. */
static bool reaches(const struct fallback_list *l, const char *from, const char *to, bool *seen)
{
    const struct fallback *f = fallback_of(l, from);
    size_t i = 0;

    if (!f || seen[f - l->at])
        return false;
    seen[f - l->at] = true;
    for (i = 0; i < f->to.count; i++) {
        if (strcmp(f->to.at[i], to) == 0 || reaches(l, f->to.at[i], to, seen))
            return true;
    }
    return false;
}

/*
 * These two kinds replace the models of a task, so that a cycle would go round for ever. General fallbacks
 * are only appended, once, and may point at each other.
 */
static int check_cycles(const struct config *c, const struct fallback_list *l, const char *where,
                        struct err *e)
{
    size_t i = 0;

    for (i = 0; i < l->count; i++) {
        CLEANUP_FREE bool *seen = mem_array(l->count, sizeof *seen);

        if (reaches(l, l->at[i].from, l->at[i].from, seen))
            return conf_place_err(c, l->at[i].line, e,
                                  "%s: `%s` comes back to itself over its fallbacks", where,
                                  l->at[i].from);
    }
    return 0;
}

static int check_weights(const struct config *c, struct err *e)
{
    size_t i = 0;

    for (i = 0; i < c->nmodels; i++) {
        const struct model *m = config_model(c, c->models[i].model_name, 0);
        double sum = 0;

        for (; m; m = config_model(c, m->model_name, (size_t)m->index + 1))
            sum += m->weight;
        if (sum <= 0)
            return conf_place_err(c, c->models[i].line, e,
                                  "model `%s` can never be chosen: all its rows have weight 0",
                                  c->models[i].model_name);
    }
    return 0;
}

static int check_models(const struct config *c, struct err *e)
{
    const char *context = "router_settings.context_window_fallbacks";
    const char *policy = "router_settings.content_policy_fallbacks";

    if (check_weights(c, e) < 0)
        return -1;
    if (*c->default_model && !config_model(c, c->default_model, 0))
        return unknown_model(c, 0, "default_model", c->default_model, e);
    if (check_fallbacks(c, &c->router.fallbacks, "router_settings.fallbacks", e) < 0 ||
        check_fallbacks(c, &c->router.context_window_fallbacks, context, e) < 0 ||
        check_fallbacks(c, &c->router.content_policy_fallbacks, policy, e) < 0)
        return -1;
    if (check_cycles(c, &c->router.context_window_fallbacks, context, e) < 0)
        return -1;
    return check_cycles(c, &c->router.content_policy_fallbacks, policy, e);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int check_limits(struct config *c, struct err *e)
{
    if (c->pool.max_calls > c->pool.max_in_flight)
        c->pool.max_calls = c->pool.max_in_flight;
    if (c->router.retry_base_ms > c->router.retry_max_ms)
        return conf_place_err(
            c, 0, e, "router_settings.retry_base is longer than router_settings.retry_max");
    if (c->cache.max_bytes && c->cache.max_bytes < c->cache.write_buffer_bytes)
        return conf_place_err(c, 0, e,
                              "cache.max_bytes is smaller than cache.write_buffer, so that nothing "
                              "would be kept");
    return 0;
}

/* LiteLLM's names for what has one name here. */
static void name_strategy(struct config *c)
{
    static const char *const names[][2] = {{"cost-based-routing", "lowest-cost"},
                                           {"latency-based-routing", "lowest-latency"}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(c->router.routing_strategy, names[i][0]) == 0) {
            free(c->router.routing_strategy);
            c->router.routing_strategy = mem_strdup(names[i][1]);
        }
    }
}

int config_resolve(struct config *c, const struct provider *const *providers,
                   const struct vendor *vendors, char *const *envp, struct err *e)
{
    const struct resolver r = {c, providers, vendors, envp, e};
    size_t i = 0;

    for (i = 0; i < c->nmodels; i++) {
        if (resolve_model(&r, &c->models[i]) < 0)
            return -1;
    }
    name_strategy(c);
    if (conf_resolve_admin(c, e) < 0 || conf_resolve_traces(c, envp, e) < 0)
        return -1;
    if (check_models(c, e) < 0 || conf_check_topics(c, e) < 0 || check_limits(c, e) < 0)
        return -1;
    return conf_check_kafka(c, e);
}
