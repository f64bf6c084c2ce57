// Prompts in, completions out, from Node (npm install kafkajs).
//
// kafkajs reads gzip and not lz4, in which workers send replies unless their configuration says otherwise:
//     kafka: {producer: {compression.type: gzip}}
// It does not know the embedded broker of `sluice dev` either: this one needs a Kafka.
// Usage: node client.mjs HOST:PORT PROMPT...
import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';

const REQUESTS = 'llm.requests';
const REPLIES = 'llm.replies';
const TIMEOUT_MS = 60000;

const [server, ...prompts] = process.argv.slice(2);
if (!prompts.length) throw new Error('usage: node client.mjs HOST:PORT PROMPT...');

const run = randomUUID().slice(0, 8);
const kafka = new kafkajs.Kafka({ brokers: [server], logLevel: kafkajs.logLevel.ERROR });
const admin = kafka.admin();
// A group of its own: every client that waits for its own replies has to see all partitions. It commits nothing.
const consumer = kafka.consumer({ groupId: `client-${run}`, maxWaitTimeInMs: 50 });
const producer = kafka.producer({ idempotent: true });

const words = (reply) => {
  if (reply.error) return `${reply.error.code}: ${reply.error.message}`;
  const { status_code: status, body } = reply.response;
  return status === 200 ? body.choices[0].message.content : body.error.message;
};

await Promise.all([admin.connect(), consumer.connect(), producer.connect()]);
// Reading starts at the present end of the reply topic, before anything is sent.
const ends = await admin.fetchTopicOffsets(REPLIES);
const waiting = new Map(prompts.map((prompt, n) => [`${run}-${n}`, prompt]));

await new Promise((done, failed) => {
  const late = setTimeout(() => failed(new Error(`no reply to ${waiting.size} prompts in time`)), TIMEOUT_MS);
  const take = ({ message }) => {
    // A reply may come twice after a crash of the worker: the second one finds its id gone.
    const id = String(message.key);
    if (!waiting.has(id)) return;
    console.log(`${JSON.stringify(waiting.get(id))}: ${words(JSON.parse(message.value))}`);
    waiting.delete(id);
    if (waiting.size) return;
    clearTimeout(late);
    done();
  };
  const start = async () => {
    await consumer.subscribe({ topic: REPLIES, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: take });
    for (const { partition, high } of ends) consumer.seek({ topic: REPLIES, partition, offset: high });
    await producer.send({
      topic: REQUESTS,
      messages: [...waiting].map(([id, prompt]) => ({
        key: id,
        value: JSON.stringify({ custom_id: id, body: { model: 'fast', messages: [{ role: 'user', content: prompt }] } }),
      })),
    });
  };
  start().catch(failed);
});
await Promise.all([admin.disconnect(), consumer.disconnect(), producer.disconnect()]);
