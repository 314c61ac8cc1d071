// Usage: node browser.mjs SITE CONTROL BROWSER OPEN
// OPEN is another site, which lets the pages of all sites read.
// What a browser brings along, EventSource and WebSocket, on pages that the server itself serves.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { launch } from './chromium.mjs';
import { codes, countOf, cut, eventually, limit, open, origin, restart, resumed, sign, sleep, socketURL, unwatched, url } from './site.mjs';

let browser, page;

before(async () => {
  browser = await launch(process.argv[4]);
}, { timeout: 60_000 });
after(() => browser.close());

// A page without scripts of its own, but with everything that the server's pages forbid themselves.
beforeEach(async () => {
  page = await browser.newPage();
  await page.goto(`${origin}/nowhere`);
});
afterEach(() => page.close());

const address = (query, variables) => '/graphql?' + new URLSearchParams({ query, variables: JSON.stringify(variables ?? {}) });

// Opens an EventSource in the page, which notes what it hears.
const listen = (path) =>
  page.evaluate((path) => {
    window.heard = [];
    window.source = new EventSource(path);
    const note = ({ type, data, lastEventId }) => window.heard.push({ type, data, lastEventId });
    for (const type of ['next', 'complete', 'message']) window.source.addEventListener(type, note);
    window.source.addEventListener('error', () => window.heard.push({ type: 'error', state: window.source.readyState }));
  }, path);

const heard = (type) => page.evaluate((type) => window.heard.filter((event) => event.type === type), type);
const counts = async () => (await heard('next')).map(({ data }) => JSON.parse(data).data?.signatureCount);
const total = async (want) => (await counts()).at(-1)?.total === want;
const leave = () => page.evaluate(() => window.source.close());

test('EventSource gets the events of a subscription', limit, async () => {
  const petition = await open();
  await listen(address(countOf, { id: petition.id }));
  await eventually('the present count', () => total(0));
  await sign(petition);
  await eventually('the next count', () => total(1));
  assert.deepEqual(await heard('message'), [], 'every event has a name');
  assert.deepEqual(await heard('error'), []);
  await leave();
  await unwatched();
});

test('EventSource hears that an operation is complete', limit, async () => {
  await listen(address('{ __typename }'));
  await eventually('complete', async () => (await heard('complete')).length > 0);
  assert.deepEqual((await heard('next')).map(({ data }) => JSON.parse(data)), [{ data: { __typename: 'Query' } }]);
  await leave();
});

test('EventSource hears why an operation is refused', limit, async () => {
  for (const [query, code] of [['subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'], [countOf, 'NOT_FOUND']]) {
    await listen(address(query, query === countOf ? { id: 'nobody' } : {}));
    await eventually('complete', async () => (await heard('complete')).length > 0);
    assert.deepEqual((await heard('next')).map(({ data }) => codes(JSON.parse(data).errors)), [[code]]);
    await leave();
  }
});

for (const [fate, happen] of Object.entries({ 'a cut connection': cut, 'a restart': restart })) {
  test(`EventSource comes back by itself after ${fate}`, limit, async () => {
    const petition = await open();
    await listen(address(countOf, { id: petition.id }));
    await sign(petition);
    await eventually('the count', () => total(1));
    const { lastEventId, data } = (await heard('next')).at(-1);
    assert.notEqual(lastEventId, '', 'events have ids');

    await resumed();
    await happen();
    await sign(petition);
    await eventually('the next count', () => total(2));
    assert.deepEqual(await heard('complete'), [], 'the subscription did not end');
    assert.ok((await heard('error')).every(({ state }) => state === 0), 'the browser did not give up');
    assert.ok((await resumed()).includes(lastEventId), 'the browser said what it knew');
    const { version } = JSON.parse(data).data.signatureCount;
    const versions = (await counts()).map((count) => count.version);
    assert.ok(versions.at(-1) > version);
    assert.deepEqual(versions, versions.toSorted((a, b) => a - b));
    await leave();
    await unwatched();
  });
}

test('EventSource reads the stream of a single connection', limit, async () => {
  const petitions = [await open(), await open()];
  const token = await page.evaluate(async () => (await fetch('/graphql', { method: 'PUT' })).text());
  await listen(`/graphql?token=${token}`);
  await page.waitForFunction(() => window.source.readyState === EventSource.OPEN);
  const statuses = await page.evaluate(
    ([token, query, ids]) =>
      Promise.all(ids.map(async (id) => {
        const headers = { 'content-type': 'application/json', 'x-graphql-event-stream-token': token };
        const body = JSON.stringify({ query, variables: { id }, extensions: { operationId: id } });
        return (await fetch('/graphql', { method: 'POST', headers, body })).status;
      })),
    [token, countOf, petitions.map(({ id }) => id)],
  );
  assert.deepEqual(statuses, [202, 202]);
  await sign(petitions[1]);
  await eventually('both counts', async () => {
    const last = Object.fromEntries((await heard('next')).map(({ data }) => JSON.parse(data)).map(({ id, payload }) => [id, payload.data.signatureCount.total]));
    return last[petitions[0].id] === 0 && last[petitions[1].id] === 1;
  });
  await leave();
  await unwatched();
});

