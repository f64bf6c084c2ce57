/*
 * failure: reads error bodies of all known shapes and writes OpenAI's.
 *
 * Shapes: {"error":{...}}, {"error":"text"} perhaps with code or type beside it,
 * {"type":"error","error":{...}}, an error inside the first choice, {"errors":[{...}]},
 * {"object":"error","message",...}, {"message":...}, {"detail":...}, a list of these, and what is no
 * JSON at all (HTML of a proxy, plain text, nothing). Words are redacted before they are kept.
 */
#include "providers/failure.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/classify.h"
#include "providers/google_rpc.h"
#include "providers/redact.h"

#define WORDS_MAX   4096 /* of the message in the error body */
#define RAW_MAX     512  /* of a body that is no JSON */
#define WAIT_MAX_MS (31LL * 24 * 3600 * 1000)

/* Texts that stand before a duration. */
static const char *const wait_text[] = {"try again in ", "retry in ", "retry after "};

struct json_object *failure_error(struct json_object *root)
{
    struct json_object *error = json_get(root, "error");
    struct json_object *choices = json_get_type(root, "choices", json_type_array);

    if (error)
        return error;
    if (choices && json_object_array_length(choices) > 0)
        return json_get(json_object_array_get_idx(choices, 0), "error");
    return NULL;
}

/* The object (or string) that holds the words. */
static struct json_object *find_error(struct json_object *root)
{
    struct json_object *error = NULL;

    if (json_object_is_type(root, json_type_array) && json_object_array_length(root) > 0)
        root = json_object_array_get_idx(root, 0);
    error = failure_error(root);
    if (error)
        return error;
    error = json_get_type(root, "errors", json_type_array);
    if (error && json_object_array_length(error) > 0)
        return json_object_array_get_idx(error, 0);
    if (json_get(root, "message") || json_get(root, "Message"))
        return root;
    return json_get(root, "detail");
}

/* A member as text whether it is a string or a number; "" otherwise. */
static const char *word(struct json_object *o, const char *key)
{
    struct json_object *v = json_get(o, key);

    if (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int))
        return json_object_get_string(v);
    return "";
}

static const char *plain_text(struct json_object *o)
{
    return json_object_to_json_string_ext(o,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static const char *words_of(struct json_object *error)
{
    static const char relayed[] =
        "Provider returned error"; /* OpenRouter; the words are beside it */
    struct json_object *message = json_get(error, "message");
    const char *raw = json_get_str(json_get(error, "metadata"), "raw");

    if (json_object_is_type(error, json_type_string))
        return json_object_get_string(error);
    if (raw && json_object_is_type(message, json_type_string) &&
        strcmp(json_object_get_string(message), relayed) == 0)
        return raw;
    if (json_object_is_type(message, json_type_string))
        return json_object_get_string(message);
    if (message)
        return plain_text(message);
    if (json_object_is_type(json_get(error, "Message"), json_type_string)) /* AWS, in places */
        return json_get_str(error, "Message");
    if (json_object_is_type(json_get(error, "msg"), json_type_string))
        return json_get_str(error, "msg");
    return error ? plain_text(error) : "";
}

/* error.details.error_code, error.innererror.code, or what Google's list of details says. */
static const char *detail_of(struct json_object *error)
{
    const char *detail = word(json_get(error, "details"), "error_code");

    if (!*detail)
        detail = google_rpc_detail(json_get(error, "details"));
    return *detail ? detail : word(json_get(error, "innererror"), "code");
}

/*
 * AWS names the kind of an error in a header, "Kind:http://...", or in __type, "package#Kind". "" when
 * it is in neither.
 */
static const char *amazon_kind(const struct http_response *rsp, struct json_object *error,
                               char *out, size_t cap)
{
    const char *type = word(error, "__type");
    const char *hash = strrchr(type, '#');

    *out = '\0';
    if (!http_response_header(rsp, "x-amzn-errortype", out, cap))
        snprintf(out, cap, "%s", hash ? hash + 1 : type);
    out[strcspn(out, ":")] = '\0';
    return out;
}

static struct fault read_fault(const struct model *m, long status, struct json_object *root,
                               struct json_object *error)
{
    struct json_object *named = json_object_is_type(error, json_type_string) ? root : error;
    struct fault f = {
        .status = status,
        .code = word(named, "code"),
        .type = word(named, "type"),
        .detail = detail_of(error),
        .param = word(error, "param"),
        .message = words_of(error),
        .model = m->upstream_model ? m->upstream_model : "",
    };

    if (!*f.type && json_get_str(error, "status")) /* a number there repeats the status */
        f.type = json_get_str(error, "status");
    return f;
}

/* Multiplier to ms of the unit at *at, which is moved behind it; 0: no unit. */
static double unit_ms(const char **at)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"us", 0.001}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}};
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(units); i++) {
        size_t n = strlen(units[i].unit);

        if (strncmp(*at, units[i].unit, n) == 0) {
            *at += n;
            return units[i].ms;
        }
    }
    return 0;
}

