// Usage: node subscribe-ws.mjs URL PETITION_ID [EVENTS]
// Watches a petition's count with the client of graphql-ws. URL may start with http as well as ws.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { parseArguments, query, watch } from './watch.mjs';

const { url, variables, events } = parseArguments();
const client = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
await watch(client.iterate({ query, variables }), events);
