/*
 * call: one call of a task to a provider, from the reserved route to the classified answer, and what
 * becomes of the task then. Waiting and choosing are done elsewhere (admission, policy).
 */
#include "pool/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/cost.h"
#include "policy/hint.h"
#include "policy/scope.h"
#include "policy/select.h"
#include "pool/spans.h"
#include "task/provider.h"

#define IDLE_CALLS_MAX 1024

struct call *call_take(struct worker *w, struct task *t)
{
    struct list_node *n = NULL;
    struct call *c = t->call;

    if (c)
        return c;
    n = list_pop(&w->idle);
    c = n ? CONTAINER_OF(n, struct call, node) : mem_alloc(sizeof *c);
    w->nidle -= n != NULL;
    memset(c, 0, sizeof *c);
    c->task = t;
    c->worker = w;
    t->call = c;
    list_push(&w->busy, &c->node);
    return c;
}

static void clear_transfer(struct call *c)
{
    http_request_done(&c->http.request);
    http_response_done(&c->http.response);
    memset(&c->http, 0, sizeof c->http);
}

void call_release(struct worker *w, struct task *t)
{
    struct call *c = t->call;

    if (t->holds_slot)
        admission_stored(w->pool->admission, t, w->now_us);
    if (!c)
        return;
    clear_transfer(c);
    claim_over(c);
    list_remove(&c->node);
    t->call = NULL;
    if (w->nidle >= IDLE_CALLS_MAX) {
        free(c);
        return;
    }
    c->task = NULL;
    list_push(&w->idle, &c->node);
    w->nidle++;
}

static const struct model *model_of(const struct worker *w, const struct task *t)
{
    return &w->pool->config->models[t->route];
}

/* An answer that is no good (empty, broken) was paid for all the same. */
static void count_lost(struct worker *w, struct task *t, struct attempt *a,
                       const struct answer *ans)
{
    double usd = cost_of_answer(&model_of(w, t)->prices, ans);

    if (ans->class == CLASS_OK || a->status < 200 || a->status >= 300 || usd < 0)
        return;
    a->cost_known = true;
    t->lost_usd += usd;
    w->count.cost_usd += usd;
    w->routes[t->route].cost_usd += usd;
}

static void note_attempt(struct worker *w, struct task *t, const struct http_response *rsp,
                         const struct answer *ans)
{
    struct attempt a = {.route = (uint16_t)t->route,
                        .status = (int16_t)rsp->status,
                        .class = ans->class,
                        .maybe_paid = rsp->end == HTTP_TIMEOUT || rsp->end == HTTP_CUT ||
                                      rsp->end == HTTP_CANCELLED,
                        .ms = rsp->elapsed_us / 1000};

    spans_call(w, t, rsp, ans);
    count_lost(w, t, &a, ans);
    w->routes[t->route].maybe_paid += a.maybe_paid && !a.cost_known;
    task_trail_add(t, &a);
    t->inference_us += rsp->elapsed_us;
    t->last_class = ans->class;
    t->cost_a_call = true;
    count_call(w, t, rsp, ans);
}

/* What the budget pays for a call. Negative: it may have been charged, and nobody knows how much. */
static double charged(const struct worker *w, const struct task *t, const struct http_response *rsp,
                      const struct answer *ans)
{
    bool may = rsp->end == HTTP_TIMEOUT || rsp->end == HTTP_CUT || rsp->end == HTTP_CANCELLED ||
               rsp->end == HTTP_TOO_LARGE || rsp->end == HTTP_RESET;

    if (rsp->end == HTTP_DONE && rsp->status >= 200 && rsp->status < 300)
        return cost_of_answer(&model_of(w, t)->prices, ans);
    return may ? -1 : 0;
}

