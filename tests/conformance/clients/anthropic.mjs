/* anthropic: the client of Anthropic: messages. */
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { PERSON, PIXEL, WEATHER } from '../asks.mjs';

export const dialect = 'anthropic';
export const errorTypes = true;
export const ops = [[/\/v1\/messages$/, 'chat']];

const model = 'claude-sim';
const max_tokens = 100;
const client = ({ url }, apiKey = 'sk-sim') =>
    new Anthropic({ apiKey, baseURL: url, maxRetries: 0, fetch: (...a) => fetch(...a) });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async chat(to) {
        const said = await client(to).messages.create({
            model, max_tokens, system: 'Be kind.', messages: ask('hello'), temperature: 0,
        });
        assert.deepEqual(said.content.map((b) => b.text), ['echo: hello']);
        assert.equal(said.stop_reason, 'end_turn');
        assert.equal(said.model, model);
        assert.ok(said.usage.input_tokens > 0);
        assert.ok(said.usage.cache_read_input_tokens > 0);
        assert.ok(said.usage.output_tokens > 7);
        assert.equal(said.usage.output_tokens_details.thinking_tokens, 7);
    },

    async images(to) {
        const said = await client(to).messages.create({
            model,
            max_tokens,
            messages: ask([
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } },
                { type: 'text', text: 'what is this?' },
            ]),
        });
        assert.equal(said.content[0].text, 'echo: what is this?');
    },

    async tools(to) {
        const tools = [{ name: 'weather', input_schema: WEATHER }];
        const first = await client(to).messages.create({
            model, max_tokens, messages: ask('weather in Rome?'), tools, tool_choice: { type: 'any' },
        });
        assert.equal(first.stop_reason, 'tool_use');
        const call = first.content.find((b) => b.type === 'tool_use');
        assert.equal(call.name, 'weather');
        assert.equal(typeof call.input.city, 'string');
        const second = await client(to).messages.create({
            model,
            max_tokens,
            tools,
            messages: [
                ...ask('weather in Rome?'),
                { role: 'assistant', content: first.content },
                ...ask([{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }]),
            ],
        });
        assert.equal(second.stop_reason, 'end_turn');
    },

    async schema(to) {
        const said = await client(to).messages.parse({
            model,
            max_tokens,
            messages: ask('who?'),
            output_config: { format: { type: 'json_schema', schema: PERSON } },
        });
        const person = JSON.parse(said.content[0].text);
        assert.equal(typeof person.name, 'string');
        assert.equal(typeof person.age, 'number');
    },

    async 'refusal and length'(to) {
        const no = await client(to).messages.create({ model, max_tokens, messages: ask('say no') });
        assert.equal(no.stop_reason, 'refusal');
        const cut = await client(to).messages.create({
            model, max_tokens: 1, messages: ask('hello, be brief'),
        });
        assert.equal(cut.stop_reason, 'max_tokens');
    },

    async errors(to) {
        const create = (more, key) => client(to, key).messages.create({ model, max_tokens, ...more });
        const fails = async (more, type, expected, key) => {
            const error = await create(more, key).then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof type, String(error));
            for (const name of Object.keys(expected)) assert.equal(error[name], expected[name], name);
            return error;
        };
        const late = await fails({ messages: ask('too many requests') }, Anthropic.RateLimitError,
            { status: 429, type: 'rate_limit_error' });
        assert.equal(late.headers.get('retry-after'), '7');
        await fails({ messages: [] }, Anthropic.BadRequestError,
            { status: 400, type: 'invalid_request_error' });
        await fails({ messages: ask('overloaded') }, Anthropic.InternalServerError,
            { status: 529, type: 'overloaded_error' });
        await fails({ messages: ask('no credit') }, Anthropic.APIError,
            { status: 402, type: 'billing_error' });
        await fails({ messages: ask('x') }, Anthropic.AuthenticationError,
            { status: 401, type: 'authentication_error' }, 'sk-other');
    },
};
