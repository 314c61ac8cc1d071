// Usage: node graphql-sse.mjs SITE
// The client of graphql-sse against a running server, in both modes of its protocol.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient } from 'graphql-sse';
import {
  codes, countOf, draft, eventually, kept, limit, next, open, sign, signature, signing, sleep, titleOf, until, unwatched, url,
} from './site.mjs';

// Makes a client that notes what it asked for and what it was told.
function connect(options = {}) {
  const seen = { requests: [], refusals: [], messages: [] };
  const client = kept(createClient({
    url,
    retryAttempts: 0,
    ...options,
    on: { message: (message) => seen.messages.push(message) },
    async fetchFn(address, init) {
      const response = await fetch(address, init);
      seen.requests.push(`${init.method} ${response.status}`);
      // The client takes the answer back with the request, before a test could read it.
      if (response.headers.get('content-type')?.includes('json')) seen.refusals.push(await response.clone().json());
      return response;
    },
  }));
  return { client, seen };
}

async function results(client, query, variables) {
  const all = [];
  for await (const value of client.iterate({ query, variables })) all.push(value);
  return all;
}

const failure = (client, query, variables) =>
  client.iterate({ query, variables }).next().then(
    (value) => assert.fail(`no error, but ${JSON.stringify(value)}`),
    (error) => error,
  );

for (const singleConnection of [false, true]) {
  const mode = singleConnection ? 'single connection' : 'distinct connections';

  test(`${mode}: a count moves when somebody signs over HTTP`, limit, async () => {
    await unwatched();
    const { client, seen } = connect({ singleConnection });
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
    await unwatched();
    const begun = singleConnection ? ['PUT 201', 'GET 200', 'POST 202'] : ['POST 200'];
    assert.deepEqual(seen.requests.slice(0, 3), begun);
  });

  test(`${mode}: queries and mutations have one result and complete`, limit, async () => {
    const { client, seen } = connect({ singleConnection });
    const petition = await open();
    const [title, ...more] = await results(client, titleOf, { id: petition.id });
    assert.deepEqual([title.data.petition, more], [{ id: petition.id, title: 'More trees' }, []]);
    const [signed, ...others] = await results(client, signing, signature(petition));
    assert.deepEqual([signed.data.signPetition.status, others], ['COUNTED', []]);
    assert.deepEqual(seen.messages.map(({ event }) => event), ['next', 'complete', 'next', 'complete']);
  });

  test(`${mode}: several operations at once`, limit, async () => {
    await unwatched();
    const { client, seen } = connect({ singleConnection });
    const petitions = await Promise.all([open(), open(), open()]);
    const watched = petitions.map(({ id }) => client.iterate({ query: countOf, variables: { id } }));
    for (const [i, counts] of watched.entries()) {
      assert.equal((await next(counts)).petitionId, petitions[i].id);
    }
    for (const [i, petition] of petitions.entries()) {
      for (let n = 0; n <= i; n++) await sign(petition);
    }
    for (const [i, counts] of watched.entries()) {
      assert.equal((await until(counts, i + 1)).petitionId, petitions[i].id);
    }
    for (const counts of watched) await counts.return();
    await unwatched();
    if (singleConnection) {
      assert.equal(seen.requests.filter((request) => request.startsWith('GET')).length, 1);
      await eventually('three were completed', () => seen.requests.filter((request) => request === 'DELETE 200').length === 3);
    }
  });

  test(`${mode}: a credential counts, and a bad one is refused`, limit, async () => {
    const mine = await draft();
    const state = 'query ($id: ID!) { petition(id: $id) { state } }';
    const owner = connect({ singleConnection, headers: () => ({ authorization: `Bearer ${mine.token}` }) }).client;
    const [known] = await results(owner, state, { id: mine.id });
    assert.equal(known.data.petition.state, 'DRAFT');

    const stranger = connect({ singleConnection }).client;
    const [unknown] = await results(stranger, state, { id: mine.id });
    assert.equal(unknown.data.petition, null);

    const liar = connect({ singleConnection, headers: () => ({ authorization: 'Bearer pe_nobody' }) }).client;
    const error = await failure(liar, '{ __typename }');
    assert.equal(error.response?.status, 401, String(error));
  });

  test(`${mode}: a subscription to nothing ends with NOT_FOUND`, limit, async () => {
    const { client, seen } = connect({ singleConnection });
    const all = await results(client, countOf, { id: 'nobody' });
    assert.deepEqual(all.map(({ errors }) => codes(errors)), [['NOT_FOUND']]);
    assert.deepEqual(seen.messages.map(({ event }) => event), ['next', 'complete']);
  });
}

