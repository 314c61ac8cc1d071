// Compares the contract with the one released last and fails on what would break a client.
import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { schemaFile } from './schema.mjs';

const load = (file) => buildSchema(readFileSync(file, 'utf8'));
const changes = await diff(load(new URL('released.graphqls', import.meta.url)), load(schemaFile));
const breaking = changes.filter((change) => change.criticality.level === CriticalityLevel.Breaking);

for (const { criticality, message } of changes) {
  if (criticality.level !== CriticalityLevel.NonBreaking) console.log(`${criticality.level} ${message}`);
}
if (breaking.length > 0) {
  console.log(`${breaking.length} breaking: deprecate instead, and keep the old shape answering.`);
  process.exitCode = 1;
} else {
  console.log('inspect ok');
}
