/* bedrock: the client of AWS: Converse. It uses HTTP/2 unless told otherwise, and never fetch. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import {
    BedrockRuntimeClient, ConverseCommand, ThrottlingException, ValidationException,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { PIXEL, WEATHER } from '../asks.mjs';

export const dialect = 'bedrock';
export const ops = [[/\/converse$/, 'chat']];

const modelId = 'anthropic.claude-sim-v1:0';

/* Hands on what is said and heard. */
class Listener extends NodeHttpHandler {
    constructor({ url, wire }) {
        super();
        this.url = url;
        this.wire = wire;
    }

    async handle(request, options) {
        const { response } = await super.handle(request, options);
        const chunks = [];
        for await (const chunk of response.body) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        this.wire.add(new URL(request.path, this.url).href, new TextDecoder().decode(request.body),
            response.statusCode, body.toString());
        response.body = Readable.from([body]);
        return { response };
    }
}

const client = (to) =>
    new BedrockRuntimeClient({
        region: 'eu-central-1', endpoint: to.url, maxAttempts: 1, requestHandler: new Listener(to),
        token: { token: 'sk-sim' }, authSchemePreference: ['httpBearerAuth'],
    });

const text = (said) => said.output.message.content.find((c) => c.text)?.text;
const ask = (...content) => [{ role: 'user', content }];
const converse = (to, more) => client(to).send(new ConverseCommand({ modelId, ...more }));

export const tests = {
    async chat(to) {
        const said = await converse(to, {
            messages: ask({ text: 'hello' }), system: [{ text: 'Be kind.' }],
            inferenceConfig: { maxTokens: 100, temperature: 0 },
        });
        assert.equal(text(said), 'echo: hello');
        assert.equal(said.stopReason, 'end_turn');
        assert.ok(said.usage.inputTokens > 0);
        assert.ok(said.usage.cacheReadInputTokens > 0);
        assert.ok(said.usage.outputTokens > 0);
    },

    async images(to) {
        const said = await converse(to, {
            messages: ask({ text: 'what is this?' },
                { image: { format: 'png', source: { bytes: Buffer.from(PIXEL, 'base64') } } }),
        });
        assert.equal(text(said), 'echo: what is this?');
    },

    async tools(to) {
        const tools = [{ toolSpec: { name: 'weather', inputSchema: { json: WEATHER } } }];
        const first = await converse(to, {
            messages: ask({ text: 'weather in Rome?' }), toolConfig: { tools, toolChoice: { any: {} } },
        });
        assert.equal(first.stopReason, 'tool_use');
        const { toolUse } = first.output.message.content.find((c) => c.toolUse);
        assert.equal(toolUse.name, 'weather');
        assert.equal(typeof toolUse.input.city, 'string');
        const second = await converse(to, {
            messages: [
                ...ask({ text: 'weather in Rome?' }),
                first.output.message,
                ...ask({ toolResult: { toolUseId: toolUse.toolUseId, content: [{ text: 'sunny' }] } }),
            ],
            toolConfig: { tools },
        });
        assert.equal(second.stopReason, 'end_turn');
    },

    async length(to) {
        const cut = await converse(to, {
            messages: ask({ text: 'hello, be brief' }), inferenceConfig: { maxTokens: 1 },
        });
        assert.equal(cut.stopReason, 'max_tokens');
    },

    async errors(to) {
        const fails = async (messages, type) => {
            const error = await converse(to, { messages }).then(() => assert.fail('answered'), (e) => e);
            assert.ok(error instanceof type, String(error));
            assert.ok(error.message.length > 0);
        };
        await fails(ask({ text: 'too many requests' }), ThrottlingException);
        await fails([{ role: 'assistant', content: [{ text: 'x' }] }], ValidationException);
    },
};
