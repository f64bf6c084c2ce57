/*
 * advice: see advice.h. A table of words for all reasons; where the configuration and what was seen give numbers, a
 * function adds them. It must not promise what a provider decides: "if the account allows it" stands where that is so.
 */
#include "policy/advice.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct words {
    const char *key, *because, *change;
    void (*numbers)(const struct advice_facts *f,
                    struct advice *ret); /* in place of these words, or NULL */
};

static void because(struct advice *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void change(struct advice *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void because(struct advice *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(a->because, sizeof a->because, fmt, args);
    va_end(args);
}

static void change(struct advice *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(a->change, sizeof a->change, fmt, args);
    va_end(args);
}

static void say_rpm(const struct advice_facts *f, struct advice *a)
{
    because(a, "tasks wait for its requests per minute, rpm: %" PRId64 " of this row",
            f->model->rpm);
}

/* Which tpm would let the requests per minute be used up. */
static void say_tpm(const struct advice_facts *f, struct advice *a)
{
    double minute = (double)f->model->rpm * f->answer_tokens;

    because(a, "tasks wait for its tokens per minute, tpm: %" PRId64 " of this row", f->model->tpm);
    if (minute > (double)f->model->tpm)
        change(a,
               "raise tpm if the account allows it: at %.0f tokens a call, rpm: %" PRId64
               " needs %.0f; or ask for shorter answers (max_tokens)",
               f->answer_tokens, f->model->rpm, ceil(minute));
}

/* "4 calls of 2.0 s each at once are 2.0 calls/s at most". */
static void say_full(const struct advice_facts *f, struct advice *a, const char *key, int64_t calls)
{
    if (f->answer_s <= 0)
        because(a, "%s: %" PRId64 " calls run, and tasks wait for one to end", key, calls);
    else
        because(a,
                "%s: %" PRId64 " calls run, and tasks wait for one to end; an answer takes %.2f s, "
                "so that is %.1f calls/s at most",
                key, calls, f->answer_s, (double)calls / f->answer_s);
}

static void say_parallel(const struct advice_facts *f, struct advice *a)
{
    int64_t calls = f->model->max_parallel_requests;
    double needed = ceil((double)f->model->rpm / 60 * f->answer_s);

    say_full(f, a, "max_parallel_requests", calls);
    if (needed > (double)calls)
        change(a, "raise max_parallel_requests to %.0f, with which rpm: %" PRId64 " can be used up",
               needed, f->model->rpm);
    else
        change(a,
               "raise max_parallel_requests if the provider bears it: %" PRId64
               " doubles the calls/s; or use a model that answers sooner",
               2 * calls);
}

static void say_max_calls(const struct advice_facts *f, struct advice *a)
{
    int64_t calls = f->config->pool.max_calls;

    say_full(f, a, "pool.max_calls", calls);
    change(a,
           "raise pool.max_calls: %" PRId64 " doubles the calls/s (pool.max_in_flight: %" PRId64
           " must be above it)",
           2 * calls, f->config->pool.max_in_flight);
}

static void say_in_flight(const struct advice_facts *f, struct advice *a)
{
    int64_t tasks = f->config->pool.max_in_flight;

    because(a, "the pool holds as many tasks as it may, pool.max_in_flight: %" PRId64, tasks);
    change(a, "raise pool.max_in_flight: %" PRId64 " doubles what may be under way", 2 * tasks);
}

static void say_budget(const struct advice_facts *f, struct advice *a)
{
    const struct budget_view *b = &f->budget;

    if (b->max_cost >= 0)
        because(a, "the budget is used up: $%.4f of $%.4f spent", b->spent_usd, b->max_cost);
    if (b->max_requests > 0 && b->calls >= b->max_requests) {
        a->key = "budget.max_requests";
        because(a, "the budget is used up: %" PRId64 " of %" PRId64 " calls made", b->calls,
                b->max_requests);
        change(a, "raise budget.max_requests (--max-requests), or wait for the next day when it is "
                  "per day");
    }
}

/* At how many requests a minute it refused, as far as they are still in the last minute. */
static void say_refused(const struct advice_facts *f, struct advice *a)
{
    if (f->model->rpm > 0)
        change(a,
               "lower rpm (now %" PRId64 ") or tpm of this row to what the provider allows, or set "
               "max_parallel_requests",
               f->model->rpm);
    else if (f->used_requests > 0)
        change(a,
               "set rpm and tpm of this row to what the provider allows: it refused at %" PRId64
               " requests in a minute; or add a row with another key",
               f->used_requests);
}

static const struct words words[WHY_COUNT] = {
    [WHY_IDLE] = {"", "no task wants it", "nothing: it is free", NULL},
    [WHY_ANSWERS] = {"", "its calls run and no task waits: what came in is with the provider",
                     "nothing here: more input would be served", NULL},
    [WHY_RPS] = {"rps", "tasks wait for its requests per second, rps of this row",
                 "raise rps if the account allows it, or add a row with another key", NULL},
    [WHY_RPM] = {"rpm", "", "raise rpm if the account allows it, or add a row with another key",
                 say_rpm},
    [WHY_RPD] = {"rpd", "its requests per day are used up, rpd of this row",
                 "raise rpd if the account allows it, add a row with another key, or wait", NULL},
    [WHY_TPM] = {"tpm", "",
                 "raise tpm if the account allows it, ask for shorter answers (max_tokens), or add "
                 "a row with another key",
                 say_tpm},
    [WHY_INPUT_TPM] = {"input_tpm", "tasks wait for its input tokens per minute",
                       "raise input_tpm if the account allows it, or send shorter prompts", NULL},
    [WHY_OUTPUT_TPM] = {"output_tpm", "tasks wait for its output tokens per minute",
                        "raise output_tpm if the account allows it, or ask for shorter answers "
                        "(max_tokens)",
                        NULL},
    [WHY_TPD] = {"tpd", "its tokens per day are used up, tpd of this row",
                 "raise tpd if the account allows it, add a row with another key, or wait", NULL},
    [WHY_PARALLEL] = {"max_parallel_requests", "", "", say_parallel},
    [WHY_SHARE] = {"limits_scope",
                   "this worker has no part of the limits now: it holds no partitions, or has just "
                   "been given them",
                   "fewer workers than partitions; it passes after a rebalance", NULL},
    [WHY_LARGE] = {"tpm", "the tasks that wait are larger than this worker's share of its limits",
                   "raise tpm, or run fewer workers", NULL},
    [WHY_HEADERS] = {"router_settings.learn_limits",
                     "the provider's headers say that its limit is nearly used up",
                     "raise the limit of the account, or add a row with another key", NULL},
    [WHY_LEARNED] = {"router_settings.learn_limits",
                     "it is held to what the provider was found to bear without refusing",
                     "raise the limit of the account, or add a row with another key; it is tried "
                     "again by itself, a little more each time",
                     NULL},
    [WHY_MAX_CALLS] = {"pool.max_calls", "", "", say_max_calls},
    [WHY_RETRY_BUDGET] =
        {"router_settings.retry_budget",
         "too many calls fail: those that are tried again wait for good ones",
         "see failed_calls for what fails; raise router_settings.retry_budget to try more", NULL},
    [WHY_BUDGET_RESERVED] = {"budget.max_cost",
                             "what the running calls may cost takes up the rest of the budget",
                             "raise budget.max_cost (--max-cost), or lower max_tokens of the "
                             "requests: the most they can cost is reserved",
                             NULL},
    [WHY_BUDGET] = {"budget.max_cost", "the budget is used up",
                    "raise budget.max_cost (--max-cost), or wait for the next day when it is per "
                    "day",
                    say_budget},
    [WHY_TENANT_BUDGET] = {"tenants", "the budget of the tenants whose tasks wait is used up",
                           "raise max_cost or max_requests of these tenants", NULL},
    [WHY_COOL_RATE_LIMIT] = {"rpm",
                             "it rests because the provider refused for its rate limit (429)",
                             "set rpm and tpm of this row to what the provider allows, or add a "
                             "row with another key",
                             say_refused},
    [WHY_COOL_OVERLOAD] = {"router_settings.fallbacks",
                           "it rests because the provider is overloaded",
                           "add fallbacks, or a row of another provider under the same name; fewer "
                           "max_parallel_requests may help",
                           NULL},
    [WHY_COOL_FAILING] =
        {"router_settings.fallbacks", "it rests because its calls fail or take too long",
         "see failed_calls; add fallbacks, or raise timeout if answers take longer", NULL},
    [WHY_COOL_TRANSPORT] = {"api_base", "it rests because it cannot be reached",
                            "check api_base and the network; add fallbacks", NULL},
    [WHY_OFF_QUOTA] = {"api_key", "the account has no credit or quota left",
                       "add credit to the account, or a row with another api_key", NULL},
    [WHY_OFF_CREDENTIAL] = {"api_key", "the provider does not accept the key",
                            "correct api_key of this row", NULL},
    [WHY_OFF_MODEL] = {"model", "the provider does not have this model, or not for this key",
                       "correct params.model of this row", NULL},
    [WHY_PROBE] = {"", "it rested, and one call tries whether it works again",
                   "nothing: it goes on by itself", NULL},
    [WHY_STOPPED] = {"", "the model is paused by its operator",
                     "POST /resume?model=NAME to the admin port, or `sluice resume --model NAME`",
                     NULL},
    [WHY_INPUT] = {"", "nothing waits here: there is no more input",
                   "nothing: more input would be served", NULL},
    [WHY_MODELS] = {"", "tasks wait for their models", "see the models", NULL},
    [WHY_IN_FLIGHT] = {"pool.max_in_flight", "", "", say_in_flight},
    [WHY_RETRY] = {"", "the pool is full of tasks that failed and wait to be tried again",
                   "see failed_calls for what fails; pool.max_in_flight gives room to others",
                   NULL},
    [WHY_STORE] = {"cache.path", "the pool is full of outcomes that are being written to the store",
                   "put cache.path on a faster disk", NULL},
    [WHY_STORE_FAILING] = {"cache.path", "the store cannot be written",
                           "free space on the disk of cache.path, or put it on another disk", NULL},
    [WHY_PUBLISH] = {"", "the pool is full of replies that wait to be delivered",
                     "check the broker, or the disk of the output; commit_ms in /status says how "
                     "long a commit takes",
                     NULL},
    [WHY_KAFKA] = {"kafka.bootstrap.servers",
                   "there is no broker, or the group has not let this worker in",
                   "check the broker and kafka.bootstrap.servers", NULL},
    [WHY_PAUSED] = {"", "the intake is paused", "POST /resume to the admin port", NULL},
};

void advice_give(const struct advice_facts *f, enum why w, struct advice *ret)
{
    const struct words *say = &words[w];

    *ret = (struct advice){.key = say->key};
    because(ret, "%s", say->because);
    change(ret, "%s", say->change);
    if (say->numbers)
        say->numbers(f, ret);
}
