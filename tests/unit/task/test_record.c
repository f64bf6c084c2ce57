/*
 * record: tests/fixtures/records/good.jsonl and bad.jsonl, a record and what comes of it on each
 * line, and what cannot be said in such a line: bytes, keys, headers, limits.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/record.h"

#define FIXTURES "tests/fixtures/records/"
#define PROMPT   "{\"prompt\":\"x\"}"
#define CE_JSON  "application/cloudevents+json"

static struct model models[] = {
    {.index = 0, .model_name = "fast"},
    {.index = 1, .model_name = "fast"},
    {.index = 2, .model_name = "smart"},
    {.index = 3, .model_name = "openai/gpt-5-mini"},
};

static const struct config config = {
    .models = models,
    .nmodels = ARRAY_LEN(models),
    .default_model = "fast",
    .limits = {.record_bytes = 1 << 20, .json_depth = 48},
};

static struct task *make(const char *value, size_t n)
{
    struct task *t = task_new();

    t->origin = (struct task_origin){.topic = "requests", .partition = 3, .offset = 77};
    t->raw = mem_dup(value, n);
    t->raw_len = n;
    return t;
}

static void canonical(struct json_object *o, struct buf *b)
{
    buf_clear(b);
    cr_assert_eq(json_canonical(o, b), 0);
}

static void check_good(struct json_object *row)
{
    static const char *const operations[] = {"chat", "embeddings", "responses"};
    static const char *const modes[] = {"use", "refresh", "off"};
    const char *name = json_get_str(row, "name");
    const char *text = json_object_to_json_string(json_get(row, "record"));
    struct json_object *list = json_get(row, "models");
    struct task *t = make(text, strlen(text));
    struct buf want = BUF_INIT(1 << 16);
    struct buf got = BUF_INIT(1 << 16);
    int i = 0;

    cr_assert_eq(record_parse(t, &config), RECORD_GOOD, "%s: %s", name,
                 t->error ? t->error->message : "");
    cr_expect_str_eq(t->id, json_get_str(row, "id"));
    cr_expect_str_eq(operations[t->op], json_get_str(row, "op"), "%s", name);
    if (json_get_str(row, "cache"))
        cr_expect_str_eq(modes[t->cache], json_get_str(row, "cache"), "%s", name);
    cr_expect_eq(t->nmodels, (int)json_object_array_length(list), "%s: %d models", name,
                 t->nmodels);
    for (i = 0; i < t->nmodels; i++)
        cr_expect_str_eq(t->models[i],
                         json_object_get_string(json_object_array_get_idx(list, (size_t)i)));
    if (json_get(row, "body")) {
        canonical(json_get(row, "body"), &want);
        canonical(t->body, &got);
        cr_expect_str_eq(got.data, want.data, "%s", name);
    }
    canonical(t->body, &want);
    task_shed(t);
    record_reopen(t, &config);
    canonical(t->body, &got);
    cr_expect_str_eq(got.data, want.data, "%s, read again", name);
    buf_done(&want);
    buf_done(&got);
    task_free(t);
}

static void check_bad(struct json_object *row)
{
    const char *text = json_object_to_json_string(json_get(row, "record"));
    const char *message = json_get_str(row, "message");
    struct task *t = make(text, strlen(text));

    cr_assert_eq(record_parse(t, &config), RECORD_BAD, "%s", text);
    cr_expect_str_eq(t->error->code, "bad_record");
    cr_expect(strstr(t->error->message, message) == t->error->message, "%s\nis:   %s\nwant: %s",
              text, t->error->message, message);
    cr_expect(t->bad_record);
    cr_expect_not_null(t->id);
    cr_expect_null(t->body);
    task_free(t);
}

static int each_line(const char *path, void (*check)(struct json_object *row))
{
    FILE *f = fopen(path, "r");
    CLEANUP_FREE char *line = NULL;
    size_t cap = 0;
    int n = 0;
    ssize_t len = 0;

    cr_assert_not_null(f, "%s: run the tests from the top of the tree", path);
    while ((len = getline(&line, &cap, f)) > 0) {
        struct json_object *row = NULL;
        struct err e = {0};

        n++;
        cr_assert_eq(json_parse(line, (size_t)len, &row, &e), 0, "%s:%d: %s", path, n, e.msg);
        check(row);
        json_object_put(row);
    }
    fclose(f);
    return n;
}

Test(record, good)
{
    cr_expect_geq(each_line(FIXTURES "good.jsonl", check_good), 19);
}

Test(record, bad)
{
    cr_expect_geq(each_line(FIXTURES "bad.jsonl", check_bad), 80);
}

#define T(text) text, sizeof(text) - 1

Test(record, bad_bytes)
{
    static const struct {
        const char *text;
        size_t n;
        const char *message;
    } rows[] = {
        {T(""), "the record is not valid JSON: byte 0: the text is empty"},
        {T("hello"), "the record is not valid JSON: byte 0: expected a value, found 'h'"},
        {T("{\"prompt\":\"\xc3\"}"),
         "the record is not valid JSON: byte 11: the text is not valid UTF-8"},
        {T("{\"prompt\":\"x\",\"prompt\":\"y\"}"), "the key \"prompt\" stands twice"},
        {T("{\"custom_id\":\"a\\u0000b\",\"prompt\":\"x\"}"), "\\u0000 is not accepted"},
        {T("{\"prompt\":\"x\",\"seed\":99999999999999999999}"), "does not fit into 64 bits"},
        {T("{\"prompt\":\"\\ud800\"}"), "lone surrogate"},
        {T("{\"prompt\":\"x\"}\n{\"prompt\":\"y\"}"), "more text behind the JSON value"},
    };
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct task *t = make(rows[i].text, rows[i].n);

        cr_expect_eq(record_parse(t, &config), RECORD_BAD);
        cr_expect(strstr(t->error->message, rows[i].message), "%s", t->error->message);
        cr_expect_str_eq(t->id, "requests-3-77");
        task_free(t);
    }
}

Test(record, tombstone_depth_and_size)
{
    struct task *t = make("", 0);
    struct buf b = BUF_INIT(4 << 20);
    int i = 0;

    free(t->raw);
    t->raw = NULL;
    cr_expect_eq(record_parse(t, &config), RECORD_BAD);
    cr_expect(strstr(t->error->message, "empty value (tombstone)"), "%s", t->error->message);
    task_free(t);

    buf_str(&b, "{\"prompt\":\"x\",\"deep\":");
    for (i = 0; i < 60; i++)
        buf_char(&b, '[');
    t = make(b.data, b.len);
    cr_expect_eq(record_parse(t, &config), RECORD_BAD);
    cr_expect(strstr(t->error->message, "nested deeper than 48 levels"), "%s", t->error->message);
    task_free(t);

    while (b.len <= 2 << 20)
        buf_str(&b, "----------------");
    t = make(b.data, b.len);
    cr_expect_eq(record_parse(t, &config), RECORD_BAD);
    cr_expect(strstr(t->error->message, "more than limits.record_bytes (1048576)"), "%s",
              t->error->message);
    task_free(t);
    buf_done(&b);
}

Test(record, missing_model_without_a_default)
{
    struct config c = config;
    struct task *t = make(T(PROMPT));

    c.default_model = "";
    cr_expect_eq(record_parse(t, &c), RECORD_BAD);
    cr_expect(strstr(t->error->message, "model is missing; name a model of model_list"), "%s",
              t->error->message);
    task_free(t);
}

static const struct {
    const char *name;
    const char *value;
    const char *key;
    size_t key_len;
    const char *header[4]; /* name, value, name, value */
    const char *id;
    const char *message; /* NULL: good */
} identities[] = {
    {"key", PROMPT, T("k1"), {NULL}, "k1", NULL},
    {"custom_id before key", "{\"custom_id\":\"c\",\"prompt\":\"x\"}", T("k1"), {NULL}, "c", NULL},
    {"empty key", PROMPT, T(""), {NULL}, "requests-3-77", NULL},
    {"key with NUL", PROMPT, T("a\0b"), {NULL}, "requests-3-77", NULL},
    {"key of bytes", PROMPT, T("\xff\xfe"), {NULL}, "requests-3-77", NULL},
    {"bad record keeps key", "{", T("k1"), {NULL}, "k1", "not valid JSON"},
    {"bad record keeps custom_id",
     "{\"custom_id\":\"c\",\"n\":1}",
     T("k1"),
     {NULL},
     "c",
     "body is"},
    {"binary event", PROMPT, T("k1"), {"ce_specversion", "1.0", "ce_id", "ev"}, "ev", NULL},
    {"custom_id before ce_id",
     "{\"custom_id\":\"c\",\"prompt\":\"x\"}",
     NULL,
     0,
     {"ce_id", "ev"},
     "c",
     NULL},
    {"bad binary event keeps ce_id", "}", NULL, 0, {"ce_id", "ev"}, "ev", "not valid JSON"},
    {"empty ce_id", PROMPT, T("k1"), {"ce_id", ""}, "k1", "header ce_id must be UTF-8 text"},
    {"ce_id of bytes", PROMPT, NULL, 0, {"ce_id", "\xff"}, "requests-3-77", "header ce_id must"},
    {"structured event",
     "{\"specversion\":\"1.0\",\"id\":\"s1\",\"type\":\"t\",\"source\":\"/x\",\"data\":" PROMPT "}",
     T("k1"),
     {"content-type", CE_JSON},
     "s1",
     NULL},
    {"structured event with a parameter",
     "{\"specversion\":\"1.0\",\"id\":\"s1\",\"data\":{\"custom_id\":\"c\",\"body\":" PROMPT "}}",
     NULL,
     0,
     {"Content-Type", "Application/CloudEvents+JSON; charset=utf-8"},
     "c",
     NULL},
    {"structured event without data",
     "{\"specversion\":\"1.0\",\"id\":\"s1\"}",
     T("k1"),
     {"content-type", CE_JSON},
     "k1",
     "data of the CloudEvent must be the request, a JSON object"},
    {"structured event without id",
     "{\"specversion\":\"1.0\",\"data\":{}}",
     T("k1"),
     {"content-type", CE_JSON},
     "k1",
     "id of the CloudEvent must be a string"},
    {"structured event of no version",
     "{\"id\":\"s1\",\"data\":{}}",
     T("k1"),
     {"content-type", CE_JSON},
     "k1",
     "specversion of the CloudEvent must be \"1.0\", not null"},
    {"structured event in base64",
     "{\"specversion\":\"1.0\",\"id\":\"s\",\"data_base64\":\"e30=\"}",
     NULL,
     0,
     {"content-type", CE_JSON},
     "requests-3-77",
     "data_base64 of the CloudEvent is not read"},
    {"plain JSON", PROMPT, NULL, 0, {"content-type", "application/json"}, "requests-3-77", NULL},
    {"batched events",
     "[]",
     NULL,
     0,
     {"content-type", "application/cloudevents-batch+json"},
     "requests-3-77",
     "the record must be a JSON object"},
};

