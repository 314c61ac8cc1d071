// Usage: node apollo.mjs SITE
// Apollo Client against a running server: persisted queries, subscriptions, and a cache keyed by id.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, ServerError, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { countOf, eventually, kept, limit, open, sign, signature, signing, socketURL, titleOf, unwatched, url } from './site.mjs';

// Apollo's link asks for it when it looks at an error; a browser has it.
globalThis.WebSocket ??= WebSocket;

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// Makes a client that notes what it asked for over HTTP: the method, and whether the text went along with its hash.
function connect(options = {}) {
  const requests = [];
  const http = new HttpLink({
    uri: url,
    async fetch(address, init) {
      const params = init.body ? JSON.parse(init.body) : Object.fromEntries(new URL(address).searchParams);
      requests.push([init.method, ...['query', 'extensions'].filter((name) => params[name])].join(' '));
      return fetch(address, init);
    },
  });
  const socket = kept(createClient({ url: socketURL, webSocketImpl: WebSocket, retryAttempts: 0, lazyCloseTimeout: 60_000 }));
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(socket),
      ApolloLink.from([new PersistedQueryLink({ sha256, ...options }), http]),
    ),
    cache: new InMemoryCache(),
  });
  return { client, requests };
}

// A document that no test before has sent: the server remembers those it was sent.
const fresh = (query) => gql(query.replace(/(query|mutation) (\w+)/, `$1 $2${Math.random().toString(36).slice(2)}`));

test('a hash that is not known is sent again with its text, and then alone', limit, async () => {
  const { client, requests } = connect();
  const petition = await open();
  const query = fresh(titleOf);
  for (let n = 0; n < 3; n++) {
    const { data } = await client.query({ query, variables: { id: petition.id }, fetchPolicy: 'network-only' });
    assert.equal(data.petition.title, 'More trees');
  }
  assert.deepEqual(requests, ['POST extensions', 'POST query extensions', 'POST extensions', 'POST extensions']);

  const other = connect();
  await other.client.query({ query, variables: { id: petition.id } });
  assert.deepEqual(other.requests, ['POST extensions'], 'what one client taught, all may use');
});

test('hashes go by GET, and texts by POST', limit, async () => {
  const { client, requests } = connect({ useGETForHashedQueries: true });
  const [here, there] = [await open('More trees'), await open('Fewer cars')];
  const query = fresh(titleOf);
  for (const [{ id }, title] of [[here, 'More trees'], [there, 'Fewer cars']]) {
    const { data } = await client.query({ query, variables: { id }, fetchPolicy: 'network-only' });
    assert.equal(data.petition.title, title);
  }
  assert.deepEqual(requests, ['GET extensions', 'POST query extensions', 'GET extensions']);
});

test('mutations have hashes too, and never go by GET', limit, async () => {
  const { client, requests } = connect({ useGETForHashedQueries: true });
  const petition = await open();
  const mutation = fresh(signing);
  for (let n = 1; n <= 2; n++) {
    const { data } = await client.mutate({ mutation, variables: signature(petition) });
    assert.equal(data.signPetition.status, 'COUNTED');
    assert.equal(data.signPetition.petition.signatureCount, n, 'it ran once');
  }
  assert.deepEqual(requests, ['POST extensions', 'POST query extensions', 'POST extensions']);

  const hash = sha256(signing);
  await send({ query: signing, variables: signature(petition), extensions: persisted(hash) });
  const got = await fetch(`${url}?${new URLSearchParams({
    variables: JSON.stringify(signature(petition)),
    extensions: JSON.stringify(persisted(hash)),
  })}`);
  assert.equal(got.status, 405, 'a mutation by its hash is still a mutation');
});

const persisted = (sha256Hash) => ({ persistedQuery: { version: 1, sha256Hash } });

async function send(body) {
  const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, ...(await response.json()) };
}

test('a text is kept under its own hash alone, and only if it is valid', limit, async () => {
  const honest = '{ statistics { petitionCount } }';
  const lie = await send({ query: '{ __typename }', extensions: persisted(sha256(honest)) });
  assert.equal(lie.status, 400);
  assert.equal(lie.data, undefined);

  const invalid = '{ nothing }';
  await send({ query: invalid, extensions: persisted(sha256(invalid)) });
  for (const text of [honest, invalid]) {
    const { data, errors } = await send({ extensions: persisted(sha256(text)) });
    assert.deepEqual([data, errors[0].extensions.code, errors[0].message], [undefined, 'PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound']);
  }
});

test('an error keeps its code on the way', limit, async () => {
  const { client } = connect();
  const error = await client.query({ query: gql`{ petitions(first: 0) { totalCount } }` }).catch((thrown) => thrown);
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  assert.equal(error.errors[0].extensions.code, 'BAD_USER_INPUT');

  const context = { headers: { authorization: 'Bearer pe_nobody' } };
  const refused = await client.query({ query: gql`{ statistics { petitionCount } }`, context }).catch((thrown) => thrown);
  assert.ok(CombinedGraphQLErrors.is(refused) || ServerError.is(refused), String(refused));
  assert.match(JSON.stringify(refused.errors ?? refused.bodyText), /UNAUTHENTICATED/);
});

test('what subscriptions and mutations bring moves what the cache knows by id', limit, async () => {
  const { client } = connect();
  const petition = await open();
  const query = gql`
    query Page($id: ID!) {
      petition(id: $id) {
        id
        signatureCount
        count {
          id
          total
          version
        }
      }
    }
  `;
  const shown = [];
  const page = client.watchQuery({ query, variables: { id: petition.id } }).subscribe(({ data }) => {
    if (data?.petition) shown.push(`${data.petition.signatureCount}/${data.petition.count.total}`);
  });
  await eventually('the page is shown', () => shown.length === 1);
  const { count } = client.readQuery({ query, variables: { id: petition.id } }).petition;
  assert.deepEqual(Object.keys(client.cache.extract()).sort(), [`Petition:${petition.id}`, 'ROOT_QUERY', `SignatureCount:${count.id}`]);

  const live = client.subscribe({ query: gql(countOf), variables: { id: petition.id } }).subscribe();
  await sign(petition);
  await eventually('the subscription moved the count', () => shown.at(-1) === '0/1');
  await client.mutate({ mutation: gql(signing), variables: signature(petition) });
  await eventually('the mutation moved the petition', () => shown.at(-1) === '2/2');

  // The same petition by another way is the same object.
  const { data } = await client.query({
    query: gql`
      query Node($id: ID!) {
        node(id: $id) {
          id
          ... on Petition {
            title
          }
        }
      }
    `,
    variables: { id: petition.id },
  });
  assert.deepEqual({ ...data.node }, { __typename: 'Petition', id: petition.id, title: 'More trees' });
  const cached = client.cache.extract()[`Petition:${petition.id}`];
  assert.deepEqual([cached.title, cached.signatureCount], ['More trees', 2]);

  live.unsubscribe();
  page.unsubscribe();
  await unwatched();
});

test('a subscription to nothing tells its observer', limit, async () => {
  const { client } = connect();
  const outcome = await new Promise((resolve) => {
    client.subscribe({ query: gql(countOf), variables: { id: 'nobody' } }).subscribe({
      next: ({ error }) => error && resolve(error),
      error: resolve,
      complete: () => resolve('complete'),
    });
  });
  assert.ok(CombinedGraphQLErrors.is(outcome), String(outcome));
  assert.equal(outcome.errors[0].extensions.code, 'NOT_FOUND');
});
