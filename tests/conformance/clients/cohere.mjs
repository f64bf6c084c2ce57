/* cohere: the client of Cohere, second version of its API: chat and embeddings. */
import assert from 'node:assert/strict';
import { CohereClientV2, CohereError } from 'cohere-ai';
import { PERSON, WEATHER } from '../asks.mjs';

export const dialect = 'cohere';
export const ops = [[/\/v2\/chat$/, 'chat'], [/\/v2\/embed$/, 'embeddings']];

const model = 'command-sim';
const client = ({ url }, token = 'sk-sim') =>
    new CohereClientV2({ token, environment: url, maxRetries: 0 });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async chat(to) {
        const said = await client(to).chat({
            model, messages: [{ role: 'system', content: 'Be kind.' }, ...ask('hello')], temperature: 0, seed: 1,
        });
        assert.equal(said.message.content[0].text, 'echo: hello');
        assert.equal(said.finishReason, 'COMPLETE');
        assert.ok(said.usage.tokens.inputTokens > 0);
        assert.ok(said.usage.tokens.outputTokens > 0);
    },

    async tools(to) {
        const tools = [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }];
        const first = await client(to).chat({
            model, messages: ask('weather in Rome?'), tools, toolChoice: 'REQUIRED',
        });
        assert.equal(first.finishReason, 'TOOL_CALL');
        const [call] = first.message.toolCalls;
        assert.equal(call.function.name, 'weather');
        assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
        const second = await client(to).chat({
            model,
            tools,
            messages: [...ask('weather in Rome?'), { role: 'assistant', toolCalls: [call] },
                { role: 'tool', toolCallId: call.id, content: 'sunny' }],
        });
        assert.equal(second.finishReason, 'COMPLETE');
    },

    async schema(to) {
        const said = await client(to).chat({
            model, messages: ask('who?'), responseFormat: { type: 'json_object', jsonSchema: PERSON },
        });
        const person = JSON.parse(said.message.content[0].text);
        assert.equal(typeof person.name, 'string');
        assert.equal(typeof person.age, 'number');
    },

    async length(to) {
        const cut = await client(to).chat({ model, messages: ask('hello, be brief'), maxTokens: 1 });
        assert.equal(cut.finishReason, 'MAX_TOKENS');
    },

    async embeddings(to) {
        const made = await client(to).embed({
            model: 'embed-sim', texts: ['a', 'b'], inputType: 'search_document', embeddingTypes: ['float'],
            outputDimension: 256,
        });
        assert.deepEqual(made.embeddings.float.map((e) => e.length), [256, 256]);
    },

    async errors(to) {
        const fails = async (messages, status, key) => {
            const error = await client(to, key).chat({ model, messages }, { maxRetries: 0 })
                .then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof CohereError, String(error));
            assert.equal(error.statusCode, status);
            assert.equal(typeof error.body.message, 'string');
        };
        await fails(ask('too many requests'), 429);
        await fails([], 400);
        await fails(ask('server error'), 500);
        await fails(ask('x'), 401, 'sk-other');
    },
};
