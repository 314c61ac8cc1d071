// Usage: node subscribe-sse.mjs URL PETITION_ID [EVENTS]
// Watches a petition's count with the client of graphql-sse, one connection for each operation.
import { createClient } from 'graphql-sse';
import { parseArguments, query, watch } from './watch.mjs';

const { url, variables, events } = parseArguments();
const client = createClient({ url, retryAttempts: 0 });
await watch(client.iterate({ query, variables }), events);
