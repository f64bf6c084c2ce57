/* config: what is read from a file, the environment and --set, and what each mistake is answered with. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"

static char env_brokers[] = "BROKERS=k1:9092,k2:9092";
static char env_empty[] = "EMPTY=";
static char env_key[] = "KEY=sk-secret";
static char env_lines[] = "LINES=one\r\ntwo";
static char *const env[] = {env_brokers, env_empty, env_key, env_lines, NULL};

static struct config *parse(const char *text, char *const *envp, const char *const *sets,
                            size_t nsets)
{
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(config_parse(text, strlen(text), "f.yaml", envp, sets, nsets, &c, &e), 0, "%s: %s",
                 text, e.msg);
    return c;
}

#define ROW "model_list:\n  - {model_name: m, params: {model: openai/x"

struct mistake {
    const char *text;
    const char *says; /* part of the message */
};

/* Parses each text, which has one mistake, and looks for what is said about it. */
static void expect_mistakes(const struct mistake *cases, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        const char *text = cases[i].text;
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(config_parse(text, strlen(text), "f.yaml", env, NULL, 0, &c, &e), -1,
                     "accepted: %s", text);
        cr_expect_eq(e.code, EX_CONFIG, "%s: code %d", text, e.code);
        cr_expect(strstr(e.msg, cases[i].says), "%s: said: %s", text, e.msg);
        cr_expect_null(c);
    }
}

