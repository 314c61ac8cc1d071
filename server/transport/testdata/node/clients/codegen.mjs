// Usage: node codegen.mjs SITE
// graphql-codegen makes types from what a running server says of itself, and TypeScript accepts them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, parse, print, printSchema } from 'graphql';
import { ask, limit, origin, url } from './site.mjs';
import { compile, generate } from './typescript.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const operations = await readFile(here('operations.graphql'), 'utf8');
const { definitions } = parse(operations);
const contract = await (await fetch(`${origin}/schema.graphqls`)).text();

test('introspection tells the contract', limit, async () => {
  const options = { descriptions: true, specifiedByUrl: true, inputValueDeprecation: true, schemaDescription: true, oneOf: true };
  const told = buildClientSchema(await ask(getIntrospectionQuery(options)));
  const plain = (schema) => printSchema(lexicographicSortSchema(schema));
  assert.equal(plain(told), plain(buildSchema(contract)));
});

const scalars = ['CountryCode', 'DateTime', 'EmailAddress', 'HTML', 'Locale', 'Markdown', 'URL'];
const output = {
  presetConfig: { persistedDocuments: true },
  config: {
    enumsAsTypes: true,
    useTypeImports: true,
    strictScalars: true,
    scalars: Object.fromEntries(scalars.map((name) => [name, 'string'])),
  },
};

// Makes a folder with what graphql-codegen makes of the contract, and returns it with the files by their names.
async function generated(t) {
  const dir = await mkdtemp(path.join(tmpdir(), 'petitiond-codegen-'));
  t.after(() => rm(dir, { recursive: true }));
  return { dir, files: await generate(dir, parse(contract), operations, ['gql/', output]) };
}

test('graphql-codegen makes types that TypeScript accepts', { timeout: 120_000 }, async (t) => {
  const { dir } = await generated(t);
  await symlink(here('../node_modules'), path.join(dir, 'node_modules'));
  const text = print(definitions.find(({ name }) => name.value === 'Count'));
  const consumer = await readFile(here('consumer.ts'), 'utf8');
  await writeFile(path.join(dir, 'consumer.ts'), consumer.replace('TEXT_OF_COUNT', JSON.stringify(text)));
  assert.deepEqual(compile([path.join(dir, 'consumer.ts'), path.join(dir, 'gql/index.ts')]), []);
});

test('the hashes of graphql-codegen are those of persisted queries', limit, async (t) => {
  const { files } = await generated(t);
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
