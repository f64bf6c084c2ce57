/* One line between two formats: what becomes of it, what is refused and by which name, and that there and back again keeps
 * what both know. Whole requests of each dialect go there and back in test-convert.sh. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/convert/line.h"

#define OPENAI(members)                                                                            \
    "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{" members \
    "}}"
#define ANTHROPIC(members) "{\"custom_id\":\"a\",\"params\":{" members "}}"
#define GEMINI(members)    "{\"key\":\"a\",\"request\":{" members "}}"

#define ASK   "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SAY   "\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define ASK_9 ASK ",\"max_completion_tokens\":9"
#define ASK_G "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"
#define FUNC  "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"a_b\":1}}"
#define CALLED                                                                                     \
    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},"                             \
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":1}}}]},"     \
    "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{\"y\":2}}}" \
    "]}]"
#define CALLED_OPENAI                                                                              \
    "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"              \
    "\"assistant\","                                                                               \
    "\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{"     \
    "\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"      \
    "\"call_1\",\"content\":\"{\\\"y\\\":2}\"}]"

struct outcome {
    int rc;
    struct buf out;
    struct err e;
};

/* Converts one line, as line 7 of a file. */
static struct outcome convert(const char *from, const char *to, const char *text, bool lossy)
{
    struct conversion c = {.losses = {.allowed = lossy, .line = 7},
                           .model = strcmp(from, "gemini") == 0 ? "m" : NULL};
    struct outcome o = {.out = BUF_INIT(1 << 20)};

    cr_assert_eq(conversion_open(&c, form_find(from), form_find(to), &o.e), 0, "%s", o.e.msg);
    o.rc = line_convert(&c, form_find(from), form_find(to), text, strlen(text), &o.out, &o.e);
    conversion_done(&c);
    return o;
}

/* Are two texts the same JSON? */
static bool same(const char *a, const char *b)
{
    CLEANUP_JSON struct json_object *x = NULL;
    CLEANUP_JSON struct json_object *y = NULL;

    return json_parse(a, strlen(a), &x, NULL) == 0 && json_parse(b, strlen(b), &y, NULL) == 0 &&
           json_object_equal(x, y);
}