Test(config_parse, wrong_keys)
{
    static const struct mistake cases[] = {
        {"pool:\n  max_inflight: 5\n",
         "f.yaml:2:3: unknown key `pool.max_inflight`; did you mean `max_in_flight`?"},
        {"pol: {}\n", "f.yaml:1:1: unknown key `pol`; did you mean `pool`?"},
        {"workers: 3\n", "did you mean `pool.workers`?"},
        {"zzzzzzzz: 3\n", "f.yaml:1:1: unknown key `zzzzzzzz`; `sluice check --sample`"},
        {"pool: {workers: 1}\ntopics: {}\npool: {}\n",
         "f.yaml:3:1: `pool` is given twice, first in line 1"},
        {"pool:\n  workers: 1\n  workers: 2\n",
         "f.yaml:3:3: `workers` is given twice, first in line 2"},
    };

    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, wrong_values)
{
    static const struct mistake cases[] = {
        {"pool:\n  workers: many\n", "f.yaml:2:12: pool.workers: `many` is not a whole number"},
        {"pool: {workers: 1.5}\n", "`1.5` is not a whole number"},
        {"pool: {workers: 1e3}\n", "not a whole number"},
        {"pool: {workers: -1}\n", "`-1` is out of range, allowed are 0 to 256"},
        {"pool: {workers: 99999999999999999999}\n", "not a whole number"},
        {"pool: {workers: [1]}\n", "one plain value is wanted here, not a list"},
        {"pool: {workers: {a: 1}}\n", "one plain value is wanted here, not a map"},
        {"pool: {workers: }\n", "pool.workers has no value"},
        {"pool: 5\n", "`pool` must hold keys with values"},
        {"pool: {drain_timeout: soon}\n", "not a duration such as 500ms"},
        {"pool: {drain_timeout: 2d}\n", "out of range, allowed are 0s to 86400s"},
        {"cache: {max_bytes: 5XB}\n", "not a size such as"},
        {"cache: {enabled: maybe}\n", "neither true nor false"},
        {"delivery: twice\n", "is not one of: exactly_once, at_least_once"},
        {"version: 2\n", "out of range"},
        {"router_settings: {routing_strategy: fastest}\n",
         "is not one of: simple-shuffle, least-busy, lo"},
        {"cache: {path: \"${NOPE}\"}\n", "f.yaml:1:15: the environment variable NOPE is not set"},
        {"cache: {path: os.environ/NOPE}\n", "the environment variable NOPE is not set"},
        {"cache: {path: \"${NO PE}\"}\n", "write a variable as ${NAME}"},
        {"cache: {path: \"${KEY\"}\n", "write a variable as ${NAME}"},
        {"cache: {path: \"a\\0b\"}\n", "a NUL byte"},
    };

    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, wrong_models_and_properties)
{
    static const struct mistake cases[] = {
        {"model_list: {}\n", "begin each row with `- `"},
        {"model_list: [5]\n", "a row of model_list is a map"},
        {"model_list:\n  - params: {model: openai/x}\n", "f.yaml:2:5: this row has no model_name"},
        {"model_list:\n  - model_name: m\n", "model `m` has no params.model"},
        {"model_list:\n  - {model_name: m, params: {model: gpt}}\n", "write it as provider/model"},
        {ROW ", rmp: 5}}\n", "unknown key `params.rmp`; did you mean `rpm`?"},
        {ROW "}, litellm_params: {}}\n", "`litellm_params` and `params` mean the same"},
        {ROW ", extra_body: [1]}}\n", "params.extra_body: write keys with values"},
        {ROW ", extra_body: '{\"a\":'}}\n", "params.extra_body"},
        {ROW ", extra_body: '{\"a\":1,\"a\":2}'}}\n", "params.extra_body"},
        {ROW ", extra_headers: {\"a b\": c}}}\n", "no name of an HTTP header"},
        {ROW ", extra_headers: {a: \"${LINES}\"}}}\n", "cannot stand in a header"},
        {ROW ", timeout: 0}}\n", "params.timeout"},
        {"kafka: 5\n", "one `property: value` a line"},
        {"kafka: {bootstrap: {servers: x}}\n",
         "kafka.bootstrap: properties are written in one word"},
        {"kafka: {consumer: 1}\n", "kafka.consumer: write one"},
        {"router_settings: {fallbacks: [{a: [b]}, {a: [c]}]}\n", "`a` is given twice"},
        {"router_settings: {fallbacks: x}\n", "write it as a list"},
    };

    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, what_is_not_taken_of_yaml)
{
    static const struct mistake cases[] = {
        {"pool:\n\tworkers: 1\n", "f.yaml:2:1: a tab in the indentation"},
        {"pool:\n  workers: 1\n \t max_calls: 2\n", "f.yaml:3:2: a tab"},
        {"pool: &p {workers: 1}\n", "f.yaml:1:7: anchors and aliases (&p)"},
        {"pool: *p\n", "anchors and aliases"},
        {"pool: !!map {workers: 1}\n", "tags (tag:yaml.org,2002:map)"},
        {"[1]\n", "a configuration is a map of keys"},
        {"just text\n", "a configuration is a map of keys"},
        {"pool: {}\n---\npool: {}\n", "a second document"},
        {"pool: {workers: 1\n", "f.yaml:2:1:"},
        {"? [a]\n: 1\n", "a key must be a plain word"},
        {"pool: \xff\n", "f.yaml: byte 7: "},
        {"[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]", "nested deeper than"},
    };

    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, wrong_override)
{
    static const struct {
        const char *set;
        const char *says;
    } cases[] = {
        {"pool.workers", "--set pool.workers: write it as KEY=VALUE"},
        {"=5", "write it as KEY=VALUE"},
        {"pool.workres=5",
         "--set pool.workres: unknown key `pool.workres`; did you mean `workers`?"},
        {"pool.workers=x", "--set pool.workers: pool.workers: `x` is not a whole number"},
        {"pool.workers.a=x", "one plain value is wanted"},
        {"version.a.b=x", "version"},
        {"model_list.3.model_name=x", "--set model_list.3.model_name: there is no `3` below"},
        {"pool..workers=1", "there is no `` below `pool`"},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r=1", "more than"},
    };
    static const char text[] = "version: 1\nmodel_list: [{model_name: m, params: {model: a/b}}]\n";
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(config_parse(text, strlen(text), "f", NULL, &cases[i].set, 1, &c, &e), -1,
                     "accepted: %s", cases[i].set);
        cr_expect(strstr(e.msg, cases[i].says), "%s: said: %s", cases[i].set, e.msg);
    }
}

Test(config_parse, a_secret_is_in_no_message)
{
    static const char *const texts[] = {
        ROW ", rpm: \"${KEY}\"}}\n",
        "pool: {workers: os.environ/KEY}\n",
        ROW ", extra_headers: {a: [\"sk-secret\"]}}}\n",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(config_parse(texts[i], strlen(texts[i]), "f", env, NULL, 0, &c, &e), -1);
        cr_expect_null(strstr(e.msg, "secret"), "%s", e.msg);
    }
}

