/*
 * key: turns a task into the digests that the cache and the single flight look things up by.
 *
 * What is left out of a digest decides what may be answered from the cache, so the list of fields
 * that cannot change an answer is short and stands here alone. A default that is spelled out and one
 * that is absent give different digests: that costs a hit, the other way round would cost an answer.
 * The task's body is shared with the code that formats requests and is never changed here.
 */
#include "policy/key.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/provider.h"

#define DIGEST_VERSION "sluice-request-1"
#define KEY_VERSION    "sluice-completion-1"
#define FLIGHT_VERSION "sluice-flight-1"

/* Top-level fields that cannot change any answer. */
static const char *const delivery_fields[] = {"model", "stream", "stream_options"};

/* Nor these: who asks, how it is billed or stored. But a `response` object repeats them, and with
 * `store` its id can be asked for again, so in OP_RESPONSES they count. */
static const char *const neutral_fields[] = {
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
};

/* Headers of a row that say who calls; all others may select a behaviour. */
static const char *const credential_headers[] = {
    "authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie",
};

static const char *const operation_names[] = {
    [OP_CHAT] = "chat",
    [OP_EMBEDDINGS] = "embeddings",
    [OP_RESPONSES] = "responses",
};

static bool has_name(const char *const *names, size_t n, const char *field)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        if (strcmp(field, names[i]) == 0)
            return true;
    }
    return false;
}

static bool is_neutral(const void *task, const char *field)
{
    enum operation op = ((const struct task *)task)->op;

    return has_name(delivery_fields, ARRAY_LEN(delivery_fields), field) ||
           (op != OP_RESPONSES && has_name(neutral_fields, ARRAY_LEN(neutral_fields), field));
}

static void field_str(struct sha256 *sha, const char *s)
{
    sha256_field(sha, s ? s : "", s ? strlen(s) : 0);
}

static void field_int(struct sha256 *sha, int64_t value)
{
    uint8_t be[8];
    int i = 0;

    for (i = 0; i < 8; i++)
        be[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    sha256_field(sha, be, sizeof be);
}

int key_digest(struct task *t, struct sha256 *sha, struct buf *scratch)
{
    if (t->has_digest)
        return 0;
    assert(json_object_is_type(t->body, json_type_object));
    buf_clear(scratch);
    if (json_canonical_without(t->body, is_neutral, t, scratch) < 0)
        return -1;
    field_str(sha, DIGEST_VERSION);
    sha256_field(sha, t->tenant ? "t" : "", t->tenant ? 1 : 0);
    field_str(sha, t->tenant);
    field_str(sha, operation_names[t->op]);
    field_int(sha, t->sample);
    sha256_field(sha, scratch->data, scratch->len);
    sha256_final(sha, t->digest);
    t->has_digest = true;
    return 0;
}

static bool is_credential(const char *header)
{
    size_t i = 0;

    for (i = 0; i < ARRAY_LEN(credential_headers); i++) {
        if (strcasecmp(header, credential_headers[i]) == 0)
            return true;
    }
    return false;
}

void key_completion(const struct task *t, const struct model *m, struct sha256 *sha,
                    uint8_t out[SHA256_LEN])
{
    size_t i = 0;

    assert(t->has_digest);
    field_str(sha, KEY_VERSION);
    sha256_field(sha, t->digest, SHA256_LEN);
    field_str(sha, m->provider ? m->provider->name : m->provider_name);
    field_str(sha, m->api_base);
    field_str(sha, m->upstream_model);
    field_str(sha, m->mode ? m->mode : "auto");
    field_str(sha, m->extra_body);
    field_int(sha, m->drop_params);
    field_int(sha, m->max_output_tokens);
    if (m->api_version) /* headers come in pairs: no other row makes this number of fields */
        field_str(sha, m->api_version);
    for (i = 0; i < m->extra_headers.count; i++) {
        const struct property *h = &m->extra_headers.at[i];

        if (is_credential(h->name))
            continue;
        field_str(sha, h->name);
        field_str(sha, h->value);
    }
    sha256_final(sha, out);
}

void key_flight(const struct task *t, struct sha256 *sha, uint8_t out[SHA256_LEN])
{
    int i = 0;

    assert(t->has_digest);
    field_str(sha, FLIGHT_VERSION);
    sha256_field(sha, t->digest, SHA256_LEN);
    for (i = 0; i < t->nmodels; i++)
        field_str(sha, t->models[i]);
    sha256_final(sha, out);
}
