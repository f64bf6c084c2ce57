/* pool_scene: a provider on loopback that behaves by path, a model for each path, and a pool in front. */
#ifndef SLUICE_TESTS_POOL_SCENE_H
#define SLUICE_TESTS_POOL_SCENE_H

#include <criterion/criterion.h>

#include "pool_rig.h"
#include "task/reply.h"
#include "tests/lib/fake_http.h"

#define ANSWER                                                                                     \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up\",\"choices\":"    \
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},"                      \
    "\"finish_reason\":\"stop\"}],"                                                                \
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}"
#define CUT_SHORT                                                                                  \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up\",\"choices\":"    \
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ye\"},"                       \
    "\"finish_reason\":\"length\"}]}"
#define ERROR(code) "{\"error\":{\"message\":\"no\",\"type\":\"t\",\"code\":\"" code "\"}}"

enum { OK, COPY, E500, RESET, CUT, SLOW, STALL, E429, E401, CONTEXT, POLICY, GONE, BAD, PATHS };

/* How each path behaves; a test may replace a row of `now` while the pool runs. */
static const struct fake_script behaviour[PATHS] = {
    [OK] = {.path = "/ok/chat/completions"},
    [COPY] = {.path = "/copy/chat/completions"},
    [E500] = {.path = "/e500/chat/completions"},
    [RESET] = {.path = "/reset/chat/completions", .then = FAKE_RESET},
    [CUT] = {.path = "/cut/chat/completions",
             .answer = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":",
             .then = FAKE_CLOSE},
    /* So slow that a test does what it has to do in the meantime, on a loaded machine as well. */
    [SLOW] = {.path = "/slow/chat/completions", .delay_ms = 1000},
    [STALL] = {.path = "/stall/chat/completions", .then = FAKE_STALL},
    [E429] = {.path = "/e429/chat/completions"},
    [E401] = {.path = "/e401/chat/completions"},
    [CONTEXT] = {.path = "/context/chat/completions"},
    [POLICY] = {.path = "/policy/chat/completions"},
    [GONE] = {.path = "/gone/chat/completions"},
    [BAD] = {.path = "/bad/chat/completions"},
};

static struct fake_script now[PATHS + 1];
static char texts[PATHS][1000];
static struct fake_http *server;
static struct rig *rig;

static inline void say(int path, int status, const char *headers, const char *body)
{
    snprintf(texts[path], sizeof texts[path], "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s",
             status, headers, strlen(body), body);
    now[path].answer = texts[path];
}

static inline void scene_open(void)
{
    memcpy(now, behaviour, sizeof behaviour);
    say(OK, 200, "x-request-id: req_1\r\n", ANSWER);
    say(COPY, 200, "", ANSWER);
    say(E500, 500, "", ERROR("server_error"));
    say(SLOW, 200, "", ANSWER);
    say(E429, 429, "retry-after-ms: 60\r\n", ERROR("rate_limit_exceeded"));
    say(E401, 401, "", ERROR("invalid_api_key"));
    say(CONTEXT, 400, "", ERROR("context_length_exceeded"));
    say(POLICY, 400, "", ERROR("content_policy_violation"));
    say(GONE, 404, "", ERROR("model_not_found"));
    say(BAD, 400, "", ERROR("invalid_value"));
    server = fake_http_new(now);
}

/* Turns the path into one that answers well. The fake server may be reading: one pointer at a time. */
static inline void heal(int path)
{
    __atomic_store_n(&now[path].answer, texts[OK], __ATOMIC_SEQ_CST);
    __atomic_store_n(&now[path].then, FAKE_KEEP, __ATOMIC_SEQ_CST);
}

/* A row of model_list that goes to a path, with a key of its own; more: further members of the row. */
static inline void add_row(struct buf *yaml, const char *name, const char *path, const char *params,
                           const char *more)
{
    char row[600];

    snprintf(row, sizeof row,
             "  - {model_name: %s, params: {model: openai/up, api_key: k-%s%s,\n"
             "      api_base: 'http://127.0.0.1:%d/%s'}%s}\n",
             name, name, params, fake_http_port(server), path, more);
    buf_str(yaml, row);
}

#define PRICED                                                                                     \
    ", model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.01, "                    \
    "max_input_tokens: 100000}"

#define PRICED_FLEX                                                                                \
    ", model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.01, "                    \
    "input_cost_per_token_flex: 0.0005, output_cost_per_token_flex: 0.004}"

/* Further keys of the configuration, lines of YAML; set before scene_start(). */
static const char *scene_top = "";

