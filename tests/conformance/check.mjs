/*
 * check: a body against the type of the vendor's package that it claims to be. What is compared is one
 * object {file, dialect, op, url, kind, body}; kind is
 *   request   what we send        answer   what an API (here the simulator) sends back
 *   reply     what we publish     error    what we publish of a failure
 */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import { additions, exceptions } from './exceptions.mjs';

/* Dialects that share the types of another. */
const SAME = { azure: 'openai', ollama_chat: 'ollama' };

/* No package has a type for these. */
const UNTYPED = ['BedrockEmbeddingsRequest'];

const word = (text) => text[0].toUpperCase() + text.slice(1);

export function typeOf({ dialect, op, kind, url }) {
    if (kind === 'reply') return word(op) + 'Reply';
    if (kind === 'error') return 'ErrorReply';
    if (kind === 'request' && /\/responses(\?|$)/.test(url)) op = 'responses';
    else if (kind === 'request' && op === 'responses') op = 'chat'; /* said in another API's words */
    return word(SAME[dialect] ?? dialect) + word(op) + word(kind);
}

/* An alternative of a union says what is wrong with it even when another was meant. The deepest places
 * belong to the one that fitted best. */
function explain(errors) {
    const depth = (e) => e.instancePath.split('/').length * 2 - (e.keyword === 'const');
    const deepest = Math.max(...errors.map(depth));
    const lines = errors.filter((e) => depth(e) === deepest).map((e) => {
        const extra = e.params.additionalProperty ?? e.params.allowedValue ?? e.params.allowedValues;
        return `${e.instancePath || '/'} ${e.message}` + (extra === undefined ? '' : ` (${extra})`);
    });
    return [...new Set(lines)].slice(0, 4).join('; ');
}

/* Takes the member out wherever the path leads ("*": each element) and says whether it was there. */
function take(node, path) {
    if (node === null || typeof node !== 'object') return false;
    const [head, ...rest] = path;
    if (head === '*') return Object.values(node).map((n) => take(n, rest)).some(Boolean);
    if (rest.length) return take(node[head], rest);
    return head in node && delete node[head];
}

export class Checker {
    #schemas;
    #compiled = new Map();
    #ajv = new Ajv({ strict: false, validateFormats: false });
    #used = new Set();
    #dialects = new Set();

    constructor(path) {
        this.#schemas = JSON.parse(readFileSync(path, 'utf8'));
    }

    types() {
        return Object.keys(this.#schemas);
    }

    #validator(type) {
        if (!this.#schemas[type]) throw new Error(`types.ts has no type ${type}`);
        if (!this.#compiled.has(type)) this.#compiled.set(type, this.#ajv.compile(this.#schemas[type]));
        return this.#compiled.get(type);
    }

    /* null, or what is wrong with value. */
    against(type, value) {
        const validate = this.#validator(type);
        return validate(value) ? null : explain(validate.errors);
    }

    /* The same for a sample, with the deliberate differences taken into account. */
    sample(s) {
        const type = typeOf(s);
        this.#dialects.add(s.dialect).add(s.file.split('/').at(-2));
        if (UNTYPED.includes(type)) return null;
        const row = exceptions.find((e) => s.file.endsWith(e.file) && e.kind === s.kind);
        const body = structuredClone(s.body);
        for (const a of additions)
            if (a.types.includes(type) && take(body, a.path.split('.'))) this.#used.add(a);
        const wrong = this.against(type, body);
        if (!row) return wrong && `${type}: ${wrong}`;
        this.#used.add(row);
        if (!wrong) return `${type}: fits, though exceptions.mjs says it does not (${row.why})`;
        return wrong.includes(row.says) ? null : `${type}: ${wrong}; exceptions.mjs allows: ${row.says}`;
    }

    /* Rows of exceptions.mjs that no sample of what we make needed. */
    unused() {
        const ours = additions.filter((a) => !a.types.every((type) => type.endsWith('Answer')));
        return [...ours, ...exceptions]
            .filter((row) => this.#dialects.has(row.of ?? row.file?.split('/')[0] ?? 'openai'))
            .filter((row) => !this.#used.has(row));
    }
}
