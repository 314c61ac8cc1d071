// Lints the contract. It goes in as text, since ESLint ignores files outside the folder of its configuration.
import { readFileSync } from 'node:fs';
import { ESLint } from 'eslint';
import { here, schemaFile } from './schema.mjs';

const eslint = new ESLint({ cwd: here });
const results = await eslint.lintText(readFileSync(schemaFile, 'utf8'), { filePath: 'schema.graphqls' });
const formatter = await eslint.loadFormatter('stylish');
process.stdout.write(await formatter.format(results));

const faults = results.reduce((sum, result) => sum + result.errorCount + result.warningCount, 0);
if (results.length === 0 || faults > 0) process.exitCode = 1;
else console.log('lint ok');
