/*
 * samples SCHEMAS [--whole] <LINES: each line is a sample as check.mjs takes it. With --whole the lines are
 * all there are, so that a row of exceptions.mjs that none of them needed is an error, too.
 */
import { createInterface } from 'node:readline';
import { Checker } from './check.mjs';

const checker = new Checker(process.argv[2]);
const counts = new Map();
let failed = 0;

function complain(text) {
    failed++;
    console.error(text);
}

for await (const line of createInterface({ input: process.stdin })) {
    const sample = JSON.parse(line);
    const wrong = checker.sample(sample);
    const kind = `${sample.dialect} ${sample.op} ${sample.kind}`;

    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (wrong) complain(`${sample.file}: ${sample.kind}: ${wrong}`);
}
if (!counts.size) complain('no lines on standard input');
if (process.argv[3] === '--whole')
    for (const row of checker.unused()) complain(`exceptions.mjs: nothing needs ${JSON.stringify(row)}`);
for (const [kind, count] of counts) console.log(`${kind}: ${count}`);
process.exit(failed ? 1 : 0);