Test(convert, requests)
{
    static const struct {
        const char *from, *to, *in, *out;
    } rows[] = {
        {"openai", "anthropic", OPENAI(ASK_9 ",\"stop\":\"x\",\"user\":\"u\""),
         ANTHROPIC("\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
                   "{\"type\":\"text\",\"text\":\"hi\"}]}],\"stop_sequences\":[\"x\"],"
                   "\"metadata\":{\"user_id\":\"u\"}")},
        {"anthropic", "openai",
         ANTHROPIC(SAY ",\"system\":\"be\",\"metadata\":{\"user_id\":\"u\"}"),
         OPENAI("\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be\"},{\"role\":"
                "\"user\",\"content\":\"hi\"}],\"max_completion_tokens\":9,\"user\":\"u\"")},
        {"openai", "gemini", OPENAI(ASK ",\"n\":2,\"seed\":1"),
         GEMINI(ASK_G ",\"generationConfig\":{\"candidateCount\":2,\"seed\":1}")},
        {"gemini", "openai",
         GEMINI(ASK_G ",\"generation_config\":{\"candidate_count\":2,\"max_output_tokens\":3}"),
         OPENAI(ASK ",\"n\":2,\"max_completion_tokens\":3")},
        {"gemini", "openai", GEMINI(CALLED), OPENAI(CALLED_OPENAI)},
        {"anthropic", "gemini", ANTHROPIC(SAY ",\"top_k\":4"),
         GEMINI(ASK_G ",\"generationConfig\":{\"maxOutputTokens\":9,\"topK\":4}")},
        {"openai", "cookbook", OPENAI(ASK), "{" ASK ",\"metadata\":{\"custom_id\":\"a\"}}"},
        {"cookbook", "openai", "{" ASK ",\"metadata\":{\"custom_id\":\"a\"}}", OPENAI(ASK)},
        {"cookbook", "openai", "{\"model\":\"m\",\"input\":\"x\"}",
         "{\"custom_id\":\"row-7\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{"
         "\"model\":\"m\",\"input\":\"x\"}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = convert(rows[i].from, rows[i].to, rows[i].in, false);

        cr_assert_eq(o.rc, LINE_REQUEST, "row %zu: %s", i, o.e.msg);
        cr_expect(same(o.out.data, rows[i].out), "row %zu: %s", i, o.out.data);
        buf_done(&o.out);
    }
}

/* What the other format cannot say: the field is named; with --lossy the rest is converted. */
Test(convert, losses)
{
    static const struct {
        const char *from, *to, *in, *field;
    } rows[] = {
        {"openai", "anthropic", OPENAI(ASK_9 ",\"seed\":1"), "body.seed: "},
        {"openai", "anthropic", OPENAI(ASK_9 ",\"store\":true"), "body.store: "},
        {"openai", "gemini", OPENAI(ASK ",\"user\":\"u\""), "body.user: "},
        {"openai", "gemini",
         OPENAI(
             "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"name\":\"n\",\"content\":\"x\"}]"),
         "body.messages[0].name: "},
        {"openai", "cookbook", OPENAI(ASK ",\"metadata\":{\"k\":\"v\"}"), "body.metadata: "},
        {"anthropic", "openai", ANTHROPIC(SAY ",\"top_k\":4"), "params: top_k: "},
        {"anthropic", "openai", ANTHROPIC(SAY ",\"container\":\"c\""), "params: container: "},
        {"anthropic", "openai", ANTHROPIC(SAY ",\"metadata\":{\"x\":1}"), "params: metadata.x: "},
        {"anthropic", "openai",
         ANTHROPIC(SAY ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"),
         "params: thinking: "},
        {"anthropic", "openai",
         ANTHROPIC(
             "\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{"
             "\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]"),
         "params: messages[0].content[0].cache_control: "},
        {"gemini", "openai", GEMINI(ASK_G ",\"safetySettings\":[]"), "request: safetySettings: "},
        {"gemini", "openai", GEMINI(ASK_G ",\"generationConfig\":{\"responseSchema\":{}}"),
         "request: generationConfig.responseSchema: "},
        {"gemini", "anthropic",
         GEMINI(ASK_G ",\"generationConfig\":{\"maxOutputTokens\":2,\"seed\":1}"), "body.seed: "},
        {"cookbook", "openai", "{" ASK ",\"metadata\":{\"row\":1}}", "metadata: row: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome strict = convert(rows[i].from, rows[i].to, rows[i].in, false);
        struct outcome lossy = convert(rows[i].from, rows[i].to, rows[i].in, true);

        cr_expect_eq(strict.rc, -1, "row %zu", i);
        cr_expect_eq(strncmp(strict.e.msg, rows[i].field, strlen(rows[i].field)), 0, "row %zu: %s",
                     i, strict.e.msg);
        cr_expect_eq(lossy.rc, LINE_REQUEST, "row %zu: %s", i, lossy.e.msg);
        buf_done(&strict.out);
        buf_done(&lossy.out);
    }
}

/* Whatever --lossy says. */
Test(convert, mistakes)
{
    static const struct {
        const char *from, *to, *in, *words;
    } rows[] = {
        {"openai", "anthropic", "no JSON", "byte 0"},
        {"openai", "anthropic", "[]", "must be a JSON object"},
        {"openai", "anthropic", "{" ASK "}", "custom_id: must be a string"},
        {"openai", "anthropic", OPENAI("\"model\":\"m\""), "messages"},
        {"openai", "anthropic", OPENAI("\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"),
         "model: is not there"},
        {"openai", "anthropic",
         "{\"custom_id\":\"a\",\"url\":\"/v1/responses\",\"body\":{\"input\":\"x\"}}",
         "model: is not there"},
        {"openai", "anthropic", OPENAI(ASK), "body.max_completion_tokens: is not there"},
        {"openai", "anthropic", "{\"custom_id\":\"a b\",\"body\":{" ASK_9 "}}",
         "custom_id: \"a b\" is not of 1 to 64"},
        {"openai", "gemini", "{\"custom_id\":\"a\",\"url\":\"/v1/images\",\"body\":{}}",
         "url: must be /v1/chat/completions"},
        {"anthropic", "openai", "{\"requests\":[]}", "requests: this is the body of a whole batch"},
        {"anthropic", "openai", ANTHROPIC("\"model\":\"m\",\"messages\":[{\"role\":\"system\"}]"),
         "params: messages[0].role: must be user or assistant"},
        {"gemini", "openai", GEMINI("\"contents\":[{\"role\":\"user\"}]"),
         "request: contents[0]: "},
        {"gemini", "openai",
         GEMINI("\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]"
                "}]"),
         "request: contents[0].parts[0].functionResponse: answers no call"},
        {"openai", "gemini", "{\"custom_id\":\"a\",\"response\":{},\"error\":null}", "is a result"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = convert(rows[i].from, rows[i].to, rows[i].in, true);

        cr_expect_eq(o.rc, -1, "row %zu", i);
        cr_expect(strstr(o.e.msg, rows[i].words), "row %zu: %s", i, o.e.msg);
        buf_done(&o.out);
    }
}

Test(convert, results)
{
    static const struct {
        const char *from, *in, *id, *words; /* a part of the line */
    } rows[] = {
        {"anthropic",
         "{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_1\","
         "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":"
         "\"text\","
         "\"text\":\"hello\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,"
         "\"output_tokens\":2}}}}",
         "a", "\"content\":\"hello\""},
        {"anthropic",
         "{\"custom_id\":\"a\",\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\","
         "\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}}}",
         "a", "\"status_code\":529"},
        {"anthropic", "{\"custom_id\":\"a\",\"result\":{\"type\":\"expired\"}}", "a",
         "\"code\":\"batch_expired\""},
        {"gemini",
         "{\"key\":\"a\",\"response\":{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
         "{"
         "\"text\":\"hello\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"
         "\"promptTokenCount\":1,\"candidatesTokenCount\":2,\"totalTokenCount\":3}}}",
         "a", "\"content\":\"hello\""},
        {"gemini", "{\"key\":\"a\",\"error\":{\"code\":8,\"message\":\"quota\"}}", "a",
         "\"status_code\":429"},
        {"cookbook", "[{},{\"object\":\"chat.completion\",\"choices\":[]},{\"custom_id\":\"a\"}]",
         "a", "\"status_code\":200"},
        {"cookbook", "[{},[\"boom\"]]", "row-7", "\"message\":\"boom\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = convert(rows[i].from, "openai", rows[i].in, false);
        CLEANUP_JSON struct json_object *line = NULL;

        cr_assert_eq(o.rc, LINE_RESULT, "row %zu: %s", i, o.e.msg);
        cr_assert_eq(json_parse(o.out.data, o.out.len, &line, &o.e), 0, "%s", o.e.msg);
        cr_expect_str_eq(json_get_str(line, "custom_id"), rows[i].id, "row %zu", i);
        cr_expect(strstr(o.out.data, rows[i].words), "row %zu: %s", i, o.out.data);
        buf_done(&o.out);
    }
}

/* From OpenAI's form there and back: nothing is lost, nothing is added. */
Test(convert, there_and_back)
{
    static const char *const bodies[] = {
        ASK_9,
        ASK_9 ",\"temperature\":0.5,\"top_p\":0.25,\"stop\":[\"x\",\"y\"]",
        ASK_9 ",\"tools\":[{\"type\":\"function\"," FUNC "}],\"tool_choice\":\"required\"",
        ASK_9 ",\"tools\":[{\"type\":\"function\"," FUNC
              "}],\"tool_choice\":{\"type\":\"function\","
              "\"function\":{\"name\":\"f\"}}",
        ASK_9 ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\","
              "\"schema\":{\"type\":\"object\"}}}",
        CALLED_OPENAI ",\"max_completion_tokens\":9",
        "\"model\":\"m\",\"max_completion_tokens\":9,\"messages\":[{\"role\":\"system\","
        "\"content\":"
        "\"be\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what\"},{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]},{\"role\":"
        "\"assistant\",\"content\":\"this\"},{\"role\":\"user\",\"content\":\"no\"}]",
    };
    static const char *const others[] = {"anthropic", "gemini", "cookbook"};

    for (size_t i = 0; i < ARRAY_LEN(bodies) * ARRAY_LEN(others); i++) {
        const char *other = others[i % ARRAY_LEN(others)];
        char line[2048];
        struct outcome there;
        struct outcome back;

        snprintf(line, sizeof line, OPENAI("%s"), bodies[i / ARRAY_LEN(others)]);
        there = convert("openai", other, line, false);
        cr_assert_eq(there.rc, LINE_REQUEST, "%s %s: %s", other, line, there.e.msg);
        back = convert(other, "openai", there.out.data, false);
        cr_assert_eq(back.rc, LINE_REQUEST, "%s %s: %s", other, there.out.data, back.e.msg);
        cr_expect(same(back.out.data, line), "%s: %s\nbecame %s", other, line, back.out.data);
        buf_done(&there.out);
        buf_done(&back.out);
    }
}
