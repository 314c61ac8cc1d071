// Usage: node ping.mjs SITE
// The client of graphql-ws, and one that never answers, on a server that pings several times a second.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { eventually, kept, limit, sleep, socketURL } from './site.mjs';

// A page can neither see the pings of WebSocket itself nor keep the browser from answering them.
class Deaf extends WebSocket {
  constructor(...args) {
    super(...args, { autoPong: false });
  }
}

function connect(options) {
  const seen = { pings: 0, closed: 0, failed: 0 };
  const client = kept(createClient({
    url: socketURL,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
    on: {
      opened: (socket) => socket.on('ping', () => seen.pings++),
      ping: () => seen.pings++,
      closed: () => seen.closed++,
    },
  }));
  client.subscribe({ query: 'subscription { hello }' }, { next() {}, error: () => seen.failed++, complete() {} });
  return seen;
}

test('who answers pings stays', limit, async () => {
  const seen = connect({});
  await eventually('ten pings', () => seen.pings >= 10);
  assert.deepEqual([seen.closed, seen.failed], [0, 0]);
});

test('who does not is gone', limit, async () => {
  const seen = connect({ disablePong: true, webSocketImpl: Deaf });
  await eventually('the end of the socket', () => seen.closed === 1);
  await sleep(10);
  assert.equal(seen.failed, 1);
});
