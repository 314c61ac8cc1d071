// Usage: node audit.mjs URL
// Runs the server audits of graphql-http against URL and prints every one that is not ok.
import { auditServer } from 'graphql-http';

const expected = 61;
const url = process.argv[2];
if (!url) {
  console.error('Say which server to audit: node audit.mjs URL');
  process.exit(2);
}

const results = await auditServer({ url });
const passed = results.filter((result) => result.status === 'ok');
for (const { id, status, name, reason } of results) {
  if (status !== 'ok') console.log(`${status} ${id} ${name}: ${reason}`);
}
console.log(`${passed.length} ok`);
if (results.length !== expected || passed.length !== expected) process.exitCode = 1;
