/*
 * config_aws: region and keys of a row that is served by AWS: from the row, or from the variables that
 * AWS's own tools read. Keys out of the environment go to AWS's own hosts only (P8).
 */
#include "task/config_resolve.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "task/config_apply.h"
#include "task/provider.h"

#define GAP      "{region}"
#define BASE_MAX 2048
#define NAME_MAX 64

bool conf_is_aws(const struct model *m)
{
    return m->vendor && (m->vendor->quirks & QUIRK_AWS);
}

/* NULL when it is not set or empty. */
static const char *set_variable(char *const *envp, const char *name)
{
    const char *value = conf_env(envp, name, strlen(name));

    return value && *value ? value : NULL;
}

static bool given(const char *text)
{
    return text && *text;
}

static int set_region(const struct config *c, struct model *m, char *const *envp, struct err *e)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *name = m->aws_region_name;

    if (!name)
        name = set_variable(envp, "AWS_REGION");
    if (!name)
        name = set_variable(envp, "AWS_DEFAULT_REGION");
    if (!name)
        return 0;
    if (!*name || strlen(name) > NAME_MAX || strspn(name, bytes) != strlen(name))
        return conf_place_err(c, m->line, e,
                              "model `%s`: `%.60s` is no region of AWS, such as us-east-1",
                              m->model_name, name);
    if (!m->aws_region_name)
        m->aws_region_name = mem_strdup(name);
    return 0;
}

static int fill_base(const struct config *c, struct model *m, struct err *e)
{
    struct buf base = BUF_INIT(BASE_MAX);
    char *gap = strstr(m->api_base, GAP);

    if (!gap)
        return 0;
    if (!m->aws_region_name)
        return conf_place_err(c, m->line, e,
                              "model `%s`: %s needs a region; set aws_region_name or the "
                              "environment variable AWS_REGION",
                              m->model_name, m->provider_name);
    buf_append(&base, m->api_base, (size_t)(gap - m->api_base));
    buf_str(&base, m->aws_region_name);
    buf_str(&base, gap + strlen(GAP));
    if (base.over) {
        buf_done(&base);
        return conf_place_err(c, m->line, e, "model `%s`: api_base is longer than %d bytes",
                              m->model_name, BASE_MAX);
    }
    free(m->api_base);
    m->api_base = buf_steal(&base, NULL);
    return 0;
}

static void keys_from_environment(struct model *m, char *const *envp)
{
    const char *bearer = set_variable(envp, m->vendor->api_key_env);

    if (bearer) {
        m->api_key = mem_strdup(bearer);
        return;
    }
    m->aws_access_key_id = mem_strdup(set_variable(envp, "AWS_ACCESS_KEY_ID"));
    m->aws_secret_access_key = mem_strdup(set_variable(envp, "AWS_SECRET_ACCESS_KEY"));
    if (m->aws_access_key_id)
        m->aws_session_token = mem_strdup(set_variable(envp, "AWS_SESSION_TOKEN"));
}

static bool has_blank(const char *text)
{
    for (; text && *text; text++) {
        if ((unsigned char)*text <= 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

/* own: the base URL is AWS's. */
static int check_keys(const struct config *c, const struct model *m, bool own, struct err *e)
{
    bool id = given(m->aws_access_key_id);
    bool secret = given(m->aws_secret_access_key);
    bool key = given(m->api_key) || m->api_key_file;

    if (id != secret || (given(m->aws_session_token) && !id))
        return conf_place_err(c, m->line, e,
                              "model `%s`: aws_access_key_id and aws_secret_access_key belong "
                              "together; %s is missing",
                              m->model_name, id ? "the secret" : "the key id");
    if (key && id)
        return conf_place_err(c, m->line, e,
                              "model `%s`: api_key and aws_access_key_id are both set; keep one",
                              m->model_name);
    if (own && !key && !id && !model_header(m, "Authorization"))
        return conf_place_err(c, m->line, e,
                              "model `%s`: %s needs a key; set api_key, or aws_access_key_id and "
                              "aws_secret_access_key, or the environment variable %s",
                              m->model_name, m->vendor->name, m->vendor->api_key_env);
    if (id && !m->aws_region_name)
        return conf_place_err(c, m->line, e,
                              "model `%s`: a request is signed for a region; set aws_region_name",
                              m->model_name);
    if (has_blank(m->aws_access_key_id) || has_blank(m->aws_secret_access_key) ||
        has_blank(m->aws_session_token))
        return conf_place_err(c, m->line, e,
                              "model `%s`: a key of AWS holds white space or a control byte",
                              m->model_name);
    return 0;
}

int conf_resolve_aws(const struct config *c, struct model *m, char *const *envp, struct err *e)
{
    bool own = !m->api_base;
    bool keys = m->api_key || m->api_key_file || m->aws_access_key_id || m->aws_secret_access_key ||
                m->aws_session_token;

    if (!conf_is_aws(m)) {
        if (!m->aws_region_name && !m->aws_access_key_id && !m->aws_secret_access_key &&
            !m->aws_session_token)
            return 0;
        return conf_place_err(c, m->line, e,
                              "model `%s`: settings that begin with aws_ are for providers of AWS "
                              "(bedrock), not for `%.60s`",
                              m->model_name, m->provider_name);
    }
    if (own)
        m->api_base = mem_strdup(m->vendor->api_base);
    if (set_region(c, m, envp, e) < 0 || fill_base(c, m, e) < 0)
        return -1;
    if (own && !keys)
        keys_from_environment(m, envp);
    return check_keys(c, m, own, e);
}
