/* Rows of JSONL, CSV and TSV files as request records. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/batch/input.h"

#define RECORD_MAX 400

/* What each row comes out as: "NUMBER RECORD", or "NUMBER ! MESSAGE" of which a part is given. */
struct expected {
    int64_t number;
    const char *text;
    bool bad;
};

struct input_case {
    const char *name, *ending, *content;
    struct input_options options;
    struct expected rows[6];
};

#define ASK(id, text)                                                                              \
    "{\"custom_id\":\"" id "\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"" text     \
    "\"}]}}"

static const struct input_case cases[] = {
    {"lines as they stand",
     ".jsonl",
     "{\"a\":1}\n{\"b\":2}\n",
     {0},
     {{1, "{\"a\":1}", 0}, {2, "{\"b\":2}", 0}}},
    {"mark, CRLF, blank lines, no end",
     ".jsonl",
     "\xef\xbb\xbf{\"a\":1}\r\n\r\n  \n{\"b\":2}",
     {0},
     {{1, "{\"a\":1}", 0}, {4, "{\"b\":2}", 0}}},
    {"template over JSON",
     ".jsonl",
     "{\"q\":\"hi\",\"id\":7}\n{\"q\":3}\n",
     {.template = "ask {q}"},
     {{1, ASK("7", "ask hi"), 0}, {2, ASK("row-2", "ask 3"), 0}}},
    {"nested and missing fields",
     ".jsonl",
     "{\"a\":{\"b\":\"x\"}}\n{\"a\":1}\nnot json\n[1]\n",
     {.template = "{a.b}"},
     {{1, ASK("row-1", "x"), 0}, {2, "a.b", 1}, {3, ":3", 1}, {4, "no JSON object", 1}}},
    {"id field",
     ".jsonl",
     "{\"q\":\"x\",\"k\":\"me\"}\n{\"q\":\"y\"}\n",
     {.template = "{q}", .id_field = "k"},
     {{1, ASK("me", "x"), 0}, {2, "--id-field", 1}}},
    {"CSV with quotes over lines",
     ".csv",
     "id,q\n1,\"a \"\"b\"\"\nc\"\n2,d\n",
     {.template = "{q}"},
     {{2, ASK("1", "a \\\"b\\\"\\nc"), 0}, {4, ASK("2", "d"), 0}}},
    {"TSV, CRLF, mark",
     ".tsv",
     "\xef\xbb\xbfq\tr\r\nx\ty\r\n",
     {.template = "{q}-{r}"},
     {{2, ASK("row-2", "x-y"), 0}}},
    {"CSV with a missing column", ".csv", "q\nx\n", {.template = "{z}"}, {{2, "z", 1}}},
};

static void check(const struct input_case *c)
{
    char path[64];
    struct err e = {0};
    struct input_options o = c->options;
    struct input *in = NULL;
    FILE *f = NULL;
    int round = 0;
    size_t i = 0;

    snprintf(path, sizeof path, "/tmp/test-input-%d%s", (int)getpid(), c->ending);
    f = fopen(path, "w");
    fputs(c->content, f);
    fclose(f);
    in = input_open(path, &o, RECORD_MAX, &e);
    cr_assert(in, "%s: %s", c->name, e.msg);
    for (round = 0; round < 2; round++) {
        struct input_row row;

        for (i = 0; c->rows[i].text; i++) {
            int rc = input_next(in, &row, &e);

            cr_assert_eq(rc, c->rows[i].bad ? INPUT_BAD : INPUT_GOOD, "%s row %zu: %d %s", c->name,
                         i, rc, e.msg);
            cr_assert_eq(row.number, c->rows[i].number, "%s row %zu: line %lld", c->name, i,
                         (long long)row.number);
            if (rc == INPUT_BAD)
                cr_assert(strstr(e.msg, c->rows[i].text), "%s row %zu: %s", c->name, i, e.msg);
            else
                cr_assert(row.len == strlen(c->rows[i].text) &&
                              memcmp(row.record, c->rows[i].text, row.len) == 0,
                          "%s row %zu: %.*s", c->name, i, (int)row.len, row.record);
        }
        cr_assert_eq(input_next(in, &row, &e), INPUT_END, "%s", c->name);
        cr_assert_eq(input_rewind(in, &e), 0);
    }
    input_close(in);
    unlink(path);
}

Test(input, table)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

Test(input, a_line_that_is_too_long_is_bad_and_the_next_is_not)
{
    char path[64];
    struct err e = {0};
    struct input_options o = {0};
    struct input_row row;
    struct input *in = NULL;
    FILE *f = NULL;

    snprintf(path, sizeof path, "/tmp/test-long-%d.jsonl", (int)getpid());
    f = fopen(path, "w");
    fprintf(f, "{\"a\":\"%0*d\"}\n{\"b\":1}\n", 900000, 1);
    fclose(f);
    in = input_open(path, &o, RECORD_MAX, &e);
    cr_assert_eq(input_next(in, &row, &e), INPUT_BAD);
    cr_assert(strstr(e.msg, "limits.record_bytes"), "%s", e.msg);
    cr_assert_str_eq(row.fallback_id, "row-1");
    cr_assert_eq(input_next(in, &row, &e), INPUT_GOOD);
    cr_assert_eq(row.number, 2);
    cr_assert_eq(input_next(in, &row, &e), INPUT_END);
    input_close(in);
    unlink(path);
}

Test(input, options_that_cannot_be)
{
    static const char *one[] = {"temperature=0"};
    static const struct {
        const char *path;
        struct input_options o;
    } wrong[] = {
        {"/dev/null", {.format = "xml"}}, {"/dev/null", {.format = "csv"}},
        {"/dev/null", {.template = "{"}}, {"/dev/null", {.params = {one, 1}}},
        {"/nowhere/x.jsonl", {0}},        {"/tmp", {0}},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err e = {0};

        cr_assert_null(input_open(wrong[i].path, &wrong[i].o, RECORD_MAX, &e), "case %zu", i);
        cr_assert_neq(e.msg[0], '\0');
    }
}
