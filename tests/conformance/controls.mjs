/*
 * controls SCHEMAS: shows that the schemas bite. For each type of types.ts: a body that fits, and changes
 * to it, each of which must be refused with the words beside it. A change is [path, value, words]; the value
 * undefined takes the member out.
 */
import { Checker } from './check.mjs';

const user = [{ role: 'user', content: 'hi' }];
const chat = {
    id: 'c', object: 'chat.completion', created: 1, model: 'm',
    choices: [{ index: 0, finish_reason: 'stop', logprobs: null,
        message: { role: 'assistant', content: 'hi', refusal: null } }],
};
const chatWrong = [
    ['choices.0.logprobs', undefined, "required property 'logprobs'"],
    ['choices.0.message.refusal', undefined, "required property 'refusal'"],
    ['choices.0.finish_reason', 'end_turn', 'allowed values'],
    ['choices.0.message.tool_calls', [{ id: 'a', type: 'function', function: { name: 'f', arguments: {} } }],
        'arguments must be string'],
    ['object', 'completion', 'must be equal to constant'],
    ['usage', { prompt_tokens: 1, completion_tokens: 1 }, "required property 'total_tokens'"],
];
const embeddings = {
    object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 1, total_tokens: 1 },
};
const embeddingsWrong = [
    ['data.0.index', undefined, "required property 'index'"],
    ['data.0.embedding', ['0.5'], 'must be number'],
];
const response = {
    id: 'r', object: 'response', created_at: 1, status: 'completed', error: null, incomplete_details: null,
    instructions: null, metadata: null, model: 'm', parallel_tool_calls: true, temperature: null, top_p: null,
    tool_choice: 'auto', tools: [],
    output: [{ id: 'm', type: 'message', role: 'assistant', status: 'completed',
        content: [{ type: 'output_text', text: 'hi', annotations: [] }] }],
};
const responseWrong = [
    ['output.0.content.0.type', 'text', 'must be'],
    ['status', 'done', 'allowed values'],
    ['output', undefined, "required property 'output'"],
];
const error = { error: { message: 'm', type: 't', param: null, code: null } };
const errorWrong = [['error.param', undefined, "required property 'param'"]];

