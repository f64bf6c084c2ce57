/* store_line: completions as lines of JSON, and back. What is read may come from anybody: every
 * field is checked. */
#include "io/store_line.h"

#include <math.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"

static const struct {
    const char *name;
    size_t offset;
} counts[] = {
    {"input_tokens", offsetof(struct usage, input_tokens)},
    {"cached_input_tokens", offsetof(struct usage, cached_input_tokens)},
    {"cache_write_tokens", offsetof(struct usage, cache_write_tokens)},
    {"output_tokens", offsetof(struct usage, output_tokens)},
    {"reasoning_tokens", offsetof(struct usage, reasoning_tokens)},
};

static const struct {
    const char *name;
    size_t offset;
    size_t cap;
} texts[] = {
    {"model", offsetof(struct completion, model), sizeof(((struct completion *)0)->model)},
    {"provider", offsetof(struct completion, provider), sizeof(((struct completion *)0)->provider)},
    {"upstream_model", offsetof(struct completion, upstream_model),
     sizeof(((struct completion *)0)->upstream_model)},
    {"request_id", offsetof(struct completion, request_id),
     sizeof(((struct completion *)0)->request_id)},
};

static int write_count(struct buf *out, const char *name, int64_t n, bool first)
{
    if (n < 0)
        return buf_printf(out, "%s\"%s\":null", first ? "" : ",", name);
    return buf_printf(out, "%s\"%s\":%lld", first ? "" : ",", name, (long long)n);
}

static int write_usage(struct buf *out, const struct usage *u)
{
    int r = buf_str(out, ",\"usage\":{");

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t n;

        memcpy(&n, (const char *)u + counts[i].offset, sizeof n);
        r |= write_count(out, counts[i].name, n, i == 0);
    }
    return r | buf_char(out, '}');
}

int store_line_write(struct buf *out, const uint8_t key[SHA256_LEN], const struct completion *c,
                     bool with_body)
{
    char hex[2 * SHA256_LEN + 1];
    int r = 0;

    sha256_hex(key, hex);
    r |= buf_printf(out, "{\"key\":\"%s\"", hex);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text = (const char *)c + texts[i].offset;

        r |= buf_printf(out, ",\"%s\":", texts[i].name);
        r |= buf_json_str(out, text, strlen(text));
    }
    r |= buf_printf(out, ",\"finish\":\"%s\",\"created_ms\":%lld,\"expires_ms\":%lld",
                    finish_name(c->finish), (long long)c->created_wall_ms,
                    (long long)c->expires_wall_ms);
    if (c->cost_usd < 0)
        r |= buf_str(out, ",\"cost_usd\":null");
    else
        r |= buf_printf(out, ",\"cost_usd\":%.17g", c->cost_usd);
    r |= write_usage(out, &c->usage);
    if (with_body) {
        r |= buf_str(out, ",\"body\":");
        r |= buf_json_str(out, c->body, c->body_len);
    } else {
        r |= buf_printf(out, ",\"bytes\":%zu", c->body_len);
    }
    return r | buf_char(out, '}');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int store_key_parse(const char *hex, uint8_t ret_key[SHA256_LEN])
{
    uint8_t key[SHA256_LEN];

    if (!hex || strlen(hex) != 2 * SHA256_LEN)
        return -1;
    for (size_t i = 0; i < SHA256_LEN; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        key[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_key, key, sizeof key);
    return 0;
}

static int read_texts(struct json_object *o, struct completion *c, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text = json_get_str(o, texts[i].name);

        if (!text || strlen(text) >= texts[i].cap)
            return err_set(e, EX_DATAERR, "%s must be a string of less than %zu bytes",
                           texts[i].name, texts[i].cap);
        memcpy((char *)c + texts[i].offset, text, strlen(text) + 1);
    }
    return 0;
}

static int read_finish(struct json_object *o, struct completion *c, struct err *e)
{
    const char *name = json_get_str(o, "finish");

    for (int f = 0; name && f < FINISH_COUNT; f++) {
        if (strcmp(name, finish_name((enum finish)f)) != 0)
            continue;
        c->finish = (enum finish)f;
        if (completion_cacheable(c))
            return 0;
        return err_set(e, EX_DATAERR, "finish %s: a cut or filtered answer is never cached", name);
    }
    return err_set(e, EX_DATAERR, "finish must be the way the answer ended, such as \"stop\"");
}

static int read_times(struct json_object *o, struct completion *c, struct err *e)
{
    c->created_wall_ms = json_get_int(o, "created_ms", -1);
    c->expires_wall_ms = json_get_int(o, "expires_ms", -1);
    if (c->created_wall_ms < 0)
        return err_set(e, EX_DATAERR, "created_ms must be milliseconds since 1970");
    if (c->expires_wall_ms < 0)
        return err_set(e, EX_DATAERR, "expires_ms must be milliseconds since 1970, 0 for never");
    return 0;
}

static int read_numbers(struct json_object *o, struct completion *c, struct err *e)
{
    struct json_object *cost = json_get(o, "cost_usd");
    struct json_object *usage = json_get_type(o, "usage", json_type_object);

    c->cost_usd = cost ? json_object_get_double(cost) : -1;
    if (cost && (!isfinite(c->cost_usd) || c->cost_usd < 0))
        return err_set(e, EX_DATAERR, "cost_usd must be a number of at least 0, or null");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t n = json_get_int(usage, counts[i].name, -1);

        memcpy((char *)&c->usage + counts[i].offset, &n, sizeof n);
    }
    return 0;
}

static int read_body(struct json_object *o, struct completion *c, struct err *e)
{
    struct json_object *body = json_get_type(o, "body", json_type_string);
    struct json_object *parsed = NULL;

    if (!body)
        return err_set(e, EX_DATAERR, "body must be a string that holds a JSON object");
    c->body_len = (size_t)json_object_get_string_len(body);
    c->body = mem_dup(json_object_get_string(body), c->body_len);
    if (json_parse_answer(c->body, c->body_len, &parsed) < 0 ||
        !json_object_is_type(parsed, json_type_object)) {
        json_object_put(parsed);
        return err_set(e, EX_DATAERR, "body must be a string that holds a JSON object");
    }
    json_object_put(parsed);
    return 0;
}

static void unref_completion(struct completion **c)
{
    completion_unref(*c);
}

int store_line_read(const char *line, size_t len, uint8_t ret_key[SHA256_LEN],
                    struct completion **ret, struct err *e)
{
    CLEANUP_JSON struct json_object *o = NULL;
    CLEANUP(unref_completion) struct completion *c = completion_new();
    uint8_t key[SHA256_LEN];

    if (json_parse(line, len, &o, e) < 0)
        return -1;
    if (store_key_parse(json_get_str(o, "key"), key) < 0)
        return err_set(e, EX_DATAERR, "key must be a string of %d hex digits", 2 * SHA256_LEN);
    if (read_texts(o, c, e) < 0 || read_finish(o, c, e) < 0 || read_times(o, c, e) < 0 ||
        read_numbers(o, c, e) < 0 || read_body(o, c, e) < 0)
        return -1;
    memcpy(ret_key, key, sizeof key);
    *ret = STEAL(c);
    return 0;
}
