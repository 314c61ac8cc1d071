// Usage: node restart.mjs SITE CONTROL
// Clients whose server is stopped in good order and started again: they come back and go on from the version they knew.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient as createSSE } from 'graphql-sse';
import { createClient as createWS } from 'graphql-ws';
import WebSocket from 'ws';
import { countOf, cut, kept, limit, next, open, restart, sign, sleep, socketURL, until, url } from './site.mjs';

const patience = { retryAttempts: 100, retryWait: () => sleep(100), retry: () => sleep(100) };

// Makes a client of graphql-ws that comes back however it was left.
function connect() {
  const closed = [];
  const client = kept(createWS({
    url: socketURL,
    webSocketImpl: WebSocket,
    ...patience,
    shouldRetry: () => true,
    on: { closed: ({ code }) => closed.push(code) },
  }));
  return { client, closed };
}

const clients = {
  'graphql-ws': () => connect().client,
  'graphql-sse, distinct connections': () => kept(createSSE({ url, ...patience })),
  'graphql-sse, single connection': () => kept(createSSE({ url, singleConnection: true, ...patience })),
};

test('a socket is closed with 1001', limit, async () => {
  const { client, closed } = connect();
  const petition = await open();
  const counts = client.iterate({ query: countOf, variables: { id: petition.id } });
  await next(counts);
  await restart();
  await sign(petition);
  await until(counts, 1);
  assert.equal(closed[0], 1001);
});

for (const [name, make] of Object.entries(clients)) {
  for (const [fate, happen] of Object.entries({ 'a restart': restart, 'a cut connection': cut })) {
    test(`${name}: ${fate}`, limit, async () => {
      const client = make();
      const petition = await open();
      const counts = client.iterate({ query: countOf, variables: { id: petition.id } });
      assert.equal((await next(counts)).total, 0);
      await sign(petition);
      const known = await until(counts, 1);

      await happen();
      await sign(petition);
      const news = await until(counts, 2);
      assert.ok(news.version > known.version);
    });
  }
}
