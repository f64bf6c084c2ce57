/*
 * gemini_logprobs: the log probabilities of a candidate in OpenAI's form. The API gives two lists of
 * the same length: the tokens that were chosen, and for each place the likeliest ones. It gives no
 * bytes.
 */
#include "providers/gemini.h"

#include "base/json.h"

/* {"token":...,"logprob":...,"bytes":null}; NULL: it names no token. Zeros are not written. */
static struct json_object *new_token(struct json_object *theirs)
{
    struct json_object *token = json_get_type(theirs, "token", json_type_string);
    struct json_object *logprob = json_get(theirs, "logProbability");
    struct json_object *out = NULL;

    if (!token)
        return NULL;
    out = json_object_new_object();
    outgoing_share(out, "token", token);
    if (json_object_is_type(logprob, json_type_double) ||
        json_object_is_type(logprob, json_type_int))
        outgoing_share(out, "logprob", logprob);
    else
        json_object_object_add(out, "logprob", json_object_new_int(0));
    json_object_object_add(out, "bytes", NULL);
    return out;
}

static struct json_object *new_top(struct json_object *place)
{
    struct json_object *list = json_get_type(place, "candidates", json_type_array);
    struct json_object *out = json_object_new_array();
    size_t n = list ? json_object_array_length(list) : 0;
    size_t i = 0;

    for (i = 0; i < n; i++) {
        struct json_object *token = new_token(json_object_array_get_idx(list, i));

        if (token)
            json_object_array_add(out, token);
    }
    return out;
}

struct json_object *gemini_logprobs(struct json_object *candidate)
{
    struct json_object *result = json_get_type(candidate, "logprobsResult", json_type_object);
    struct json_object *chosen = json_get_type(result, "chosenCandidates", json_type_array);
    struct json_object *tops = json_get_type(result, "topCandidates", json_type_array);
    struct json_object *out = NULL;
    struct json_object *content = NULL;
    size_t n = chosen ? json_object_array_length(chosen) : 0;
    size_t i = 0;

    if (!chosen)
        return NULL;
    out = json_object_new_object();
    content = json_object_new_array();
    for (i = 0; i < n; i++) {
        struct json_object *token = new_token(json_object_array_get_idx(chosen, i));

        if (!token)
            continue;
        json_object_object_add(token, "top_logprobs",
                               new_top(tops && i < json_object_array_length(tops)
                                           ? json_object_array_get_idx(tops, i)
                                           : NULL));
        json_object_array_add(content, token);
    }
    json_object_object_add(out, "content", content);
    json_object_object_add(out, "refusal", NULL);
    return out;
}
