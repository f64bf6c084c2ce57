/*
 * schemas OUT: the exported types of types.ts as JSON Schemas, in one object by name. Members that a type
 * does not name are not allowed, so that a misspelt one is found.
 *
 * Each type gets a schema of its own, because definitions are named after types and different packages
 * have different types of one name.
 */
import { writeFileSync } from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';
import ts from 'typescript';

const SOURCE = 'types.ts';

/* Type errors are errors: what cannot be resolved would become a schema that takes anything. */
function check() {
    const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
    const program = ts.createProgram([SOURCE], options);
    const found = ts.getPreEmitDiagnostics(program);

    if (found.length) {
        process.stderr.write(ts.formatDiagnostics(found, {
            getCurrentDirectory: () => process.cwd(),
            getCanonicalFileName: (name) => name,
            getNewLine: () => '\n',
        }));
        process.exit(1);
    }
    return program.getSourceFile(SOURCE).statements
        .filter((s) => (ts.isTypeAliasDeclaration(s) || ts.isInterfaceDeclaration(s)) &&
            s.modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword))
        .map((s) => s.name.text);
}

/* Members that a client always sends, with a default; the API does not ask for them. */
const DEFAULTS = {
    MistralChatRequest: ['index', 'prefix', 'stream'],
};

/* Bytes are base64 text on the wire; the generator shows the members of the language's own class. */
function wire(node, defaults = []) {
    if (Array.isArray(node)) return node.map((n) => wire(n, defaults));
    if (node === null || typeof node !== 'object') return node;
    if (node.properties?.BYTES_PER_ELEMENT) return { type: 'string' };
    const made = Object.fromEntries(Object.entries(node).map(([k, v]) => [k, wire(v, defaults)]));
    if (Array.isArray(node.required)) made.required = node.required.filter((r) => !defaults.includes(r));
    return made;
}

function brief(error) {
    const causes = [];
    for (let e = error; e; e = e.cause) causes.push(e.diagnostic?.messageText ?? e.message);
    return causes.join(': ');
}

const names = check();
const generator = createGenerator({
    path: SOURCE,
    tsconfig: 'tsconfig.json',
    type: '*',
    skipTypeCheck: true,
    additionalProperties: false,
    jsDoc: 'none',
});
const schemas = {};
for (const name of names) {
    try {
        schemas[name] = wire(generator.createSchema(name), DEFAULTS[name]);
    } catch (error) {
        process.stderr.write(`${SOURCE}: ${name}: ${brief(error)}\n`);
        process.exit(1);
    }
}
writeFileSync(process.argv[2], JSON.stringify(schemas));
