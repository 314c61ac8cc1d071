// Usage: node graphql-ws.mjs SITE
// The client of graphql-ws against a running server.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import {
  ask, codes, countOf, draft, eventually, kept, limit, next, open, sign, signature, signing, sleep, socketURL, titleOf, until, unwatched,
} from './site.mjs';

// Makes a client that keeps its socket between operations and notes what happens on it.
function connect(options = {}) {
  const seen = { opened: 0, messages: [], pings: 0, pongs: 0, closed: [] };
  const client = kept(createClient({
    url: socketURL,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazyCloseTimeout: 60_000,
    ...options,
    on: {
      opened: () => seen.opened++,
      message: (message) => seen.messages.push(message),
      ping: (received) => received && seen.pings++,
      pong: (received) => received && seen.pongs++,
      closed: ({ code }) => seen.closed.push(code),
    },
  }));
  return { client, seen };
}

async function result(client, query, variables) {
  const results = [];
  for await (const value of client.iterate({ query, variables })) results.push(value);
  assert.equal(results.length, 1, 'a query or mutation has one result');
  return results[0];
}

const failure = (client, query, variables) =>
  client.iterate({ query, variables }).next().then(
    (value) => assert.fail(`no error, but ${JSON.stringify(value)}`),
    (error) => error,
  );

test('a count moves when somebody signs over HTTP', limit, async () => {
  const { client, seen } = connect();
  const petition = await open();
  const counts = client.iterate({ query: countOf, variables: { id: petition.id } });

  const first = await next(counts);
  assert.equal(first.petitionId, petition.id);
  assert.equal(first.total, 0);
  await sign(petition);
  const second = await next(counts);
  assert.equal(second.total, 1);
  assert.ok(second.version > first.version);

  await counts.return();
  await client.dispose();
  await eventually('the socket is closed', () => seen.closed.length > 0);
  assert.deepEqual(seen.closed, [1000]);
});

test('queries and mutations go over the socket too', limit, async () => {
  const { client } = connect();
  const petition = await open();
  const { data } = await result(client, titleOf, { id: petition.id });
  assert.deepEqual(data.petition, { id: petition.id, title: 'More trees' });

  const signed = await result(client, signing, signature(petition));
  assert.equal(signed.data.signPetition.status, 'COUNTED');
  assert.equal(signed.data.signPetition.petition.signatureCount, 1);
});

test('the credential of connection_init holds for every operation', limit, async () => {
  const mine = await draft();
  const state = 'query ($id: ID!) { petition(id: $id) { state } }';

  const owner = connect({ connectionParams: { authorization: `Bearer ${mine.token}` } }).client;
  assert.equal((await result(owner, state, { id: mine.id })).data.petition.state, 'DRAFT');

  const stranger = connect().client;
  assert.equal((await result(stranger, state, { id: mine.id })).data.petition, null);
});

test('one socket bears several operations, each with its own results', limit, async () => {
  const { client, seen } = connect();
  const petitions = await Promise.all([open(), open(), open(), open(), open()]);
  const watched = petitions.map(({ id }) => client.iterate({ query: countOf, variables: { id } }));
  const twin = client.iterate({ query: countOf, variables: { id: petitions[0].id } });
  for (const [i, counts] of watched.entries()) {
    assert.deepEqual([await next(counts)].map(({ petitionId, total }) => [petitionId, total]), [[petitions[i].id, 0]]);
  }
  assert.equal((await next(twin)).total, 0);

  for (const [i, petition] of petitions.entries()) {
    for (let n = 0; n <= i; n++) await sign(petition);
  }
  for (const [i, counts] of watched.entries()) {
    assert.equal((await until(counts, i + 1)).petitionId, petitions[i].id);
  }
  await until(twin, 1);
  assert.equal((await result(client, titleOf, { id: petitions[0].id })).data.petition.title, 'More trees');
  assert.equal(seen.opened, 1);
});

test('what the client completes ends, and the socket goes on', limit, async () => {
  await unwatched();
  const { client, seen } = connect();
  const petition = await open();
  const watch = () => client.iterate({ query: countOf, variables: { id: petition.id } });
  const ended = watch();
  await next(ended);
  const { id } = seen.messages.at(-1);
  const other = watch();
  await next(other);
  await ended.return();
  // What the server hears next comes after the complete.
  await result(client, '{ __typename }');

  seen.messages.length = 0;
  await sign(petition);
  await until(other, 1);
  await sleep(300);
  assert.deepEqual(seen.messages.filter((message) => message.id === id), []);

  await other.return();
  await unwatched();
  assert.equal((await result(client, '{ __typename }')).data.__typename, 'Query');
  assert.equal(seen.opened, 1);
});

test('an operation that cannot run gets error and nothing else', limit, async () => {
  const { client, seen } = connect();
  const aliases = Array.from({ length: 16 }, (_, i) => `a${i}: __typename`).join(' ');
  for (const [query, variables, code] of [
    ['subscription {', {}, 'GRAPHQL_PARSE_FAILED'],
    ['subscription { nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    [countOf, {}, 'GRAPHQL_VALIDATION_FAILED'],
    [`{ ${aliases} }`, {}, 'LIMIT_EXCEEDED'],
    [countOf, { id: 'nobody' }, 'NOT_FOUND'],
  ]) {
    seen.messages.length = 0;
    const errors = await failure(client, query, variables);
    assert.ok(Array.isArray(errors), `${query}: ${errors}`);
    assert.deepEqual(codes(errors), [code]);
    await result(client, '{ __typename }');
    assert.equal(seen.messages.filter(({ type }) => type === 'error').length, 1, query);
    assert.equal(seen.messages.filter(({ type }) => type === 'complete').length, 1, `${query}: complete after error`);
  }
  assert.equal(seen.opened, 1);
});

test('a bad credential closes the socket with 4403', limit, async () => {
  for (const authorization of ['Bearer pe_nobody', 'Bearer', 'Basic abc', 7]) {
    const { client } = connect({ connectionParams: { authorization } });
    const event = await failure(client, '{ __typename }');
    assert.equal(event.code, 4403, JSON.stringify(authorization));
    assert.equal(event.reason, 'Forbidden');
  }
});

test('the client may ping whenever it likes', limit, async () => {
  const { client, seen } = connect({ keepAlive: 100 });
  const petition = await open();
  const counts = client.iterate({ query: countOf, variables: { id: petition.id } });
  await next(counts);
  await eventually('five pongs', () => seen.pongs >= 5);
  await sign(petition);
  await until(counts, 1);
  assert.deepEqual(seen.closed, []);
});

test('a client that goes away without a word is forgotten', limit, async () => {
  await unwatched();
  const { client } = connect();
  const petition = await open();
  const counts = client.iterate({ query: countOf, variables: { id: petition.id } });
  await next(counts);
  counts.next().catch(() => {});
  client.terminate();
  await unwatched();
  assert.equal((await ask(titleOf, { id: petition.id })).petition.id, petition.id);
});
