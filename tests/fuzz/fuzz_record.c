/*
 * fuzz_record: the input is `key NUL header-value NUL record`. Whatever it is, the task has an id,
 * is either good and whole or bad with a reason, and its reply is strict JSON that reads back. The
 * bytes are also read as a reply and, as an error body of a provider, put into one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "task/record.h"
#include "task/reply.h"
#include "task/reply_headers.h"

static struct model models[] = {
    {.index = 0, .model_name = "fast", .provider_name = "openai", .upstream_model = "a"},
    {.index = 1, .model_name = "smart", .provider_name = "anthropic", .upstream_model = "b"},
};
static const struct config config = {
    .models = models,
    .nmodels = ARRAY_LEN(models),
    .default_model = "fast",
    .topics = {.replies = "replies"},
    .limits = {.record_bytes = 1 << 16, .reply_bytes = 1 << 20, .json_depth = 48},
};

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Cuts the bytes up to the next NUL off; all of them when there is none. */
static char *field(const uint8_t **data, size_t *size, size_t *ret_len)
{
    const uint8_t *nul = *size ? memchr(*data, 0, *size) : NULL;
    size_t n = nul ? (size_t)(nul - *data) : *size;
    char *copy = mem_dup(*data, n);

    *data += nul ? n + 1 : n;
    *size -= nul ? n + 1 : n;
    *ret_len = n;
    return copy;
}

static struct task *make(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"content-type", "ce_id", "kafka_replyTopic",
                                        "kafka_replyPartition"};
    struct task *t = task_new();
    size_t n = 0;
    size_t i = 0;
    char *value = NULL;

    t->origin = (struct task_origin){.topic = "requests", .partition = 1, .offset = 2};
    t->key = field(&data, &size, &t->key_len);
    value = field(&data, &size, &n);
    i = n ? (unsigned char)value[0] % (ARRAY_LEN(names) + 1) : ARRAY_LEN(names);
    if (i < ARRAY_LEN(names))
        task_header_add(t, names[i], value + 1, n - 1);
    free(value);
    t->raw = mem_dup(data, size);
    t->raw_len = size;
    record_fingerprint(t);
    return t;
}

static void check_task(const struct task *t, int r)
{
    require(t->id && t->id[0] && utf8_valid(t->id, strlen(t->id)));
    require(r == RECORD_GOOD || r == RECORD_BAD);
    if (r == RECORD_BAD) {
        require(t->error && t->error->message[0] && t->bad_record && !t->body);
        return;
    }
    require(!t->error && json_object_is_type(t->body, json_type_object) && t->nmodels > 0);
    require(!json_get(t->body, "stream"));
    require(!json_get(t->body, "sluice") || json_get(t->body, "messages") ||
            json_get(t->body, "input"));
}

static void check_reply(struct task *t)
{
    struct reply_view v;

    reply_format(t, &config, 1893456000000);
    require(json_check(t->reply, t->reply_len, 2 * JSON_DEPTH_MAX, NULL) == 0);
    require(reply_read(t->reply, t->reply_len, &v, NULL) == 0);
    require(strcmp(v.custom_id, t->custom_id ? t->custom_id : t->id) == 0);
    require(v.ok == t->ok && v.status == t->reply_status);
    reply_view_done(&v);
}

static void check_headers(const struct task *t)
{
    struct reply_headers out;
    char topic[REPLY_TOPIC_MAX];
    int32_t partition = 0;

    reply_headers(t, &out);
    require(out.count > 0);
    reply_topic(t, &config, topic, sizeof topic, &partition);
    require(strcmp(topic, "replies") == 0 && partition >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct task *t = make(data, size);
    struct reply_view v;
    int r = record_parse(t, &config);

    check_task(t, r);
    if (r == RECORD_GOOD) {
        struct completion *c = completion_new();

        c->body = mem_strdup("{\"object\":\"chat.completion\"}");
        c->body_len = strlen(c->body);
        task_succeed(t, c);
    }
    check_reply(t);
    check_headers(t);
    t->completion = completion_unref(t->completion);
    if (json_check(t->raw, t->raw_len, JSON_DEPTH_MAX, NULL) == 0 || t->raw[0] != '{')
        task_fail_http(t, 400, "code", t->raw, t->raw_len);
    else
        task_fail(t, "code", "%s", t->raw);
    check_reply(t);
    if (reply_read(t->raw, t->raw_len, &v, NULL) == 0)
        reply_view_done(&v);
    task_free(t);
    return 0;
}
