/* config: provider and vendor of each row, keys, and what cannot work together. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "task/provider.h"

static int refuse_bad(const struct model *m, struct err *e)
{
    if (strcmp(m->upstream_model, "bad") == 0)
        return err_set(e, EX_CONFIG, "params.model is bad");
    return 0;
}

static const struct provider provider_a = {
    .name = "dialect", .responses = true, .check = refuse_bad};
static const struct provider provider_b = {.name = "other"};
static const struct provider *const providers[] = {&provider_a, &provider_b, NULL};
static const struct vendor vendors[] = {
    {.name = "hosted",
     .dialect = "dialect",
     .api_base = "https://hosted/v1",
     .api_key_env = "HKEY"},
    {.name = "local", .dialect = "dialect", .api_base = "http://127.0.0.1:1/v1"},
    {.name = "gap", .dialect = "other", .api_base = "https://{x}/v1", .api_key_env = "HKEY"},
    {.name = "cloud",
     .dialect = "other",
     .api_base = "https://{x}.cloud.example",
     .api_key_env = "HKEY"},
    {.name = "account",
     .dialect = "other",
     .api_base = "https://h/accounts/{ACCOUNT_ID}/v1",
     .api_key_env = "FIRST|HKEY"},
    {.name = NULL},
};

static char env_key[] = "HKEY=from-env";
static char env_account[] = "ACCOUNT_ID=acc-1";
static char *const env[] = {env_key, env_account, NULL};

#define ROW(more) "  - {model_name: m, params: {model: " more "}}\n"
#define LIST      "model_list:\n"
#define M(name)   "  - {model_name: " name ", params: {model: local/x}}\n"

static int resolve(const char *text, char *const *envp, struct config **ret, struct err *e)
{
    struct config *c = NULL;
    int rc = 0;

    cr_assert_eq(config_parse(text, strlen(text), "f", envp, NULL, 0, &c, e), 0, "%s: %s", text,
                 e->msg);
    rc = config_resolve(c, providers, vendors, envp, e);
    *ret = c;
    return rc;
}

Test(config_resolve, which_api_serves_a_row)
{
    static const struct {
        const char *row;
        const char *mode, *upstream;
        const char *message; /* part of it; NULL: good */
    } cases[] = {
        {ROW("local/x"), "auto", "x", NULL},
        {ROW("local/x, mode: chat"), "chat", "x", NULL},
        {ROW("local/x, mode: responses"), "responses", "x", NULL},
        {ROW("local/responses/x"), "responses", "x", NULL},
        {ROW("local/responses/x/y, mode: responses"), "responses", "x/y", NULL},
        {ROW("local/responses"), "auto", "responses", NULL},
        {ROW("local/responses/"), "auto", "responses/", NULL},
        {ROW("local/responses/x, mode: chat"), NULL, NULL, "keep one of them"},
        {ROW("gap/responses/x, api_base: \"http://h/v1\", api_key: k"), "auto", "responses/x",
         NULL},
        {ROW("gap/x, api_base: \"http://h/v1\", api_key: k, mode: responses"), NULL, NULL,
         "model `m`: params.mode: provider gap has no Responses API"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};
        char text[256];
        int r = 0;

        snprintf(text, sizeof text, LIST "%s", cases[i].row);
        r = resolve(text, env, &c, &e);
        if (cases[i].message) {
            cr_expect_lt(r, 0, "%s", text);
            cr_expect(strstr(e.msg, cases[i].message), "%s: %s", text, e.msg);
        } else {
            cr_assert_eq(r, 0, "%s: %s", text, e.msg);
            cr_expect_str_eq(c->models[0].mode, cases[i].mode, "%s", text);
            cr_expect_str_eq(c->models[0].upstream_model, cases[i].upstream, "%s", text);
        }
        config_free(c);
    }
}

