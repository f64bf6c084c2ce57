/*
 * openai_logprobs: log probabilities of a choice, repaired to OpenAI's schema. Some hosts still send the
 * form of the old completions, {"tokens":[...], "token_logprobs":[...]}, which becomes a list of tokens.
 */
#include "providers/openai.h"

#include "base/json.h"

static void repair_token(struct json_object *token)
{
    if (!json_object_is_type(token, json_type_object))
        return;
    if (!json_get_type(token, "bytes", json_type_array))
        json_object_object_add(token, "bytes", NULL);
    if (!json_get_type(token, "top_logprobs", json_type_array))
        json_object_object_add(token, "top_logprobs", json_object_new_array());
}

static bool is_number(struct json_object *v)
{
    return json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int);
}

/* One token as an object. */
static struct json_object *new_token(const char *text, struct json_object *logprob)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "token", json_object_new_string(text));
    json_object_object_add(o, "logprob", json_object_get(logprob));
    json_object_object_add(o, "bytes", NULL);
    return o;
}

/* {"token":logprob,...} as a list of tokens. */
static struct json_object *new_top(struct json_object *alternatives)
{
    struct json_object *top = json_object_new_array();

    if (!json_object_is_type(alternatives, json_type_object))
        return top;
    json_object_object_foreach(alternatives, text, logprob)
    {
        if (is_number(logprob))
            json_object_array_add(top, new_token(text, logprob));
    }
    return top;
}

/* The old form as OpenAI's content; NULL when it is not that form. */
static struct json_object *from_old_form(struct json_object *logprobs)
{
    struct json_object *tokens = json_get_type(logprobs, "tokens", json_type_array);
    struct json_object *numbers = json_get_type(logprobs, "token_logprobs", json_type_array);
    struct json_object *tops = json_get_type(logprobs, "top_logprobs", json_type_array);
    size_t n = tokens ? json_object_array_length(tokens) : 0;
    CLEANUP_JSON struct json_object *content = NULL;
    size_t i = 0;

    if (n == 0 || !numbers || json_object_array_length(numbers) != n)
        return NULL;
    content = json_object_new_array_ext((int)n);
    for (i = 0; i < n; i++) {
        struct json_object *text = json_object_array_get_idx(tokens, i);
        struct json_object *number = json_object_array_get_idx(numbers, i);
        struct json_object *token = NULL;

        if (!json_object_is_type(text, json_type_string) || !is_number(number))
            return NULL;
        token = new_token(json_object_get_string(text), number);
        json_object_object_add(token, "top_logprobs",
                               new_top(tops ? json_object_array_get_idx(tops, i) : NULL));
        json_object_array_add(content, token);
    }
    return json_object_get(content);
}

static void replace_old_form(struct json_object *logprobs)
{
    struct json_object *content = from_old_form(logprobs);

    if (!content)
        return;
    json_object_object_add(logprobs, "content", content);
    json_object_object_del(logprobs, "tokens");
    json_object_object_del(logprobs, "token_logprobs");
    json_object_object_del(logprobs, "top_logprobs");
}

void openai_repair_logprobs(struct json_object *choice)
{
    struct json_object *logprobs = json_get_type(choice, "logprobs", json_type_object);
    struct json_object *content = NULL;
    size_t n = 0;
    size_t i = 0;

    if (!logprobs) {
        json_object_object_add(choice, "logprobs", NULL);
        return;
    }
    if (!json_get_type(logprobs, "content", json_type_array))
        replace_old_form(logprobs);
    content = json_get_type(logprobs, "content", json_type_array);
    n = content ? json_object_array_length(content) : 0;
    for (i = 0; i < n; i++)
        repair_token(json_object_array_get_idx(content, i));
    if (!content)
        json_object_object_add(logprobs, "content", NULL);
    if (!json_get_type(logprobs, "refusal", json_type_array))
        json_object_object_add(logprobs, "refusal", NULL);
}
