/*
 * exceptions: where we differ from the vendors' types on purpose. A row that nothing needs any more is an
 * error, so this list stays true.
 *
 * additions: members that a type does not have; they are taken out before the rest is checked. "*" in a path
 * is each element.
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
    { types: CHAT, path: 'x_groq', why: 'of Groq, passed on' },
    { types: CHAT, path: 'usage.prompt_cache_hit_tokens', why: 'of DeepSeek, passed on' },
];

export const exceptions = [
    {
        file: 'openai/headers.json',
        kind: 'request',
        says: 'additional properties (top_k)',
        why: 'extra_body adds what the user wants, known or not',
    },
];