Test(config_resolve, rows)
{
    static const struct {
        const char *row;
        const char *provider, *vendor, *base, *key;
    } cases[] = {
        {ROW("hosted/x"), "dialect", "hosted", "https://hosted/v1", "from-env"},
        {ROW("hosted/x, api_key: k"), "dialect", "hosted", "https://hosted/v1", "k"},
        {ROW("hosted/x, api_base: \"http://proxy/\""), "dialect", "hosted", "http://proxy", ""},
        {ROW("local/a/b"), "dialect", "local", "http://127.0.0.1:1/v1", ""},
        {ROW("other/x, api_base: \"https://o//\""), "other", NULL, "https://o", ""},
        {ROW("gap/x, api_base: \"https://mine/v1\""), "other", "gap", "https://mine/v1",
         "from-env"},
        {ROW("account/x"), "other", "account", "https://h/accounts/acc-1/v1", "from-env"},
        {ROW("account/x, api_base: \"https://h/accounts/2/v1\""), "other", "account",
         "https://h/accounts/2/v1", "from-env"},
        /* what only looks like the vendor's address gets no key */
        {ROW("account/x, api_base: \"https://h/accounts/2/v2\""), "other", "account",
         "https://h/accounts/2/v2", ""},
        {ROW("account/x, api_base: \"https://other/accounts/2/v1\""), "other", "account",
         "https://other/accounts/2/v1", ""},
        {ROW("account/x, api_base: \"https://h/accounts/2/3/v1\""), "other", "account",
         "https://h/accounts/2/3/v1", ""},
        {ROW("cloud/x, api_base: \"https://me.cloud.example\""), "other", "cloud",
         "https://me.cloud.example", "from-env"},
        {ROW("cloud/x, api_base: \"https://me.eu.cloud.example/openai/v1\""), "other", "cloud",
         "https://me.eu.cloud.example/openai/v1", "from-env"},
        {ROW("cloud/x, api_base: \"https://me.cloud.example.evil.example\""), "other", "cloud",
         "https://me.cloud.example.evil.example", ""},
        {ROW("cloud/x, api_base: \"https://evil.example/.cloud.example\""), "other", "cloud",
         "https://evil.example/.cloud.example", ""},
        {ROW("cloud/x, api_base: \"https://.cloud.example\""), "other", "cloud",
         "https://.cloud.example", ""},
        {ROW("cloud/x, api_base: \"http://me.cloud.example\""), "other", "cloud",
         "http://me.cloud.example", ""},
        /* a row with its own Authorization is not given a key */
        {ROW("hosted/x, extra_headers: {authorization: Bearer t}"), "dialect", "hosted",
         "https://hosted/v1", ""},
        {ROW("hosted/x, extra_headers: {Authorization: \"\"}"), "dialect", "hosted",
         "https://hosted/v1", "from-env"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct config *c = NULL;
        struct err e = {0};

        snprintf(text, sizeof text, LIST "%s", cases[i].row);
        cr_assert_eq(resolve(text, env, &c, &e), 0, "%s: %s", text, e.msg);
        cr_expect_str_eq(c->models[0].provider->name, cases[i].provider);
        cr_expect_str_eq(c->models[0].vendor ? c->models[0].vendor->name : "-",
                         cases[i].vendor ? cases[i].vendor : "-");
        cr_expect_str_eq(c->models[0].api_base, cases[i].base);
        cr_expect_str_eq(c->models[0].api_key, cases[i].key, "%s", text);
        config_free(c);
    }
}

Test(config_resolve, mistakes)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {LIST ROW("hosted/x"), "configuration:2: model `m`: hosted needs a key; set api_key, "
                               "api_key_file or the environment variable HKEY"},
        {LIST ROW("account/x"), "configuration:2: model `m`: the address of account needs the "
                                "environment variable ACCOUNT_ID, which is not set"},
        {LIST ROW("account/x, api_base: \"https://h/accounts/1/v1\""),
         "environment variable FIRST|HKEY"},
        {LIST ROW("hostd/x"), "unknown provider `hostd`; did you mean `hosted`?"},
        {LIST ROW("zzzzzz/x"), "unknown provider `zzzzzz`; for a server"},
        {LIST ROW("other/x"), "has no base URL of its own; set api_base"},
        {LIST ROW("local/x, api_base: ftp://h"), "must begin with http:// or https://"},
        {LIST ROW("local/x, api_base: \"http://user:pw@h/v1\""), "no user or password"},
        {LIST ROW("local/x, api_base: \"http://h:99999/v1\""), "a port from 1 to 65535"},
        {LIST ROW("local/x, api_base: \"http://h:8o/v1\""), "a port from 1 to 65535"},
        {LIST ROW("local/x, api_base: \"http:///v1\""), "must hold a host"},
        {LIST ROW("local/bad"), "configuration:2: params.model is bad"},
        {LIST ROW("local/x, api_key: \"a b\""), "white space"},
        {LIST ROW("local/x, api_key: a, api_key_file: b"), "both set"},
        {LIST ROW("local/x, api_key_file: /nonexistent"), "/nonexistent: No such file"},
        {LIST ROW("local/x, api_key_file: /tmp"), "is no file"},
        {LIST ROW("local/x, api_key_file: /dev/null"), "is no file"},
        {LIST ROW("local/x, weight: 0"), "can never be chosen"},
        {LIST M("fast") "default_model: fats\n", "default_model: no model `fats` in model_list; "
                                                 "did you mean `fast`?"},
        {LIST M("a") "router_settings: {fallbacks: [{a: [b]}]}\n", "fallbacks: no model `b`"},
        {LIST M("a") "router_settings: {fallbacks: [{b: [a]}]}\n", "fallbacks: no model `b`"},
        {LIST M("a") "router_settings: {fallbacks: [{a: [a]}]}\n", "`a` falls back to itself"},
        {LIST M("a") M("b") "router_settings:\n  context_window_fallbacks:\n  - a: b\n  - b: a\n",
         "configuration:6: router_settings.context_window_fallbacks: `a` comes back to itself"},
        {LIST M("a") M("b")
             M("c") "router_settings: {content_policy_fallbacks: [{c: [a, b]}, {b: [c]}]}\n",
         "content_policy_fallbacks: `c` comes back"},
        {"router_settings: {retry_base: 2m}\n", "longer than router_settings.retry_max"},
        {"cache: {max_bytes: 1MB}\n", "cache.max_bytes is smaller"},
        {"topics: {replies: llm.requests}\n", "replies would be read as requests"},
        {"topics: {replies: a b}\n", "topics.replies: `a b` is no name of a topic"},
        {"topics: {requests: []}\n", "names no topic"},
        {"topics: {dead_letter: ..}\n", "topics.dead_letter"},
        {"topics: {priority: {other: 1}}\n", "`other` is not in topics.requests"},
        {"topics: {priority: {llm.requests: 10}}\n", "`10` is no priority; allowed are 0 to 9"},
        {"topics: {priority: {llm.requests: high}}\n", "`high` is no priority"},
        {"kafka:\n  enable.auto.commit: true\n",
         "configuration:2: kafka.enable.auto.commit=true is refused"},
        {"kafka: {consumer: {enable.auto.offset.store: true}}\n",
         "kafka.consumer.enable.auto.offset.store"},
        {"kafka: {producer: {acks: 1}}\n", "kafka.producer.acks=1 is refused"},
        {"kafka: {request.required.acks: 0}\n", "delete it or write all"},
        {"kafka: {enable.idempotence: false}\n", "repeats replies"},
        {"kafka: {partition.assignment.strategy: range}\n", "write cooperative-sticky"},
        {"kafka: {max.in.flight: 6}\n", "at most 5"},
        {"kafka: {group.instance.id: x}\n", "cannot be set"},
        {"kafka: {transactional.id: x}\n", "cannot be set"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(resolve(cases[i].text, NULL, &c, &e), -1, "accepted: %s", cases[i].text);
        cr_expect_eq(e.code, EX_CONFIG);
        cr_expect(strstr(e.msg, cases[i].says), "%s: said: %s", cases[i].text, e.msg);
        config_free(c);
    }
}

