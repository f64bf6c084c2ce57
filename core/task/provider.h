/*
 * provider: the interface between the pool and an API dialect.
 *
 * A provider translates, it does not act: no socket, clock, thread, log or state. Everything with side
 * effects (send, wait, retry, limit, cache, count) is done once, in the pool; that is why a provider is
 * tested with files and without a network.
 *
 * How to add one, in four steps (ollama*.c is a good one to look at; mistral.c when it is OpenAI's with
 * differences):
 *   1. Write providers/<name>.c and .h with the entries below and `const struct provider provider_<name>`.
 *      For requests: outgoing.h (headers, extra_body, check), fields.h (a row for each member, the rest is
 *      refused by name), messages.h or turns.h. For answers: incoming.h, then openai_read_chat() on an object
 *      in OpenAI's form. An unknown word for the end of an answer means that it is never cached. Both
 *      entries begin by handing OP_RESPONSES to bridge.h, unless the API speaks /v1/responses.
 *   2. Two rows in providers/providers.c: one in providers[], and a vendor of the same name in vendors[], even
 *      when it has no fixed address.
 *   3. Exchanges in tests/fixtures/providers/<name>/, one for each feature that test_fixtures.c lists, or
 *      refused-<feature>.json; then tests/lib/feature-matrix --write. Error bodies in test_failures_*.c, a row in
 *      bodies[] of test_settings.c, tests/fuzz/fuzz_<name>.c.
 *   4. The simulator: cmd/sim/<name>.c, named in dialects.h and dialect.c and in the text of sim.c; its row in both
 *      lists of tests/lib/dialects.sh, which sends a whole conversation through it.
 * A vendor that speaks a dialect we have needs no code: add a row to the vendor table in
 * providers/providers.c.
 */
#ifndef SLUICE_TASK_PROVIDER_H
#define SLUICE_TASK_PROVIDER_H

#include "base/buf.h"
#include "base/err.h"
#include "task/answer.h"
#include "task/config.h"
#include "task/http.h"
#include "task/task.h"

struct provider {
    const char *name; /* in configuration: the part of params.model before the first "/" */
    bool responses;   /* some of its hosts speak /v1/responses themselves: params.mode may be so */

    /* MAY be NULL. Are this row's settings complete? -1 and a message that names the setting. */
    int (*check)(const struct model *m, struct err *e);

    /*
     * MAY be NULL. Appends the base URL of a row that sets none, when it is made from other settings
     * (a project, a region). Nothing appended: the vendor's own. -1 and a message that names the
     * setting.
     */
    int (*make_base)(const struct model *m, struct buf *out, struct err *e);

    /*
     * MUST. Writes url, headers and body of the HTTP request for this task on this row. Returns 0, or
     * -1 when the request holds something the API cannot say; e then names the field. With
     * m->drop_params such fields are left out instead and appended to t->dropped (JSON array text).
     */
    int (*format_request)(const struct model *m, struct task *t, struct http_request *req,
                          struct err *e);

    /* MUST. Never fails: whatever the bytes are, the answer gets a class. rsp->end may be anything;
     * the pool classifies transport ends itself (answer_transport() in task/answer.h), so here
     * rsp->end is HTTP_DONE. */
    void (*parse_response)(const struct model *m, const struct task *t,
                           const struct http_response *rsp, struct answer *ans);

    /*
     * MAY be NULL: api_base + "/models". Appends the URL of the list of models, which `check --online`
     * reads to see whether address and key are right. 0, or PROVIDER_LIST_OTHER when its names are not
     * those that m->upstream_model is one of.
     */
    int (*models_url)(const struct model *m, struct buf *out);
};

enum { PROVIDER_LIST_OTHER = 1 };

/* A named host that speaks a dialect: a row of data, not code. */
struct vendor {
    const char *name;     /* "groq" */
    const char *dialect;  /* "openai" */
    const char *api_base; /* default base URL; {NAME} is filled from the environment, {name} not */
    const char *api_key_env; /* environment variables that usually hold the key, "A|B": the first
                                that is set; NULL: needs none */
    unsigned quirks;         /* QUIRK_* */
};

/* What a host that speaks OpenAI's dialect does otherwise. Fields it does not know are refused by name. */
enum {
    QUIRK_MAX_TOKENS = 1 << 0,     /* wants max_tokens instead of max_completion_tokens */
    QUIRK_NO_REASONING = 1 << 1,   /* knows no reasoning_effort */
    QUIRK_NO_DEVELOPER = 1 << 2,   /* role developer must be sent as system */
    QUIRK_OPENAI_MODELS = 1 << 3,  /* its models are OpenAI's, with their rules for reasoning */
    QUIRK_NO_LOGPROBS = 1 << 4,    /* knows no logprobs, top_logprobs */
    QUIRK_COUNT_LOGPROBS = 1 << 5, /* logprobs is the number of alternatives */
    QUIRK_NO_LOGIT_BIAS = 1 << 6,
    QUIRK_ONE_CHOICE = 1 << 7,   /* n is 1 */
    QUIRK_NO_PENALTIES = 1 << 8, /* knows no presence_penalty, frequency_penalty */
    QUIRK_NO_SEED = 1 << 9,
    QUIRK_NO_SCHEMA = 1 << 10,   /* response_format has no json_schema */
    QUIRK_NO_NAMES = 1 << 11,    /* messages have no name */
    QUIRK_NO_PARALLEL = 1 << 12, /* knows no parallel_tool_calls */
    QUIRK_ANY_TOKENS = 1 << 13,  /* which name of the limit is wanted depends on the model */
    QUIRK_RESPONSES = 1 << 14,   /* speaks /v1/responses beside chat completions */
    QUIRK_AWS = 1 << 15,    /* region and keys as AWS has them; {region} in api_base is filled */
    QUIRK_VERTEX = 1 << 16, /* Gemini's dialect as Vertex AI speaks it */
};

#endif
