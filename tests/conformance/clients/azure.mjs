/* azure: OpenAI's client for deployments on Azure. */
import assert from 'node:assert/strict';
import OpenAI, { AzureOpenAI } from 'openai';

export const dialect = 'azure';
export const ops = [[/\/chat\/completions$/, 'chat'], [/\/embeddings$/, 'embeddings']];

const client = ({ url }, deployment) =>
    new AzureOpenAI({
        apiKey: 'sk-sim', endpoint: url, deployment, apiVersion: '2024-10-21', maxRetries: 0,
        fetch: (...a) => fetch(...a),
    });
const ask = (content) => [{ role: 'user', content }];

export const tests = {
    async chat(to) {
        const said = await client(to, 'gpt-deployed').chat.completions.create({
            model: 'gpt-deployed', messages: ask('hello'),
        });
        assert.equal(said.choices[0].message.content, 'echo: hello');
        assert.ok(said.usage.total_tokens > 0);
    },

    async embeddings(to) {
        const made = await client(to, 'embed-deployed').embeddings.create({
            model: 'embed-deployed', input: ['a', 'b'],
        });
        assert.equal(made.data.length, 2);
    },

    async errors(to) {
        const fails = async (messages, type, code) => {
            const error = await client(to, 'gpt-deployed').chat.completions
                .create({ model: 'gpt-deployed', messages }).then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof type, String(error));
            assert.equal(error.status, code);
        };
        await fails(ask('too many requests'), OpenAI.RateLimitError, 429);
        await fails([], OpenAI.BadRequestError, 400);
    },
};