/* As snprintf() would, at a tenth of what that costs. */
static void copy_name(char *to, size_t cap, const char *from)
{
    size_t n = strnlen(from, cap - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

static struct completion *make_completion(struct worker *w, const struct model *m,
                                          struct answer *ans)
{
    struct completion *done = completion_new();
    int64_t ttl_ms = w->pool->config->cache.ttl_ms;

    done->body = buf_steal(&ans->body, &done->body_len);
    done->usage = ans->usage;
    done->finish = ans->finish;
    done->cost_usd = cost_of_answer(&m->prices, ans);
    done->created_wall_ms = w->now_wall_ms;
    done->expires_wall_ms = ttl_ms > 0 ? w->now_wall_ms + ttl_ms : 0;
    copy_name(done->model, sizeof done->model, m->model_name);
    copy_name(done->provider, sizeof done->provider, m->provider_name);
    copy_name(done->upstream_model, sizeof done->upstream_model,
              ans->model[0] ? ans->model : m->upstream_model);
    copy_name(done->request_id, sizeof done->request_id, ans->request_id);
    return done;
}

/* An answer is as long as its tokens of output; vectors are not. */
static int64_t work_of(const struct task *t, const struct answer *ans)
{
    return t->op == OP_EMBEDDINGS || ans->usage.output_tokens <= 0 ? 1 : ans->usage.output_tokens;
}

static void succeeded(struct worker *w, struct task *t, const struct http_response *rsp,
                      struct answer *ans)
{
    const struct usage *u = &ans->usage;
    struct allowance said[LEARN_KINDS];
    struct admission_end end = {.sent = true,
                                .ok = true,
                                .keeps_slot = true,
                                .cost_usd = cost_of_answer(&model_of(w, t)->prices, ans),
                                .took_us = rsp->elapsed_us,
                                .work = work_of(t, ans),
                                .used_tokens = -1};

    if (hint_allowance(rsp, w->now_wall_ms, said))
        end.said = said;
    if (u->input_tokens >= 0 && u->output_tokens >= 0) {
        end.used_tokens = u->input_tokens + u->output_tokens;
        end.used_output = u->output_tokens;
    }
    admission_leave(w->pool->admission, t, &end, w->now_us);
    task_succeed(t, make_completion(w, model_of(w, t), ans));
    t->cache_result = CACHE_MISS;
    count_usage(w, t, t->completion);
    step_finish(w, t);
}

/* Keeps what the provider said: it is the task's end if nothing better comes. */
static void keep_failure(struct task *t, const struct http_response *rsp, const struct answer *ans)
{
    if (rsp->end == HTTP_DONE && rsp->status >= 400 && ans->body.len > 0) {
        task_fail_http(t, (int)rsp->status, ans->code[0] ? ans->code : class_name(ans->class),
                       ans->body.data, ans->body.len);
        return;
    }
    task_fail(t, ans->code[0] ? ans->code : class_name(ans->class), "%s",
              ans->message[0] ? ans->message : class_name(ans->class));
}

static void log_route(const struct worker *w, const struct task *t, const struct retry_verdict *v,
                      const struct answer *ans)
{
    const struct model *m = model_of(w, t);
    char quoted[300];
    char region[80] = "";

    if (m->aws_region_name)
        snprintf(region, sizeof region, " region=%.64s", m->aws_region_name);
    if (v->effect == ROUTE_OFF)
        log_warn("route off", "model=%s provider=%s%s class=%s code=%s for_s=%lld", m->model_name,
                 m->provider_name, region, class_name(ans->class),
                 log_quote(ans->code, quoted, sizeof quoted),
                 (long long)((v->cool_until_us - w->now_us) / 1000000));
    else if (v->effect == ROUTE_COOL || v->effect == ROUTE_PAUSE)
        log_debug("route cooling", "model=%s provider=%s%s class=%s for_ms=%lld", m->model_name,
                  m->provider_name, region, class_name(ans->class),
                  (long long)((v->cool_until_us - w->now_us) / 1000));
}

/* Ends a task with what its last call said. */
static void end_task(struct worker *w, struct task *t)
{
    if (w->now_us >= t->deadline_us)
        step_deadline(w, t); /* which has cut the call short, most likely */
    else
        step_finish(w, t);
}

/* Does this failure end the task? That is decided here and nowhere later, while the call still has its
 * slot: an end keeps it, the way to another route does not. A fallback that the task is left with is put in
 * the place of its models. */
static bool ends_task(const struct worker *w, struct task *t, const struct retry_verdict *v)
{
    const struct config *c = w->pool->config;

    if (v->refuse_route)
        t->refused_routes |= scope_refused(c, t->route, t->last_class);
    if (v->action == RETRY_GIVE_UP)
        return true;
    if ((v->fallback == FALLBACK_CONTEXT || v->fallback == FALLBACK_POLICY) &&
        !admission_fallback(w->pool->admission, t, v->fallback))
        return true;
    return !select_candidates(c, t);
}

static void go_on(struct worker *w, struct task *t, const struct retry_verdict *v)
{
    if (v->action == RETRY_SAME) {
        t->route = -1; /* any row may be drawn again, this one as well */
        w->count.retries++;
    } else {
        w->count.reselections++;
    }
    call_release(w, t);
    t->step = STEP_SELECT;
    if (v->not_before_us > w->now_us)
        worker_delay(w, t, v->not_before_us, STEP_SELECT);
    else
        step_run(w, t);
}

static void failed(struct worker *w, struct task *t, struct http_response *rsp, struct answer *ans)
{
    struct retry_input in = {.class = ans->class,
                             .hint_ms = hint_wait_ms(rsp, ans, w->now_wall_ms),
                             .no_same_route = ans->no_same_route || hint_should_retry(rsp) == 0,
                             .now_us = w->now_us};
    struct admission_end end = {
        .sent = true, .cost_usd = charged(w, t, rsp, ans), .used_tokens = -1};
    struct retry_verdict v;

    if (t->probe ? retry_probe_counts(ans->class) : retry_counts(ans->class))
        t->attempts_used++;
    v = retry_decide(w->pool->config, t, &in, &w->rng);
    log_route(w, t, &v, ans);
    end.verdict = &v;
    if (ans->class == CLASS_CONTEXT_WINDOW)
        end.window_said = window_said(ans->message);
    if (ans->class == CLASS_TIMEOUT)
        end.took_us = rsp->elapsed_us; /* for no work at all: it counts as slow */
    end.keeps_slot = ends_task(w, t, &v);
    admission_leave(w->pool->admission, t, &end, w->now_us);
    keep_failure(t, rsp, ans);
    if (end.keeps_slot)
        end_task(w, t);
    else
        go_on(w, t, &v);
}

void call_not_made(struct worker *w, struct task *t)
{
    struct admission_end end = {.sent = false};

    admission_leave(w->pool->admission, t, &end, w->now_us);
}

/* Cut off by pool_cancel(): nobody knows whether the provider or the request is to blame. */
static void cut_off(struct worker *w, struct task *t, const struct http_response *rsp)
{
    struct retry_verdict v = {.action = RETRY_GIVE_UP, .effect = ROUTE_DOUBT};
    struct admission_end end = {
        .sent = true, .keeps_slot = true, .cost_usd = -1, .used_tokens = -1, .verdict = &v};
    struct answer ans;

    answer_init(&ans, (size_t)w->pool->config->limits.response_bytes);
    answer_transport(&ans, rsp);
    ans.class = CLASS_TIMEOUT; /* it took too long for those behind it */
    note_attempt(w, t, rsp, &ans);
    admission_leave(w->pool->admission, t, &end, w->now_us);
    answer_done(&ans);
    step_cancel(w, t);
}

static void cancelled(struct worker *w, struct task *t, const struct http_response *rsp)
{
    struct admission_end end = {.sent = false, .cost_usd = -1};

    if (task_is_cancelled(t) && !__atomic_load_n(&w->pool->stopping, __ATOMIC_RELAXED)) {
        cut_off(w, t, rsp);
        return;
    }
    admission_leave(w->pool->admission, t, &end, w->now_us);
    step_give_back(w, t);
}

void call_cancel(struct worker *w)
{
    for (struct list_node *n = w->busy.next; n != &w->busy; n = n->next) {
        struct call *c = CONTAINER_OF(n, struct call, node);

        if (c->calling && task_is_cancelled(c->task))
            http_cancel(w->http, &c->http);
    }
}

/* The transfer has ended. Runs inside http_run(). */
static void on_done(struct http_call *h)
{
    struct call *c = h->arg;
    struct worker *w = c->worker;
    struct task *t = c->task;
    const struct model *m = model_of(w, t);
    struct answer ans;

    w->now_us = clock_mono_us();
    w->now_wall_ms = clock_wall_ms();
    c->calling = false;
    task_set_state(t, TASK_RUNNING);
    if (h->response.end == HTTP_CANCELLED) {
        cancelled(w, t, &h->response);
        return;
    }
    answer_init(&ans, (size_t)w->pool->config->limits.response_bytes);
    if (h->response.end == HTTP_DONE)
        m->provider->parse_response(m, t, &h->response, &ans);
    else
        answer_transport(&ans, &h->response);
    count_part(w, POOL_PART_ANSWER, w->now_us);
    note_attempt(w, t, &h->response, &ans);
    if (ans.class == CLASS_OK)
        succeeded(w, t, &h->response, &ans);
    else
        failed(w, t, &h->response, &ans);
    answer_done(&ans);
}

/* The call could not be made on this route: tries what other routes the task has. When there is none, a
 * call before this one may have cost something: so this end keeps its slot, too. */
static void not_called(struct worker *w, struct task *t)
{
    struct admission_end end = {.sent = false};

    t->refused_routes |= (uint64_t)1 << t->route;
    end.keeps_slot = !select_candidates(w->pool->config, t);
    admission_leave(w->pool->admission, t, &end, w->now_us);
    if (end.keeps_slot) {
        end_task(w, t);
        return;
    }
    call_release(w, t);
    t->step = STEP_SELECT;
    step_run(w, t);
}

/* The provider cannot say this request: another model of the task may. */
static void unsupported(struct worker *w, struct task *t, const struct err *e)
{
    struct buf body = BUF_INIT(ERR_MSG_MAX * 6 + 256);

    buf_str(&body, "{\"error\":{\"message\":");
    buf_json_str(&body, e->msg, strlen(e->msg));
    buf_str(&body, ",\"type\":\"invalid_request_error\",\"param\":null,"
                   "\"code\":\"unsupported_parameter\"}}");
    task_fail_http(t, 400, "unsupported_parameter", body.data, body.len);
    buf_done(&body);
    t->last_class = CLASS_CALLER_FAULT;
    not_called(w, t);
}

static void prepare(struct worker *w, struct task *t, struct call *c, const struct model *m)
{
    struct http_request *r = &c->http.request;
    int64_t left_ms = (t->deadline_us - w->now_us) / 1000 + 1;

    if (r->timeout_ms <= 0)
        r->timeout_ms = m->timeout_ms;
    if (t->deadline_us != INT64_MAX && left_ms < r->timeout_ms)
        r->timeout_ms = left_ms;
    r->connect_timeout_ms = m->connect_timeout_ms;
    c->http.ca_file = m->tls_ca_file;
    c->http.tls_verify = m->tls_verify;
    c->http.done = on_done;
    c->http.arg = c;
}

void call_start(struct worker *w, struct task *t)
{
    const struct model *m = model_of(w, t);
    struct call *c = call_take(w, t);
    int64_t since_us = clock_mono_us();
    struct err e = {0};
    int rc = 0;

    clear_transfer(c);
    http_request_init(&c->http.request, (size_t)w->pool->config->limits.record_bytes * 4);
    rc = m->provider->format_request(m, t, &c->http.request, &e);
    count_part(w, POOL_PART_FORMAT, since_us);
    if (rc < 0) {
        unsupported(w, t, &e);
        return;
    }
    prepare(w, t, c, m);
    spans_request(w, t, &c->http.request);
    if (t->ntrail == 0)
        t->queued_us = w->now_us - t->received_us + t->waited_us;
    task_set_state(t, TASK_HTTP);
    c->calling = http_start(w->http, &c->http) == 0;
    if (c->calling) {
        count_begin(w, t);
        return;
    }
    task_set_state(t, TASK_RUNNING);
    task_fail(t, "call_not_started", "%s", c->http.response.detail);
    not_called(w, t);
}
