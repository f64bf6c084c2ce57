/*
 * gemini: the entries of the dialect, and the addresses of its two hosts. What a request's fields
 * become is in gemini_fields.c, gemini_tools.c, gemini_messages.c and gemini_parts.c, answers in
 * gemini_response.c, embeddings both ways in gemini_embed.c.
 */
#include "providers/gemini.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/incoming.h"

#define PATH_MAX_BYTES 1024

static const char name_bytes[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool gemini_on_vertex(const struct model *m)
{
    return m->vendor && (m->vendor->quirks & QUIRK_VERTEX);
}

int gemini_generation(const struct model *m)
{
    const char *slash = strrchr(m->upstream_model, '/');
    const char *name = slash ? slash + 1 : m->upstream_model;

    if (strncmp(name, "gemini-", 7) != 0)
        return 0;
    name += 7;
    return *name >= '0' && *name <= '9' ? (int)strtol(name, NULL, 10) : INT_MAX;
}

struct json_object *gemini_config(struct outgoing *o)
{
    struct json_object *config = json_get(o->body, "generationConfig");

    if (!config) {
        config = json_object_new_object();
        json_object_object_add(o->body, "generationConfig", config);
    }
    return config;
}

/* Gives the part of the path between the base and the model's name. A name with a slash is a whole
 * resource: "tunedModels/x", "endpoints/123", "publishers/anthropic/models/x". */
static const char *folder_of(const struct model *m)
{
    if (strchr(m->upstream_model, '/'))
        return "";
    return gemini_on_vertex(m) ? "publishers/google/models/" : "models/";
}

static int finish(struct outgoing *o, const char *method)
{
    char path[PATH_MAX_BYTES];
    int n = snprintf(path, sizeof path, "/%s%s:%s", folder_of(o->m), o->m->upstream_model, method);

    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(o->e, EX_CONFIG, "model_list %s: the name of the model is too long",
                       o->m->model_name);
    o->nested = "generationConfig";
    return outgoing_finish(o, path);
}

static int add_key(struct outgoing *o)
{
    if (gemini_on_vertex(o->m))
        return outgoing_bearer(o);
    if (!o->m->api_key || !*o->m->api_key)
        return 0;
    return outgoing_header(o, "x-goog-api-key", o->m->api_key);
}

static int gemini_format(const struct model *m, struct task *t, struct http_request *req,
                         struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    struct outgoing o = {.m = m, .t = t, .req = req, .body = body, .e = e};
    const char *method = "generateContent";

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    outgoing_begin(&o);
    if (t->op == OP_EMBEDDINGS) {
        if (gemini_embed(&o, &method) < 0)
            return -1;
    } else if (gemini_messages(&o) < 0 || gemini_tools(&o) < 0 || gemini_fields(&o) < 0) {
        return -1;
    }
    if (add_key(&o) < 0)
        return -1;
    return finish(&o, method);
}

static void gemini_parse(const struct model *m, const struct task *t,
                         const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED)
        return;
    if (t->op == OP_EMBEDDINGS)
        gemini_read_embeddings(m, t, root, ans);
    else
        gemini_read(m, t, rsp, root, ans);
}

/* What is put into a URL may not be more than a name. */
static int check_name(const struct model *m, const char *key, const char *value, const char *more,
                      struct err *e)
{
    size_t i = 0;

    while (value[i] && (strchr(name_bytes, value[i]) || strchr(more, value[i])))
        i++;
    if (*value && !value[i])
        return 0;
    return err_set(e, EX_CONFIG,
                   "model_list %s: params.%s %s may hold letters, digits and ._-%s only",
                   m->model_name, key, value, more);
}

static int gemini_check(const struct model *m, struct err *e)
{
    if (outgoing_check(m, e) < 0)
        return -1;
    if (gemini_on_vertex(m) && (!m->api_key || !*m->api_key) &&
        strstr(m->api_base, ".googleapis.com"))
        return err_set(e, EX_CONFIG,
                       "model_list %s: params.api_key is missing; set it to an OAuth access token, "
                       "such as `gcloud auth print-access-token` prints",
                       m->model_name);
    return check_name(m, "model", m->upstream_model, "/@", e);
}

/* Regions stand in front of the host's name, "us" and "eu" behind it, and "global" nowhere. */
static void put_host(const char *location, struct buf *out)
{
    if (strcmp(location, "global") == 0)
        buf_str(out, "https://aiplatform.googleapis.com");
    else if (strcmp(location, "us") == 0 || strcmp(location, "eu") == 0)
        buf_printf(out, "https://aiplatform.%s.rep.googleapis.com", location);
    else
        buf_printf(out, "https://%s-aiplatform.googleapis.com", location);
}

static int gemini_base(const struct model *m, struct buf *out, struct err *e)
{
    if (!gemini_on_vertex(m))
        return 0;
    if (!m->vertex_project || !*m->vertex_project || !m->vertex_location || !*m->vertex_location)
        return err_set(e, EX_CONFIG,
                       "model_list %s: provider %s needs params.vertex_project and "
                       "params.vertex_location, or the whole address in params.api_base",
                       m->model_name, m->provider_name);
    if (check_name(m, "vertex_project", m->vertex_project, ":", e) < 0 ||
        check_name(m, "vertex_location", m->vertex_location, "", e) < 0)
        return -1;
    put_host(m->vertex_location, out);
    buf_printf(out, "/v1/projects/%s/locations/%s", m->vertex_project, m->vertex_location);
    return 0;
}

const struct provider provider_gemini = {
    .name = "gemini",
    .check = gemini_check,
    .make_base = gemini_base,
    .format_request = gemini_format,
    .parse_response = gemini_parse,
};
