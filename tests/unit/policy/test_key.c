/* key: what is one request, and what is another. */
#include "policy/key.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

static struct sha256 *sha;
static struct buf scratch;

static void setup(void)
{
    sha = sha256_new();
    buf_init(&scratch, 1 << 20);
}

static void teardown(void)
{
    sha = sha256_free(sha);
    buf_done(&scratch);
}

TestSuite(key, .init = setup, .fini = teardown);

static struct task *task_of(const char *body)
{
    struct task *t = task_new();
    struct err e = {0};

    cr_assert_eq(json_parse(body, strlen(body), &t->body, &e), 0, "%s: %s", body, e.msg);
    t->models[t->nmodels++] = mem_strdup("fast");
    return t;
}

static void digest(struct task *t, uint8_t out[SHA256_LEN])
{
    cr_assert_eq(key_digest(t, sha, &scratch), 0);
    memcpy(out, t->digest, SHA256_LEN);
}

static bool same(const char *a, const char *b)
{
    struct task *ta = task_of(a);
    struct task *tb = task_of(b);
    uint8_t da[SHA256_LEN];
    uint8_t db[SHA256_LEN];

    digest(ta, da);
    digest(tb, db);
    task_free(ta);
    task_free(tb);
    return memcmp(da, db, SHA256_LEN) == 0;
}

#define MSG  "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define BASE "{\"model\":\"fast\"," MSG ",\"temperature\":0.5,\"seed\":7}"

Test(key, spellings_of_one_request)
{
    static const char *const bodies[] = {
        BASE,
        "{\"seed\":7,\"temperature\":0.5," MSG ",\"model\":\"fast\"}",
        " { \"seed\" : 7 ,\n\"temperature\":\t0.5, " MSG " , \"model\":\"fast\" } ",
        "{\"model\":\"fast\"," MSG ",\"temperature\":5e-1,\"seed\":7}",
        "{\"model\":\"fast\"," MSG ",\"temperature\":0.50,\"seed\":7.0}",
        "{\"model\":\"fast\",\"messages\":[{\"content\":\"\\u0068i\",\"role\":\"user\"}],"
        "\"temperature\":0.5,\"seed\":7}",
        "{\"model\":\"smart\"," MSG ",\"temperature\":0.5,\"seed\":7}",
        "{" MSG ",\"temperature\":0.5,\"seed\":7}",
    };
    static const char *const neutral[] = {
        "\"user\":\"u1\"",
        "\"metadata\":{\"a\":\"b\"}",
        "\"stream\":true",
        "\"stream_options\":{\"include_usage\":true}",
        "\"store\":true",
        "\"service_tier\":\"flex\"",
        "\"prompt_cache_key\":\"k\"",
        "\"safety_identifier\":\"s\"",
        "\"prompt_cache_retention\":\"24h\"",
        "\"prompt_cache_options\":{}",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(bodies); i++)
        cr_expect(same(BASE, bodies[i]), "%s", bodies[i]);
    for (i = 0; i < ARRAY_LEN(neutral); i++) {
        char body[512];

        snprintf(body, sizeof body, "{%s,%s", neutral[i], &BASE[1]);
        cr_expect(same(BASE, body), "%s", body);
    }
}

Test(key, what_changes_the_answer_changes_the_digest)
{
    static const char *const more[] = {
        "\"temperature\":0.6",
        "\"temperature\":null",
        "\"top_p\":1",
        "\"seed\":8",
        "\"n\":2",
        "\"max_tokens\":5",
        "\"max_completion_tokens\":5",
        "\"stop\":[\"x\"]",
        "\"tools\":[]",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
        "\"tool_choice\":\"none\"",
        "\"response_format\":{\"type\":\"json_object\"}",
        "\"logprobs\":true",
        "\"reasoning_effort\":\"low\"",
        "\"prediction\":{\"type\":\"content\",\"content\":\"x\"}",
        "\"something_new\":1",
        "\"modalities\":[\"text\"]",
    };
    char a[512];
    char b[512];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(more); i++) {
        snprintf(a, sizeof a, "{\"model\":\"fast\"," MSG ",%s}", more[i]);
        cr_expect_not(same("{\"model\":\"fast\"," MSG "}", a), "%s", a);
        for (j = 0; j < i; j++) {
            snprintf(b, sizeof b, "{\"model\":\"fast\"," MSG ",%s}", more[j]);
            cr_expect_not(same(a, b), "%s and %s", a, b);
        }
    }
    cr_expect_not(same(BASE, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi \"}],"
                             "\"temperature\":0.5,\"seed\":7}"));
    cr_expect_not(same(BASE, "{\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}],"
                             "\"temperature\":0.5,\"seed\":7}"));
    /* only at the top level do these names mean what they mean */
    cr_expect_not(same("{\"input\":{\"user\":\"a\"}}", "{\"input\":{\"user\":\"b\"}}"));
    /* integers are exact where a double is not */
    cr_expect_not(same("{\"seed\":9007199254740993}", "{\"seed\":9007199254740992}"));
}

