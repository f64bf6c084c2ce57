/* gen_ai: conversations as OpenTelemetry's conventions have them. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "task/gen_ai.h"
#include "task/trace.h"

static char *input_of(const char *body)
{
    CLEANUP_JSON struct json_object *root = NULL;
    struct buf out = BUF_INIT(1 << 20);
    struct err e = {0};

    cr_assert_eq(json_parse(body, strlen(body), &root, &e), 0, "%s", e.msg);
    gen_ai_input(root, &out);
    return buf_steal(&out, NULL);
}

static char *output_of(const char *answer)
{
    struct buf out = BUF_INIT(1 << 20);

    gen_ai_output(answer, strlen(answer), &out);
    return buf_steal(&out, NULL);
}

Test(gen_ai, requests)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"{\"messages\":[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},"
         "{\"role\":\"user\",\"content\":\"hi\"}]}",
         "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"be \\\"brief\\\"\"}]},"
         "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what?\"},"
         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:...\"}}]}]}",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"what?\"},"
         "{\"type\":\"image_url\"}]}]"},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\","
         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f\","
         "\"id\":\"c1\",\"arguments\":\"{}\"}]}]"},
        {"{\"input\":\"hi\"}",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"},
        {"{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]"
         "}",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"},
        {"{}", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *got CLEANUP_FREE = input_of(rows[i].body);

        cr_expect_str_eq(got, rows[i].want, "%s: %s", rows[i].body, got);
    }
}

Test(gen_ai, answers)
{
    static const struct {
        const char *answer, *want;
    } rows[] = {
        {"{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"4\"},"
         "\"finish_reason\":\"stop\"}]}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"4\"}],"
         "\"finish_reason\":\"stop\"}]"},
        {"{\"output\":[{\"type\":\"reasoning\"},{\"type\":\"message\",\"role\":\"assistant\","
         "\"content\":[{\"type\":\"output_text\",\"text\":\"4\"}]}]}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"4\"}]}]"},
        {"{\"data\":[{\"embedding\":[0.5]}]}", ""},
        {"no JSON", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *got CLEANUP_FREE = output_of(rows[i].answer);

        cr_expect_str_eq(got, rows[i].want, "%s: %s", rows[i].answer, got);
    }
}

Test(gen_ai, a_long_text_is_cut_between_characters)
{
    size_t n = TRACE_CONTENT_MAX;
    char *body CLEANUP_FREE = mem_alloc(2 * n + 200);
    char *got CLEANUP_FREE = NULL;
    char *at = body;

    memcpy(at, "{\"input\":\"x", 11);
    at += 11;
    for (size_t i = 0; i < n; i++, at += 2)
        memcpy(at, "\xc3\xa9", 2);
    memcpy(at, "\"}", 3);
    got = input_of(body);
    cr_expect_lt(strlen(got), n + 100);
    cr_expect_gt(strlen(got), n - 10);
    cr_expect(utf8_valid(got, strlen(got)));
    cr_expect(strstr(got, "\"}]}]"), "and it is whole JSON");
}

Test(gen_ai, more_messages_than_there_is_room_for_are_counted)
{
    struct buf body = BUF_INIT(1 << 20), out = BUF_INIT(TRACE_CONTENT_MAX * 8);
    struct json_object *o = NULL, *got = NULL;
    struct err e = {0};
    size_t n = 0;
    int more = 0;

    buf_str(&body, "{\"messages\":[");
    for (int i = 0; i < 6000; i++)
        buf_printf(&body, "%s{\"role\":\"user\",\"content\":\"x\"}", i ? "," : "");
    buf_str(&body, "]}");
    cr_assert_eq(json_parse(body.data, body.len, &o, &e), 0, "%s", e.msg);
    gen_ai_input(o, &out);
    cr_assert_not(out.over);
    cr_assert_eq(json_parse(out.data, out.len, &got, &e), 0, "%s", e.msg);
    n = json_object_array_length(got);
    cr_expect_gt(n, 4000);
    cr_assert_eq(
        sscanf(
            json_object_to_json_string_ext(json_object_array_get_idx(got, n - 1),
                                           JSON_C_TO_STRING_PLAIN),
            "{\"role\":\"sluice\",\"parts\":[{\"type\":\"cut\",\"content\":\"%d more messages\"}]}",
            &more),
        1);
    cr_expect_eq(n - 1 + (size_t)more, 6000);
    json_object_put(o);
    json_object_put(got);
    buf_done(&body);
    buf_done(&out);
}
