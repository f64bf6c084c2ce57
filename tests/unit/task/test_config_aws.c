/* config: rows of AWS: regions that become rows, keys from the row and from the environment. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "task/config.h"
#include "task/provider.h"

static const struct provider dialect = {.name = "bedrock"};
static const struct provider *const providers[] = {&dialect, NULL};
static const struct vendor vendors[] = {
    {"bedrock", "bedrock", "https://bedrock.{region}.aws", "BEARER", QUIRK_AWS},
    {"plain", "bedrock", "https://plain", NULL, 0},
    {NULL, NULL, NULL, NULL, 0},
};

#define ROW(more) "model_list:\n  - {model_name: m, params: {model: bedrock/x" more "}}\n"
#define KEYS      ", aws_access_key_id: AKID, aws_secret_access_key: hush"

static char *const no_env[] = {NULL};
static char *const region_env[] = {(char *)"AWS_DEFAULT_REGION=eu-west-3", NULL};
static char *const key_env[] = {
    (char *)"AWS_REGION=eu-north-1",      (char *)"AWS_DEFAULT_REGION=eu-west-3",
    (char *)"AWS_ACCESS_KEY_ID=ENVID",    (char *)"AWS_SECRET_ACCESS_KEY=envsecret",
    (char *)"AWS_SESSION_TOKEN=envtoken", NULL};
static char *const bearer_env[] = {(char *)"AWS_REGION=eu-north-1", (char *)"BEARER=envbearer",
                                   (char *)"AWS_ACCESS_KEY_ID=ENVID",
                                   (char *)"AWS_SECRET_ACCESS_KEY=envsecret", NULL};

static int load(const char *text, char *const *envp, struct config **ret, struct err *e)
{
    *ret = NULL;
    if (config_parse(text, strlen(text), "f", envp, NULL, 0, ret, e) < 0)
        return -1;
    return config_resolve(*ret, providers, vendors, envp, e);
}

static void expect_text(const char *got, const char *want, const char *row)
{
    cr_expect_str_eq(got ? got : "", want ? want : "", "%s: %s", row, got);
}

Test(config_aws, one_row)
{
    static const struct {
        const char *text;
        char *const *envp;
        const char *base, *region, *key, *id, *secret, *token;
    } cases[] = {
        {ROW(KEYS ", aws_region_name: us-east-1"), no_env, "https://bedrock.us-east-1.aws",
         "us-east-1", "", "AKID", "hush", ""},
        {ROW(KEYS ", aws_session_token: t"), region_env, "https://bedrock.eu-west-3.aws",
         "eu-west-3", "", "AKID", "hush", "t"},
        {ROW(""), key_env, "https://bedrock.eu-north-1.aws", "eu-north-1", "", "ENVID", "envsecret",
         "envtoken"},
        {ROW(""), bearer_env, "https://bedrock.eu-north-1.aws", "eu-north-1", "envbearer", "", "",
         ""},
        {ROW(KEYS), bearer_env, "https://bedrock.eu-north-1.aws", "eu-north-1", "", "AKID", "hush",
         ""},
        {ROW(", api_key: k"), key_env, "https://bedrock.eu-north-1.aws", "eu-north-1", "k", "", "",
         ""},
        /* keys of the environment stay away from other hosts */
        {ROW(", api_base: \"http://proxy/{region}/\""), key_env, "http://proxy/eu-north-1",
         "eu-north-1", "", "", "", ""},
        {ROW(", api_base: \"http://proxy\""), bearer_env, "http://proxy", "eu-north-1", "", "", "",
         ""},
        {ROW(", api_base: \"http://proxy\""), no_env, "http://proxy", "", "", "", "", ""},
        {ROW(KEYS ", api_base: \"http://proxy\""), key_env, "http://proxy", "eu-north-1", "",
         "AKID", "hush", ""},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};

        cr_assert_eq(load(cases[i].text, cases[i].envp, &c, &e), 0, "%s: %s", cases[i].text, e.msg);
        cr_assert_eq(c->nmodels, 1);
        expect_text(c->models[0].api_base, cases[i].base, cases[i].text);
        expect_text(c->models[0].aws_region_name, cases[i].region, cases[i].text);
        expect_text(c->models[0].api_key, cases[i].key, cases[i].text);
        expect_text(c->models[0].aws_access_key_id, cases[i].id, cases[i].text);
        expect_text(c->models[0].aws_secret_access_key, cases[i].secret, cases[i].text);
        expect_text(c->models[0].aws_session_token, cases[i].token, cases[i].text);
        config_free(c);
    }
}

