// Compiles the samples in relay/ against a contract.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here } from './schema.mjs';

// Gives a new folder, in which artifacts/ holds what the compiler made of the text of a contract, and its exit status.
export function compile(schema) {
  const dir = mkdtempSync(join(tmpdir(), 'relay-'));
  mkdirSync(join(dir, 'artifacts'));
  cpSync(join(here, 'relay'), join(dir, 'src'), { recursive: true });
  // The compiler takes no other ending than .graphql for a schema.
  writeFileSync(join(dir, 'schema.graphql'), schema);
  const config = {
    src: './src',
    schema: './schema.graphql',
    language: 'javascript',
    artifactDirectory: './artifacts',
    eagerEsModules: false,
  };
  writeFileSync(join(dir, 'relay.config.json'), JSON.stringify(config));
  writeFileSync(join(dir, 'package.json'), '{}');
  const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, 'relay.config.json'], { cwd: dir, encoding: 'utf8' });
  return { dir, status, output: stdout + stderr };
}