Test(config_parse, defaults)
{
    struct config *c = parse("", NULL, NULL, 0);

    cr_expect_eq(c->version, 1);
    cr_expect_str_eq(c->delivery, "exactly_once");
    cr_expect_eq(c->pool.workers, 0);
    cr_expect_eq(c->pool.max_in_flight, 4096);
    cr_expect_eq(c->pool.max_calls, 2048);
    cr_expect_eq(c->pool.max_per_partition, 1000);
    cr_expect_eq(c->pool.drain_timeout_ms, 30000);
    cr_expect(c->pool.static_membership);
    cr_expect_eq(c->router.num_retries, 4);
    cr_expect_eq(c->router.task_timeout_ms, 86400000);
    cr_expect_eq(c->cache.ttl_ms, INT64_C(30) * 86400000);
    cr_expect_eq(c->cache.block_cache_bytes, 64 << 20);
    cr_expect_str_eq(c->cache.path, "");
    cr_expect_eq(c->limits.record_bytes, 1000000);
    cr_expect_eq(c->limits.json_depth, 48);
    cr_expect_eq(c->topics.requests.count, 1);
    cr_expect_str_eq(c->topics.requests.at[0], "llm.requests");
    cr_expect_eq(c->nmodels, 0);
    cr_expect_eq(c->kafka.count, 0);
    config_free(c);
}

Test(config_parse, how_records_end_other_than_by_an_answer)
{
    static const struct mistake cases[] = {
        {"dedupe: key\n", "dedupe"},
        {"dedupe_ttl: 0\n", "dedupe_ttl"},
        {"dedupe_max_bytes: 1k\n", "dedupe_max_bytes"},
        {"pool: {poison_crashes: -1}\n", "pool.poison_crashes"},
    };
    struct config *c = config_new();

    cr_expect_str_eq(c->dedupe, "none");
    cr_expect_eq(c->dedupe_ttl_ms, INT64_C(24) * 3600 * 1000);
    cr_expect_eq(c->pool.poison_crashes, 5);
    cr_expect_eq(c->pool.head_max_age_ms, INT64_C(15) * 60 * 1000);
    config_free(c);
    c = parse("dedupe: task_id\ndedupe_ttl: 2d\ndedupe_max_bytes: 2MB\n"
              "pool: {poison_crashes: 0, head_max_age: 0}\n",
              NULL, NULL, 0);
    cr_expect_str_eq(c->dedupe, "task_id");
    cr_expect_eq(c->dedupe_ttl_ms, INT64_C(48) * 3600 * 1000);
    cr_expect_eq(c->dedupe_max_bytes, INT64_C(2) << 20);
    cr_expect_eq(c->pool.poison_crashes, 0);
    cr_expect_eq(c->pool.head_max_age_ms, 0);
    config_free(c);
    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, model_rows)
{
    struct config *c = parse("drop_params: true\n" ROW ", api_key: \"${KEY}\", timeout: 90}}\n"
                             "  - {model_name: n, litellm_params: {model: groq/a/b, "
                             "drop_params: no, extra_body: {k: 5, s: \"5\", d: [1.5, x], n: ~}}}\n",
                             env, NULL, 0);
    const struct model *m = NULL;

    cr_assert_eq(c->nmodels, 2);
    m = &c->models[0];
    cr_expect_str_eq(m->provider_name, "openai");
    cr_expect_str_eq(m->upstream_model, "x");
    cr_expect_str_eq(m->api_key, "sk-secret");
    cr_expect_eq(m->timeout_ms, 90000);
    cr_expect_eq(m->connect_timeout_ms, 5000);
    cr_expect_eq(m->weight, 1.0);
    cr_expect(m->drop_params);
    cr_expect(m->tls_verify);
    cr_expect(m->prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] < 0);
    cr_expect_eq(m->line, 3);
    m = &c->models[1];
    cr_expect_eq(m->index, 1);
    cr_expect_str_eq(m->upstream_model, "a/b");
    cr_expect_not(m->drop_params);
    cr_expect_str_eq(m->extra_body, "{\"k\":5,\"s\":\"5\",\"d\":[1.5,\"x\"],\"n\":null}");
    cr_expect_eq(config_model(c, "n", 0), m);
    cr_expect_null(config_model(c, "n", 2));
    config_free(c);
}

