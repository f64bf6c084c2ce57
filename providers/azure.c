/*
 * azure: OpenAI's dialect as Azure serves it. Two forms of one service:
 *
 *   classic   {base}/openai/deployments/{deployment}/chat/completions?api-version={version}
 *   v1        {base}/openai/v1/chat/completions, the deployment as the body's model
 *
 * The upstream model of a row is the name of a deployment. The key goes into the header api-key, unless
 * the row brings an Authorization of its own (a token of Microsoft Entra). Answers are openai.c's
 * business, and so are bodies but for one field that old versions know by its old name only.
 */
#include "providers/azure.h"

#include <ctype.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/openai.h"

#define PATH_MAX_BYTES  4096
#define NEW_TOKENS_FROM "2024-09" /* the version from which on max_completion_tokens is known */

static bool ends_with(const char *s, size_t n, const char *tail)
{
    size_t t = strlen(tail);

    return n >= t && memcmp(s + n - t, tail, t) == 0;
}

/* The length of the base URL up to where /openai begins. */
static size_t root_length(const char *base)
{
    size_t n = strlen(base);

    if (ends_with(base, n, "/openai/v1"))
        return n - strlen("/openai/v1");
    return ends_with(base, n, "/openai") ? n - strlen("/openai") : n;
}

static bool is_v1(const struct model *m)
{
    const char *version = m->api_version ? m->api_version : "";

    return !*version || strcmp(version, "v1") == 0 || strcmp(version, "preview") == 0 ||
           ends_with(m->api_base, strlen(m->api_base), "/openai/v1");
}

static void put_query(const struct model *m, struct buf *out)
{
    if (!is_v1(m))
        buf_printf(out, "?api-version=%s", m->api_version);
    else if (m->api_version && strcmp(m->api_version, "preview") == 0)
        buf_str(out, "?api-version=preview");
}

/* One segment of a path; anything that could end it is escaped. */
static void put_segment(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c))
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

/* Everything behind the base URL as it stands in the row. */
static void put_path(const struct model *m, enum operation op, struct buf *out)
{
    const char *written = m->api_base + root_length(m->api_base); /* "/openai/v1", "/openai", "" */
    const char *want = is_v1(m) ? "/openai/v1" : "/openai/deployments/";

    buf_str(out, want + (strncmp(want, written, strlen(written)) == 0 ? strlen(written) : 0));
    if (!is_v1(m))
        put_segment(out, m->upstream_model);
    buf_str(out, openai_path(op));
    put_query(m, out);
}

static void rename_max_tokens(struct outgoing *o)
{
    struct json_object *limit = json_get(o->body, "max_completion_tokens");

    if (!limit || is_v1(o->m) || strcmp(o->m->api_version, NEW_TOKENS_FROM) >= 0)
        return;
    outgoing_share(o->body, "max_tokens", limit);
    json_object_object_del(o->body, "max_completion_tokens");
}

static int put_key(struct outgoing *o)
{
    if (!o->m->api_key || !*o->m->api_key || model_header(o->m, "Authorization"))
        return 0;
    return outgoing_header(o, "api-key", o->m->api_key);
}

static int azure_format(const struct model *m, struct task *t, struct http_request *req,
                        struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};
    struct buf path = BUF_INIT(PATH_MAX_BYTES);
    int r = 0;

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    if (openai_write(&o) < 0 || put_key(&o) < 0)
        return -1;
    rename_max_tokens(&o);
    put_path(m, t->op, &path);
    r = path.over ? err_set(e, EX_CONFIG, "model_list %s: params.model is too long", m->model_name)
                  : outgoing_finish(&o, path.data);
    buf_done(&path);
    return r;
}

/* Deployments are not listed: a list that answers says that address and key are right. */
static int azure_models_url(const struct model *m, struct buf *out)
{
    buf_append(out, m->api_base, root_length(m->api_base));
    buf_str(out, is_v1(m) ? "/openai/v1/models" : "/openai/models");
    put_query(m, out);
    return PROVIDER_LIST_OTHER;
}

static int check_version(const struct model *m, struct err *e)
{
    const char *p = m->api_version;

    for (; p && *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
            return err_set(e, EX_CONFIG,
                           "model_list %s: params.api_version must be a version such as "
                           "2024-10-21, v1 or preview",
                           m->model_name);
    }
    return 0;
}

static int azure_check(const struct model *m, struct err *e)
{
    if (outgoing_check(m, e) < 0 || check_version(m, e) < 0)
        return -1;
    if (strchr(m->api_base, '?'))
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.api_base must not hold a query; write the version "
                       "into params.api_version",
                       m->model_name);
    if (strstr(m->api_base, "/deployments/"))
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.api_base must end before /openai/deployments; the "
                       "name of the deployment belongs into params.model, behind %s/",
                       m->model_name, m->provider_name);
    if (strncmp(m->api_base, "https://", 8) == 0 && (!m->api_key || !*m->api_key) &&
        !model_header(m, "Authorization") && !model_header(m, "api-key"))
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.api_key is missing; set it, or extra_headers: "
                       "{Authorization: Bearer ...} with a token of Microsoft Entra",
                       m->model_name);
    return 0;
}

const struct provider provider_azure = {
    .name = "azure",
    .check = azure_check,
    .format_request = azure_format,
    .parse_response = openai_parse,
    .models_url = azure_models_url,
};