/* A variable that would change the host of an address is none of a gap. */
Test(config_resolve, a_gap_takes_plain_names_only)
{
    static char key[] = "HKEY=k";
    static char account[] = "ACCOUNT_ID=1/../../@evil.example/";
    static char empty[] = "ACCOUNT_ID=";
    char *const bad[] = {key, account, NULL};
    char *const none[] = {key, empty, NULL};
    struct config *c = NULL;
    struct err e = {0};

    cr_expect_eq(resolve(LIST ROW("account/x"), bad, &c, &e), -1);
    cr_expect(strstr(e.msg, "no plain name") && !strstr(e.msg, "evil"), "%s", e.msg);
    config_free(c);
    cr_expect_eq(resolve(LIST ROW("account/x"), none, &c, &e), -1);
    cr_expect(strstr(e.msg, "not set"), "%s", e.msg);
    config_free(c);
}

Test(config_resolve, what_is_fine)
{
    static const char *const texts[] = {
        "",
        LIST M("a") M("b") "router_settings: {fallbacks: [{a: [b]}, {b: [a]}]}\n",
        LIST M("a") "  - {model_name: a, params: {model: local/y, weight: 0}}\n",
        "kafka: {acks: all, enable.auto.commit: False, max.in.flight: 5, fetch.min.bytes: 7}\n",
        "topics: {dead_letter: \"\"}\n",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_expect_eq(resolve(texts[i], NULL, &c, &e), 0, "%s: %s", texts[i], e.msg);
        config_free(c);
    }
}

