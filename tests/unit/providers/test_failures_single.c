/*
 * Failures of the dialects that one vendor speaks; see failure_rows.h.
 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "providers/cohere.h"
#include "providers/ollama.h"
#include "tests/unit/providers/failure_rows.h"

#define COH(message) "{\"id\":\"24e32f6d\",\"message\":\"" message "\"}"
#define OLL(message) "{\"error\":\"" message "\"}"

static const struct row cohere_rows[] = {
    {400, COH("invalid request: message must be at least 1 token long"), CLASS_CALLER_FAULT, "", 0,
     NULL},
    {400, COH("invalid request: valid input_type must be provided with the provided model"),
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400, COH("invalid request: total number of texts must be at most 96 - received 104"),
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400,
     COH("too many tokens: total number of tokens in the prompt cannot exceed 4081 - received "
         "4292. Try using a shorter prompt"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, COH("too many tokens: size limit exceeded by 11326 tokens. Try using shorter inputs"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    /* this is about max_tokens: another window would not help */
    {400,
     COH("too many tokens: max tokens must be less than or equal to 4096, the maximum output for "
         "this model - received 8192."),
     CLASS_CALLER_FAULT, NULL, 0, NULL},
    {401, COH("invalid api token"), CLASS_CREDENTIAL, "", 0, NULL},
    {401, COH("no api key supplied"), CLASS_CREDENTIAL, NULL, 0, NULL},
    {402, COH("Please add or update your payment method"), CLASS_QUOTA, NULL, 0, NULL},
    {403, COH("forbidden"), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404, COH("model 'model-x' not found, make sure the correct model ID was used"),
     CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404, COH("model 'model-x' was removed on September 15, 2025. See the docs"), CLASS_MODEL_GONE,
     NULL, 0, NULL},
    {422, COH("unprocessable"), CLASS_CALLER_FAULT, NULL, 0, NULL},
    /* a trial key: a minute's limit is waited for, a month's is not */
    {429,
     COH("You are using a Trial key, which is limited to 40 API calls / minute. You can continue "
         "to use the Trial key for free or upgrade"),
     CLASS_RATE_LIMIT, "", 0, NULL},
    {429, COH("trial token rate limit exceeded, limit is 100000 tokens per minute"),
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429, COH("You are past the per minute request limit, please wait and try again later."),
     CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429, COH("Please wait and try again later"), CLASS_RATE_LIMIT, NULL, 0, NULL},
    {429,
     COH("You are using a Trial key, which is limited to 1000 API calls / month. You can continue"),
     CLASS_QUOTA, NULL, 0, NULL},
    /* blocked, where others mean that there is no room */
    {498, COH("the request was blocked"), CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {498, "", CLASS_CONTENT_POLICY, NULL, 0, NULL},
    {499, COH("request cancelled"), CLASS_TRANSIENT, NULL, 0, NULL},
    {500, COH("internal server error, this has been reported to our developers"), CLASS_TRANSIENT,
     NULL, 0, NULL},
    {501, COH("not implemented"), CLASS_TRANSIENT, NULL, 0, NULL},
    {503, COH("service unavailable"), CLASS_TRANSIENT, NULL, 0, NULL},
    {503, COH("the model is overloaded, please try again later"), CLASS_OVERLOAD, NULL, 0, NULL},
    {504, COH("gateway timeout"), CLASS_TRANSIENT, NULL, 0, NULL},
    {400, COH("bad key " KEY), CLASS_CALLER_FAULT, NULL, 0, NULL},
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"id\":\"x\",\"mess", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "{}", CLASS_BAD_RESPONSE, "no_message", 0, NULL},
    {200, "{\"finish_reason\":\"COMPLETE\",\"message\":{\"content\":[]}}", CLASS_BAD_RESPONSE,
     "empty_answer", 0, NULL},
    {200,
     "{\"finish_reason\":\"COMPLETE\",\"message\":{\"content\":[{\"type\":\"thinking\","
     "\"thinking\":\"hm\"}]}}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200, "{\"finish_reason\":\"TOOL_CALL\",\"message\":{\"tool_plan\":\"hm\"}}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200, "{\"finish_reason\":\"ERROR\"}", CLASS_BAD_RESPONSE, "ERROR", 0, NULL},
    {200, "{\"finish_reason\":\"USER_CANCEL\"}", CLASS_BAD_RESPONSE, "USER_CANCEL", 0, NULL},
    {200, "{\"finish_reason\":\"TIMEOUT\"}", CLASS_TIMEOUT, "TIMEOUT", 0, NULL},
};

static const struct row ollama_rows[] = {
    {400, OLL("the input length exceeds the context length"), CLASS_CONTEXT_WINDOW, "", 0, NULL},
    {500, OLL("the input length exceeds the context length"), CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    /* an error of the engine below, as text */
    {400,
     OLL("{\\\"error\\\":{\\\"code\\\":400,\\\"message\\\":\\\"request (2622 tokens) exceeds the "
         "available context size (512 tokens), try increasing it\\\"}}"),
     CLASS_CONTEXT_WINDOW, NULL, 0, NULL},
    {400, OLL("\\\"model-x\\\" does not support thinking"), CLASS_CALLER_FAULT, NULL, 0, NULL},
    {400, OLL("registry.ollama.ai/library/model-x does not support tools"), CLASS_CALLER_FAULT,
     NULL, 0, NULL},
    {400, OLL("illegal base64 data at input byte 0"), CLASS_CALLER_FAULT, NULL, 0, NULL},
    {401, OLL("unauthorized"), CLASS_CREDENTIAL, NULL, 0, NULL},
    {403, OLL("remote model is unavailable"), CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {404, OLL("model 'model-x' not found"), CLASS_MODEL_ACCESS, "", 0, NULL},
    {404, OLL("model \\\"model-x\\\" not found, try pulling it first"), CLASS_MODEL_ACCESS, NULL, 0,
     NULL},
    {404, "404 page not found", CLASS_MODEL_ACCESS, NULL, 0, NULL},
    {429,
     OLL("you (someone) have reached your weekly usage limit, upgrade for higher limits: "
         "https://ollama.com/upgrade"),
     CLASS_QUOTA, NULL, 0, NULL},
    {429, OLL("you (someone) have reached your session usage limit, upgrade for higher limits"),
     CLASS_QUOTA, NULL, 0, NULL},
    {429, OLL("too many concurrent requests"), CLASS_RATE_LIMIT, NULL, 0, NULL},
    {499, OLL("request canceled"), CLASS_TRANSIENT, NULL, 0, NULL},
    {500, OLL("llama runner process has terminated: exit status 2"), CLASS_TRANSIENT, NULL, 0,
     NULL},
    {500, OLL("timed out waiting for llama runner to start"), CLASS_TRANSIENT, NULL, 0, NULL},
    /* room may come; another server has some now */
    {500, OLL("model requires more system memory (18.2 GiB) than is available (7.1 GiB)"),
     CLASS_OVERLOAD, NULL, 0, NULL},
    {503, OLL("server busy, please try again.  maximum pending requests exceeded"), CLASS_OVERLOAD,
     NULL, 0, NULL},
    {503, OLL("Loading model"), CLASS_TRANSIENT, NULL, 0, NULL},
    {200, OLL("an error inside"), CLASS_BAD_RESPONSE, NULL, 0, NULL},
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"model\":\"m\",\"mess", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    /* two lines of a stream are no answer */
    {200, "{\"done\":false}\n{\"done\":true}\n", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "{}", CLASS_BAD_RESPONSE, "not_done", 0, NULL},
    {200, "{\"done\":true,\"done_reason\":\"unload\"}", CLASS_BAD_RESPONSE, "unload", 0, NULL},
    {200, "{\"done\":true,\"done_reason\":\"stop\"}", CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"done\":true,\"done_reason\":\"stop\",\"message\":{\"content\":\"\",\"thinking\":\"hm\"}}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
    {200,
     "{\"done\":true,\"done_reason\":\"stop\",\"message\":{\"tool_calls\":[{\"function\":{}}]}}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
};

Test(failures, cohere)
{
    check_rows(&provider_cohere, cohere_rows, ARRAY_LEN(cohere_rows));
}

Test(failures, ollama_chat)
{
    check_rows(&provider_ollama_chat, ollama_rows, ARRAY_LEN(ollama_rows));
}
