/* results: see results.h. */
#include "cmd/convert/results.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "task/answer.h"
#include "task/http.h"
#include "task/provider.h"

#define BODY_MAX ((size_t)256 << 20)
#define ID_HEX   24

bool result_is(const struct form *from, struct json_object *root)
{
    if (json_object_is_type(root, json_type_array))
        return strcmp(from->name, "cookbook") == 0;
    if (strcmp(from->name, "anthropic") == 0)
        return json_get(root, "result") != NULL;
    return strcmp(from->name, "cookbook") != 0 &&
           (json_get(root, "response") || json_get(root, "error"));
}

/* The beginning of a line, up to its response. The same id gives the same line. */
static void put_head(struct buf *out, const char *id)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    sha256_of(id, strlen(id), digest);
    sha256_hex(digest, hex);
    buf_printf(out, "{\"id\":\"batch_req_%.*s\",\"custom_id\":", ID_HEX, hex);
    buf_json_str(out, id, strlen(id));
}

static void put_text(struct buf *out, const char *text)
{
    buf_json_str(out, text ? text : "", strlen(text ? text : ""));
}

/* An end without an answer of the provider. */
static int put_end(struct buf *out, const char *id, const char *code, const char *message)
{
    put_head(out, id);
    buf_str(out, ",\"response\":null,\"error\":{\"code\":");
    put_text(out, code);
    buf_str(out, ",\"message\":");
    put_text(out, message);
    return buf_str(out, "}}");
}

static void put_response(struct buf *out, const char *id, int status, const char *request_id)
{
    put_head(out, id);
    buf_printf(out, ",\"response\":{\"status_code\":%d,\"request_id\":", status);
    put_text(out, request_id);
    buf_str(out, ",\"body\":");
}

static int put_failure(struct buf *out, const char *id, int status, const char *type,
                       const char *message)
{
    put_response(out, id, status, "");
    buf_str(out, "{\"error\":{\"message\":");
    put_text(out, message);
    buf_str(out, ",\"type\":");
    put_text(out, type);
    buf_str(out, ",\"param\":null,\"code\":");
    put_text(out, type);
    return buf_str(out, "}}},\"error\":null}");
}

/* An answer in the words of the dialect of c->vendor. */
static int put_answer(struct conversion *c, const char *id, struct json_object *answer,
                      struct buf *out)
{
    const struct model *m = &c->vendor->models[0];
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct task t = {.op = OP_CHAT, .body = body};
    struct http_response rsp;
    struct answer a;
    int rc = 0;

    http_response_init(&rsp, 1024, BODY_MAX);
    answer_init(&a, BODY_MAX);
    rsp.status = 200;
    json_write(answer, &rsp.body);
    m->provider->parse_response(m, &t, &rsp, &a);
    if (a.class == CLASS_OK) {
        put_response(out, id, 200, a.request_id);
        buf_append(out, a.body.data, a.body.len);
        rc = buf_str(out, "},\"error\":null}");
    } else {
        rc = put_end(out, id, a.code[0] ? a.code : class_name(a.class), a.message);
    }
    answer_done(&a);
    http_response_done(&rsp);
    return rc;
}

static int anthropic_status(const char *type)
{
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"invalid_request_error", 400}, {"authentication_error", 401}, {"billing_error", 402},
        {"permission_error", 403},      {"not_found_error", 404},      {"request_too_large", 413},
        {"rate_limit_error", 429},      {"timeout_error", 504},        {"overloaded_error", 529}};

    for (size_t i = 0; type && i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].type, type) == 0)
            return rows[i].status;
    }
    return 500;
}

static int convert_anthropic(struct conversion *c, const char *id, struct json_object *root,
                             struct buf *out)
{
    struct json_object *result = json_get(root, "result");
    const char *type = json_get_str(result, "type");
    struct json_object *message = json_get_type(result, "message", json_type_object);
    struct json_object *error = json_get(result, "error");

    if (type && strcmp(type, "succeeded") == 0 && message)
        return put_answer(c, id, message, out);
    if (type && strcmp(type, "canceled") == 0)
        return put_end(out, id, "batch_cancelled", "The batch was cancelled before this request.");
    if (type && strcmp(type, "expired") == 0)
        return put_end(out, id, "batch_expired", "The batch expired before this request.");
    if (!type || strcmp(type, "errored") != 0 || !error)
        return err_set(c->e, EX_DATAERR,
                       "result.type: must be succeeded with a message, errored with an error, "
                       "canceled or expired");
    if (json_get_type(error, "error", json_type_object))
        error = json_get(error, "error");
    type = json_get_str(error, "type");
    return put_failure(out, id, anthropic_status(type), type, json_get_str(error, "message"));
}

/* HTTP status of a google.rpc.Code; one of HTTP stays. */
static int rpc_status(int64_t code)
{
    static const int statuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                   400, 409, 400, 501, 500, 503, 500, 401};

    if (code >= 100 && code <= 599)
        return (int)code;
    return code > 0 && code < (int64_t)ARRAY_LEN(statuses) ? statuses[code] : 500;
}

static int convert_gemini(struct conversion *c, const char *id, struct json_object *root,
                          struct buf *out)
{
    struct json_object *response = json_get_type(root, "response", json_type_object);
    struct json_object *error = json_get_type(root, "error", json_type_object);
    const char *status = json_get_str(error, "status");

    if (response)
        return put_answer(c, id, response, out);
    if (!error)
        return err_set(c->e, EX_DATAERR, "response: must be an object, or error one");
    return put_failure(out, id, rpc_status(json_get_int(error, "code", 0)),
                       status ? status : "error", json_get_str(error, "message"));
}

/* [request, response, metadata?] or [request, [errors], metadata?] */
static int convert_cookbook(struct conversion *c, struct json_object *root, struct buf *out)
{
    struct json_object *response = json_object_array_get_idx(root, 1);
    struct json_object *metadata = json_object_array_get_idx(root, 2);
    struct json_object *error = json_get_type(response, "error", json_type_object);
    const char *id = json_get_str(metadata, "custom_id");
    char row[32];

    snprintf(row, sizeof row, "row-%lld", (long long)c->losses.line);
    if (!id)
        id = row;
    if (json_object_is_type(response, json_type_array)) {
        size_t n = json_object_array_length(response);
        struct json_object *last = n ? json_object_array_get_idx(response, n - 1) : NULL;

        error = json_get_type(last, "error", json_type_object);
        if (!error)
            return put_end(out, id, "failed",
                           last ? json_object_get_string(last) : "no reason given");
    }
    if (error)
        return put_failure(out, id, 500, json_get_str(error, "type"),
                           json_get_str(error, "message"));
    if (!json_object_is_type(response, json_type_object))
        return err_set(c->e, EX_DATAERR,
                       "[1]: must be a response, or a list of the errors of each attempt");
    put_response(out, id, 200, "");
    json_write(response, out);
    return buf_str(out, "},\"error\":null}");
}

int result_convert(struct conversion *c, const struct form *from, struct json_object *root,
                   struct buf *out)
{
    bool gemini = strcmp(from->name, "gemini") == 0;
    const char *id = json_get_str(root, gemini ? "key" : "custom_id");

    if (strcmp(from->name, "cookbook") == 0)
        return convert_cookbook(c, root, out);
    if (!id || !*id)
        return err_set(c->e, EX_DATAERR, "%s: must be a string that is not empty",
                       gemini ? "key" : "custom_id");
    return gemini ? convert_gemini(c, id, root, out) : convert_anthropic(c, id, root, out);
}