int64_t failure_duration_ms(const char *text)
{
    double total = 0;
    bool any = false;

    while (*text >= '0' && *text <= '9') {
        char *end = NULL;
        double value = strtod(text, &end);
        double unit = 0;

        text = end;
        while (*text == ' ' && !any)
            text++;
        unit = unit_ms(&text);
        if (unit == 0 && any)
            break;
        total += value * (unit != 0 ? unit : 1e3);
        any = true;
        if (unit == 0)
            break;
    }
    return any && total <= WAIT_MAX_MS ? (int64_t)ceil(total) : -1;
}

static int64_t text_wait_ms(const char *message)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(wait_text); i++) {
        const char *at = strcasestr(message, wait_text[i]);

        if (at)
            return failure_duration_ms(at + strlen(wait_text[i]));
    }
    return -1;
}

/* "key":"value" with a comma before it; an empty value is null. */
static void put_member(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, ",\"%s\":", key);
    if (*value)
        buf_json_str(out, value, strlen(value));
    else
        buf_str(out, "null");
}

/* {"error":{message,type,param,code}} from clean words. Left empty when it does not fit. */
static void write_body(struct answer *ans, const struct buf *words, const char *type,
                       const char *param, const char *code)
{
    struct buf *out = &ans->body;

    buf_clear(out);
    buf_str(out, "{\"error\":{\"message\":");
    buf_json_str(out, words->data ? words->data : "", words->len);
    put_member(out, "type", *type ? type : "provider_error");
    put_member(out, "param", param);
    put_member(out, "code", code);
    buf_str(out, "}}");
    if (out->over)
        buf_clear(out);
}

static void cut_into(const struct buf *words, char *out, size_t cap)
{
    size_t n = words->len < cap - 1 ? words->len : cap - 1;

    while (n > 0 && n < words->len && ((unsigned char)words->data[n] & 0xc0) == 0x80)
        n--;
    memcpy(out, words->data ? words->data : "", n);
    out[n] = '\0';
}

/* A number is no name: the type says more. */
static const char *best_code(const struct fault *f)
{
    bool number = *f->code && strspn(f->code, "-0123456789") == strlen(f->code);

    return *f->code && !(number && *f->type) ? f->code : f->type;
}

static void put_words(const struct model *m, const struct http_response *rsp, const struct fault *f,
                      struct buf *words)
{
    struct buf raw = BUF_INIT(RAW_MAX);

    if (*f->message) {
        redact(m, f->message, strlen(f->message), words);
        return;
    }
    buf_printf(words, "HTTP status %ld", f->status);
    if (rsp->body.len == 0) {
        buf_str(words, " with an empty body");
        return;
    }
    buf_str(words, ": ");
    redact(m, rsp->body.data, rsp->body.len, &raw); /* all of it: no secret is cut in halves */
    buf_append(words, raw.data, raw.len);
    buf_done(&raw);
}

void failure_from_response(const struct model *m, const struct http_response *rsp,
                           struct json_object *root, struct answer *ans)
{
    struct json_object *error = find_error(root);
    struct fault f = read_fault(m, rsp->status, root, error);
    struct buf words = BUF_INIT(WORDS_MAX);
    char should[16];
    char kind[64];
    char type[64];
    char param[128];

    if (!*f.code && !*f.type)
        f.type = amazon_kind(rsp, error ? error : root, kind, sizeof kind);
    redact_into(m, best_code(&f), ans->code, sizeof ans->code);
    redact_into(m, f.type, type, sizeof type);
    redact_into(m, f.param, param, sizeof param);
    put_words(m, rsp, &f, &words);
    cut_into(&words, ans->message, sizeof ans->message);
    write_body(ans, &words, type, param, ans->code);

    if (!*f.message) /* text of no known shape: wording may still tell, such as a proxy's page */
        f.message = ans->message;
    ans->class = classify(&f);
    ans->retry_after_ms = google_rpc_wait_ms(json_get(error, "details"));
    if (ans->retry_after_ms < 0)
        ans->retry_after_ms = text_wait_ms(f.message);
    if (http_response_header(rsp, "x-should-retry", should, sizeof should))
        ans->no_same_route = strcmp(should, "false") == 0;
    buf_done(&words);
}

void failure_said(struct answer *ans, enum error_class class, const char *code, const char *message)
{
    struct buf words = BUF_INIT(WORDS_MAX);

    ans->class = class;
    snprintf(ans->code, sizeof ans->code, "%s", code);
    snprintf(ans->message, sizeof ans->message, "%s", message);
    buf_str(&words, ans->message);
    write_body(ans, &words, "provider_error", "", ans->code);
    buf_done(&words);
}

void failure_bad_response(struct answer *ans, const char *code, const char *message)
{
    failure_said(ans, CLASS_BAD_RESPONSE, code, message);
}
