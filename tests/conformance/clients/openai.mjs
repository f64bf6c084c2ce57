/* openai: the client of OpenAI: chat completions and embeddings. */
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { PERSON, PIXEL, WEATHER } from '../asks.mjs';

export const dialect = 'openai';
export const errorTypes = true;
export const ops = [[/\/chat\/completions$/, 'chat'], [/\/embeddings$/, 'embeddings']];

const model = 'gpt-sim';
const client = ({ url }, apiKey = 'sk-sim') =>
    new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0, fetch: (...a) => fetch(...a) });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async chat(to) {
        const said = await client(to).chat.completions.create({
            model,
            messages: [{ role: 'system', content: 'Be kind.' }, ...ask('hello')],
            temperature: 0,
            seed: 1,
        });
        assert.equal(said.choices[0].message.content, 'echo: hello');
        assert.equal(said.choices[0].finish_reason, 'stop');
        assert.equal(said.model, model);
        assert.ok(said.usage.prompt_tokens > 0);
        assert.equal(said.usage.prompt_tokens_details.cached_tokens, said.usage.prompt_tokens >> 1);
        assert.equal(said.usage.completion_tokens_details.reasoning_tokens, 7);
        assert.equal(said.usage.total_tokens, said.usage.prompt_tokens + said.usage.completion_tokens);
    },

    async 'several choices with logprobs'(to) {
        const said = await client(to).chat.completions.create({
            model, messages: ask('hello'), n: 2, logprobs: true, top_logprobs: 2,
        });
        assert.equal(said.choices.length, 2);
        for (const { logprobs, message } of said.choices) {
            assert.equal(logprobs.content.map((t) => t.token).join(''), message.content);
            assert.equal(logprobs.content[0].top_logprobs.length, 2);
        }
    },

    async images(to) {
        const said = await client(to).chat.completions.create({
            model,
            messages: ask([
                { type: 'text', text: 'what is this?' },
                { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
            ]),
        });
        assert.equal(said.choices[0].message.content, 'echo: what is this?');
    },

    async tools(to) {
        const tools = [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }];
        const first = await client(to).chat.completions.create({
            model, messages: ask('weather in Rome?'), tools, tool_choice: 'required',
        });
        const { message, finish_reason } = first.choices[0];
        assert.equal(finish_reason, 'tool_calls');
        assert.equal(message.content, null);
        const [call] = message.tool_calls;
        assert.equal(call.function.name, 'weather');
        assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
        const second = await client(to).chat.completions.create({
            model,
            tools,
            messages: [...ask('weather in Rome?'), message,
                { role: 'tool', tool_call_id: call.id, content: 'sunny' }],
        });
        assert.equal(second.choices[0].finish_reason, 'stop');
    },

    async schema(to) {
        const said = await client(to).chat.completions.parse({
            model,
            messages: ask('who?'),
            response_format: {
                type: 'json_schema',
                json_schema: { name: 'person', strict: true, schema: PERSON },
            },
        });
        const { parsed } = said.choices[0].message;
        assert.equal(typeof parsed.name, 'string');
        assert.equal(typeof parsed.age, 'number');
    },

    async 'refusal and length'(to) {
        const no = await client(to).chat.completions.create({ model, messages: ask('say no') });
        assert.equal(no.choices[0].message.content, null);
        assert.ok(no.choices[0].message.refusal);
        const cut = await client(to).chat.completions.create({
            model, messages: ask('hello, be brief'), max_completion_tokens: 1,
        });
        assert.equal(cut.choices[0].finish_reason, 'length');
    },

    async embeddings(to) {
        for (const encoding_format of [undefined, 'float', 'base64']) {
            const made = await client(to).embeddings.create({
                model: 'embed-sim', input: ['a', 'b'], dimensions: 8, encoding_format,
            });
            assert.equal(made.data.length, 2);
            assert.equal(made.data[1].index, 1);
            if (encoding_format !== 'base64') assert.equal(made.data[1].embedding.length, 8);
            assert.ok(made.usage.total_tokens > 0);
        }
    },

    async errors(to) {
        const create = (more, key) => client(to, key).chat.completions.create({ model, ...more });
        const fails = async (more, type, expected, key) => {
            const error = await create(more, key).then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof type, String(error));
            for (const name of Object.keys(expected)) assert.equal(error[name], expected[name], name);
            return error;
        };
        const late = await fails({ messages: ask('too many requests') }, OpenAI.RateLimitError,
            { status: 429, code: 'rate_limit_exceeded' });
        assert.equal(late.headers.get('retry-after'), '7');
        await fails({ messages: ask('no credit') }, OpenAI.RateLimitError,
            { status: 429, code: 'insufficient_quota' });
        await fails({ messages: [] }, OpenAI.BadRequestError,
            { status: 400, type: 'invalid_request_error', param: 'messages' });
        await fails({ messages: ask('server error') }, OpenAI.InternalServerError, { status: 500 });
        await fails({ messages: ask('x') }, OpenAI.AuthenticationError,
            { status: 401, code: 'invalid_api_key' }, 'sk-other');
    },
};