// Opens a WebSocket in the page, which notes what it hears and how it ended.
const dial = (where, target, protocols) =>
  where.evaluate(([target, protocols]) => new Promise((resolve) => {
    window.messages = [];
    window.socket = new WebSocket(target, protocols);
    window.socket.onmessage = ({ data }) => window.messages.push(JSON.parse(data));
    window.socket.onclose = ({ code, reason }) => resolve((window.ended = { code, reason }));
    window.socket.onopen = () => resolve(window.socket.protocol);
  }), [target, protocols]);
const tell = (message) => page.evaluate((message) => window.socket.send(JSON.stringify(message)), message);
const told = () => page.evaluate(() => window.messages);
const closed = async () => {
  await page.waitForFunction(() => window.ended);
  return page.evaluate(() => window.ended);
};

test('a WebSocket by hand', limit, async () => {
  const petition = await open();
  assert.equal(await dial(page, socketURL, ['graphql-transport-ws']), 'graphql-transport-ws');
  await tell({ type: 'connection_init' });
  await eventually('connection_ack', async () => (await told())[0]?.type === 'connection_ack');
  await tell({ type: 'ping', payload: { a: 1 } });
  await eventually('pong', async () => (await told()).at(-1).type === 'pong');
  await tell({ id: 'a', type: 'subscribe', payload: { query: countOf, variables: { id: petition.id } } });
  await eventually('the present count', async () => (await told()).at(-1).type === 'next');
  await sign(petition);
  await eventually('the next count', async () => (await told()).at(-1).payload?.data.signatureCount.total === 1);
  assert.ok((await told()).slice(2).every(({ id }) => id === 'a'));
  await tell({ id: 'a', type: 'complete' });
  await unwatched();

  await tell({ type: 'connection_init' });
  assert.equal((await closed()).code, 4429);
});

test('a WebSocket is refused with the codes of the protocol', limit, async () => {
  await dial(page, socketURL, ['graphql-transport-ws']);
  await tell({ id: 'a', type: 'subscribe', payload: { query: '{ __typename }' } });
  assert.deepEqual(await closed(), { code: 4401, reason: 'Unauthorized' });

  await page.reload();
  await dial(page, socketURL, []);
  assert.equal((await closed()).code, 4406);

  await page.reload();
  assert.equal((await dial(page, socketURL, ['graphql-ws'])).code, 1006, 'the old protocol is not spoken');
});

// A browser sees two sites in these two names of one machine.
const elsewhere = async () => {
  const other = await browser.newPage();
  await other.goto(`${origin.replace('127.0.0.1', 'localhost')}/healthz`);
  return other;
};

// A page within another that hides where it is from: its origin is null.
const hidden = async (around) => {
  await around.evaluate(() => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = '<p>A page.';
    document.body.append(frame);
  });
  return (await around.waitForSelector('iframe')).contentFrame();
};

// What comes of requests that a page sends, each with a header of its own.
const outcomes = (where, site) =>
  where.evaluate(async (site) => {
    const headers = { 'content-type': 'application/json', traceparent: '00-1-1-00', 'x-anything': '1' };
    const send = async (query, init = {}) => {
      try {
        const target = init.method ? site : `${site}?${new URLSearchParams({ query })}`;
        const response = await fetch(target, init.method && { ...init, headers, body: JSON.stringify({ query }) });
        const { data, errors } = await response.json();
        return errors?.[0].extensions.code ?? (response.headers.get('x-request-id') && data.__typename);
      } catch {
        return 'blocked';
      }
    };
    const post = { method: 'POST' };
    return [await send('{ __typename }'), await send('{ __typename }', post), await send('mutation { __typename }', post)];
  }, site);

test('pages of this machine may do everything in development', limit, async () => {
  const other = await elsewhere();
  assert.deepEqual(await outcomes(other, url), ['Query', 'Query', 'Mutation']);
  assert.equal(await dial(other, socketURL, ['graphql-transport-ws']), 'graphql-transport-ws');
  await other.close();
});

test('pages of other sites get nothing', limit, async () => {
  const other = await elsewhere();
  const frame = await hidden(other);
  assert.deepEqual(await outcomes(frame, url), ['blocked', 'blocked', 'blocked']);
  assert.equal((await dial(frame, socketURL, ['graphql-transport-ws'])).code, 1006);
  await other.close();
});

test('pages of all sites may read where they are allowed to', limit, async () => {
  const all = `${process.argv[5]}/graphql`;
  const other = await elsewhere();
  const frame = await hidden(other);
  assert.deepEqual(await outcomes(frame, all), ['Query', 'Query', 'FORBIDDEN']);
  assert.equal(await dial(frame, all.replace(/^http/, 'ws'), ['graphql-transport-ws']), 'graphql-transport-ws');
  await other.close();
});

test('the page of a petition follows its count', limit, async () => {
  const petition = await open('Trees on every street');
  await page.goto(`${origin}/p/${petition.slug}`);
  const shown = () => page.locator('strong[data-live=total]').textContent();
  assert.equal(await shown(), '0');
  await sleep(300);
  await sign(petition);
  await eventually('the page shows it', async () => (await shown()) === '1');
  await restart();
  await sign(petition);
  await eventually('the page came back', async () => (await shown()) === '2');
});
