// Usage: node caches.mjs SITE CONTROL
// Clients that keep objects by their ids, each with its default settings: what subscriptions bring moves what a page
// shows, and a dashboard goes on when one of its petitions is hidden.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import test, { after } from 'node:test';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';
import { compile } from '../relay-compile.mjs';
import { eventually, hide, kept, limit, open, origin, sign, sleep, socketURL, url } from './site.mjs';

// Apollo's link asks for it when it looks at an error; a browser has it.
globalThis.WebSocket ??= WebSocket;

const texts = {
  page: `query Page($id: ID!) { petition(id: $id) { id title signatureCount count { id total } } }`,
  count: `subscription Count($id: ID!) { signatureCount(petitionId: $id) { id total } }`,
  petition: `subscription Live($id: ID!) { signatureCount(petitionId: $id) { id total petition { id signatureCount } } }`,
  dashboard: `subscription Dashboard($ids: [ID!]!) {
    signatureCounts(petitionIds: $ids) { id petitionId total gone petition { id title } }
  }`,
};

const { dir, status, output } = compile(await (await fetch(`${origin}/schema.graphqls`)).text());
assert.equal(status, 0, output);
after(() => rm(dir, { recursive: true }));
const artifact = (name) => createRequire(import.meta.url)(path.join(dir, 'artifacts', `PetitionLive${name}.graphql.js`));

const socket = () => kept(createClient({ url: socketURL, webSocketImpl: WebSocket, retryAttempts: 0, lazyCloseTimeout: 60_000 }));

// A fetch that counts how often it is asked.
function counting() {
  const counter = { asked: 0 };
  counter.fetch = (...args) => {
    counter.asked++;
    return fetch(...args);
  };
  return counter;
}

// Each gives how often it has asked over HTTP, and has two functions: show calls back with what a page shows, whenever
// that changes; watch subscribes, and calls back with the data or the errors of events.
const clients = {
  'Apollo Client'() {
    const http = counting();
    const client = new ApolloClient({
      link: ApolloLink.split(
        ({ operationType }) => operationType === 'subscription',
        new GraphQLWsLink(socket()),
        new HttpLink({ uri: url, fetch: http.fetch }),
      ),
      cache: new InMemoryCache(),
    });
    return {
      http,
      show: (id, told) =>
        client.watchQuery({ query: gql(texts.page), variables: { id } }).subscribe(({ data }) => data?.petition && told(data.petition)),
      watch: (name, variables, told) =>
        client.subscribe({ query: gql(texts[name]), variables }).subscribe(({ data, error }) => told(data, error)),
    };
  },

  graphcache() {
    const http = counting();
    const live = socket();
    const client = new Client({
      url,
      fetch: http.fetch,
      preferGetMethod: false,
      exchanges: [
        cacheExchange({}),
        fetchExchange,
        subscriptionExchange({
          forwardSubscription: (request) => ({
            subscribe: (sink) => ({ unsubscribe: live.subscribe({ ...request, query: request.query ?? '' }, sink) }),
          }),
        }),
      ],
    });
    return {
      http,
      show: (id, told) => client.query(texts.page, { id }).subscribe(({ data }) => data?.petition && told(data.petition)),
      watch: (name, variables, told) => client.subscription(texts[name], variables).subscribe(({ data, error }) => told(data, error)),
    };
  },

  Relay() {
    const { Environment, Network, Observable, RecordSource, Store, createOperationDescriptor, fetchQuery, requestSubscription } = relay;
    const http = counting();
    const live = socket();
    const environment = new Environment({
      network: Network.create(
        async ({ text }, variables) => {
          const body = JSON.stringify({ query: text, variables });
          const response = await http.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
          return response.json();
        },
        ({ text }, variables) => Observable.create((sink) => live.subscribe({ query: text, variables }, sink)),
      ),
      store: new Store(new RecordSource()),
    });
    const subscriptions = { count: 'CountSubscription', petition: 'PetitionSubscription', dashboard: 'DashboardSubscription' };
    return {
      http,
      show(id, told) {
        const operation = createOperationDescriptor(artifact('Query'), { id });
        environment.retain(operation);
        const look = ({ data }) => data?.petition && told(data.petition);
        fetchQuery(environment, artifact('Query'), { id }).subscribe({ complete: () => look(environment.lookup(operation.fragment)) });
        environment.subscribe(environment.lookup(operation.fragment), look);
      },
      watch: (name, variables, told) =>
        requestSubscription(environment, {
          subscription: artifact(subscriptions[name]),
          variables,
          onNext: (data) => told(data),
          onError: (error) => told(undefined, error),
        }),
    };
  },
};

for (const [name, connect] of Object.entries(clients)) {
  // What the page shows before and after: the number of the petition and that of its count.
  for (const [selection, want] of Object.entries({ count: '0 1', petition: '1 1' })) {
    test(`${name}: the page moves with a subscription to the ${selection}`, limit, async () => {
      const { http, show, watch } = connect();
      const petition = await open();
      const shown = [];
      show(petition.id, ({ signatureCount, count }) => shown.push(`${signatureCount} ${count.total}`));
      await eventually('the page is shown', () => shown.at(-1) === '0 0');

      const events = [];
      watch(selection, { id: petition.id }, (data, error) => events.push(error ?? data.signatureCount.total));
      await eventually('the present count', () => events.length > 0);
      await sign(petition);
      await eventually(`the page shows ${want}`, () => shown.at(-1) === want);
      assert.deepEqual(events, [0, 1]);
      assert.equal(http.asked, 1, 'nothing was asked again');
    });
  }

  test(`${name}: a dashboard goes on without the petition that is hidden`, limit, async () => {
    const { watch } = connect();
    const [here, there] = [await open('More trees'), await open('Fewer cars')];
    const told = [];
    const faults = [];
    watch('dashboard', { ids: [here.id, there.id] }, (data, error) => {
      if (error) faults.push(error);
      else told.push(data.signatureCounts);
    });
    await eventually('the present counts', () => told.length === 2);
    assert.deepEqual(told.map(({ gone, petition }) => [gone, petition.title]), [[false, 'More trees'], [false, 'Fewer cars']]);

    await hide(there);
    await eventually('one has gone', () => told.some(({ gone }) => gone));
    const { petitionId, total, petition } = told.at(-1);
    assert.deepEqual([petitionId, total, petition], [there.id, 0, null]);

    await sign(here);
    await eventually('the other goes on', () => told.at(-1).petitionId === here.id && told.at(-1).total === 1);
    await sleep(100);
    assert.deepEqual(faults, []);
  });

  test(`${name}: a dashboard that begins with a hidden petition is told which`, limit, async () => {
    const { watch } = connect();
    const [here, there] = [await open('More trees'), await open('Fewer cars')];
    await hide(there);
    const faults = [];
    watch('dashboard', { ids: [here.id, there.id] }, (data, error) => error && faults.push(error));
    await eventually('the error', () => faults.length > 0);
    assert.match(String(faults[0].message ?? faults[0]) + JSON.stringify(faults[0]), /petitionIds\[1\]/);
  });
}
