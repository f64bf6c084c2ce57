/* gemini: the client of Google: generateContent and embeddings of the Gemini API. */
import assert from 'node:assert/strict';
import { ApiError, GoogleGenAI } from '@google/genai';
import { PERSON, PIXEL, WEATHER } from '../asks.mjs';

export const dialect = 'gemini';
export const ops = [[/:generateContent$/, 'chat'], [/:(batchEmbedContents|embedContent)$/, 'embeddings']];

const model = 'gemini-sim';
const models = ({ url }, apiKey = 'sk-sim') =>
    new GoogleGenAI({ apiKey, vertexai: false, httpOptions: { baseUrl: url, apiVersion: 'v1beta' } }).models;

export const tests = {
    async chat(to) {
        const said = await models(to).generateContent({
            model,
            contents: 'hello',
            config: { systemInstruction: 'Be kind.', temperature: 0, maxOutputTokens: 100, seed: 1 },
        });
        assert.equal(said.text, 'echo: hello');
        assert.equal(said.candidates[0].finishReason, 'STOP');
        const { usageMetadata: u } = said;
        assert.ok(u.promptTokenCount > 0);
        assert.equal(u.cachedContentTokenCount, u.promptTokenCount >> 1);
        assert.equal(u.thoughtsTokenCount, 7);
        assert.equal(u.totalTokenCount, u.promptTokenCount + u.candidatesTokenCount + u.thoughtsTokenCount);
    },

    async images(to) {
        const said = await models(to).generateContent({
            model,
            contents: [{
                role: 'user',
                parts: [{ text: 'what is this?' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }],
            }],
        });
        assert.equal(said.text, 'echo: what is this?');
    },

    async tools(to) {
        const config = {
            tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: WEATHER }] }],
        };
        const asked = [{ role: 'user', parts: [{ text: 'weather in Rome?' }] }];
        const first = await models(to).generateContent({
            model,
            contents: asked,
            config: { ...config, toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
        });
        const [call] = first.functionCalls;
        assert.equal(call.name, 'weather');
        assert.equal(typeof call.args.city, 'string');
        const second = await models(to).generateContent({
            model,
            contents: [...asked, first.candidates[0].content, {
                role: 'user',
                parts: [{ functionResponse: { name: 'weather', id: call.id, response: { result: 'sunny' } } }],
            }],
            config,
        });
        assert.equal(second.candidates[0].finishReason, 'STOP');
    },

    async schema(to) {
        const said = await models(to).generateContent({
            model,
            contents: 'who?',
            config: { responseMimeType: 'application/json', responseJsonSchema: PERSON },
        });
        const person = JSON.parse(said.text);
        assert.equal(typeof person.name, 'string');
        assert.equal(typeof person.age, 'number');
    },

    async length(to) {
        const cut = await models(to).generateContent({
            model, contents: 'hello, be brief', config: { maxOutputTokens: 1 },
        });
        assert.equal(cut.candidates[0].finishReason, 'MAX_TOKENS');
    },

    async embeddings(to) {
        const made = await models(to).embedContent({
            model: 'embed-sim', contents: ['a', 'b'], config: { outputDimensionality: 8 },
        });
        assert.deepEqual(made.embeddings.map((e) => e.values.length), [8, 8]);
    },

    async errors(to) {
        const fails = async (contents, status, word, key) => {
            const error = await models(to, key).generateContent({ model, contents })
                .then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof ApiError, String(error));
            assert.equal(error.status, status);
            assert.equal(JSON.parse(error.message).error.status, word);
        };
        await fails('too many requests', 429, 'RESOURCE_EXHAUSTED');
        await fails([{ role: 'assistant', parts: [{ text: 'x' }] }], 400, 'INVALID_ARGUMENT');
        await fails('server error', 500, 'INTERNAL');
    },
};