const controls = {
    ChatReply: [chat, chatWrong],
    EmbeddingsReply: [embeddings, embeddingsWrong],
    ResponsesReply: [response, responseWrong],
    ErrorReply: [error, errorWrong],
    OpenaiChatRequest: [{ model: 'm', messages: user }, [
        ['messages', undefined, "required property 'messages'"],
        ['messages.0.role', 'boss', 'must be'],
        ['max_token', 5, 'additional properties (max_token)'],
        ['temperature', 'hot', 'must be number'],
        ['tools', [{ type: 'function', function: { parameters: {} } }], "required property 'name'"],
        ['response_format', { type: 'json_schema', schema: {} }, 'must'],
    ]],
    OpenaiChatAnswer: [chat, chatWrong],
    OpenaiEmbeddingsRequest: [{ model: 'm', input: 'a' }, [
        ['encoding_format', 'hex', 'allowed values'],
        ['input', undefined, "required property 'input'"],
    ]],
    OpenaiEmbeddingsAnswer: [embeddings, embeddingsWrong],
    OpenaiResponsesRequest: [{ model: 'm', input: user }, [
        ['messages', user, 'additional properties (messages)'],
        ['tools', [{ type: 'function', function: { name: 'f' } }], 'must'],
        ['reasoning', { effort: 'boundless' }, 'allowed values'],
    ]],
    OpenaiResponsesAnswer: [response, responseWrong],
    OpenaiErrorAnswer: [error, errorWrong],
    AnthropicChatRequest: [{ model: 'm', max_tokens: 1, messages: user }, [
        ['max_tokens', undefined, "required property 'max_tokens'"],
        ['stop', ['x'], 'additional properties (stop)'],
        ['tool_choice', 'auto', 'must be object'],
        ['messages.0.content', [{ type: 'image', source: { type: 'base64', data: 'x' } }], 'media_type'],
        ['tools', [{ type: 'function', function: { name: 'f' } }], 'must'],
    ]],
    AnthropicChatAnswer: [{
        id: 'm', type: 'message', role: 'assistant', model: 'm', container: null, diagnostics: null,
        stop_details: null, stop_reason: 'end_turn', stop_sequence: null,
        content: [{ type: 'text', text: 'hi', citations: null }],
        usage: {
            input_tokens: 1, output_tokens: 1, cache_creation: null, cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0, inference_geo: null, output_tokens_details: null,
            server_tool_use: null, service_tier: 'standard', speed: null,
        },
    }, [
        ['stop_reason', 'stop', 'allowed values'],
        ['usage.cache_read_input_tokens', undefined, "required property 'cache_read_input_tokens'"],
    ]],
    AnthropicErrorAnswer: [{ type: 'error', error: { type: 'api_error', message: 'm' }, request_id: null }, [
        ['error.type', 'oops', 'must be'],
        ['request_id', undefined, "required property 'request_id'"],
    ]],
    GeminiChatRequest: [{ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }, [
        ['contents.0.content', 'hi', 'additional properties (content)'],
        ['contents.0.parts.0.inline_data', { mimeType: 'image/png', data: 'x' },
            'additional properties (inline_data)'],
        ['generationConfig', { max_output_tokens: 1 }, 'additional properties (max_output_tokens)'],
        ['tools', [{ functionDeclarations: [{ name: 'f', parameters: { type: 'object' } }] }],
            'allowed values'],
        ['toolConfig', { functionCallingConfig: { mode: 'SOMETIMES' } }, 'allowed values'],
    ]],
    GeminiChatAnswer: [{ candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [] } }] }, [
        ['candidates.0.finishReason', 'stop', 'allowed values'],
        ['usageMetadata', { promptTokens: 1 }, 'additional properties (promptTokens)'],
    ]],
    GeminiEmbeddingsRequest: [{ requests: [{ model: 'models/m', content: { parts: [{ text: 'a' }] } }] }, [
        ['requests.0.model', undefined, "required property 'model'"],
        ['requests.0.dimensions', 8, 'additional properties (dimensions)'],
        ['requests.0.content', 'a', 'must be object'],
    ]],
    GeminiEmbeddingsAnswer: [{ embeddings: [{ values: [0.5] }] }, [
        ['embeddings.0.values', 'AAAA', 'must be array'],
    ]],
    MistralChatRequest: [{ model: 'm', messages: user, stream: false }, [
        ['seed', 1, 'additional properties (seed)'],
        ['messages.0.role', 'developer', 'must be'],
    ]],
    MistralEmbeddingsRequest: [{ model: 'm', input: 'a' }, [
        ['dimensions', 8, 'additional properties (dimensions)'],
    ]],
    BedrockChatRequest: [{ messages: [{ role: 'user', content: [{ text: 'hi' }] }] }, [
        ['messages.0.content', 'hi', 'must be array'],
        ['messages.0.content.0', { type: 'text', text: 'hi' }, 'must'],
        ['inferenceConfig', { max_tokens: 1 }, 'additional properties (max_tokens)'],
        ['messages.0.role', 'boss', 'allowed values'],
    ]],
    BedrockChatAnswer: [{
        output: { message: { role: 'assistant', content: [{ text: 'hi' }] } }, stopReason: 'end_turn',
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, metrics: { latencyMs: 1 },
    }, [
        ['stopReason', 'stop', 'allowed values'],
        ['usage.input_tokens', 1, 'additional properties (input_tokens)'],
    ]],
    CohereChatRequest: [{ model: 'm', messages: user, stream: false }, [
        ['stream', true, 'must be equal to constant'],
        ['top_p', 1, 'additional properties (top_p)'],
        ['tool_choice', 'auto', 'must'],
    ]],
    CohereChatAnswer: [{
        id: 'c', finish_reason: 'COMPLETE', message: { role: 'assistant', content: [{ type: 'text', text: 'hi' }] },
    }, [
        ['finish_reason', 'stop', 'must'],
        ['message.content.0.text', undefined, "required property 'text'"],
    ]],
    CohereEmbeddingsRequest: [{ model: 'm', texts: ['a'], input_type: 'search_document' }, [
        ['input_type', undefined, "required property 'input_type'"],
        ['input', 'a', 'additional properties (input)'],
    ]],
    CohereEmbeddingsAnswer: [{ id: 'e', embeddings: { float: [[0.5]] } }, [
        ['embeddings.float', [0.5], 'must be array'],
    ]],
    OllamaChatRequest: [{ model: 'm', messages: user, stream: false }, [
        ['temperature', 0, 'additional properties (temperature)'],
        ['messages.0.content', [{ type: 'text', text: 'hi' }], 'must be string'],
        ['options', { max_tokens: 1 }, 'additional properties (max_tokens)'],
    ]],
    OllamaChatAnswer: [{
        model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: 'hi' }, done: true,
        done_reason: 'stop', total_duration: 1, load_duration: 1, prompt_eval_count: 1, prompt_eval_duration: 1,
        eval_count: 1, eval_duration: 1,
    }, [
        ['message.tool_calls', [{ function: { name: 'f', arguments: '{}' } }], 'arguments must be object'],
        ['eval_count', undefined, "required property 'eval_count'"],
    ]],
    OllamaEmbeddingsRequest: [{ model: 'm', input: ['a'] }, [
        ['input', undefined, "required property 'input'"],
        ['encoding_format', 'float', 'additional properties (encoding_format)'],
    ]],
    OllamaEmbeddingsAnswer: [{
        model: 'm', embeddings: [[0.5]], total_duration: 1, load_duration: 1, prompt_eval_count: 1,
    }, [
        ['embeddings', [0.5], 'must be array'],
    ]],
};

function change(body, path, value) {
    const copy = structuredClone(body);
    const keys = path.split('.');
    const last = keys.pop();
    const parent = keys.reduce((node, key) => node[key], copy);

    if (value === undefined) delete parent[last];
    else parent[last] = value;
    return copy;
}

const checker = new Checker(process.argv[2]);
let failed = 0;
let count = 0;

function complain(text) {
    failed++;
    console.error(`controls.mjs: ${text}`);
}

for (const type of checker.types()) {
    if (!controls[type]) complain(`${type} has no control`);
}
for (const [type, [good, changes]] of Object.entries(controls)) {
    const wrong = checker.against(type, good);
    if (wrong) complain(`${type}: the good body is refused: ${wrong}`);
    for (const [path, value, words] of changes) {
        const said = checker.against(type, change(good, path, value));
        count++;
        if (!said) complain(`${type}: a wrong ${path} is accepted`);
        else if (!said.includes(words)) complain(`${type}: a wrong ${path} is refused with: ${said}`);
    }
}
console.log(`${count} wrong bodies refused`);
process.exit(failed ? 1 : 0);