Test(record, identity)
{
    size_t i = 0;
    size_t j = 0;

    for (i = 0; i < ARRAY_LEN(identities); i++) {
        const char *name = identities[i].name;
        struct task *t = make(identities[i].value, strlen(identities[i].value));
        int r = 0;

        t->key = mem_dup(identities[i].key, identities[i].key_len);
        t->key_len = identities[i].key_len;
        for (j = 0; j < 4 && identities[i].header[j]; j += 2)
            task_header_add(t, identities[i].header[j], identities[i].header[j + 1],
                            strlen(identities[i].header[j + 1]));
        r = record_parse(t, &config);
        cr_expect_eq(r, identities[i].message ? RECORD_BAD : RECORD_GOOD, "%s: %s", name,
                     t->error ? t->error->message : "");
        cr_expect_str_eq(t->id, identities[i].id, "%s: %s", name, t->id);
        if (identities[i].message && t->error)
            cr_expect(strstr(t->error->message, identities[i].message), "%s: %s", name,
                      t->error->message);
        task_free(t);
    }
}

/* For a record that must not be parsed: its value is not looked at. */
Test(record, name_without_a_look_at_the_value)
{
    static const struct {
        const char *key, *event, *id;
    } rows[] = {
        {"k", NULL, "k"},
        {"k", "event", "event"},
        {NULL, NULL, "requests-3-77"},
        {"\xff", NULL, "requests-3-77"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct task *t = make("{\"custom_id\":\"inside\"}", 22);

        t->key = mem_strdup(rows[i].key);
        t->key_len = rows[i].key ? strlen(rows[i].key) : 0;
        if (rows[i].event)
            task_header_add(t, "ce_id", rows[i].event, strlen(rows[i].event));
        record_name(t);
        cr_expect_str_eq(t->id, rows[i].id);
        record_name(t); /* an id stays */
        cr_expect_str_eq(t->id, rows[i].id);
        task_free(t);
    }
}

Test(record, long_ids)
{
    char value[700];
    char id[600];
    int n = 0;

    for (n = 511; n <= 513; n++) {
        struct task *t = NULL;

        memset(id, 'i', sizeof id);
        id[n] = '\0';
        snprintf(value, sizeof value, "{\"custom_id\":\"%s\",\"prompt\":\"x\"}", id);
        t = make(value, strlen(value));
        cr_expect_eq(record_parse(t, &config), n <= 512 ? RECORD_GOOD : RECORD_BAD);
        cr_expect_eq(strcmp(t->id, id) == 0, n <= 512);
        task_free(t);
    }
}

Test(record, options)
{
    struct task *t =
        make(T("{\"custom_id\":\"a\",\"prompt\":\"x\",\"sluice\":{\"deadline\":"
               "\"2030-01-01T01:00:00+01:00\",\"cache\":\"refresh\",\"sample\":3,"
               "\"tenant\":\"acme\",\"priority\":7,\"metadata\":{\"k\":[1,\"a/b\"]}}}"));

    cr_assert_eq(record_parse(t, &config), RECORD_GOOD, "%s", t->error ? t->error->message : "");
    cr_expect_eq(t->deadline_wall_ms, 1893456000000);
    cr_expect_eq(t->cache, CACHE_REFRESH);
    cr_expect_eq(t->sample, 3);
    cr_expect_eq(t->priority, 7);
    cr_expect_str_eq(t->tenant, "acme");
    cr_expect_str_eq(t->metadata, "{\"k\":[1,\"a/b\"]}");
    cr_expect_str_eq(t->custom_id, "a");
    task_free(t);
}

static void fingerprint(struct task *t, uint8_t out[16])
{
    record_fingerprint(t);
    memcpy(out, t->fingerprint, 16);
    task_free(t);
}

/* What decides about a task that waits without its body. */
Test(record, wishes_in_the_body_outlive_it)
{
    static const struct {
        const char *body, *options, *session;
        enum service_tier tier;
    } cases[] = {
        {"", "", NULL, TIER_STANDARD},
        {",\"prompt_cache_key\":\"k\"", "", "k", TIER_STANDARD},
        {",\"prompt_cache_key\":\"k\"", "\"session\":\"s\"", "s", TIER_STANDARD},
        {",\"service_tier\":\"flex\"", "", NULL, TIER_FLEX},
        {",\"service_tier\":\"turbo\"", "", NULL, TIER_OTHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(1024);
        struct task *t = NULL;

        buf_printf(&b, "{\"prompt\":\"x\"%s,\"sluice\":{%s}}", cases[i].body, cases[i].options);
        t = make(b.data, b.len);
        cr_assert_eq(record_parse(t, &config), RECORD_GOOD, "%s", b.data);
        task_shed(t);
        cr_expect_eq(t->asked_tier, cases[i].tier, "%s", b.data);
        cr_expect_eq(t->session == NULL, cases[i].session == NULL, "%s", b.data);
        if (t->session && cases[i].session)
            cr_expect_str_eq(t->session, cases[i].session, "%s", b.data);
        task_free(t);
        buf_done(&b);
    }
}

Test(record, fingerprint)
{
    uint8_t f[6][16];
    size_t i = 0;
    size_t j = 0;
    struct task *t = make(T("ab"));
    struct task *same = make(T("ab"));

    fingerprint(t, f[0]);
    fingerprint(same, f[1]);
    cr_expect_arr_eq(f[0], f[1], 16);
    fingerprint(make(T("abc")), f[1]);
    t = make(T("b"));
    t->key = mem_dup("a", 1);
    t->key_len = 1;
    fingerprint(t, f[2]);
    t = make(T("ab"));
    t->key = mem_dup("", 0);
    fingerprint(t, f[3]);
    t = make(T("ab"));
    task_header_add(t, "h", "v", 1);
    fingerprint(t, f[4]);
    t = make(T("ab"));
    task_header_add(t, "h", NULL, 0);
    fingerprint(t, f[5]);
    for (i = 0; i < ARRAY_LEN(f); i++) {
        for (j = 0; j < i; j++)
            cr_expect_arr_neq(f[i], f[j], 16, "%zu and %zu", i, j);
    }
}

Test(record, format_prompt_reads_back)
{
    struct buf b = BUF_INIT(1024);
    struct task *t = NULL;

    cr_assert_eq(record_format_prompt(&b, "r\"1\"", "smart", T("a\n\"b\"\t\xc3\xa9")), 0);
    t = make(b.data, b.len);
    cr_assert_eq(record_parse(t, &config), RECORD_GOOD, "%s", t->error ? t->error->message : "");
    cr_expect_str_eq(t->id, "r\"1\"");
    cr_expect_str_eq(t->models[0], "smart");
    buf_clear(&b);
    json_canonical(t->body, &b);
    cr_expect_str_eq(b.data,
                     "{\"messages\":[{\"content\":\"a\\n\\\"b\\\"\\t\xc3\xa9\",\"role\":\"user\"}],"
                     "\"model\":\"smart\"}");
    task_free(t);
    buf_clear(&b);
    cr_assert_eq(record_format_prompt(&b, NULL, NULL, T("x")), 0);
    t = make(b.data, b.len);
    cr_expect_eq(record_parse(t, &config), RECORD_GOOD);
    task_free(t);
    buf_done(&b);
    b = BUF_INIT(40);
    cr_expect_lt(record_format_prompt(&b, "a", "b", T("x")), 0);
    buf_done(&b);
}