Test(config_parse, budget_and_tenants)
{
    struct config *c = parse("", NULL, NULL, 0);
    const char *set[] = {"tenants.a.max_requests=9", "budget.per=day"};

    cr_expect_lt(c->budget.max_cost, 0, "no bound");
    cr_expect_eq(c->ntenants, 0);
    config_free(c);
    c = parse("budget: {max_cost: 2.5, max_requests: 10, unknown_price: allow}\n"
              "tenants:\n  a: {max_cost: 0}\n  \"team b\": {weight: 3}\n",
              NULL, set, 2);
    cr_expect_eq(c->budget.max_cost, 2.5);
    cr_expect_eq(c->budget.max_requests, 10);
    cr_expect_str_eq(c->budget.per, "day");
    cr_expect_str_eq(c->budget.on_exceed, "pause");
    cr_assert_eq(c->ntenants, 2);
    cr_expect_str_eq(c->tenants[0].name, "a");
    cr_expect_eq(c->tenants[0].max_cost, 0);
    cr_expect_eq(c->tenants[0].max_requests, 9);
    cr_expect_str_eq(c->tenants[1].name, "team b");
    cr_expect_lt(c->tenants[1].max_cost, 0);
    cr_expect_eq(c->tenants[0].weight, 1);
    cr_expect_eq(c->tenants[1].weight, 3);
    config_free(c);
}

Test(config_parse, wrong_tenants)
{
    static const struct mistake cases[] = {
        {"tenants: [a]\n", "tenants: write one `name: {max_cost: 5}` a line"},
        {"tenants: {a: 5}\n", "f.yaml:1:14: tenants.a: write it as `a: {max_cost: 5}`"},
        {"tenants: {a: {max_cst: 5}}\n", "did you mean `max_cost`?"},
        {"tenants: {a: {max_cost: -1}}\n", "max_cost"},
        {"tenants: {a: {weight: 0}}\n", "weight"},
        {"tenants: {\"\": {max_cost: 1}}\n", "tenants: a name has 1 to 128 bytes"},
        {"budget: {on_exceed: fail}\n", "pause"},
    };

    expect_mistakes(cases, ARRAY_LEN(cases));
}

Test(config_parse, too_many_rows)
{
    struct config *c = NULL;
    struct err e = {0};
    char text[8192] = "model_list:\n";
    size_t n = strlen(text);
    int i = 0;

    for (i = 0; i <= CONFIG_MODELS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "  - {model_name: m%d, params: {model: openai/x}}\n", i);
    cr_expect_eq(config_parse(text, n, "f", NULL, NULL, 0, &c, &e), -1);
    cr_expect(strstr(e.msg, "f:66:5: model_list has more than 64 rows"), "%s", e.msg);
}

