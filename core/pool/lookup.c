/* lookup: is there a stored answer to this request? Asks the store; waits for nothing. */
#include "policy/key.h"
#include "policy/select.h"
#include "pool/spans.h"

static int read_completion(struct worker *w, const uint8_t key[SHA256_LEN], struct completion **ret)
{
    struct store *s = w->pool->store;
    struct err e = {0};
    int r = store_get_completion(s, key, w->now_wall_ms, ret, &e);

    if (r >= 0)
        return r;
    r = store_get_completion(s, key, w->now_wall_ms, ret, &e);
    return step_after_error(w, r, &e);
}

static int lookup_model(struct worker *w, struct task *t, const char *name)
{
    const struct config *c = w->pool->config;
    const struct model *m = config_model(c, name, 0);
    struct completion *found = NULL;
    uint8_t key[SHA256_LEN];
    int r = STORE_NONE;

    for (; m && r == STORE_NONE; m = config_model(c, name, (size_t)m->index + 1)) {
        key_completion(t, m, w->sha, key);
        r = read_completion(w, key, &found);
        if (r == STORE_FOUND) {
            task_succeed(t, found);
            t->cache_result = CACHE_HIT;
        }
    }
    return r;
}

/* The models that the task accepts, in order; with accept_fallbacks those behind the first as well. */
static int lookup_models(struct worker *w, struct task *t)
{
    const struct config *c = w->pool->config;
    const char *name = NULL;
    int r = STORE_NONE;
    size_t i = 0;

    for (i = 0; r == STORE_NONE && (name = select_model_name(c, t, i)); i++) {
        if (i > 0 && !c->cache.accept_fallbacks)
            break;
        r = lookup_model(w, t, name);
    }
    return r;
}

int lookup_cache(struct worker *w, struct task *t)
{
    int64_t began_us = 0;
    int r = STORE_NONE;

    if (!w->pool->config->cache.enabled || t->cache != CACHE_USE)
        return STORE_NONE;
    began_us = spans_clock(t);
    r = lookup_models(w, t);
    if (r == STORE_NONE) {
        w->count.misses++;
        w->counted = true;
    }
    spans_lookup(w, t, began_us, r == STORE_FOUND);
    return r;
}
