/* What Bedrock answers when something is wrong: the kind in a header, in __type, or nowhere. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "providers/bedrock.h"
#include "tests/unit/providers/failure_rows.h"

#define AWS(kind)                                                                                  \
    "x-amzn-errortype: " kind ":http://internal.amazon.com/coral/com.amazon.bedrock/\n"
#define SAYS(words) "{\"message\":\"" words "\"}"

static const struct row bedrock_rows[] = {
    {403, SAYS("You don't have access to the model with the specified model ID."),
     CLASS_MODEL_ACCESS, "AccessDeniedException", 0, AWS("AccessDeniedException")},
    {403, SAYS("The security token included in the request is invalid"), CLASS_CREDENTIAL, NULL, 0,
     AWS("AccessDeniedException")},
    {403, SAYS("Bearer Token has expired"), CLASS_CREDENTIAL, NULL, 0,
     AWS("AccessDeniedException")},
    {403, SAYS("Authentication failed: Please make sure your API Key is valid."), CLASS_CREDENTIAL,
     NULL, 0, AWS("AccessDeniedException")},
    {403, SAYS("x"), CLASS_CREDENTIAL, "UnrecognizedClientException", 0,
     "x-amzn-errortype: UnrecognizedClientException\n"},
    {403,
     SAYS("The request signature we calculated does not match. The Canonical String was 'POST "
          "x-amz-security-token:" TOKEN "'"),
     CLASS_CREDENTIAL, "InvalidSignatureException", 0, AWS("InvalidSignatureException")},
    {403, SAYS("x"), CLASS_CREDENTIAL, NULL, 0, AWS("ExpiredTokenException")},
    {403, SAYS("x"), CLASS_CREDENTIAL, NULL, 0, AWS("IncompleteSignatureException")},
    {403, "{\"Message\":\"Missing Authentication Token\"}", CLASS_CREDENTIAL,
     "MissingAuthenticationTokenException", 0, AWS("MissingAuthenticationTokenException")},
    {400, SAYS("The provided model identifier is invalid."), CLASS_MODEL_ACCESS,
     "ValidationException", 0, AWS("ValidationException")},
    {400,
     SAYS("Invocation of model ID m with on-demand throughput isn't supported. Retry your request "
          "with the ID or ARN of an inference profile that contains this model."),
     CLASS_MODEL_ACCESS, NULL, 0, AWS("ValidationException")},
    {400, SAYS("Input is too long for requested model."), CLASS_CONTEXT_WINDOW, NULL, 0,
     AWS("ValidationException")},
    {400,
     SAYS("The model returned the following errors: prompt is too long: 205000 tokens > 200000 "
          "maximum"),
     CLASS_CONTEXT_WINDOW, NULL, 0, AWS("ValidationException")},
    {400, SAYS("Too many input tokens. Max input tokens: 8192, request input token count: 9000"),
     CLASS_CONTEXT_WINDOW, NULL, 0, AWS("ValidationException")},
    {400, SAYS("Malformed input request, please reformat your input and try again."),
     CLASS_CALLER_FAULT, "ValidationException", 0, AWS("ValidationException")},
    {404, SAYS("Could not resolve the foundation model from the provided model identifier."),
     CLASS_MODEL_ACCESS, "ResourceNotFoundException", 0, AWS("ResourceNotFoundException")},
    {404, SAYS("This model version has reached the end of its life."), CLASS_MODEL_GONE, NULL, 0,
     AWS("ResourceNotFoundException")},
    {429, SAYS("Too many requests, please wait before trying again."), CLASS_RATE_LIMIT,
     "ThrottlingException", 0, AWS("ThrottlingException")},
    {429, SAYS("Too many tokens per day, please wait before trying again."), CLASS_QUOTA,
     "ThrottlingException", 0, AWS("ThrottlingException")},
    {503, SAYS("slow"), CLASS_RATE_LIMIT, NULL, 0, AWS("ThrottlingException")},
    {429, SAYS("The model is not ready"), CLASS_TRANSIENT, "ModelNotReadyException", 0,
     AWS("ModelNotReadyException")},
    {400, SAYS("x"), CLASS_RATE_LIMIT, NULL, 0, AWS("ServiceQuotaExceededException")},
    {408, SAYS("x"), CLASS_TIMEOUT, NULL, 0, AWS("ModelTimeoutException")},
    {424, SAYS("x"), CLASS_TRANSIENT, NULL, 0, AWS("ModelErrorException")},
    {424, SAYS("x"), CLASS_TRANSIENT, NULL, 0, AWS("ModelStreamErrorException")},
    {500, SAYS("x"), CLASS_TRANSIENT, "InternalServerException", 0, AWS("InternalServerException")},
    {503, SAYS("x"), CLASS_OVERLOAD, NULL, 0, AWS("ServiceUnavailableException")},
    {404, SAYS("x"), CLASS_MODEL_ACCESS, NULL, 0, AWS("FTUFormNotFilled")},
    {529, SAYS("x"), CLASS_OVERLOAD, "", 0, NULL},
    /* without the header: __type, with and without a package, or nothing at all */
    {400, "{\"__type\":\"com.amazon.coral.service#ThrottlingException\",\"message\":\"x\"}",
     CLASS_RATE_LIMIT, "ThrottlingException", 0, NULL},
    {400, "{\"__type\":\"UnrecognizedClientException\"}", CLASS_CREDENTIAL,
     "UnrecognizedClientException", 0, NULL},
    {429, SAYS("x"), CLASS_RATE_LIMIT, "", 0, NULL},
    {403, "", CLASS_MODEL_ACCESS, "", 0, NULL},
    {200, "{\"Output\":{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}}",
     CLASS_BAD_RESPONSE, "no_content", 0, NULL},
    {200, "", CLASS_BAD_RESPONSE, "empty_body", 0, NULL},
    {200, "{\"output\":{\"message\":{\"content\":[{\"te", CLASS_BAD_RESPONSE, "not_json", 0, NULL},
    {200, "{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":\"end_turn\"}",
     CLASS_BAD_RESPONSE, "empty_answer", 0, NULL},
};

Test(failures, bedrock)
{
    check_rows(&provider_bedrock, bedrock_rows, ARRAY_LEN(bedrock_rows));
}
