/*
 * clients SCHEMAS URL NAME...: each module of clients/ that is named drives one vendor's own client
 * against the simulator at URL, and every body that goes over the wire meanwhile is checked against the
 * vendor's types: what the client sends (so the request types describe what is really sent), and what the
 * simulator answers.
 *
 * A module exports `dialect`, `ops` (see wire.mjs), whether errors (`errorTypes`, default no) and answers
 * (`answerTypes`, default yes) have types, and `tests`: a table of what to try, each a function of
 * ({url, wire}) that throws when the client is not content. The simulator is started with
 *   --cached-percent 50 --reasoning-tokens 7 --api-key sk-sim --script clients/script.jsonl
 */
import { readdirSync } from 'node:fs';
import { Checker } from './check.mjs';
import { Wire } from './wire.mjs';

const [schemas, url, ...names] = process.argv.slice(2);
const checker = new Checker(schemas);
let failed = 0;

/* What the client said and heard, as samples; bodies of errors only where the package has a type for them. */
function samples(client, exchange, file) {
    const { op, status, request, answer } = exchange;
    const sample = { file, dialect: client.dialect, op, url: exchange.url };
    if (status < 300) {
        const said = { ...sample, kind: 'request', body: request };
        return client.answerTypes === false ? [said] : [said, { ...sample, kind: 'answer', body: answer }];
    }
    return client.errorTypes ? [{ ...sample, op: 'error', kind: 'answer', body: answer }] : [];
}

async function run(client, name, title, test) {
    const wire = new Wire(client.ops);
    const wrong = [];
    try {
        await test({ url, wire });
        if (!wire.exchanges.length) wrong.push('nothing went over the wire');
    } catch (error) {
        wrong.push(error.stack);
    }
    for (const exchange of wire.exchanges)
        for (const sample of samples(client, exchange, `${name} ${title}`)) {
            const text = checker.sample(sample);
            if (text) wrong.push(`${sample.kind}: ${text}\n${JSON.stringify(sample.body)}`);
        }
    wire.close();
    if (wrong.length) failed++;
    for (const text of wrong) console.error(`FAILED: ${name}: ${title}: ${text}`);
    return !wrong.length;
}

for (const file of readdirSync('clients').filter((f) => f.endsWith('.mjs')).sort()) {
    const client = await import(`./clients/${file}`);
    const name = file.replace('.mjs', '');
    if (!names.includes(name)) continue;
    const done = [];
    for (const [title, test] of Object.entries(client.tests))
        if (await run(client, name, title, test)) done.push(title);
    console.log(`${name}: ${done.join(', ')}`);
}
process.exit(failed ? 1 : 0);