/* A `response` object repeats who asked, and with `store` its id can be asked for again. */
Test(key, responses_count_what_their_answer_repeats)
{
    static const char *const more[] = {
        "\"user\":\"u1\"",
        "\"metadata\":{\"a\":\"b\"}",
        "\"metadata\":{\"a\":\"c\"}",
        "\"store\":true",
        "\"store\":false",
        "\"service_tier\":\"flex\"",
        "\"safety_identifier\":\"s\"",
        "\"prompt_cache_key\":\"k\"",
        "\"instructions\":\"i\"",
        "\"include\":[\"message.output_text.logprobs\"]",
        "\"max_output_tokens\":5",
        "\"max_tool_calls\":1",
        "\"reasoning\":{\"effort\":\"low\"}",
        "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}",
        "\"text\":{\"verbosity\":\"low\"}",
        "\"tools\":[{\"type\":\"web_search\"}]",
        "\"tool_choice\":\"none\"",
        "\"truncation\":\"auto\"",
        "\"prompt\":{\"id\":\"p\",\"version\":\"1\"}",
        "\"prompt\":{\"id\":\"p\",\"version\":\"2\"}",
        "\"previous_response_id\":\"resp_1\"",
    };
    static const char *const neutral[] = {"\"model\":\"other\"", "\"stream\":false",
                                          "\"stream_options\":{}"};
    uint8_t seen[ARRAY_LEN(more) + 1][SHA256_LEN];
    char body[512];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i <= ARRAY_LEN(more); i++) {
        struct task *t = NULL;

        snprintf(body, sizeof body, "{\"input\":\"hi\"%s%s}", i ? "," : "", i ? more[i - 1] : "");
        t = task_of(body);
        t->op = OP_RESPONSES;
        digest(t, seen[i]);
        task_free(t);
        for (j = 0; j < i; j++)
            cr_expect_neq(memcmp(seen[i], seen[j], SHA256_LEN), 0, "%s", body);
    }
    for (i = 0; i < ARRAY_LEN(neutral); i++) {
        struct task *t = NULL;
        uint8_t d[SHA256_LEN];

        snprintf(body, sizeof body, "{\"input\":\"hi\",%s}", neutral[i]);
        t = task_of(body);
        t->op = OP_RESPONSES;
        digest(t, d);
        task_free(t);
        cr_expect_eq(memcmp(d, seen[0], SHA256_LEN), 0, "%s", body);
    }
}

Test(key, tenant_sample_and_operation_are_part_of_it)
{
    static const struct {
        const char *tenant;
        int64_t sample;
        enum operation op;
    } cases[] = {
        {NULL, 0, OP_CHAT},      {"", 0, OP_CHAT},        {"a", 0, OP_CHAT},
        {"b", 0, OP_CHAT},       {NULL, 1, OP_CHAT},      {NULL, -1, OP_CHAT},
        {NULL, 256, OP_CHAT},    {NULL, 0, OP_RESPONSES}, {NULL, 0, OP_EMBEDDINGS},
        {"a", 1, OP_EMBEDDINGS},
    };
    uint8_t seen[ARRAY_LEN(cases)][SHA256_LEN];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *t = task_of(BASE);

        t->tenant = mem_strdup(cases[i].tenant);
        t->sample = cases[i].sample;
        t->op = cases[i].op;
        digest(t, seen[i]);
        task_free(t);
        for (j = 0; j < i; j++)
            cr_expect_neq(memcmp(seen[i], seen[j], SHA256_LEN), 0, "cases %zu and %zu", i, j);
    }
}

Test(key, body_is_not_touched_and_the_digest_is_made_once)
{
    struct task *t = task_of(BASE);
    char *before = mem_strdup(json_object_to_json_string(t->body));
    uint8_t first[SHA256_LEN];

    digest(t, first);
    cr_expect_str_eq(json_object_to_json_string(t->body), before);
    json_object_object_add(t->body, "seed", json_object_new_int(99));
    cr_assert_eq(key_digest(t, sha, &scratch), 0);
    cr_expect_eq(memcmp(first, t->digest, SHA256_LEN), 0);
    free(before);
    task_free(t);
}

Test(key, canonical_body_that_does_not_fit)
{
    struct task *t = task_of(BASE);
    struct buf small = BUF_INIT(16);

    cr_expect_eq(key_digest(t, sha, &small), -1);
    cr_expect_not(t->has_digest);
    buf_done(&small);
    task_free(t);
}

