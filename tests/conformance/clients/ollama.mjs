/* ollama: the client of Ollama: its own chat and embeddings. */
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';
import { PERSON, PIXEL, WEATHER } from '../asks.mjs';

export const dialect = 'ollama';
export const ops = [[/\/api\/chat$/, 'chat'], [/\/api\/embed$/, 'embeddings']];

const model = 'llama-sim';
const client = ({ url }, key = 'sk-sim') =>
    new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` }, fetch: (...a) => fetch(...a) });
const ask = (content, more) => [{ role: 'user', content, ...more }];

export const tests = {
    async chat(to) {
        const said = await client(to).chat({
            model, messages: ask('hello'), stream: false, options: { temperature: 0, seed: 1 },
        });
        assert.equal(said.message.content, 'echo: hello');
        assert.equal(said.done_reason, 'stop');
        assert.ok(said.prompt_eval_count > 0 && said.eval_count > 0);
    },

    async images(to) {
        const said = await client(to).chat({
            model, messages: ask('what is this?', { images: [PIXEL] }), stream: false,
        });
        assert.equal(said.message.content, 'echo: what is this?');
    },

    async tools(to) {
        const tools = [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }];
        const messages = [
            ...ask('weather in Rome?'),
            { role: 'assistant', content: '', tool_calls: [{ function: { name: 'weather', arguments: { city: 'Rome' } } }] },
            { role: 'tool', tool_name: 'weather', content: 'sunny' },
        ];
        const said = await client(to).chat({ model, messages, tools, stream: false });
        assert.equal(said.done, true);
    },

    async schema(to) {
        const said = await client(to).chat({ model, messages: ask('who?'), stream: false, format: PERSON });
        const person = JSON.parse(said.message.content);
        assert.equal(typeof person.name, 'string');
        assert.equal(typeof person.age, 'number');
    },

    async length(to) {
        const cut = await client(to).chat({
            model, messages: ask('hello, be brief'), stream: false, options: { num_predict: 1 },
        });
        assert.equal(cut.done_reason, 'length');
    },

    async embeddings(to) {
        const made = await client(to).embed({ model: 'embed-sim', input: ['a', 'b'], dimensions: 8 });
        assert.deepEqual(made.embeddings.map((e) => e.length), [8, 8]);
    },

    async errors(to) {
        const fails = async (messages, status) => {
            const error = await client(to).chat({ model, messages, stream: false })
                .then(() => assert.fail('answered'), (e) => e);
            assert.equal(error.name, 'ResponseError');
            assert.equal(error.status_code, status);
            assert.ok(error.error.length > 0);
        };
        await fails(ask('too many requests'), 429);
        await fails(ask('server error'), 500);
        await fails([{ content: 'no role' }], 400);
    },
};