/* router: further members of router_settings; pool: of pool. */
static inline void scene_start(const char *pool, const char *router)
{
    struct buf yaml = BUF_INIT(20000);
    char head[700];

    snprintf(head, sizeof head,
             "%spool: {workers: 2%s}\n"
             "router_settings: {retry_base: 5ms, retry_max: 20ms, cooldown_time: 100ms%s}\n"
             "model_list:\n",
             scene_top, pool, router);
    buf_str(&yaml, head);
    add_row(&yaml, "ok", "ok", "", PRICED);
    add_row(&yaml, "copy", "copy", "", PRICED);
    add_row(&yaml, "e500", "e500", "", "");
    add_row(&yaml, "reset", "reset", "", "");
    add_row(&yaml, "cut", "cut", "", "");
    add_row(&yaml, "slow", "slow", "", "");
    add_row(&yaml, "three", "slow", ", max_parallel_requests: 3", "");
    add_row(&yaml, "one", "slow", ", max_parallel_requests: 1", PRICED);
    add_row(&yaml, "stall", "stall", "", "");
    add_row(&yaml, "e429", "e429", "", "");
    add_row(&yaml, "e401", "e401", "", "");
    add_row(&yaml, "context", "context", "", ", model_info: {max_input_tokens: 100}");
    add_row(&yaml, "policy", "policy", "", "");
    add_row(&yaml, "prudent", "policy", "", "");
    add_row(&yaml, "wary", "policy", "", "");
    add_row(&yaml, "gone", "gone", "", "");
    add_row(&yaml, "strained", "gone", "", "");
    add_row(&yaml, "tiny", "ok", ", tpm: 10", "");
    add_row(&yaml, "paced", "ok", ", tpm: 800", "");
    add_row(&yaml, "bad", "bad", "", "");
    add_row(&yaml, "mixed", "e500", "", "");
    add_row(&yaml, "mixed", "ok", "", "");
    add_row(&yaml, "billed", "ok", "", ", model_info: {usage_cost_pointer: /usage/cost}");
    add_row(&yaml, "tiered", "ok", "", PRICED_FLEX);
    buf_str(&yaml, "  - {model_name: claude, params: {model: anthropic/c, api_key: k}}\n");
    rig = rig_new(yaml.data);
    buf_done(&yaml);
}

static inline void scene_close(void)
{
    rig_free(rig);
    fake_http_free(server);
}

/* sluice: members of the sluice object; body: further ones of the body, with a comma in front. */
static inline struct task *ask_more(const char *model, const char *prompt, const char *sluice,
                                    const char *body, int64_t row)
{
    char record[1000];

    snprintf(record, sizeof record,
             "{\"custom_id\":\"%s\",\"body\":{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
             "\"content\":\"%s\"}]%s},\"sluice\":{%s}}",
             prompt, model, prompt, body, sluice);
    return rig_task(record, row);
}

static inline void ask(const char *model, const char *prompt, const char *sluice, int64_t row)
{
    rig_submit(rig, ask_more(model, prompt, sluice, "", row));
}

/* Asks and waits for the answer, which is the caller's. */
static inline struct task *answer_to(struct task *t)
{
    int64_t n = rig->nout + 1; /* nothing else is under way */

    rig_submit(rig, t);
    cr_assert(rig_wait(rig, n), "no answer");
    t = rig_take(rig);
    pool_release(rig->pool, 1);
    return t;
}

static inline struct task *asked(const char *model, const char *prompt, const char *sluice)
{
    return answer_to(ask_more(model, prompt, sluice, "", 0));
}

static inline const char *deadline_in(int64_t ms)
{
    static char text[80];
    char when[40];

    clock_format_rfc3339(clock_wall_ms() + ms, when, sizeof when);
    snprintf(text, sizeof text, "\"deadline\":\"%s\"", when);
    return text;
}

/* The end of a task as text: "200", "500", or the code of an error without status. */
static inline void expect_end(struct task *t, const char *end, const char *cache)
{
    struct reply_view v;
    char status[16];

    cr_assert_not_null(t->reply, "%s: given back", end);
    cr_assert_eq(reply_read(t->reply, t->reply_len, &v, NULL), 0, "%s", t->reply);
    snprintf(status, sizeof status, "%d", v.status);
    cr_expect(strcmp(end, status) == 0 || (v.error_code && strcmp(end, v.error_code) == 0),
              "wanted %s: %s", end, t->reply);
    cr_expect_eq(v.ok, strcmp(end, "200") == 0);
    cr_expect_eq(t->ok, v.ok);
    if (cache)
        cr_expect(v.cache && strcmp(v.cache, cache) == 0, "wanted %s: %s", cache, t->reply);
    reply_view_done(&v);
}

static inline void expect_free(struct task *t, const char *end, const char *cache)
{
    expect_end(t, end, cache);
    task_free(t);
}

static inline struct pool_stats stats(void)
{
    static struct pool_stats s;

    pool_stats(rig->pool, &s);
    return s;
}

/* Waits until a condition holds. It must come within a time that no slow machine needs. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t end_us = clock_mono_us() + 30000000;                                               \
                                                                                                   \
        while (!(condition) && clock_mono_us() < end_us)                                           \
            rig_pause_ms(1);                                                                       \
        cr_assert(condition);                                                                      \
    } while (0)

static inline void wait_requests(int n)
{
    WAIT_UNTIL(fake_http_requests(server) >= n);
}

#endif