Test(key, random_orders_of_members_give_one_digest)
{
    static const char *const members[] = {
        MSG,
        "\"temperature\":0.25",
        "\"seed\":1",
        "\"top_p\":0.9",
        "\"n\":1",
        "\"stop\":[\"a\",\"b\"]",
        "\"max_tokens\":10",
        "\"model\":\"m\"",
        "\"user\":\"x\"",
        "\"\\u00e9\":1",
        "\"z\":{\"b\":1,\"a\":2}",
    };
    const size_t n = ARRAY_LEN(members);
    struct rng rng = {11};
    uint8_t first[SHA256_LEN];
    int round = 0;

    for (round = 0; round < 300; round++) {
        size_t order[ARRAY_LEN(members)];
        struct buf text = BUF_INIT(4096);
        uint8_t now[SHA256_LEN];
        struct task *t = NULL;
        size_t i = 0;

        for (i = 0; i < n; i++) {
            size_t j = (size_t)rng_below(&rng, i + 1);

            order[i] = order[j];
            order[j] = i;
        }
        for (i = 0; i < n; i++)
            buf_printf(&text, "%s%s%s", i ? "," : "{", rng_below(&rng, 2) ? " " : "",
                       members[order[i]]);
        buf_char(&text, '}');
        t = task_of(text.data);
        digest(t, now);
        if (round == 0)
            memcpy(first, now, SHA256_LEN);
        cr_assert_eq(memcmp(first, now, SHA256_LEN), 0, "round %d: %s", round, text.data);
        task_free(t);
        buf_done(&text);
    }
}

static struct model row(void)
{
    return (struct model){.provider_name = "openai",
                          .api_base = "https://one.example/v1",
                          .upstream_model = "m-1",
                          .max_output_tokens = 100};
}

Test(key, completion_key_names_the_upstream)
{
    struct property header = {.name = "x-mode", .value = "b"};
    struct task *t = task_of(BASE);
    struct model rows[11];
    uint8_t keys[ARRAY_LEN(rows)][SHA256_LEN];
    uint8_t d[SHA256_LEN];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = row();
    rows[1].provider_name = "anthropic";
    rows[2].api_base = "https://two.example/v1";
    rows[3].upstream_model = "m-2";
    rows[4].extra_body = "{\"top_k\":5}";
    rows[5].drop_params = true;
    rows[6].extra_headers = (struct property_list){&header, 1};
    rows[7].max_output_tokens = 101;
    rows[8].api_version = "2024-10-21";
    rows[9].api_version = "2024-10-21";
    rows[9].extra_headers = (struct property_list){&header, 1};
    rows[10].mode = (char *)"responses";
    digest(t, d);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        key_completion(t, &rows[i], sha, keys[i]);
        for (j = 0; j < i; j++)
            cr_expect_neq(memcmp(keys[i], keys[j], SHA256_LEN), 0, "rows %zu and %zu", i, j);
    }
    task_free(t);
}

Test(key, completion_key_does_not_know_what_cannot_change_the_answer)
{
    struct property header = {.name = "Authorization", .value = "Bearer x"};
    struct task *t = task_of(BASE);
    struct model a = row();
    struct model b = row();
    uint8_t ka[SHA256_LEN];
    uint8_t kb[SHA256_LEN];
    uint8_t d[SHA256_LEN];

    b.model_name = "other";
    b.index = 3;
    b.weight = 9;
    b.api_key = "key";
    b.rpm = 10;
    b.timeout_ms = 5;
    b.extra_headers = (struct property_list){&header, 1};
    digest(t, d);
    key_completion(t, &a, sha, ka);
    key_completion(t, &b, sha, kb);
    cr_expect_eq(memcmp(ka, kb, SHA256_LEN), 0);
    task_free(t);
}

Test(key, flight_is_digest_and_models_in_order)
{
    static const char *const lists[][3] = {
        {"fast"}, {"smart"}, {"fast", "smart"}, {"smart", "fast"}, {"fas", "t"}, {"fast", ""},
    };
    uint8_t keys[ARRAY_LEN(lists)][SHA256_LEN];
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(lists); i++) {
        struct task *t = task_of(BASE);
        uint8_t d[SHA256_LEN];

        free(t->models[0]);
        for (t->nmodels = 0; t->nmodels < 3 && lists[i][t->nmodels]; t->nmodels++)
            t->models[t->nmodels] = mem_strdup(lists[i][t->nmodels]);
        digest(t, d);
        key_flight(t, sha, keys[i]);
        task_free(t);
        for (j = 0; j < i; j++)
            cr_expect_neq(memcmp(keys[i], keys[j], SHA256_LEN), 0, "lists %zu and %zu", i, j);
    }
}
