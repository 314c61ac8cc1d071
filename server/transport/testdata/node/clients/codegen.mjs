// Usage: node codegen.mjs SITE
// graphql-codegen makes types from what a running server says of itself, and TypeScript accepts them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { Kind, buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, parse, print, printSchema } from 'graphql';
import ts from 'typescript';
import { ask, limit, origin, url } from './site.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { definitions } = parse(await readFile(here('operations.graphql'), 'utf8'));
const contract = await (await fetch(`${origin}/schema.graphqls`)).text();

test('introspection tells the contract', limit, async () => {
  const options = { descriptions: true, specifiedByUrl: true, inputValueDeprecation: true, schemaDescription: true, oneOf: true };
  const told = buildClientSchema(await ask(getIntrospectionQuery(options)));
  const plain = (schema) => printSchema(lexicographicSortSchema(schema));
  assert.equal(plain(told), plain(buildSchema(contract)));
});

// Gives the files that the preset makes of a schema and the documents, by their paths.
async function generate(schema) {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: 'gql/',
    schema,
    documents: definitions.map((definition) => ({
      location: here('operations.graphql'),
      document: { kind: Kind.DOCUMENT, definitions: [definition] },
      rawSDL: print(definition),
    })),
    plugins: [],
    pluginMap: {},
    config: {
      enumsAsTypes: true,
      useTypeImports: true,
      strictScalars: true,
      scalars: Object.fromEntries(
        ['CountryCode', 'DateTime', 'EmailAddress', 'HTML', 'Locale', 'Markdown', 'URL'].map((name) => [name, 'string']),
      ),
    },
    presetConfig: { persistedDocuments: true },
  });
  const files = {};
  for (const section of sections) files[section.filename] = await codegen(section);
  return files;
}

// Gives what TypeScript objects to in a folder.
function compile(dir) {
  const program = ts.createProgram([path.join(dir, 'consumer.ts'), path.join(dir, 'gql/index.ts')], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    verbatimModuleSyntax: true,
    types: [],
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

test('graphql-codegen makes types that TypeScript accepts', { timeout: 120_000 }, async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'petitiond-codegen-'));
  t.after(() => rm(dir, { recursive: true }));
  await symlink(here('../node_modules'), path.join(dir, 'node_modules'));
  for (const [name, content] of Object.entries(await generate(parse(contract)))) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await writeFile(path.join(dir, name), content);
  }
  const text = print(definitions.find(({ name }) => name.value === 'Count'));
  const consumer = await readFile(here('consumer.ts'), 'utf8');
  await writeFile(path.join(dir, 'consumer.ts'), consumer.replace('TEXT_OF_COUNT', JSON.stringify(text)));
  assert.deepEqual(compile(dir), []);
});

test('the hashes of graphql-codegen are those of persisted queries', limit, async () => {
  const files = await generate(parse(contract));
  const manifest = Object.entries(JSON.parse(files['gql/persisted-documents.json']));
  assert.equal(manifest.length, definitions.length - 1, 'all but the fragment');
  const [name, query] = manifest.find(([, text]) => text.includes('query Front'));
  const sha256Hash = createHash('sha256').update(query).digest('hex');
  assert.equal(name, `sha256:${sha256Hash}`);
  for (const text of [query, undefined]) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, extensions: { persistedQuery: { version: 1, sha256Hash } } }),
    });
    const { data, errors } = await response.json();
    assert.equal(errors, undefined, JSON.stringify(errors));
    assert.deepEqual(data.petitions.nodes, []);
  }
});
