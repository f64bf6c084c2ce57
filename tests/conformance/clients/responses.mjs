/* responses: the client of OpenAI: its Responses API. */
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { PERSON, WEATHER } from '../asks.mjs';

export const dialect = 'openai';
export const errorTypes = true;
export const ops = [[/\/responses$/, 'responses']];

const model = 'gpt-sim';
const client = ({ url }) =>
    new OpenAI({ apiKey: 'sk-sim', baseURL: `${url}/v1`, maxRetries: 0, fetch: (...a) => fetch(...a) });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async words(to) {
        const said = await client(to).responses.create({
            model, instructions: 'Be kind.', input: 'hello', max_output_tokens: 100,
        });
        assert.equal(said.status, 'completed');
        assert.equal(said.output_text, 'echo: hello');
        assert.ok(said.usage.input_tokens > 0);
        assert.equal(said.usage.input_tokens_details.cached_tokens, said.usage.input_tokens >> 1);
        assert.equal(said.usage.output_tokens_details.reasoning_tokens, 7);
        assert.equal(said.usage.total_tokens, said.usage.input_tokens + said.usage.output_tokens);
    },

    async 'tools and a schema'(to) {
        const tools = [{ type: 'function', name: 'weather', parameters: WEATHER, strict: true }];
        const first = await client(to).responses.create({
            model, input: 'weather in Rome?', tools, tool_choice: 'required',
        });
        const call = first.output.find((item) => item.type === 'function_call');
        assert.equal(call.name, 'weather');
        assert.equal(typeof JSON.parse(call.arguments).city, 'string');
        const second = await client(to).responses.create({
            model,
            tools,
            input: [...ask('weather in Rome?'), ...first.output,
                { type: 'function_call_output', call_id: call.call_id, output: 'sunny' }],
        });
        assert.equal(second.status, 'completed');
        const parsed = await client(to).responses.parse({
            model,
            input: 'who?',
            text: { format: { type: 'json_schema', name: 'person', strict: true, schema: PERSON } },
        });
        assert.equal(typeof JSON.parse(parsed.output_text).age, 'number');
    },

    async errors(to) {
        const fails = async (input, type, status) => {
            const error = await client(to).responses.create({ model, input })
                .then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof type, String(error));
            assert.equal(error.status, status);
        };
        await fails('too many requests', OpenAI.RateLimitError, 429);
        await fails(7, OpenAI.BadRequestError, 400);
    },
};
