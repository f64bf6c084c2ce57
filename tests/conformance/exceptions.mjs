/*
 * exceptions: where we differ from the vendors' types on purpose. A row that nothing needs any more is an
 * error, so this list stays true.
 *
 * additions: members that a type does not have; they are taken out before the rest is checked. "*" in a path
 * is each element; `of` is the dialect whose fixtures need it.
 * exceptions: one body of one fixture; `says` is part of what the check must complain of.
 */
const CHAT = ['ChatReply'];

export const additions = [
    {
        types: CHAT,
        path: 'choices.*.native_finish_reason',
        why: 'the word of the provider, where finish_reason had to be chosen',
    },
    {
        types: CHAT,
        path: 'choices.*.message.reasoning',
        why: 'what a model thought; vLLM and OpenRouter name it so, and it is passed on',
    },
    {
        types: CHAT,
        path: 'choices.*.message.reasoning_content',
        why: 'the same under the name that DeepSeek gave it',
    },
    {
        types: CHAT,
        path: 'choices.*.message.thinking_blocks',
        why: "Anthropic's signed thoughts, which have to be sent back as they came",
    },
    { types: CHAT, path: 'choices.*.seed', why: 'of Together, passed on' },
    { types: ['ResponsesReply', 'OpenaiResponsesAnswer'], path: 'store', why: 'the API says it, its client does not know it' },
    { types: CHAT, path: 'x_groq', why: 'of Groq, passed on' },
    { types: CHAT, path: 'choices.*.logprobs.token_ids', why: 'of Together, passed on' },
    { types: CHAT, path: 'citations', why: 'of Perplexity, passed on' },
    { types: CHAT, path: 'search_results', why: 'of Perplexity, passed on' },
    { types: CHAT, path: 'prompt_logprobs', why: 'of vLLM, passed on' },
    { types: CHAT, path: 'kv_transfer_params', why: 'of vLLM, passed on' },
    { types: CHAT, path: 'choices.*.stop_reason', why: 'of vLLM, passed on' },
    { types: CHAT, path: 'choices.*.token_ids', why: 'of vLLM, passed on' },
    { types: CHAT, path: 'usage.prompt_cache_hit_tokens', why: 'of DeepSeek, passed on' },
    { of: 'azure', types: [...CHAT, 'OpenaiChatAnswer'], path: 'prompt_filter_results', why: 'of Azure, passed on' },
    { of: 'azure', types: [...CHAT, 'OpenaiChatAnswer'], path: 'choices.*.content_filter_results', why: 'of Azure, passed on' },
    { of: 'mistral', types: CHAT, path: 'choices.*.message.tool_calls.*.index', why: 'of Mistral, passed on' },
    { of: 'mistral', types: ['EmbeddingsReply'], path: 'id', why: 'of Mistral, passed on' },
    { of: 'mistral', types: ['EmbeddingsReply'], path: 'usage.completion_tokens', why: 'of Mistral, passed on' },
    {
        of: 'ollama_chat',
        types: ['OllamaChatRequest'],
        path: 'tools.*.function.parameters',
        why: "any JSON Schema; the type of Ollama's client knows a few of its words",
    },
    {
        types: ['OllamaChatAnswer'],
        path: 'message.tool_calls.*.function.index',
        why: "Ollama's server sends it, its client does not know it",
    },
    {
        of: 'ollama_chat',
        types: ['OllamaChatRequest'],
        path: 'messages.*.tool_calls.*.id',
        why: "Ollama's server takes it, its client does not know it",
    },
    {
        of: 'ollama_chat',
        types: ['OllamaChatRequest'],
        path: 'messages.*.tool_call_id',
        why: "Ollama's server takes it, its client does not know it",
    },
    { of: 'cohere', types: CHAT, path: 'choices.*.message.citations', why: 'of Cohere: where a statement comes from' },
    { of: 'cohere', types: CHAT, path: 'choices.*.message.tool_plan', why: 'of Cohere: why it calls the tools' },
    { of: 'ollama_chat', types: ['OllamaChatRequest'], path: 'truncate', why: "Ollama's server takes it, its client does not know it" },
    { of: 'ollama_chat', types: ['OllamaChatRequest'], path: 'shift', why: "Ollama's server takes it, its client does not know it" },
    {
        of: 'gemini',
        types: CHAT,
        path: 'choices.*.message.extra_content',
        why: "Gemini's signed thoughts in the place where its interface in OpenAI's form has them",
    },
    { of: 'gemini', types: CHAT, path: 'choices.*.message.tool_calls.*.extra_content', why: 'the same of a call' },
    { of: 'gemini', types: CHAT, path: 'choices.*.grounding_metadata', why: 'of Gemini: where a statement comes from' },
];

