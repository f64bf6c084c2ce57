/*
 * check_asyncapi FILE OUT: reads an AsyncAPI file with AsyncAPI's own parser, prints what it finds wrong, and writes for
 * the tests that come after: OUT/examples-NAME.jsonl, the examples of message NAME, one a line as {"record": ...}, and
 * OUT/headers-NAME, the names of its headers. Exit code 1: something is wrong.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Parser } = createRequire(`${process.cwd()}/`)('@asyncapi/parser');
const [file, out] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'), { source: file });

for (const d of diagnostics) console.log(`${d.path.join('.')}: ${d.message} (${d.code})`);
if (!document || diagnostics.length) process.exit(1);
for (const m of document.components().messages()) {
  const records = m.examples().all().map((e) => `${JSON.stringify({ record: e.payload() })}\n`);
  const headers = Object.keys(m.headers()?.properties() ?? {});
  writeFileSync(`${out}/examples-${m.id()}.jsonl`, records.join(''));
  writeFileSync(`${out}/headers-${m.id()}`, headers.map((h) => `${h}\n`).join(''));
}