Test(config_parse, variables)
{
    static const struct {
        const char *typed;
        const char *means;
    } cases[] = {
        {"${BROKERS}", "k1:9092,k2:9092"},
        {"a${KEY}b", "ask-secretb"},
        {"${NOPE:-x}", "x"},
        {"${NOPE:-}", ""},
        {"${EMPTY:-x}", "x"},
        {"${EMPTY}", ""},
        {"$${KEY}", "${KEY}"},
        {"$5", "$5"},
        {"os.environ/KEY", "sk-secret"},
        {"no", "no"},
        {"012", "012"},
        {"a$", "a$"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        struct config *c = NULL;

        snprintf(text, sizeof text, "cache:\n  path: \"%s\"\n", cases[i].typed);
        c = parse(text, env, NULL, 0);
        cr_expect_str_eq(c->cache.path, cases[i].means, "%s", cases[i].typed);
        config_free(c);
    }
}

Test(config_parse, precedence)
{
    static char workers[] = "SLUICE__POOL__WORKERS=4";
    static char calls[] = "SLUICE__POOL__MAX_CALLS=7";
    static char servers[] = "SLUICE__KAFKA__BOOTSTRAP_SERVERS=env:9092";
    static char fetch[] = "SLUICE__KAFKA__CONSUMER__FETCH_MIN_BYTES=5";
    static char base[] = "SLUICE__MODEL_LIST__0__PARAMS__API_BASE=http://env";
    static char other[] = "SLUICE_OTHER=1";
    char *const envp[] = {workers, calls, servers, fetch, base, other, NULL};
    const char *const sets[] = {"pool.max_calls=9", "kafka.group.id=g=1", "topics.requests=a,b",
                                "router_settings.fallbacks=[{m: [n]}]", "cache.path="};
    struct config *c = parse("pool: {workers: 1, max_calls: 1, max_in_flight: 11}\n"
                             "kafka: {bootstrap.servers: file:9092}\ncache: {path: x}\n"
                             "model_list: [{model_name: m, litellm_params: {model: a/b}}]\n",
                             envp, sets, ARRAY_LEN(sets));

    cr_expect_eq(c->pool.workers, 4);
    cr_expect_eq(c->pool.max_calls, 9);
    cr_expect_eq(c->pool.max_in_flight, 11);
    cr_assert_eq(c->kafka.count, 2);
    cr_expect_str_eq(c->kafka.at[0].name, "bootstrap.servers");
    cr_expect_str_eq(c->kafka.at[0].value, "env:9092");
    cr_expect_str_eq(c->kafka.at[1].name, "group.id");
    cr_expect_str_eq(c->kafka.at[1].value, "g=1");
    cr_assert_eq(c->kafka_consumer.count, 1);
    cr_expect_str_eq(c->kafka_consumer.at[0].name, "fetch.min.bytes");
    cr_expect_str_eq(c->models[0].api_base, "http://env");
    cr_assert_eq(c->topics.requests.count, 2);
    cr_expect_str_eq(c->topics.requests.at[1], "b");
    cr_assert_eq(c->router.fallbacks.count, 1);
    cr_expect_str_eq(c->router.fallbacks.at[0].to.at[0], "n");
    cr_expect_str_eq(c->cache.path, "");
    config_free(c);
}

Test(config_parse, an_unknown_variable_is_a_mistake)
{
    static char typo[] = "SLUICE__POOL__WORKRES=4";
    char *const envp[] = {typo, NULL};
    struct config *c = NULL;
    struct err e = {0};

    cr_expect_eq(config_parse("", 0, "f", envp, NULL, 0, &c, &e), -1);
    cr_expect_str_eq(e.msg, "SLUICE__POOL__WORKRES: unknown key `pool.workres`; did you mean "
                            "`workers`?");
}

Test(config_parse, json_and_comments_are_read)
{
    struct config *c =
        parse("{\"pool\": {\"workers\": 3, \"static_membership\": false}}", NULL, NULL, 0);

    cr_expect_eq(c->pool.workers, 3);
    cr_expect_not(c->pool.static_membership);
    config_free(c);
    c = parse("# nothing\n", NULL, NULL, 0);
    config_free(c);
    c = parse("~\n", NULL, (const char *const[]){"pool.workers=2"}, 1);
    cr_expect_eq(c->pool.workers, 2);
    config_free(c);
}

Test(config_load, files)
{
    struct config *c = NULL;
    struct err e = {0};

    cr_expect_eq(config_load("/nonexistent/x.yaml", NULL, NULL, 0, &c, &e), -1);
    cr_expect(strstr(e.msg, "/nonexistent/x.yaml: cannot read it: No such file"), "%s", e.msg);
    cr_expect_eq(config_load("/tmp", NULL, NULL, 0, &c, &e), -1);
    cr_expect(strstr(e.msg, "Is a directory"), "%s", e.msg);
    cr_assert_eq(config_load(NULL, NULL, NULL, 0, &c, &e), 0, "%s", e.msg);
    cr_expect_null(c->path);
    config_free(c);
    cr_expect_null(config_free(NULL));
}

Test(config_value, durations_and_sizes)
{
    static const struct {
        const char *text;
        int64_t ms, bytes; /* -1: refused */
    } cases[] = {
        {"5", 5000, 5},
        {"500ms", 500, -1},
        {"1.5s", 1500, -1},
        {"2h", 7200000, -1},
        {"1h30m", 5400000, -1},
        {"7d", 604800000, -1},
        {"64KB", -1, 65536},
        {"64k", -1, 65536},
        {"1.5M", 90000, 1572864},
        {"2GiB", -1, INT64_C(2) << 30},
        {"", -1, -1},
        {"-5", -1, -1},
        {"5 s", -1, -1},
        {"1e3", -1, -1},
        {".5s", -1, -1},
        {"1..2", -1, -1},
        {"99999999999999999999", -1, -1},
        {"1h30", -1, -1},
        {"5m", 300000, 5 << 20},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        int64_t bytes = -1;

        config_duration(cases[i].text, &ms);
        config_size(cases[i].text, &bytes);
        cr_expect_eq(ms, cases[i].ms, "%s: %lld ms", cases[i].text, (long long)ms);
        cr_expect_eq(bytes, cases[i].bytes, "%s: %lld bytes", cases[i].text, (long long)bytes);
    }
}

Test(config_value, nearest)
{
    static const char *const names[] = {"workers", "max_in_flight", "max_calls", "ttl"};

    cr_expect_str_eq(config_nearest("wrokers", names, 4), "workers");
    cr_expect_str_eq(config_nearest("max_inflight", names, 4), "max_in_flight");
    cr_expect_str_eq(config_nearest("tll", names, 4), "ttl");
    cr_expect_null(config_nearest("banana", names, 4));
    cr_expect_null(config_nearest("", names, 4));
    cr_expect_null(config_nearest("x", names, 4));
}