Test(config_resolve, priorities_of_topics)
{
    static const struct {
        const char *topic;
        int priority, above;
    } cases[] = {{"a", 0, 2}, {"b", 9, 0}, {"c", 3, 1}, {"d", 3, 1}};
    struct config *c = NULL;
    struct err e = {0};
    size_t i = 0;

    cr_assert_eq(
        resolve("topics: {requests: [a, b, c, d], priority: {b: 9, c: 3, d: 3}}\n", NULL, &c, &e),
        0, "%s", e.msg);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(config_topic_priority(c, cases[i].topic), cases[i].priority);
        cr_expect_eq(config_priorities_above(c, cases[i].priority), cases[i].above);
    }
    config_free(c);
}

Test(config_resolve, smaller_of_two_limits)
{
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(
        resolve("pool: {max_in_flight: 10}\n" LIST ROW("local/x, timeout: 2s"), NULL, &c, &e), 0);
    cr_expect_eq(c->pool.max_calls, 10);
    cr_expect_eq(c->models[0].connect_timeout_ms, 2000);
    config_free(c);
}

Test(config_resolve, a_strategy_has_one_name)
{
    static const char *const names[][2] = {{"cost-based-routing", "lowest-cost"},
                                           {"latency-based-routing", "lowest-latency"},
                                           {"least-busy", "least-busy"},
                                           {"simple-shuffle", "simple-shuffle"}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        struct config *c = NULL;
        struct err e = {0};
        char text[200];

        snprintf(text, sizeof text, LIST M("a") "router_settings: {routing_strategy: %s}\n",
                 names[i][0]);
        cr_assert_eq(resolve(text, NULL, &c, &e), 0, "%s", e.msg);
        cr_expect_str_eq(c->router.routing_strategy, names[i][1]);
        config_free(c);
    }
}

Test(config_resolve, key_file)
{
    char path[] = "/tmp/sluice-key-XXXXXX";
    char text[256];
    struct config *c = NULL;
    struct err e = {0};
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, "sk-file\n", 8), 8);
    snprintf(text, sizeof text, LIST ROW("hosted/x, api_key_file: %s"), path);
    cr_expect_eq(resolve(text, NULL, &c, &e), 0, "%s", e.msg);
    cr_expect_str_eq(c->models[0].api_key, "sk-file");
    config_free(c);
    cr_assert_eq(ftruncate(fd, 0), 0);
    cr_expect_eq(resolve(text, NULL, &c, &e), -1);
    cr_expect(strstr(e.msg, "is empty"), "%s", e.msg);
    config_free(c);
    close(fd);
    unlink(path);
}

