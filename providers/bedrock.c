/*
 * bedrock: the four entries of the dialect. What a request's fields become is in bedrock_fields.c,
 * bedrock_effort.c, bedrock_tools.c, bedrock_messages.c and bedrock_parts.c, answers in
 * bedrock_response.c, embeddings in bedrock_embed.c.
 *
 * The model stands in the path and nowhere else. Its id is encoded as one segment, because ids hold
 * ':' and ARNs '/'. A request bears an API key, or is signed when it is sent (core/policy/sigv4.h).
 */
#include "providers/bedrock.h"

#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "providers/bridge.h"
#include "providers/incoming.h"

#define SERVICE  "bedrock"
#define PATH_MAX 4096

/* Headers of a signature, which a row must not replace. */
static const char *const signed_headers[] = {"host", "x-amz-date", "x-amz-security-token",
                                             "content-type"};

static bool is_signed(const struct model *m)
{
    return m->aws_access_key_id && *m->aws_access_key_id;
}

static const char *extra_header(const struct model *m, const char *name)
{
    size_t i = 0;

    for (i = 0; i < m->extra_headers.count; i++) {
        if (strcasecmp(m->extra_headers.at[i].name, name) == 0)
            return m->extra_headers.at[i].name;
    }
    return NULL;
}

static int bedrock_check(const struct model *m, struct err *e)
{
    size_t i = 0;

    if (outgoing_check(m, e) < 0)
        return -1;
    if (strspn(m->upstream_model, ".") == strlen(m->upstream_model))
        return err_set(e, EX_CONFIG, "model_list %s: params.model names no model", m->model_name);
    for (i = 0; is_signed(m) && i < ARRAY_LEN(signed_headers); i++) {
        if (extra_header(m, signed_headers[i]))
            return err_set(e, EX_CONFIG,
                           "model_list %s: extra_headers.%s cannot be set on a request that is "
                           "signed; take it out, or use api_key",
                           m->model_name, signed_headers[i]);
    }
    return 0;
}

static int add_key(struct outgoing *o)
{
    const struct model *m = o->m;

    if (is_signed(m) && !extra_header(m, "authorization"))
        o->req->aws = (struct http_aws){
            .key_id = m->aws_access_key_id,
            .secret = m->aws_secret_access_key,
            .token = m->aws_session_token && *m->aws_session_token ? m->aws_session_token : NULL,
            .region = m->aws_region_name,
            .service = SERVICE,
        };
    return outgoing_bearer(o);
}

/* "/model/" + the model as one segment of a path + "/" + operation */
static int put_path(struct outgoing *o, const char *operation, struct buf *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const char *p = NULL;

    buf_str(path, "/model/");
    for (p = o->m->upstream_model; *p; p++) {
        if (strchr(plain, *p))
            buf_char(path, *p);
        else
            buf_printf(path, "%%%02X", (unsigned char)*p);
    }
    buf_printf(path, "/%s", operation);
    if (path->over)
        return err_set(o->e, EX_CONFIG, "model_list %s: the model's id is too long",
                       o->m->model_name);
    return 0;
}

static int put_chat(struct outgoing *o)
{
    if (bedrock_fields(o) < 0 || bedrock_effort(o) < 0 || bedrock_messages(o) < 0)
        return -1;
    return bedrock_tools(o);
}

static int bedrock_format(const struct model *m, struct task *t, struct http_request *req,
                          struct err *e)
{
    CLEANUP_JSON struct json_object *body = json_object_new_object();
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_MAX);
    struct outgoing o = {
        .m = m, .t = t, .req = req, .body = body, .e = e, .nested = "additionalModelRequestFields"};

    if (t->op == OP_RESPONSES)
        return bridge_format(m, t, req, e);
    outgoing_begin(&o);
    if ((t->op == OP_EMBEDDINGS ? bedrock_embed(&o) : put_chat(&o)) < 0)
        return -1;
    if (add_key(&o) < 0 || put_path(&o, t->op == OP_EMBEDDINGS ? "invoke" : "converse", &path) < 0)
        return -1;
    return outgoing_finish(&o, path.data);
}

static void bedrock_parse(const struct model *m, const struct task *t,
                          const struct http_response *rsp, struct answer *ans)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (t->op == OP_RESPONSES) {
        bridge_parse(m, t, rsp, ans);
        return;
    }
    if (incoming_open(m, rsp, ans, &root) == INCOMING_FAILED)
        return;
    incoming_model(m, root, ans);
    if (t->op == OP_EMBEDDINGS)
        bedrock_read_embeddings(m, t, rsp, root, ans);
    else
        bedrock_read(m, t, root, ans);
}

const struct provider provider_bedrock = {
    .name = "bedrock",
    .check = bedrock_check,
    .format_request = bedrock_format,
    .parse_response = bedrock_parse,
};