Test(config_aws, regions_become_rows)
{
    static const struct {
        const char *text;
        size_t count;
        struct {
            const char *region;
            double weight;
        } rows[3];
    } cases[] = {
        {ROW(KEYS ", aws_region_name: [us-east-1, eu-west-1], rpm: 5"),
         2,
         {{"us-east-1", 1}, {"eu-west-1", 1}}},
        {ROW(KEYS ", weight: 2, aws_region_name: {us-east-1: 3, eu-west-1: 0.5, x-1: 0}, rpm: 5"),
         3,
         {{"us-east-1", 6}, {"eu-west-1", 1}, {"x-1", 0}}},
        {"model_list:\n  - {model_name: m, litellm_params: {rpm: 5, aws_region_name: {us-east-1: "
         "3}, model: bedrock/x, weight: 2" KEYS "}}\n",
         1,
         {{"us-east-1", 6}}},
        {ROW(KEYS ", rpm: 5, aws_region_name: [us-west-2]"), 1, {{"us-west-2", 1}}},
    };
    size_t i = 0;
    size_t k = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};
        char base[64];

        cr_assert_eq(load(cases[i].text, no_env, &c, &e), 0, "%s: %s", cases[i].text, e.msg);
        cr_assert_eq(c->nmodels, cases[i].count, "%s: %zu", cases[i].text, c->nmodels);
        for (k = 0; k < c->nmodels; k++) {
            const struct model *m = &c->models[k];

            snprintf(base, sizeof base, "https://bedrock.%s.aws", cases[i].rows[k].region);
            expect_text(m->aws_region_name, cases[i].rows[k].region, cases[i].text);
            expect_text(m->api_base, base, cases[i].text);
            cr_expect_eq(m->weight, cases[i].rows[k].weight);
            cr_expect_eq(m->index, (int)k);
            cr_expect_eq(m->rpm, 5);
            cr_expect_str_eq(m->model_name, "m");
            cr_expect_str_eq(m->aws_secret_access_key, "hush");
        }
        config_free(c);
    }
}

