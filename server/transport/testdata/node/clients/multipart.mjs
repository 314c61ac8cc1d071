// Usage: node multipart.mjs SITE
// Apollo Client's subscriptions over plain HTTP, as parts of one response: its own HttpLink, and nothing beside it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { ask, countOf, eventually, limit, open, sign, unwatched, url } from './site.mjs';

const connect = () => new ApolloClient({ link: new HttpLink({ uri: url }), cache: new InMemoryCache() });

// Follows a subscription, and notes its totals, its errors and its end.
function follow(client, variables) {
  const seen = [];
  const subscription = client.subscribe({ query: gql(countOf), variables }).subscribe({
    next: ({ data, error }) => seen.push(error ?? data.signatureCount.total),
    error: (error) => seen.push(error),
    complete: () => seen.push('complete'),
  });
  return { seen, subscription };
}

test('every signature arrives, and leaving ends the response', limit, async () => {
  const petition = await open();
  const { seen, subscription } = follow(connect(), { id: petition.id });
  await eventually('the present count', () => seen.at(-1) === 0);
  await sign(petition);
  await eventually('a signature', () => seen.at(-1) === 1);
  await sign(petition);
  await eventually('another signature', () => seen.at(-1) === 2);
  subscription.unsubscribe();
  await unwatched();
  assert.deepEqual(seen, [0, 1, 2]);
});

test('an error has its code, and is the end', limit, async () => {
  const { seen } = follow(connect(), { id: 'nobody' });
  await eventually('the end', () => seen.at(-1) === 'complete');
  assert.equal(seen.length, 2);
  assert.ok(CombinedGraphQLErrors.is(seen[0]), String(seen[0]));
  assert.equal(seen[0].errors[0].extensions.code, 'NOT_FOUND');
});

test('queries of the same link are answered as JSON', limit, async () => {
  const { data } = await connect().query({ query: gql`{ statistics { petitionCount } }` });
  assert.equal(data.statistics.petitionCount, (await ask('{ statistics { petitionCount } }')).statistics.petitionCount);
});
