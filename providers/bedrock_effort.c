/*
 * bedrock_effort: reasoning_effort in the words of the model's family. Converse has one word for all
 * of them (outputConfig.effort); older families have their own, which it hands on.
 */
#include "providers/bedrock.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define BUDGET_LEAST 1024 /* tokens; a smaller one is refused there */

static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

/* Models of Claude that think by a budget of tokens instead of an effort. */
static const char *const by_budget[] = {
    "claude-3-7",        "claude-sonnet-4-2", "claude-opus-4-2",  "claude-opus-4-1",
    "claude-sonnet-4-5", "claude-opus-4-5",   "claude-haiku-4-5",
};

static bool is_one_of(const char *model, const char *const *parts, size_t n)
{
    size_t i = 0;

    for (i = 0; i < n; i++) {
        if (strstr(model, parts[i]))
            return true;
    }
    return false;
}

static struct json_object *model_fields(struct outgoing *o)
{
    return bedrock_section(o, "additionalModelRequestFields");
}

/* Without a word for it: said in outputConfig, in the five steps that it has. */
static int put_general(struct outgoing *o, const char *effort)
{
    if (strcmp(effort, "none") == 0)
        return outgoing_refuse(o, "this model's reasoning cannot be turned off",
                               "reasoning_effort");
    if (strcmp(effort, "minimal") == 0)
        effort = "low";
    json_object_object_add(bedrock_section(o, "outputConfig"), "effort",
                           json_object_new_string(effort));
    return 0;
}

static struct json_object *new_thinking(const char *type)
{
    return bedrock_wrap("type", json_object_new_string(type));
}

static int put_adaptive(struct outgoing *o, const char *effort)
{
    bool none = strcmp(effort, "none") == 0;

    if (!json_get(o->t->body, "thinking")) /* else the caller said it in the model's own words */
        json_object_object_add(model_fields(o), "thinking",
                               new_thinking(none ? "disabled" : "adaptive"));
    return none ? 0 : put_general(o, effort);
}

static int64_t budget_of(const char *effort)
{
    static const struct {
        const char *effort;
        int64_t tokens;
    } budgets[] = {{"minimal", 1024}, {"low", 1024},    {"medium", 4096},
                   {"high", 16384},   {"xhigh", 24576}, {"max", 32768}};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(budgets) && strcmp(effort, budgets[i].effort) != 0)
        i++;
    return budgets[i].tokens;
}

/* The budget is a part of the answer's tokens, and has to leave some of them. */
static int put_budget(struct outgoing *o, const char *effort)
{
    int64_t most = json_get_int(json_get(o->body, "inferenceConfig"), "maxTokens", 0);
    int64_t budget = budget_of(effort);
    struct json_object *thinking = NULL;

    if (strcmp(effort, "none") == 0 || json_get(o->t->body, "thinking"))
        return 0;
    if (most > 0 && most <= BUDGET_LEAST)
        return outgoing_refuse(o,
                               "this model thinks in at least 1024 tokens; raise "
                               "max_completion_tokens above that",
                               "reasoning_effort");
    if (most > 0 && budget >= most)
        budget = most - 1;
    thinking = new_thinking("enabled");
    json_object_object_add(thinking, "budget_tokens", json_object_new_int64(budget));
    json_object_object_add(model_fields(o), "thinking", thinking);
    return 0;
}

/* The three steps that a family has. */
static const char *of_three(const char *effort)
{
    if (strcmp(effort, "minimal") == 0)
        return "low";
    return strcmp(effort, "xhigh") == 0 || strcmp(effort, "max") == 0 ? "high" : effort;
}

static int put_nova(struct outgoing *o, const char *effort)
{
    bool none = strcmp(effort, "none") == 0;
    struct json_object *config = new_thinking(none ? "disabled" : "enabled");

    if (!none)
        json_object_object_add(config, "maxReasoningEffort",
                               json_object_new_string(of_three(effort)));
    json_object_object_add(model_fields(o), "reasoningConfig", config);
    return 0;
}

static int put_gpt_oss(struct outgoing *o, const char *effort)
{
    if (strcmp(effort, "none") == 0)
        return outgoing_refuse(o, "this model's reasoning cannot be turned off",
                               "reasoning_effort");
    json_object_object_add(model_fields(o), "reasoning_effort",
                           json_object_new_string(of_three(effort)));
    return 0;
}

int bedrock_effort(struct outgoing *o)
{
    struct json_object *v = json_get(o->t->body, "reasoning_effort");
    const char *effort = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
    const char *model = o->m->upstream_model;
    size_t i = 0;

    if (!v)
        return 0;
    while (i < ARRAY_LEN(efforts) && strcmp(effort, efforts[i]) != 0)
        i++;
    if (i == ARRAY_LEN(efforts))
        return outgoing_fail(o, "must be none, minimal, low, medium, high, xhigh or max",
                             "reasoning_effort");
    if (is_one_of(model, by_budget, ARRAY_LEN(by_budget)))
        return put_budget(o, effort);
    if (strstr(model, "anthropic.claude"))
        return put_adaptive(o, effort);
    if (strstr(model, "amazon.nova"))
        return put_nova(o, effort);
    if (strstr(model, "openai.gpt-oss"))
        return put_gpt_oss(o, effort);
    return put_general(o, effort);
}
