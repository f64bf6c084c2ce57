/*
 * outgoing: the shared half of writing a request. It must not know what any field means, and it
 * never changes t->body: digests and other routes are made from it.
 */
#include "providers/outgoing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"

#define DROPPED_MAX 4096 /* bytes of t->dropped; further names are left out */
#define FIELD_MAX   128

void outgoing_begin(struct outgoing *o)
{
    free(o->t->dropped);
    o->t->dropped = NULL;
}

static void note_dropped(struct task *t, const char *field)
{
    struct buf list = BUF_INIT(DROPPED_MAX);
    struct buf name = BUF_INIT(DROPPED_MAX);
    size_t len = t->dropped ? strlen(t->dropped) : 0;

    buf_json_str(&name, field, strlen(field));
    if (len > 2)
        buf_append(&list, t->dropped, len - 1); /* without "]" */
    else
        buf_char(&list, '[');
    if (len > 2)
        buf_char(&list, ',');
    buf_append(&list, name.data, name.len);
    buf_char(&list, ']');
    if (!list.over && !name.over && !(t->dropped && strstr(t->dropped, name.data))) {
        free(t->dropped);
        t->dropped = buf_steal(&list, NULL);
    }
    buf_done(&list);
    buf_done(&name);
}

void outgoing_move_dropped(struct task *from, struct task *to)
{
    CLEANUP_JSON struct json_object *list = NULL;
    size_t i = 0;

    if (!from->dropped || json_parse(from->dropped, strlen(from->dropped), &list, NULL) < 0)
        return;
    for (i = 0; i < json_object_array_length(list); i++)
        note_dropped(to, json_object_get_string(json_object_array_get_idx(list, i)));
    free(from->dropped);
    from->dropped = NULL;
}

int outgoing_refuse(struct outgoing *o, const char *why, const char *field, ...)
{
    char path[FIELD_MAX];
    va_list ap;

    va_start(ap, field);
    vsnprintf(path, sizeof path, field, ap);
    va_end(ap);
    if (o->m->drop_params) {
        note_dropped(o->t, path);
        return 0;
    }
    return err_set(
        o->e, EX_DATAERR,
        "body.%s: model %s (%s) cannot honour it: %s; remove it or set drop_params: true", path,
        o->m->model_name, o->m->provider_name, why);
}

int outgoing_fail(struct outgoing *o, const char *why, const char *field, ...)
{
    char path[FIELD_MAX];
    va_list ap;

    va_start(ap, field);
    vsnprintf(path, sizeof path, field, ap);
    va_end(ap);
    return err_set(o->e, EX_DATAERR, "body.%s: %s", path, why);
}

void outgoing_share(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, json_object_get(value));
}

int outgoing_tools(struct outgoing *o, int (*put)(struct outgoing *o, struct json_object *tool,
                                                  size_t place, struct json_object *list))
{
    struct json_object *tools = json_get_type(o->t->body, "tools", json_type_array);
    struct json_object *list = NULL;
    size_t n = tools ? json_object_array_length(tools) : 0;
    size_t i = 0;

    if (n == 0)
        return 0;
    list = json_object_new_array_ext((int)n);
    json_object_object_add(o->body, "tools", list);
    for (i = 0; i < n; i++) {
        if (put(o, json_object_array_get_idx(tools, i), i, list) < 0)
            return -1;
    }
    return 0;
}

int outgoing_header(struct outgoing *o, const char *name, const char *value)
{
    size_t i = 0;

    for (i = 0; i < o->m->extra_headers.count; i++) {
        if (strcasecmp(o->m->extra_headers.at[i].name, name) == 0)
            return 0;
    }
    if (http_request_header(o->req, name, "%s", value) == 0)
        return 0;
    return err_set(
        o->e, EX_CONFIG,
        "model_list %s: header %s cannot be sent: a control character in its value (a line "
        "break behind the key?), over 8191 bytes, or more than %d headers",
        o->m->model_name, name, HTTP_HEADERS_MAX);
}

int outgoing_bearer(struct outgoing *o)
{
    struct buf bearer = BUF_INIT(8192);
    int r = 0;

    if (!o->m->api_key || !*o->m->api_key)
        return 0;
    buf_printf(&bearer, "Bearer %s", o->m->api_key);
    r = outgoing_header(o, "Authorization", bearer.data ? bearer.data : "");
    if (bearer.data)
        explicit_bzero(bearer.data, bearer.len);
    buf_done(&bearer);
    return r;
}

