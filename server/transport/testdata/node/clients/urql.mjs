// Usage: node urql.mjs SITE
// urql against a running server: persisted queries, and subscriptions by every way that it knows.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { createClient as createSSE } from 'graphql-sse';
import { createClient as createWS } from 'graphql-ws';
import WebSocket from 'ws';
import { codes, countOf, eventually, kept, limit, open, sign, signature, signing, socketURL, titleOf, unwatched, url } from './site.mjs';

// Makes a client that notes what it asked for over HTTP: the method, and whether the text went along with its hash.
function connect(exchanges, options = {}) {
  const requests = [];
  const client = new Client({
    url,
    exchanges: [...exchanges, fetchExchange],
    preferGetMethod: false,
    ...options,
    async fetch(address, init) {
      const params = init.body ? JSON.parse(init.body) : Object.fromEntries(new URL(address).searchParams);
      requests.push([init.method, ...['query', 'extensions'].filter((name) => params[name])].join(' '));
      return fetch(address, init);
    },
  });
  return { client, requests };
}

const fresh = (query) => query.replace(/(query|mutation) (\w+)/, `$1 $2${Math.random().toString(36).slice(2)}`);
const network = { requestPolicy: 'network-only' };

test('queries and mutations', limit, async () => {
  const { client, requests } = connect([cacheExchange]);
  const petition = await open();
  for (let n = 0; n < 2; n++) {
    const { data, error } = await client.query(titleOf, { id: petition.id }).toPromise();
    assert.equal(error, undefined);
    assert.equal(data.petition.title, 'More trees');
  }
  const { data } = await client.mutation(signing, signature(petition)).toPromise();
  assert.equal(data.signPetition.petition.signatureCount, 1);
  assert.deepEqual(requests, ['POST query', 'POST query'], 'the second query comes from the cache');
});

test('queries by GET', limit, async () => {
  const { client, requests } = connect([], { preferGetMethod: 'force' });
  const petition = await open();
  const { data } = await client.query(titleOf, { id: petition.id }).toPromise();
  assert.equal(data.petition.title, 'More trees');
  await client.mutation(signing, signature(petition)).toPromise();
  assert.deepEqual(requests, ['GET query', 'POST query']);
});

for (const [method, preferGetForPersistedQueries] of [['POST', false], ['GET', 'force']]) {
  test(`persisted queries by ${method}`, limit, async () => {
    const { client, requests } = connect([persistedExchange({ preferGetForPersistedQueries, enableForMutation: true })]);
    const petition = await open();
    const [query, mutation] = [fresh(titleOf), fresh(signing)];
    for (let n = 0; n < 2; n++) {
      const { data, error } = await client.query(query, { id: petition.id }, network).toPromise();
      assert.equal(error, undefined);
      assert.equal(data.petition.title, 'More trees');
    }
    for (let n = 1; n <= 2; n++) {
      const { data } = await client.mutation(mutation, signature(petition)).toPromise();
      assert.equal(data.signPetition.petition.signatureCount, n, 'it ran once');
    }
    assert.deepEqual(
      requests.map((request) => request.replace(/^GET query/, 'POST query')),
      [`${method} extensions`, 'POST query extensions', `${method} extensions`,
        'POST extensions', 'POST query extensions', 'POST extensions'],
    );
  });
}

// urql itself reads server-sent events; the other ways are other clients behind it.
const socket = () => kept(createWS({ url: socketURL, webSocketImpl: WebSocket, retryAttempts: 0 }));
const events = (singleConnection) => kept(createSSE({ url, singleConnection, retryAttempts: 0 }));
const forwarded = (inner) => () =>
  connect([subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({ unsubscribe: inner().subscribe({ ...request, query: request.query ?? '' }, sink) }),
    }),
  })]);
const ways = {
  'a socket': forwarded(socket),
  'distinct connections': forwarded(() => events(false)),
  'a single connection': forwarded(() => events(true)),
  'its own fetch': () => connect([], { fetchSubscriptions: true }),
};

for (const [way, make] of Object.entries(ways)) {
  test(`subscriptions over ${way}`, limit, async () => {
    await unwatched();
    const { client } = make();
    const petition = await open();
    const totals = [];
    const { unsubscribe } = client.subscription(countOf, { id: petition.id }).subscribe(({ data, error }) => {
      totals.push(error ? error.message : data.signatureCount.total);
    });
    await eventually('the present count', () => totals.length === 1);
    await sign(petition);
    await eventually('the next count', () => totals.length === 2);
    assert.deepEqual(totals, [0, 1]);
    unsubscribe();
    await unwatched();
  });

  test(`a subscription to nothing over ${way}`, limit, async () => {
    const { client } = make();
    const errors = [];
    client.subscription(countOf, { id: 'nobody' }).subscribe(({ error }) => error && errors.push(error));
    await eventually('the error', () => errors.length > 0);
    assert.deepEqual(codes(errors[0].graphQLErrors), ['NOT_FOUND'], errors[0].message);
  });
}
