/* Templates: places, braces, and what is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/batch/template.h"

/* The row is a string "name=value". */
static int field(void *row, const char *name, struct buf *out)
{
    const char *text = row;
    size_t n = strlen(name);

    return strncmp(text, name, n) == 0 && text[n] == '=' ? buf_str(out, text + n + 1) : -1;
}

Test(template, renders)
{
    static const struct {
        const char *template, *row, *text; /* text NULL: an error */
    } cases[] = {
        {"Solve: {question}", "question=1+1", "Solve: 1+1"},
        {"{a}{a}", "a=x", "xx"},
        {"no place", "a=x", "no place"},
        {"{{\"k\": {a}}}", "a=1", "{\"k\": 1}"},
        {"{{}}", "a=1", "{}"},
        {"{a}", "a={b}", "{b}"},
        {"{b}", "a=1", NULL},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        struct buf out = BUF_INIT(1000);
        struct template *t = template_new(cases[i].template, &e);
        char *row CLEANUP_FREE = mem_strdup(cases[i].row);

        cr_assert(t, "%s: %s", cases[i].template, e.msg);
        if (cases[i].text) {
            cr_assert_eq(template_render(t, field, row, &out, &e), 0, "%s", e.msg);
            cr_assert_str_eq(out.data, cases[i].text);
        } else {
            cr_assert_eq(template_render(t, field, row, &out, &e), -1);
            cr_assert(strstr(e.msg, "b"), "the field is named: %s", e.msg);
        }
        template_free(t);
        buf_done(&out);
    }
}

Test(template, refuses)
{
    static const char *const bad[] = {"{", "a {b", "}", "a } b", "{}", "{a}}"};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};

        cr_assert_null(template_new(bad[i], &e), "%s", bad[i]);
        cr_assert_neq(e.msg[0], '\0');
    }
}
