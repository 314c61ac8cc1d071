// Compiles the samples in relay/ against the contract, in a folder that is gone afterwards.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './relay-compile.mjs';
import { schemaFile } from './schema.mjs';

const { dir, status, output } = compile(readFileSync(schemaFile, 'utf8'));
try {
  process.stdout.write(output);
  if (status !== 0) process.exitCode = 1;
  else console.log(`relay ok: ${readdirSync(join(dir, 'artifacts')).length} artifacts`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