const COUNTED = 'Together and others count log probabilities where OpenAI says true or false';
const AS_IS = 'a request to /v1/responses goes out as it came';
const EXTRA = 'extra_body adds what the user wants, known or not';

export const exceptions = [
    { file: 'openai/headers.json', kind: 'request', says: 'additional properties (top_k)', why: EXTRA },
    { file: 'openai/extra-body.json', kind: 'request', says: 'additional properties (brand_new)', why: EXTRA },
    { file: 'openai/logprobs-old-form.json', kind: 'request', says: '/logprobs must be boolean', why: COUNTED },
    { file: 'openai/vendor-together.json', kind: 'request', says: '/logprobs must be boolean', why: COUNTED },
    { file: 'openai/vendor-together-one.json', kind: 'request', says: '/logprobs must be boolean', why: COUNTED },
    {
        file: 'openai/logprobs-odd-form.json',
        kind: 'reply',
        says: 'additional properties (tokens)',
        why: 'log probabilities in a form that nobody knows stay as they came',
    },
    {
        file: 'openai/vendor-perplexity.json',
        kind: 'request',
        says: 'additional properties (search_mode)',
        why: 'of Perplexity',
    },
    {
        file: 'openai/vllm-extras.json',
        kind: 'request',
        says: 'additional properties (top_k)',
        why: 'of vLLM and SGLang',
    },
    {
        file: 'mistral/logprobs.json',
        kind: 'request',
        says: 'additional properties (logprobs)',
        why: "Mistral's client does not know them",
    },
    { file: 'openai/responses.json', kind: 'request', says: 'additional properties (made_up)', why: AS_IS },
    { file: 'openai/responses-sparse.json', kind: 'request', says: '/tools/0', why: AS_IS },
    {
        file: 'openai/responses-by-chat-text.json',
        kind: 'request',
        says: 'additional properties (top_k)',
        why: 'of vLLM and SGLang',
    },
    {
        file: 'openai/responses-unknown-item.json',
        kind: 'reply',
        says: '/output/1',
        why: 'an item that nobody knows yet is passed on',
    },
    {
        file: 'openai/responses-status-odd.json',
        kind: 'reply',
        says: '/status must be',
        why: 'a status that nobody knows yet is passed on',
    },
    {
        file: 'openai-responses/refusal-before.json',
        kind: 'request',
        says: 'additional properties (refusal)',
        why: 'the type wants the id of the message, which a record of chat messages has not',
    },
    { file: 'openai-responses/extra-body.json', kind: 'request', says: 'additional properties (top_k)', why: EXTRA },
    { file: 'anthropic/extra-body.json', kind: 'request', says: 'additional properties (brand_new)', why: EXTRA },
    { file: 'azure/extra-body.json', kind: 'request', says: 'additional properties (brand_new)', why: EXTRA },
    { file: 'mistral/extra-body.json', kind: 'request', says: 'additional properties (top_k)', why: EXTRA },
    {
        file: 'gemini/vertex-embeddings.json',
        kind: 'request',
        says: "required property 'requests'",
        why: "no package has a type for what Vertex AI's predict takes",
    },
];
