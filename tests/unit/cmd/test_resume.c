/* What an output is found to hold when a job goes on with it, and which outputs are refused. */
#include <sysexits.h>

#include "base/mem.h"
#include "cmd/jobs/resume.h"
#include "scratch.h"

#define REPLY(id)                                                                                  \
    "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":200,\"body\":{}},\"error\":null}\n"

static struct scratch scratch;

static void setup(void)
{
    scratch_open(&scratch);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(resume, .init = setup, .fini = teardown);

struct taken {
    char ids[64]; /* each with a space behind it */
};

/* Ids that begin with x are of another job. */
static int take(void *arg, const char *id, size_t len)
{
    struct taken *t = arg;

    if (*id == 'x')
        return -1;
    snprintf(t->ids + strlen(t->ids), sizeof t->ids - strlen(t->ids), "%.*s ", (int)len, id);
    return 0;
}

static int resume(const char *path, const char *input, struct taken *t, struct err *e)
{
    struct resume r = {.input = input, .arg = t, .take = take};
    struct line_writer *w = NULL;
    int rc = resume_open(&r, path, &w, e);

    line_writer_close(w);
    return rc;
}

Test(resume, outputs)
{
    static const struct {
        const char *text, *input, *ids, *error; /* error NULL: good */
    } rows[] = {
        {"", "in", "", NULL},
        {REPLY("a") REPLY("b"), "in", "a b ", NULL},
        {REPLY("a") "\n\n" REPLY("b"), "in", "a b ", NULL},
        {REPLY("a") "{\"custom_id\":\"torn", "in", "a ", NULL},
        {REPLY("a") "{\"custom_id\":\"b\"}\n", "in", "a ", "out:2 is no reply line"},
        {REPLY("a") "no JSON\n" REPLY("b"), "in", "a ", "out:2 is no reply line"},
        {REPLY("a") REPLY("x1") REPLY("b"), "in", "a ", "out:2: \"x1\" is not in in"},
        {REPLY("a") REPLY("x1") REPLY("b"), NULL, "a b ", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct taken t = {""};
        struct err e = {0};

        scratch_write("out", rows[i].text);
        cr_expect_eq(resume("out", rows[i].input, &t, &e), rows[i].error ? -1 : 0, "%zu: %s", i,
                     e.msg);
        cr_expect_str_eq(t.ids, rows[i].ids, "%zu: %s", i, t.ids);
        if (rows[i].error) {
            cr_expect(strstr(e.msg, rows[i].error) == e.msg, "%zu: %s", i, e.msg);
            cr_expect(strstr(e.msg, "name another output"), "%zu: %s", i, e.msg);
            cr_expect_eq(e.code, EX_CANTCREAT, "%zu", i);
        }
    }
}

Test(resume, what_is_no_regular_file_holds_nothing)
{
    struct taken t = {""};
    struct err e = {0};

    cr_expect_eq(resume("/dev/null", "in", &t, &e), 0, "%s", e.msg);
    cr_expect_str_eq(t.ids, "");
    cr_expect_eq(resume("nowhere/out", "in", &t, &e), -1);
    cr_expect(e.msg[0]);
}