static void collect(void *arg, const char *text)
{
    char *all = arg;
    size_t n = strlen(all);

    snprintf(all + n, 4096 - n, "%s\n", text);
}

Test(config_warnings, each)
{
    static const struct {
        const char *text;
        const char *says; /* NULL: nothing at all */
    } cases[] = {
        {"", "model_list is empty"},
        {LIST M("a"), "no prices in model_info"},
        {LIST M("a") "  - {model_name: a, params: {model: local/y, weight: 0}}\n", "weight 0"},
        {LIST ROW("local/x, tls_verify: false"), "tls_verify is off"},
        {LIST ROW("local/x, api_key: k"), "the key is sent without TLS"},
        {LIST ROW("local/x") "router_settings: {task_timeout: 5s}\n", "timeout is longer"},
        {LIST M("a") M("b") "router_settings: {context_window_fallbacks: [{a: b}]}\n",
         "not known to be larger"},
        {LIST ROW("local/x, rpm: 60") "  - {model_name: b, params: {model: local/x, rpm: 30}}\n",
         "`b` are local/x with the same key and have different limits"},
        {"kafka: {group.id: g}\n", "bootstrap.servers is not set"},
        {"kafka: {bootstrap.servers: h}\n", "group.id is not set"},
        {"kafka: {bootstrap.servers: h}\n", "larger than what a broker takes by default (1048588)"},
        {"kafka: {bootstrap.servers: h, auto.offset.reset: latest}\n", "skips records"},
        {"kafka: {bootstrap.servers: h, message.max.bytes: 2000000}\n",
         "larger than kafka message.max.bytes (2000000)"},
        {"limits: {response_bytes: 1MB}\n", "never reached"},
        {LIST ROW("local/x, rps: 1, rpm: 61"), "rpm (61) is never reached, as rps allows 60"},
        {LIST ROW("local/x, tpm: 5, output_tpm: 6"), "output_tpm (6) is never reached"},
        {LIST ROW("local/x, rps: 61, rpm: 60"), "rps (61) is never reached, as rpm allows 60"},
        {LIST ROW("local/x, rpm: 61, rpd: 60"), "rpm (61) is never reached, as rpd allows 60"},
        {LIST ROW("local/x, tpm: 61, tpd: 60"), "tpm (61) is never reached, as tpd allows 60"},
        {LIST ROW("local/x, tpm: 61, input_tpm: 40, output_tpm: 20"),
         "tpm (61) is never reached, as input_tpm with output_tpm allows 60"},
        {LIST "  - {model_name: m, params: {model: local/x, output_tpm: 60}, model_info: "
              "{max_output_tokens: 61}}\n",
         "`m` (local/x): max_output_tokens (61) is larger than output_tpm (60)"},
        {LIST ROW("local/x, rpm: 1, rpd: 1441"), "as rpm allows 1440"},
        {"pool: {workers: 5, max_calls: 2}\n", "nothing to do"},
        {LIST M("a") "tenants: {t: {max_cost: 5}}\n", "model `a` has no model_info.max_output"},
        {LIST "  - {model_name: m, params: {model: local/x}, model_info: {input_cost_per_token: 0, "
              "output_cost_per_token: 0}}\nkafka: {bootstrap.servers: h, group.id: g, "
              "message.max.bytes: 8000000}\n",
         NULL},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};
        char all[4096] = "";

        cr_assert_eq(resolve(cases[i].text, NULL, &c, &e), 0, "%s: %s", cases[i].text, e.msg);
        config_warnings(c, collect, all);
        if (cases[i].says)
            cr_expect(strstr(all, cases[i].says), "%s: said: %s", cases[i].text, all);
        else
            cr_expect_str_empty(all, "%s", all);
        config_free(c);
    }
}
