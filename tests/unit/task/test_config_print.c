/* config: what is printed can be read again, hides secrets, and the sample file is the table's. */
#include "task/config.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char env_key[] = "OPENAI_API_KEY=sk-openai-secret";
static char env_password[] = "KAFKA_PASSWORD=pass-secret";
static char *const env[] = {env_key, env_password, NULL};

static struct config *parse(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};

    cr_assert_eq(config_parse(text, strlen(text), "f", env, NULL, 0, &c, &e), 0, "%s\n%s", e.msg,
                 text);
    return c;
}

static char *print(const struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    config_print(c, f);
    fclose(f);
    return text;
}

static char *print_with(void (*fn)(FILE *to))
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    fn(f);
    fclose(f);
    return text;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = mem_alloc(65536);

    cr_assert(f, "%s (run from the project's root)", path);
    cr_assert_gt(fread(text, 1, 65535, f), 0);
    fclose(f);
    return text;
}

Test(config_print, reads_back)
{
    CLEANUP_FREE char *text = read_file("tests/fixtures/config/whole.yaml");
    struct config *first = parse(text);
    CLEANUP_FREE char *once = print(first);
    struct config *second = parse(once);
    CLEANUP_FREE char *twice = print(second);

    cr_expect_str_eq(once, twice);
    cr_expect_eq(second->nmodels, 3);
    cr_expect_eq(second->models[1].weight, 0.5);
    cr_expect_str_eq(second->models[1].extra_body, first->models[1].extra_body);
    cr_expect_str_eq(second->kafka_consumer.at[0].value, "50");
    cr_expect_eq(second->cache.max_bytes, INT64_C(1536) << 20);
    cr_expect_eq(second->router.fallbacks.count, 2);
    config_free(first);
    config_free(second);
}

Test(config_print, secrets)
{
    CLEANUP_FREE char *text = read_file("tests/fixtures/config/whole.yaml");
    struct config *c = parse(text);
    CLEANUP_FREE char *out = print(c);

    cr_expect_null(strstr(out, "secret"), "%s", out);
    cr_expect(strstr(out, "sasl.username: \"***\""), "%s", out);
    cr_expect(strstr(out, "X-Team: \"***\""), "%s", out);
    cr_expect(strstr(out, "api_key: \"***\""), "%s", out);
    config_free(c);
}

/* Beside its file the token would be an error when the text is read again, even as ***. */
Test(config_print, admin_token)
{
    static const struct {
        const char *text;
        bool shown; /* as *** */
    } cases[] = {
        {"observability: {admin_token: 0123456789}\n", true},
        {"observability: {admin_token: 0123456789, admin_token_file: /run/t}\n", false},
        {"observability: {listen: 9464}\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = parse(cases[i].text);
        CLEANUP_FREE char *out = print(c);

        cr_expect_null(strstr(out, "0123456789"), "%s", out);
        cr_expect_eq(strstr(out, "admin_token: \"***\"") != NULL, cases[i].shown, "%s", out);
        config_free(c);
    }
}

Test(config_print, awkward_text)
{
    static const char *const typed[] = {
        "\"a\\\"b\\\\c\\n\\t\\x01\"",
        "\"$${NAME}\"",
        "\"null\"",
        "\"~\"",
        "\"\"",
        "\"# no comment\"",
        "\"a: b\"",
        "\"- a\"",
        "\"5\"",
        "\"\xc3\xa9\"",
        "\"[a]\"",
        "\"a \"",
        "\" a\"",
        "\"true\"",
        "\"a$$b\"",
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(typed); i++) {
        char text[128];
        struct config *first = NULL;
        struct config *second = NULL;

        snprintf(text, sizeof text, "cache: {path: %s}\n", typed[i]);
        first = parse(text);
        {
            CLEANUP_FREE char *once = print(first);

            second = parse(once);
        }
        cr_expect_str_eq(second->cache.path, first->cache.path);
        config_free(first);
        config_free(second);
    }
}

Test(config_sample, is_the_example)
{
    CLEANUP_FREE char *sample = print_with(config_print_sample);
    CLEANUP_FREE char *file = read_file("deploy/examples/sluice.yaml");

    cr_expect_str_eq(sample, file, "renew it: sluice check --sample > deploy/examples/sluice.yaml");
}

/* Takes the "#" away before keys and list entries, not before words. */
static void uncomment(char *text)
{
    char *to = text;
    bool start = true;

    for (; *text; text++) {
        if (start && *text == '#' && (isalpha((unsigned char)text[1]) || text[1] == ' ') &&
            (text[1] != ' ' || strncmp(text + 2, " - ", 3) == 0))
            continue;
        start = *text == '\n' || (start && *text == ' ');
        *to++ = *text;
    }
    *to = '\0';
}

/* The commented lines are the defaults: taking them in changes nothing but the examples. */
Test(config_sample, comments_are_the_defaults)
{
    CLEANUP_FREE char *sample = print_with(config_print_sample);
    struct config *plain = parse(sample);
    struct config *whole = NULL;

    uncomment(sample);
    whole = parse(sample);
    cr_expect_eq(whole->router.fallbacks.count, 1);
    cr_expect_eq(whole->kafka_consumer.count, 1);
    cr_expect_eq(plain->router.fallbacks.count, 0);
    whole->router.fallbacks.count = 0;
    whole->router.context_window_fallbacks.count = 0;
    whole->router.content_policy_fallbacks.count = 0;
    whole->kafka_consumer.count = 0;
    whole->kafka_producer.count = 0;
    cr_expect_eq(whole->budget.max_cost, 25);
    whole->budget.max_cost = -1;
    cr_expect_eq(whole->ntenants, 2);
    whole->ntenants = 0;
    {
        CLEANUP_FREE char *one = print(plain);
        CLEANUP_FREE char *two = print(whole);

        cr_expect_str_eq(one, two);
    }
    whole->router.fallbacks.count = 1;
    whole->router.context_window_fallbacks.count = 1;
    whole->router.content_policy_fallbacks.count = 1;
    whole->kafka_consumer.count = 1;
    whole->kafka_producer.count = 1;
    whole->ntenants = 2;
    config_free(plain);
    config_free(whole);
}

Test(config_print, tenants_come_back)
{
    struct config *c = parse("tenants: {\"1: b\": {max_cost: 0.25}, a: {max_requests: 7}}\n");
    CLEANUP_FREE char *text = print(c);
    struct config *again = parse(text);

    cr_assert_eq(again->ntenants, 2, "%s", text);
    cr_expect_str_eq(again->tenants[0].name, "1: b");
    cr_expect_eq(again->tenants[0].max_cost, 0.25);
    cr_expect_lt(again->tenants[1].max_cost, 0);
    cr_expect_eq(again->tenants[1].max_requests, 7);
    config_free(c);
    config_free(again);
}

Test(config_man, names_every_key)
{
    static const char *const keys[] = {"pool.workers",    "params.api_key_file",
                                       "kafka",           "router_settings.fallbacks",
                                       "budget.max_cost", "model_info.max_input_tokens"};
    CLEANUP_FREE char *man = print_with(config_print_man);
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(keys); i++)
        cr_expect(strstr(man, keys[i]), "%s", keys[i]);
    cr_expect_eq(strncmp(man, ".TH SLUICE.YAML 5", 17), 0);
}
