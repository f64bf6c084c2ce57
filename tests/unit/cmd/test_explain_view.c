/* explain_view: what a person reads of /status. The reasons themselves are test_explain's, the JSON test_admin_pages'. */
#include <criterion/criterion.h>

#include "cmd/explain_view.h"

#define PART                                                                                       \
    "\"held_up\":{\"minute\":{\"shares\":{\"rpm\":0.93,\"answers\":0.07},\"because\":\"b\","       \
    "\"change\":\"c\"}}"
#define ROW(number, model, provider)                                                               \
    "{\"row\":" number ",\"model\":\"" model "\",\"provider\":\"" provider "\"," PART "}"
#define LINES(name) "  " name ": rpm 93%, answers 7%\n      b\n      -> c\n"

static const struct {
    const char *what, *status, *text;
} cases[] = {
    {"the pool, and a model at a provider",
     "{\"pool\":{" PART "},\"models\":[" ROW("1", "fast", "openai") "]}",
     LINES("pool") LINES("fast/openai")},
    {"rows that differ need no number",
     "{\"models\":[" ROW("1", "fast", "openai") "," ROW("2", "fast", "groq") "," ROW("3", "slow",
                                                                                     "openai") "]}",
     LINES("fast/openai") LINES("fast/groq") LINES("slow/openai")},
    {"two keys of one model at one provider are two rows",
     "{\"models\":[" ROW("1", "fast", "openai") "," ROW("2", "slow", "openai") "," ROW(
         "3", "fast", "openai") "]}",
     LINES("fast/openai (row 1)") LINES("slow/openai") LINES("fast/openai (row 3)")},
    {"a worker that is starting", "{}", ""},
    {"a row without reasons yet", "{\"models\":[{\"row\":1,\"model\":\"fast\"}]}", ""},
};

Test(explain_view, text)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP_JSON struct json_object *status = NULL;
        struct buf out = BUF_INIT(EXPLAIN_TEXT_MAX);

        cr_assert_eq(json_parse(cases[i].status, strlen(cases[i].status), &status, NULL), 0);
        explain_text(status, true, &out);
        cr_expect_str_eq(out.data ? out.data : "", cases[i].text, "%s:\n%s", cases[i].what,
                         out.data);
        buf_done(&out);
    }
}