test('distinct connections: an invalid operation is told by the stream', limit, async () => {
  for (const [query, code] of [
    ['subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    [countOf, 'GRAPHQL_VALIDATION_FAILED'],
  ]) {
    const { client, seen } = connect();
    const all = await results(client, query);
    assert.deepEqual(all.map(({ errors, data }) => [codes(errors), data]), [[[code], undefined]]);
    assert.deepEqual(seen.requests, ['POST 200']);
  }
});

test('single connection: an invalid operation is told by the request', limit, async () => {
  const { client, seen } = connect({ singleConnection: true });
  const error = await failure(client, 'subscription { nothing }');
  assert.equal(error.name, 'NetworkError', String(error));
  assert.deepEqual(seen.refusals.map(({ errors }) => codes(errors)), [['GRAPHQL_VALIDATION_FAILED']]);
  assert.deepEqual(seen.messages, []);
});

// The rest speaks the single connection mode by hand, to see what the client hides.
const tokenHeader = 'X-GraphQL-Event-Stream-Token';

async function reserve(headers) {
  const response = await fetch(url, { method: 'PUT', headers });
  assert.equal(response.status, 201);
  assert.match(response.headers.get('content-type'), /^text\/plain\b/);
  const token = await response.text();
  assert.match(token, /^[\w-]{22,}$/, 'a token that nobody guesses and that needs no escaping');
  return token;
}

// Opens the stream of a reservation, and gives its events as they come.
async function listen(address, headers) {
  const control = new AbortController();
  const response = await fetch(address, { headers: { accept: 'text/event-stream', ...headers }, signal: control.signal });
  const events = [];
  const ended = (async () => {
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, 'm'))?.[1];
        if (field('event')) events.push({ event: field('event'), data: JSON.parse(field('data')) });
      }
    }
  })().catch(() => {});
  return { response, events, ended, close: () => control.abort() };
}

const perform = (token, id, query, variables) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [tokenHeader]: token },
    body: JSON.stringify({ query, variables, extensions: { operationId: id } }),
  });

const complete = (token, id) =>
  fetch(`${url}?operationId=${encodeURIComponent(id)}`, { method: 'DELETE', headers: { [tokenHeader]: token } });

test('single connection by hand: reserve, open, perform, complete', limit, async () => {
  await unwatched();
  const petition = await open();
  const token = await reserve();
  const stream = await listen(url, { [tokenHeader]: token });
  assert.equal(stream.response.status, 200);
  assert.match(stream.response.headers.get('content-type'), /^text\/event-stream\b/);

  const accepted = await perform(token, 'a/1', countOf, { id: petition.id });
  assert.equal(accepted.status, 202);
  assert.equal(await accepted.text(), '');
  await eventually('the first count', () => stream.events.length === 1);
  const [{ event, data }] = stream.events;
  assert.deepEqual([event, data.id, data.payload.data.signatureCount.total], ['next', 'a/1', 0]);

  assert.equal((await perform(token, 'a/1', countOf, { id: petition.id })).status, 409);
  assert.equal((await perform(token, 'b', '{ __typename }')).status, 202);
  await eventually('the query is complete', () => stream.events.length === 3);
  assert.deepEqual(stream.events.slice(1), [
    { event: 'next', data: { id: 'b', payload: { data: { __typename: 'Query' } } } },
    { event: 'complete', data: { id: 'b' } },
  ]);

  assert.equal((await complete(token, 'a/1')).status, 200);
  await unwatched();
  stream.events.length = 0;
  await sign(petition);
  await sleep(300);
  assert.deepEqual(stream.events.filter((told) => told.event === 'next'), []);
  assert.equal((await perform(token, 'a/1', '{ __typename }')).status, 202, 'an id may be used again');
  stream.close();
});

test('single connection by hand: the token in the address serves a browser', limit, async () => {
  await unwatched();
  const petition = await open();
  const token = await reserve();
  assert.equal((await perform(token, 'early', countOf, { id: petition.id })).status, 202, 'before the stream is open');
  const stream = await listen(`${url}?token=${token}`);
  assert.equal(stream.response.status, 200);
  await eventually('the first count', () => stream.events.length > 0);
  assert.equal(stream.events[0].data.id, 'early');

  const second = await listen(`${url}?token=${token}`);
  assert.equal(second.response.status, 409, 'one stream for each reservation');
  stream.close();
  await unwatched();
});

test('single connection by hand: what is refused', limit, async () => {
  const token = await reserve();
  assert.notEqual(await reserve(), token);
  const stream = await listen(url, { [tokenHeader]: token });
  assert.equal((await perform('nobody', 'a', '{ __typename }')).status, 404);
  assert.equal((await complete('nobody', 'a')).status, 404);
  assert.ok([400, 404].includes((await listen(url, { [tokenHeader]: 'nobody' })).response.status));
  assert.equal((await perform(token, undefined, '{ __typename }')).status, 400);
  assert.equal((await fetch(url, { method: 'DELETE', headers: { [tokenHeader]: token } })).status, 400);
  assert.equal((await fetch(url, { method: 'PUT', headers: { authorization: 'Bearer pe_nobody' } })).status, 401);
  stream.close();
});
