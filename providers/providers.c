/*
 * providers: the two tables. A vendor that speaks a dialect we have is a row here and nothing else.
 *
 * A gap {NAME} in an api_base is a variable of the environment, {name} is for the user to fill;
 * without an api_base one must be set in the configuration. Local servers want no key. A quirk stands
 * here when the host's own documents say so.
 */
#include "providers/providers.h"

#include <stddef.h>

#include "providers/anthropic.h"
#include "providers/azure.h"
#include "providers/bedrock.h"
#include "providers/cohere.h"
#include "providers/gemini.h"
#include "providers/mistral.h"
#include "providers/ollama.h"
#include "providers/openai.h"

const struct provider *const providers[] = {
    &provider_openai,  &provider_anthropic, &provider_azure,
    &provider_mistral, &provider_cohere,    &provider_ollama_chat,
    &provider_bedrock, &provider_gemini,    NULL};

#define OLD_TOKENS QUIRK_MAX_TOKENS
#define NO_DEV     QUIRK_NO_DEVELOPER
#define NO_EFFORT  QUIRK_NO_REASONING
#define RESPONSES  QUIRK_RESPONSES

/* What Groq answers with a 400 when it is given. */
#define GROQ                                                                                       \
    (QUIRK_NO_LOGPROBS | QUIRK_NO_LOGIT_BIAS | QUIRK_ONE_CHOICE | QUIRK_NO_PENALTIES |             \
     QUIRK_NO_NAMES)

/* What DeepSeek's chat completions do not have; it ignores most of it in silence. */
#define DEEPSEEK                                                                                   \
    (QUIRK_NO_SCHEMA | QUIRK_ONE_CHOICE | QUIRK_NO_SEED | QUIRK_NO_LOGIT_BIAS | QUIRK_NO_PARALLEL)

const struct vendor vendors[] = {
    /* OpenAI's dialect, hosted */
    {"openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY",
     QUIRK_OPENAI_MODELS | RESPONSES},
    {"openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
     NO_DEV | RESPONSES},
    {"groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY", NO_DEV | GROQ | RESPONSES},
    {"together", "openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY",
     OLD_TOKENS | NO_DEV | QUIRK_COUNT_LOGPROBS | QUIRK_NO_PARALLEL},
    {"fireworks", "openai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY",
     OLD_TOKENS | NO_DEV | RESPONSES},
    {"cerebras", "openai", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", NO_DEV},
    {"deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY",
     OLD_TOKENS | NO_DEV | DEEPSEEK},
    {"xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY|GROK_API_KEY",
     NO_DEV | QUIRK_NO_LOGIT_BIAS | RESPONSES},
    {"nvidia", "openai", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY|NVIDIA_NIM_API_KEY",
     OLD_TOKENS | NO_DEV},
    {"sambanova", "openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY",
     NO_DEV | QUIRK_NO_PENALTIES},
    {"huggingface", "openai", "https://router.huggingface.co/v1", "HF_TOKEN", OLD_TOKENS | NO_DEV},
    {"perplexity", "openai", "https://api.perplexity.ai", "PERPLEXITY_API_KEY|PERPLEXITYAI_API_KEY",
     OLD_TOKENS | NO_DEV},
    {"scaleway", "openai", "https://api.scaleway.ai/v1", "SCW_SECRET_KEY", OLD_TOKENS | NO_DEV},
    {"cohere_compat", "openai", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY",
     OLD_TOKENS | NO_DEV},
    {"meta", "openai", "https://api.llama.com/compat/v1", "META_API_KEY", NO_DEV},
    {"arcee", "openai", "https://api.arcee.ai/api/v1", "ARCEE_API_KEY", NO_DEV},
    {"inception", "openai", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY", NO_DEV},
    {"cloudflare", "openai",
     "https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1",
     "CLOUDFLARE_API_TOKEN|CLOUDFLARE_API_KEY", OLD_TOKENS | NO_DEV | NO_EFFORT},

    /* OpenAI's dialect with differences of its own */
    {"azure", "azure", "https://{resource}.openai.azure.com", "AZURE_API_KEY|AZURE_OPENAI_API_KEY",
     QUIRK_OPENAI_MODELS},
    {"azure_ai", "azure", "https://{resource}.services.ai.azure.com", "AZURE_AI_API_KEY",
     QUIRK_OPENAI_MODELS | QUIRK_ANY_TOKENS},
    {"mistral", "mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", OLD_TOKENS | NO_DEV},

    /* OpenAI's dialect, on one's own machines */
    {"vllm", "openai", "http://127.0.0.1:8000/v1", NULL, NO_DEV | RESPONSES},
    {"sglang", "openai", "http://127.0.0.1:30000/v1", NULL, OLD_TOKENS | NO_DEV},
    {"llamacpp", "openai", "http://127.0.0.1:8080/v1", NULL, OLD_TOKENS | NO_DEV},
    {"lmstudio", "openai", "http://127.0.0.1:1234/v1", NULL, OLD_TOKENS | NO_DEV | RESPONSES},
    {"ollama", "openai", "http://127.0.0.1:11434/v1", NULL, OLD_TOKENS | NO_DEV | RESPONSES},
    {"sim", "openai", NULL, NULL, RESPONSES},

    /* Anthropic's dialect */
    {"anthropic", "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", 0},
    {"moonshot", "anthropic", "https://api.moonshot.ai/anthropic/v1", "MOONSHOT_API_KEY", 0},
    {"minimax", "anthropic", "https://api.minimax.io/anthropic/v1", "MINIMAX_API_KEY", 0},
    {"zai", "anthropic", "https://api.z.ai/api/anthropic/v1", "ZAI_API_KEY", 0},

    /* dialects of one vendor each */
    {"cohere", "cohere", "https://api.cohere.com/v2", "COHERE_API_KEY", 0},
    {"ollama_chat", "ollama_chat", "http://127.0.0.1:11434", NULL, 0},
    {"bedrock", "bedrock", "https://bedrock-runtime.{region}.amazonaws.com",
     "AWS_BEARER_TOKEN_BEDROCK", QUIRK_AWS},

    /* Google's dialect */
    {"gemini", "gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", 0},
    {"vertex_ai", "gemini", NULL, NULL, QUIRK_VERTEX},
    {NULL, NULL, NULL, NULL, 0},
};
