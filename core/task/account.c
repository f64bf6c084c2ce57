/*
 * account: compares rows of model_list by server, key and upstream model; see account.h. It must not decide what
 * follows from that: policy/scope says which failure concerns which rows.
 */
#include "task/account.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool same_or_none(const char *a, const char *b)
{
    return (!a && !b) || same(a, b);
}

/* Headers may say who pays: an organization, a project, a key of their own. */
static bool same_headers(const struct property_list *a, const struct property_list *b)
{
    size_t i = 0;

    if (a->count != b->count)
        return false;
    for (i = 0; i < a->count; i++) {
        if (!same(a->at[i].name, b->at[i].name) || !same(a->at[i].value, b->at[i].value))
            return false;
    }
    return true;
}

bool account_same_server(const struct model *a, const struct model *b)
{
    return same(a->provider_name, b->provider_name) && same(a->api_base, b->api_base);
}

/* A base URL of its own for each region, and the same account behind them. */
static bool same_cloud(const struct model *a, const struct model *b)
{
    return same(a->aws_access_key_id, b->aws_access_key_id) ||
           same(a->vertex_project, b->vertex_project);
}

bool account_same_key(const struct model *a, const struct model *b)
{
    return same(a->provider_name, b->provider_name) && same(a->api_key, b->api_key) &&
           same_or_none(a->aws_access_key_id, b->aws_access_key_id) &&
           same_headers(&a->extra_headers, &b->extra_headers) &&
           (same(a->api_base, b->api_base) || same_cloud(a, b));
}

bool account_has_key(const struct model *m)
{
    return (m->api_key && *m->api_key) || m->aws_access_key_id || m->extra_headers.count > 0;
}

bool account_same_model(const struct model *a, const struct model *b)
{
    return account_same_server(a, b) && same(a->upstream_model, b->upstream_model);
}

bool account_same(const struct model *a, const struct model *b)
{
    return account_same_model(a, b) && account_same_key(a, b);
}

bool account_same_limits(const struct model *a, const struct model *b)
{
    return a->rps == b->rps && a->rpm == b->rpm && a->rpd == b->rpd && a->tpm == b->tpm &&
           a->input_tpm == b->input_tpm && a->output_tpm == b->output_tpm && a->tpd == b->tpd &&
           a->max_parallel_requests == b->max_parallel_requests;
}
