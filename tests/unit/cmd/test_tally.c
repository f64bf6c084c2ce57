/* Sums over replies, and what the final report says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/batch/tally.h"

static struct reply_view answer(const char *cache, double cost)
{
    return (struct reply_view){.custom_id = "a",
                               .ok = true,
                               .status = 200,
                               .model = "fast",
                               .cache = cache,
                               .usage = {.input_tokens = 10, .output_tokens = 5},
                               .cost_usd = cost,
                               .queued_ms = 100,
                               .inference_ms = 900};
}

static char *report(const struct tally *t, const struct tally_totals *n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    tally_report(t, n, f);
    fclose(f);
    return text;
}

Test(tally, only_bought_answers_cost)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    struct reply_view v = answer("miss", 0.5);

    tally_add(t, &v);
    v = answer("hit", 0.5);
    tally_add(t, &v);
    v = answer("coalesced", 0.5);
    tally_add(t, &v);
    v = answer("miss", -1);
    tally_add(t, &v);
    cr_assert_eq(t->done, 4);
    cr_assert_eq(t->ok, 4);
    cr_assert_eq(t->hits, 1);
    cr_assert_eq(t->coalesced, 1);
    cr_assert_eq(t->input_tokens, 20);
    cr_assert_eq(t->output_tokens, 10);
    cr_assert_float_eq(t->cost_usd, 0.5, 1e-9);
    cr_assert_eq(t->cost_unknown, 1);
    cr_assert_eq(t->models[0].cached, 2);
}

Test(tally, sums_are_those_of_the_tally)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    struct reply_view v = answer("miss", 0.5);
    struct tally_sums s;

    tally_add(t, &v);
    v = answer("hit", 0);
    tally_add(t, &v);
    v = answer("coalesced", 0);
    tally_add(t, &v);
    tally_add(t, &v);
    v = (struct reply_view){.custom_id = "b", .error_code = "empty_answer", .cost_usd = -1};
    tally_add(t, &v);
    s = tally_sums(t);
    cr_assert_eq(s.done, 5);
    cr_assert_eq(s.failed, 1);
    cr_assert_eq(s.hits, 1);
    cr_assert_eq(s.coalesced, 2);
    cr_assert_eq(s.input_tokens, 10);
    cr_assert_eq(s.output_tokens, 5);
    cr_assert_float_eq(s.cost_usd, 0.5, 1e-9);
    cr_assert_eq(s.cost_unknown, t->cost_unknown);
}

Test(tally, a_failure_may_cost)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    struct tally_totals n = {.what = "batch", .total = 2, .output = "out.jsonl"};
    struct reply_view v = {.custom_id = "a", .error_code = "empty_answer", .cost_usd = 0.25};
    char *text = NULL;

    tally_add(t, &v);
    v.cost_usd = -1;
    tally_add(t, &v);
    cr_assert_float_eq(t->cost_usd, 0.25, 1e-9);
    cr_assert_eq(t->cost_unknown, 0);
    text = report(t, &n);
    cr_expect(strstr(text, "cost           $0.2500"), "%s", text);
    free(text);
}

Test(tally, failures_are_grouped_and_bounded)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    int i = 0;

    for (i = 0; i < TALLY_KINDS + 10; i++) {
        char code[32], id[32];
        struct reply_view v = {.custom_id = id, .error_code = code, .cost_usd = -1};

        snprintf(code, sizeof code, "code-%d", i);
        snprintf(id, sizeof id, "row-%d", i);
        tally_add(t, &v);
        tally_add(t, &v);
    }
    cr_assert_eq(t->failed, 2 * (TALLY_KINDS + 10));
    cr_assert_eq(t->kinds[0].count, 2);
    cr_assert_str_eq(t->kinds[0].sample_id, "row-0");
    cr_assert_eq(t->kinds[TALLY_KINDS].count, 20);
    cr_assert_str_eq(t->kinds[TALLY_KINDS].code, "other");
}

Test(tally, more_models_than_the_table_holds)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    int i = 0;

    for (i = 0; i < TALLY_MODELS + 5; i++) {
        char name[32];
        struct reply_view v = answer("miss", 0);

        snprintf(name, sizeof name, "model-%d", i);
        v.model = name;
        tally_add(t, &v);
    }
    cr_assert_eq(t->nmodels, TALLY_MODELS);
    cr_assert_eq(t->ok, TALLY_MODELS + 5);
}

Test(tally, the_report_says_what_a_person_asks)
{
    struct tally *t CLEANUP_FREE = mem_alloc(sizeof *t);
    struct reply_view good = answer("miss", 0.25);
    struct reply_view bad = {.custom_id = "row-9", .error_code = "context_length", .cost_usd = -1};
    struct tally_totals n = {.what = "collect",
                             .total = 12,
                             .resumed = 3,
                             .calls = UINT64_MAX,
                             .elapsed_ms = 2000,
                             .output = "out.jsonl",
                             .error_file = "bad.jsonl"};
    static const char *const wanted[] = {"collect: 5 of 12 done -> out.jsonl",
                                         "3 were done before",
                                         "1 -> bad.jsonl",
                                         "context_length",
                                         "e.g. row-9",
                                         "$0.2500",
                                         "10 in",
                                         "fast"};
    char *text CLEANUP_FREE = NULL;
    size_t i = 0;

    tally_add(t, &good);
    tally_add(t, &bad);
    text = report(t, &n);
    for (i = 0; i < ARRAY_LEN(wanted); i++)
        cr_assert(strstr(text, wanted[i]), "\"%s\" is missing in:\n%s", wanted[i], text);
    cr_assert_not(strstr(text, "provider calls"), "unknown, so not said");
}
