// Usage: node generate.mjs FOLDER
// Does what `npx graphql-codegen` does with the configuration in a folder, whose command line needs a newer Node, and then
// compiles page.ts. The test of doc/clients.md uses it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildClientSchema, getIntrospectionQuery, parse, printSchema } from 'graphql';
import ts from 'typescript';
import { compile, generate } from './typescript.mjs';

const [folder] = process.argv.slice(2);
const read = (name) => readFile(path.join(folder, name), 'utf8');

const javascript = ts.transpile(await read('codegen.ts'), { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 });
const { default: config } = await import(`data:text/javascript,${encodeURIComponent(javascript)}`);
const response = await fetch(config.schema, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query: getIntrospectionQuery() }),
});
const schema = parse(printSchema(buildClientSchema((await response.json()).data)));
for (const output of Object.entries(config.generates)) await generate(folder, schema, await read(config.documents), output);

const objections = compile([path.join(folder, 'page.ts')], { noEmit: false });
for (const objection of objections) console.error(objection);
process.exitCode = objections.length > 0 ? 1 : 0;
