/* worst: what a call can cost at most, and what nobody can bound. */
#include "policy/worst.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define RAW 100 /* bytes of the record */

/* A dollar for a token that comes in, ten for one that goes out: the cost shows both counts. */
static struct model row(int64_t window, int64_t answer, const char *extra)
{
    struct model m = {.model_name = (char *)"fast",
                      .max_input_tokens = window,
                      .max_output_tokens = answer,
                      .extra_body = (char *)extra};

    prices_init(&m.prices);
    m.prices.step[0].usd[TIER_STANDARD][PRICE_INPUT] = 1;
    m.prices.step[0].usd[TIER_STANDARD][PRICE_OUTPUT] = 10;
    return m;
}

static int worst(const struct model *m, enum operation op, const char *body, double *ret,
                 struct err *e)
{
    struct task *t = task_new();
    int rc = 0;

    t->op = op;
    t->raw_len = RAW;
    cr_assert_eq(json_parse(body, strlen(body), &t->body, NULL), 0, "%s", body);
    rc = worst_cost(m, t, ret, e);
    task_free(t);
    return rc;
}

Test(worst, bounded)
{
    static const char picture[] =
        "{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[{"
        "\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}]}]}";
    static const char tool[] = "{\"max_tokens\":1,\"tools\":[{\"type\":\"function\"}]}";
    static const struct {
        const char *body, *extra;
        enum operation op;
        int64_t window, answer;
        double want;
    } cases[] = {
        {"{}", NULL, OP_CHAT, 0, 20, RAW + 256 + 200},
        {"{\"max_tokens\":5}", NULL, OP_CHAT, 0, 20, RAW + 256 + 50},
        {"{\"max_completion_tokens\":5,\"max_tokens\":7}", NULL, OP_CHAT, 0, 20, RAW + 256 + 70},
        {"{\"max_output_tokens\":9}", NULL, OP_RESPONSES, 0, 0, RAW + 256 + 90},
        {"{\"max_tokens\":5,\"n\":3}", NULL, OP_CHAT, 0, 20, RAW + 256 + 150},
        {"{\"max_tokens\":5}", "{\"max_tokens\":8}", OP_CHAT, 0, 20, RAW + 16 + 256 + 80},
        {"{\"max_tokens\":5}",
         "{\"generationConfig\":{\"maxOutputTokens\":8,\"candidateCount\":2}}", OP_CHAT, 0, 20,
         RAW + 61 + 256 + 160},
        {"{\"input\":\"x\"}", NULL, OP_EMBEDDINGS, 0, 0, RAW + 256},
        {picture, NULL, OP_CHAT, 5000, 0, 5000 + 10},
        {tool, NULL, OP_CHAT, 0, 0, RAW + 1024 + 10},
        {"{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
         NULL, OP_CHAT, 5000, 0, RAW + 256 + 10},
        {"{\"max_output_tokens\":1,\"previous_response_id\":\"r\"}", NULL, OP_RESPONSES, 5000, 0,
         5010},
        /* What the API does not have bounds nothing, whoever writes it. */
        {"{\"num_predict\":1,\"maxOutputTokens\":1,\"max_output_tokens\":1}", NULL, OP_CHAT, 0, 20,
         RAW + 256 + 200},
        {"{\"max_tokens\":1}", NULL, OP_RESPONSES, 0, 20, RAW + 256 + 200},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = row(cases[i].window, cases[i].answer, cases[i].extra);
        struct err e = {0};
        double got = -1;

        cr_expect_eq(worst(&m, cases[i].op, cases[i].body, &got, &e), 0, "%s: %s", cases[i].body,
                     e.msg);
        cr_expect(fabs(got - cases[i].want) < 1e-6, "%s: %f, not %f", cases[i].body, got,
                  cases[i].want);
    }
}

Test(worst, not_bounded)
{
    static const struct {
        const char *body, *extra;
        const char *says;
    } cases[] = {
        {"{}", NULL, "max_output_tokens"},
        {"{\"max_tokens\":1,\"messages\":[{\"content\":[{\"type\":\"file\"}]}]}", NULL,
         "max_input_tokens"},
        {"{\"max_tokens\":1,\"conversation\":\"c\"}", NULL, "max_input_tokens"},
        {"{\"max_tokens\":1,\"tools\":[{\"type\":\"web_search\"}]}", NULL, "runs itself"},
        {"{\"max_tokens\":1}", "{\"tools\":[{\"type\":\"code_interpreter\"}]}", "runs itself"},
        {"{\"max_tokens\":1}", "{\"tools\":[{\"googleSearch\":{}}]}", "runs itself"},
        {"{\"max_tokens\":1}", "{\"cachedContent\":\"c\"}", "max_input_tokens"},
        {"{\"max_tokens\":1,\"web_search_options\":{}}", NULL, "runs itself"},
        {"{\"max_tokens\":1,\"modalities\":[\"text\",\"audio\"]}", NULL, "only text"},
        {"{\"max_tokens\":1,\"service_tier\":\"priority\"}", NULL, "price"},
        {"{\"max_tokens\":1,\"service_tier\":\"turbo\"}", NULL, "price"},
        {"{\"max_tokens\":1}", "{\"service_tier\":\"priority\"}", "price"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = row(0, 0, cases[i].extra);
        struct err e = {0};
        double got = -1;

        cr_expect_lt(worst(&m, OP_CHAT, cases[i].body, &got, &e), 0, "%s", cases[i].body);
        cr_expect(strstr(e.msg, cases[i].says), "%s: %s", cases[i].body, e.msg);
    }
}

Test(worst, the_dearest_price_counts)
{
    struct model m = row(0, 0, NULL);
    struct err e = {0};
    double got = 0;

    m.prices.step[0].usd[TIER_STANDARD][PRICE_CACHE_WRITE] = 2;
    m.prices.step[0].usd[TIER_PRIORITY][PRICE_OUTPUT] = 20;
    m.prices.request = 0.5;
    cr_assert_eq(worst(&m, OP_CHAT, "{\"max_tokens\":1}", &got, &e), 0, "%s", e.msg);
    cr_expect_float_eq(got, 2 * (RAW + 256) + 20 + 0.5, 1e-9, "%f", got);

    m.prices.nsteps = 1;
    m.prices.step[1].above = RAW + 256 - 1;
    m.prices.step[1].usd[TIER_STANDARD][PRICE_INPUT] = 3;
    cr_assert_eq(worst(&m, OP_CHAT, "{\"max_tokens\":1}", &got, &e), 0, "%s", e.msg);
    cr_expect_float_eq(got, 3 * (RAW + 256) + 20 + 0.5, 1e-9, "%f", got);
    m.prices.step[1].above = RAW + 256;
    cr_assert_eq(worst(&m, OP_CHAT, "{\"max_tokens\":1}", &got, &e), 0, "%s", e.msg);
    cr_expect_float_eq(got, 2 * (RAW + 256) + 20 + 0.5, 1e-9, "%f", got);

    m.prices.nmeters = 1;
    cr_expect_lt(worst(&m, OP_CHAT, "{\"max_tokens\":1}", &got, &e), 0, "a meter has no bound");
}
