/* mistral: the client of Mistral, against the interface in OpenAI's form. It has no types of answers on the
 * wire; that it takes them is what is tested. */
import assert from 'node:assert/strict';
import { Mistral } from '@mistralai/mistralai';
import { SDKError } from '@mistralai/mistralai/models/errors';
import { PERSON, WEATHER } from '../asks.mjs';

export const dialect = 'mistral';
export const answerTypes = false;
export const ops = [[/\/chat\/completions$/, 'chat']];

const model = 'mistral-sim';
const client = ({ url }, apiKey = 'sk-sim') =>
    new Mistral({ apiKey, serverURL: url, retryConfig: { strategy: 'none' } });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async chat(to) {
        const said = await client(to).chat.complete({ model, messages: ask('hello'), randomSeed: 1 });
        assert.equal(said.choices[0].message.content, 'echo: hello');
        assert.equal(said.choices[0].finishReason, 'stop');
        assert.ok(said.usage.promptTokens > 0);
    },

    async tools(to) {
        const said = await client(to).chat.complete({
            model,
            messages: ask('weather in Rome?'),
            tools: [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }],
            toolChoice: 'required',
        });
        assert.equal(said.choices[0].finishReason, 'tool_calls');
        assert.equal(said.choices[0].message.toolCalls[0].function.name, 'weather');
    },

    async schema(to) {
        const said = await client(to).chat.complete({
            model,
            messages: ask('who?'),
            responseFormat: { type: 'json_schema', jsonSchema: { name: 'person', schemaDefinition: PERSON } },
        });
        assert.equal(typeof JSON.parse(said.choices[0].message.content).age, 'number');
    },

    async errors(to) {
        const fails = async (messages, status) => {
            const error = await client(to).chat.complete({ model, messages })
                .then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof SDKError, String(error));
            assert.equal(error.statusCode, status);
        };
        await fails(ask('too many requests'), 429);
        await fails([], 400);
    },
};