/* The row's own headers; an empty value only takes the built-in header of that name away. */
static int add_extra_headers(struct outgoing *o)
{
    size_t i = 0;

    for (i = 0; i < o->m->extra_headers.count; i++) {
        const struct property *p = &o->m->extra_headers.at[i];

        if (!p->value || !*p->value)
            continue;
        if (http_request_header(o->req, p->name, "%s", p->value) < 0)
            return err_set(
                o->e, EX_CONFIG,
                "model_list %s: extra_headers.%s cannot be sent: a control character in its "
                "value, over 8191 bytes, or more than %d headers",
                o->m->model_name, p->name, HTTP_HEADERS_MAX);
    }
    return 0;
}

static int add_digest_header(struct outgoing *o)
{
    char hex[2 * SHA256_LEN + 1];

    if (!o->m->digest_header || !o->t->has_digest)
        return 0;
    sha256_hex(o->t->digest, hex);
    return outgoing_header(o, o->m->digest_header, hex);
}

static bool fixed_member(const char *key)
{
    return strcmp(key, "model") == 0 || strcmp(key, "messages") == 0 || strcmp(key, "stream") == 0;
}

/* Adds the members of value to the member o->nested of the body, over those that are there. */
static bool merge_nested(struct outgoing *o, const char *key, struct json_object *value)
{
    struct json_object *to = json_get_type(o->body, key, json_type_object);

    if (!o->nested || strcmp(key, o->nested) != 0 || !to ||
        !json_object_is_type(value, json_type_object))
        return false;
    json_object_object_foreach(value, name, v)
    {
        outgoing_share(to, name, v);
    }
    return true;
}

static int merge_extra_body(struct outgoing *o)
{
    CLEANUP_JSON struct json_object *extra = NULL;

    if (!o->m->extra_body)
        return 0;
    if (json_parse(o->m->extra_body, strlen(o->m->extra_body), &extra, o->e) < 0)
        return err_wrap(o->e, "model_list %s: extra_body", o->m->model_name);
    json_object_object_foreach(extra, key, value)
    {
        if (!fixed_member(key) && !merge_nested(o, key, value))
            outgoing_share(o->body, key, value);
    }
    return 0;
}

int outgoing_finish(struct outgoing *o, const char *path)
{
    struct buf url = BUF_INIT(4096);

    if (merge_extra_body(o) < 0 || add_digest_header(o) < 0 || add_extra_headers(o) < 0)
        return -1;
    buf_printf(&url, "%s%s", o->m->api_base, path);
    if (url.over) {
        buf_done(&url);
        return err_set(o->e, EX_CONFIG, "model_list %s: api_base is longer than 4000 bytes",
                       o->m->model_name);
    }
    free(o->req->url);
    o->req->url = buf_steal(&url, NULL);
    o->req->timeout_ms = o->m->timeout_ms;
    o->req->connect_timeout_ms = o->m->connect_timeout_ms;
    if (json_write(o->body, &o->req->body) < 0)
        return err_set(o->e, EX_DATAERR, "body: the request for %s is larger than %zu bytes",
                       o->m->provider_name, o->req->body.max);
    return 0;
}

static int check_extra_body(const struct model *m, struct err *e)
{
    CLEANUP_JSON struct json_object *extra = NULL;

    if (!m->extra_body)
        return 0;
    if (json_parse(m->extra_body, strlen(m->extra_body), &extra, e) < 0)
        return err_wrap(e, "model_list %s: extra_body", m->model_name);
    if (!json_object_is_type(extra, json_type_object))
        return err_set(e, EX_CONFIG, "model_list %s: extra_body must be an object of body fields",
                       m->model_name);
    return 0;
}

int outgoing_check(const struct model *m, struct err *e)
{
    const struct vendor *v = m->vendor;

    if (!m->upstream_model || !*m->upstream_model)
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.model must be %s/<model of the provider>",
                       m->model_name, m->provider_name);
    if (!m->api_base || !*m->api_base)
        return err_set(e, EX_CONFIG,
                       "model_list %s: provider %s has no fixed address; set params.api_base",
                       m->model_name, m->provider_name);
    if (strchr(m->api_base, '{'))
        return err_set(
            e, EX_CONFIG,
            "model_list %s: params.api_base %s has a gap; put your own value in place of {...}",
            m->model_name, m->api_base);
    if (strncmp(m->api_base, "http://", 7) != 0 && strncmp(m->api_base, "https://", 8) != 0)
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.api_base must begin with http:// or https://",
                       m->model_name);
    if (v && v->api_key_env && v->api_base && strcmp(v->api_base, m->api_base) == 0 &&
        (!m->api_key || !*m->api_key) && !model_header(m, "Authorization"))
        return err_set(e, EX_CONFIG, "model_list %s: params.api_key is missing; set it or %s",
                       m->model_name, v->api_key_env);
    return check_extra_body(m, e);
}
