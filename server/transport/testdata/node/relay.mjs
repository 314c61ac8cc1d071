// Compiles the sample in relay/ against the contract, in a folder that is gone afterwards.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, schemaFile } from './schema.mjs';

const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
const dir = mkdtempSync(join(tmpdir(), 'relay-'));
try {
  mkdirSync(join(dir, 'artifacts'));
  cpSync(join(here, 'relay'), join(dir, 'src'), { recursive: true });
  // The compiler takes no other ending than .graphql for a schema.
  copyFileSync(schemaFile, join(dir, 'schema.graphql'));
  const config = { src: './src', schema: './schema.graphql', language: 'javascript', artifactDirectory: './artifacts' };
  writeFileSync(join(dir, 'relay.config.json'), JSON.stringify(config));
  writeFileSync(join(dir, 'package.json'), '{}');

  const { status } = spawnSync(process.execPath, [compiler, 'relay.config.json'], { cwd: dir, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
  else console.log(`relay ok: ${readdirSync(join(dir, 'artifacts')).length} artifacts`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
