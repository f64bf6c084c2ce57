/* scope: which rows a failure concerns, and which of them a task need not try. */
#include "policy/scope.h"

#include <criterion/criterion.h>

#include "base/mem.h"

#define A    "https://a.example"
#define B    "https://b.example"
#define ROWS 10

/* clang-format off */
static const struct {
    const char *name, *provider, *base, *key, *upstream;
} list[ROWS] = {
    {"one",    "openai",    A, "k1", "m1"}, /* 0 */
    {"two",    "openai",    A, "k1", "m2"}, /* 1: same key, other model */
    {"one",    "openai",    A, "k2", "m1"}, /* 2: other key, same model */
    {"two",    "openai",    A, "k2", "m2"}, /* 3: other key, other model */
    {"alias",  "openai",    A, "k1", "m1"}, /* 4: row 0 by another name */
    {"one",    "openai",    B, "k1", "m1"}, /* 5: another server */
    {"one",    "anthropic", A, "k1", "m1"}, /* 6: another provider */
    {"one",    "openai",    A, "k1", "m1"}, /* 7: row 0, paid by another organization */
    {"cloud",  "bedrock",   A, "",   "m1"}, /* 8 */
    {"cloud",  "bedrock",   B, "",   "m1"}, /* 9: the same account in another region */
};
/* clang-format on */

static struct model rows[ROWS];
static struct config config;
static struct property organization = {.name = (char *)"OpenAI-Organization", .value = (char *)"x"};

static void setup(void)
{
    int i = 0;

    config = (struct config){.models = rows, .nmodels = ROWS};
    for (i = 0; i < ROWS; i++)
        rows[i] = (struct model){.index = i,
                                 .model_name = (char *)list[i].name,
                                 .provider_name = (char *)list[i].provider,
                                 .api_base = (char *)list[i].base,
                                 .api_key = (char *)list[i].key,
                                 .upstream_model = (char *)list[i].upstream};
    rows[7].extra_headers = (struct property_list){.at = &organization, .count = 1};
    rows[8].aws_access_key_id = rows[9].aws_access_key_id = (char *)"AKIA";
}

TestSuite(scope, .init = setup);

#define R(n) (UINT64_C(1) << (n))

static const uint64_t self = R(0);
static const uint64_t model_and_key = R(0) | R(4);
static const uint64_t key = R(0) | R(1) | R(4);
static const uint64_t any_key = R(0) | R(2) | R(4) | R(7);
static const uint64_t provider = R(0) | R(1) | R(2) | R(3) | R(4) | R(5) | R(7);

Test(scope, each_class_has_its_rows)
{
    const struct {
        enum error_class class;
        uint64_t rest, refused;
    } cases[] = {
        {CLASS_TRANSPORT, self, self},
        {CLASS_TIMEOUT, self, self},
        {CLASS_TRANSIENT, self, self},
        {CLASS_OVERLOAD, any_key, self},
        {CLASS_RATE_LIMIT, model_and_key, self},
        {CLASS_TOO_LARGE_FOR_TPM, self, model_and_key},
        {CLASS_QUOTA, key, self},
        {CLASS_CREDENTIAL, key, self},
        {CLASS_MODEL_ACCESS, model_and_key, model_and_key},
        {CLASS_MODEL_GONE, any_key, any_key},
        {CLASS_REGION, self, self},
        {CLASS_CONTEXT_WINDOW, self, self},
        {CLASS_CONTENT_POLICY, self, self},
        {CLASS_CALLER_FAULT, self, provider},
        {CLASS_BAD_RESPONSE, self, self},
        {CLASS_UNKNOWN, self, self},
    };
    size_t i = 0;

    cr_assert_eq((int)ARRAY_LEN(cases), CLASS_COUNT - 1);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t rest = scope_rows(&config, 0, cases[i].class);
        uint64_t refused = scope_refused(&config, 0, cases[i].class);

        cr_expect_eq(rest, cases[i].rest, "%s: %llx", class_name(cases[i].class),
                     (unsigned long long)rest);
        cr_expect_eq(refused, cases[i].refused, "%s: %llx", class_name(cases[i].class),
                     (unsigned long long)refused);
    }
}

Test(scope, a_server_is_all_its_models_and_keys)
{
    cr_expect_eq(scope_server(&config, 3), R(0) | R(1) | R(2) | R(3) | R(4) | R(7));
    cr_expect_eq(scope_server(&config, 5), R(5));
}

Test(scope, a_cloud_account_is_one_in_all_regions_with_limits_of_their_own)
{
    cr_expect_eq(scope_rows(&config, 8, CLASS_CREDENTIAL), R(8) | R(9));
    cr_expect_eq(scope_rows(&config, 8, CLASS_REGION), R(8));
    cr_expect_eq(scope_limit(&config, 9), 9);
    rows[9].aws_access_key_id = (char *)"AKIB";
    cr_expect_eq(scope_rows(&config, 8, CLASS_CREDENTIAL), R(8));
}

Test(scope, the_first_row_has_the_limit)
{
    cr_expect_eq(scope_limit(&config, 4), 0);
    cr_expect_eq(scope_limit(&config, 0), 0);
    cr_expect_eq(scope_limit(&config, 2), 2);
    cr_expect_eq(scope_limit(&config, 7), 7);
}

Test(scope, what_is_not_known_is_the_same_as_nothing)
{
    rows[0].upstream_model = rows[4].upstream_model = NULL;
    cr_expect_eq(scope_limit(&config, 4), 4);
    rows[0].api_base = rows[1].api_base = NULL;
    cr_expect_eq(scope_rows(&config, 0, CLASS_CREDENTIAL), R(0));
}

Test(scope, limits_that_differ_divide_an_account)
{
    rows[0].rpm = rows[4].rpm = 60;
    cr_expect_eq(scope_limit(&config, 4), 0);
    rows[4].tpm = 1000;
    cr_expect_eq(scope_limit(&config, 4), 4);
    cr_expect_eq(scope_rows(&config, 4, CLASS_RATE_LIMIT), R(0) | R(4), "the provider counts both");
}

Test(scope, without_a_key_a_refusal_is_the_models_own)
{
    rows[0].api_key = rows[1].api_key = rows[4].api_key = (char *)"";
    cr_expect_eq(scope_rows(&config, 0, CLASS_CREDENTIAL), R(0) | R(4));
    cr_expect_eq(scope_limit(&config, 4), 0, "it is one limit all the same");
}
