/*
 * reserve: the tokens of a task between policy/estimate, which knows how many they will be, and policy/limit, which
 * counts them. It must not decide whether a call may go.
 */
#include "pool/reserve.h"

static struct limit_need estimated(const struct task *t)
{
    return (struct limit_need){t->estimated_tokens, t->estimated_output};
}

static struct limit_need held(const struct task *t)
{
    return (struct limit_need){t->reserved_tokens, t->reserved_output};
}

void reserve_estimate(const struct config *c, struct task *t)
{
    struct limit_need n = estimate_task(c, t);

    t->estimated_tokens = n.tokens;
    t->estimated_output = n.output;
    t->reserved_tokens = n.tokens;
}

void reserve_note(const struct route *r, struct task *t, int64_t now_us)
{
    struct limit_need n = estimate_learned(&r->estimate, estimated(t));

    t->reserved_tokens = n.tokens;
    t->reserved_output = n.output;
    t->reserved_us = now_us;
}

void reserve_end(struct route *r, struct task *t, const struct admission_end *end, int64_t now_us)
{
    struct limit_need used = {end->used_tokens, end->used_output};

    if (!end->sent) {
        limit_refund(r->limit, held(t), t->reserved_us);
    } else if (end->used_tokens < 0) {
        limit_settle(r->limit, held(t), held(t), t->reserved_us, now_us);
    } else {
        estimate_learn(&r->estimate, estimated(t), used);
        limit_settle(r->limit, held(t), used, t->reserved_us, now_us);
    }
    t->reserved_tokens = 0;
    t->reserved_output = 0;
}

void reserve_fail(const struct config *c, struct task *t)
{
    struct limit_need n = estimate_task(c, t);
    enum limit_dim dim = LIMIT_DIMS;
    int row = select_too_large(c, t, &dim);

    if (row < 0) {
        task_fail(t, "no_model_available",
                  "no deployment of model \"%s\" can serve this request: all are refused for it or "
                  "too small; see model_list and fallbacks",
                  t->models[0]);
        return;
    }
    task_fail(t, "no_model_available",
              "no deployment of model \"%s\" can serve this request: with %lld tokens, of which "
              "%lld are the longest answer, it is larger than %s of \"%s\", and no other row can "
              "take it; see model_list and fallbacks",
              t->models[0], (long long)n.tokens, (long long)n.output, limit_name(dim),
              c->models[row].model_name);
}