Test(config_aws, mistakes)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {ROW(KEYS), "f:2: model `m`: bedrock needs a region; set aws_region_name"},
        {ROW(", aws_region_name: us-east-1"),
         "set api_key, or aws_access_key_id and aws_secret_access_key, or the environment "
         "variable BEARER"},
        {ROW(", aws_region_name: us-east-1, aws_access_key_id: a"), "the secret is missing"},
        {ROW(", aws_region_name: us-east-1, aws_secret_access_key: a"), "the key id is missing"},
        {ROW(", aws_region_name: us-east-1, aws_session_token: a"), "the key id is missing"},
        {ROW(KEYS ", aws_region_name: us-east-1, api_key: k"), "both set; keep one"},
        {ROW(KEYS ", aws_region_name: \"US East\""), "`US East` is no region of AWS"},
        {ROW(KEYS ", aws_region_name: [us-east-1, us-east-1]"), "`us-east-1` stands twice"},
        {ROW(KEYS ", aws_region_name: []"), "names no region"},
        {ROW(KEYS ", aws_region_name: {}"), "names no region"},
        {ROW(KEYS ", aws_region_name: [[a]]"), "plain text"},
        {ROW(KEYS ", aws_region_name: {a: b}"), "a weight is a number from 0"},
        {ROW(KEYS ", aws_region_name: {a: -1}"), "a weight is a number from 0"},
        {ROW(KEYS ", aws_region_name: {a: [1]}"), "a weight is wanted"},
        {ROW(KEYS ", aws_region_name: {a: 0, b: 0}"), "all its rows have weight 0"},
        {ROW(KEYS ", aws_region_name: us-east-1, aws_session_token: \"a b\""), "white space"},
        {ROW(KEYS ", api_base: \"http://h\""), "a request is signed for a region"},
        {"model_list: [{model_name: m, params: {model: plain/x, aws_region_name: a}}]\n",
         "for providers of AWS (bedrock), not for `plain`"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err e = {0};
        const char *says = cases[i].says;

        cr_expect_lt(load(cases[i].text, no_env, &c, &e), 0, "accepted: %s", cases[i].text);
        says += strncmp(says, "f:", 2) == 0 ? 2 : 0;
        cr_expect(strstr(e.msg, says), "%s: said: %s", cases[i].text, e.msg);
        cr_expect(!strstr(e.msg, "hush"), "%s", e.msg);
        config_free(c);
    }
}

/* 64 rows at most, each region counted. */
Test(config_aws, rows_are_bounded)
{
    char text[2048] =
        "model_list:\n  - {model_name: m, params: {model: bedrock/x, aws_region_name: [";
    size_t n = strlen(text);
    struct config *c = NULL;
    struct err e = {0};
    int i = 0;

    for (i = 0; i <= CONFIG_MODELS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "r-%d, ", i);
    snprintf(text + n, sizeof text - n, "]}}\n");
    cr_expect_lt(load(text, no_env, &c, &e), 0);
    cr_expect(strstr(e.msg, "more than 64 rows, a row for each region counted"), "%s", e.msg);
    config_free(c);
}

/* What is printed is read again, with a row a region and no secret in it. */
Test(config_aws, printed)
{
    static const char text[] =
        ROW(KEYS ", aws_session_token: t0ken, aws_region_name: {us-east-1: 3, eu-west-1: 1}");
    struct config *c = NULL;
    struct err e = {0};
    char *out = NULL;
    size_t n = 0;
    FILE *to = NULL;

    cr_assert_eq(load(text, no_env, &c, &e), 0, "%s", e.msg);
    to = open_memstream(&out, &n);
    config_print(c, to);
    fclose(to);
    config_free(c);
    cr_expect(!strstr(out, "hush") && !strstr(out, "t0ken") && !strstr(out, "AKID"), "%s", out);
    cr_assert_eq(load(out, no_env, &c, &e), 0, "%s", e.msg);
    cr_assert_eq(c->nmodels, 2);
    cr_expect_str_eq(c->models[0].aws_region_name, "us-east-1");
    cr_expect_eq(c->models[0].weight, 3);
    cr_expect_str_eq(c->models[1].api_base, "https://bedrock.eu-west-1.aws");
    config_free(c);
    free(out);
}

static void count_lines(void *arg, const char *text)
{
    int *n = arg;

    *n += strstr(text, "no prices") || strstr(text, "weight 0");
}

/* A warning is of the row in the file, not of each of its regions; a region without weight is told. */
Test(config_aws, warned_once)
{
    static const char text[] =
        ROW(KEYS ", aws_region_name: {us-east-1: 3, eu-west-1: 1, eu-west-2: 0}");
    struct config *c = NULL;
    struct err e = {0};
    int lines = 0;

    cr_assert_eq(load(text, no_env, &c, &e), 0, "%s", e.msg);
    config_warnings(c, count_lines, &lines);
    cr_expect_eq(lines, 3, "%d", lines); /* prices of the first; prices and weight of the last */
    config_free(c);
}
