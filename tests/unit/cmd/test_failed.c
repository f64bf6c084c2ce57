/* Which rows a file of failed replies sends again, and which files are refused. */
#include <sysexits.h>

#include "base/mem.h"
#include "cmd/batch/failed.h"
#include "cmd/batch/job.h"
#include "scratch.h"

#define GOOD(id)                                                                                   \
    "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":200,\"body\":{}},\"error\":null}\n"
#define HTTP(id, status, code)                                                                     \
    "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":" status                              \
    ",\"body\":{\"error\":{\"code\":\"" code "\"}}},\"error\":null}\n"
#define OURS(id, status, class)                                                                    \
    "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":" status                              \
    ",\"body\":{\"error\":{\"code\":\"x\"}}},\"error\":null,\"sluice\":{\"attempts\":[{\"class\":" \
    "\"transient\"},{\"class\":\"" class "\"}]}}\n"
#define END(id, code)                                                                              \
    "{\"custom_id\":\"" id "\",\"response\":null,\"error\":{\"code\":\"" code                      \
    "\",\"message\":\"m\"}}\n"

static struct scratch scratch;

static void setup(void)
{
    scratch_open(&scratch);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(failed, .init = setup, .fini = teardown);

/* A job of the rows a, b, c, d. */
static struct index *job(void)
{
    struct index *x = index_new();

    for (const char *id = "abcd"; *id; id++)
        cr_assert_eq(index_add(x, index_hash(id, 1)), 0);
    index_seal(x);
    return x;
}

Test(failed, which_failures_may_recover)
{
    static const struct {
        const char *line;
        bool recovers;
    } rows[] = {
        {END("a", "deadline_exceeded"), true},
        {END("a", "no_model_available"), true},
        {END("a", "batch_expired"), true},
        {END("a", "transport"), true},
        {END("a", "bad_record"), false},
        {END("a", "content_filter"), false},
        {END("a", "reply_too_large"), false},
        {HTTP("a", "429", "rate_limit_exceeded"), true},
        {HTTP("a", "503", "overloaded"), true},
        {HTTP("a", "401", "invalid_api_key"), true},
        {HTTP("a", "404", "model_not_found"), true},
        {HTTP("a", "400", "context_length_exceeded"), false},
        {HTTP("a", "422", "x"), false},
        /* Our own replies say the class, which counts more than the status. */
        {OURS("a", "429", "quota"), true},
        {OURS("a", "400", "credential"), true},
        {OURS("a", "400", "context_window"), false},
        {OURS("a", "400", "content_policy"), false},
        {OURS("a", "400", "caller_fault"), false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_view v;
        struct err e = {0};

        cr_assert_eq(reply_read(rows[i].line, strlen(rows[i].line) - 1, &v, &e), 0, "%s", e.msg);
        cr_expect_eq(failed_may_recover(&v), rows[i].recovers, "%s", rows[i].line);
        reply_view_done(&v);
    }
}

Test(failed, rows_that_are_sent)
{
    static const struct {
        const char *text;
        bool all;
        const char *sent; /* NULL: refused */
        const char *error;
    } rows[] = {
        {END("b", "transport") HTTP("d", "500", "x"), false, "bd", NULL},
        {END("b", "transport") HTTP("d", "400", "x"), false, "b", NULL},
        {END("b", "transport") HTTP("d", "400", "x"), true, "bd", NULL},
        {GOOD("a") END("b", "transport") GOOD("c"), false, "b", NULL},
        {"", false, "", NULL}, /* the run had no failures */
        {HTTP("d", "400", "x"), false, NULL, "none of the 1 failures in err"},
        {GOOD("a") GOOD("b"), false, NULL, "err holds 2 replies and no failure"},
        {END("b", "x") END("e", "x"), false, NULL, "err:2: custom_id \"e\" is not in in.jsonl"},
        {END("b", "x") END("b", "x"), false, NULL, "err:2: custom_id \"b\" failed in an earlier"},
        {END("b", "x") "{\"custom_id\":\"c\",\"body\":{}}\n", false, NULL,
         "err:2 is no reply line"},
        {"no JSON\n", false, NULL, "err:1 is no reply line"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct failed f = {.path = "err", .all = rows[i].all};
        struct index *x = job();
        struct err e = {0};
        char sent[8] = "";
        int rc = 0;

        scratch_write("err", rows[i].text);
        rc = failed_select(&f, "in.jsonl", x, &e);
        for (uint32_t row = 0; rc == 0 && row < 4; row++) {
            if (!index_is_done(x, row))
                strncat(sent, &"abcd"[row], 1);
        }
        if (rows[i].sent) {
            cr_assert_eq(rc, 0, "row %zu: %s", i, e.msg);
            cr_expect_str_eq(sent, rows[i].sent, "row %zu", i);
            cr_expect_eq(index_wanted(x), strlen(sent));
            cr_expect_eq(index_done(x), 0, "rows that are left out are not done before");
        } else {
            cr_expect_eq(rc, -1, "row %zu", i);
            cr_expect_eq(e.code, EX_DATAERR, "row %zu", i);
            cr_expect_eq(strncmp(e.msg, rows[i].error, strlen(rows[i].error)), 0, "row %zu: %s", i,
                         e.msg);
        }
        index_free(x);
    }
}

Test(failed, each_file_of_failures_has_journal_keys_of_its_own)
{
    static const char *const texts[] = {END("b", "x"), END("b", "x") END("c", "x"), NULL};
    struct job j = {.id = "0123456789abcdef0123456789abcdef"};
    uint8_t key[3][64];
    size_t len[3] = {0};

    for (size_t i = 0; i < 3; i++) {
        struct failed f = {.path = "err"};
        struct index *x = job();
        struct err e = {0};

        if (texts[i]) {
            scratch_write("err", texts[i]);
            cr_assert_eq(failed_select(&f, "in.jsonl", x, &e), 0, "%s", e.msg);
        }
        memcpy(j.retry, f.mark, sizeof j.retry);
        len[i] = job_journal_key(&j, 1, key[i], sizeof key[i]);
        cr_assert_gt(len[i], 0);
        index_free(x);
    }
    cr_expect_eq(len[0], len[1]);
    cr_expect_neq(memcmp(key[0], key[1], len[0]), 0);
    cr_expect_lt(len[2], len[0], "a run of all rows");
}
