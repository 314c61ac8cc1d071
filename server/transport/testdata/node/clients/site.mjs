// What the programs share: the server they talk to, a petition on it, and waiting.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const [site, control] = process.argv.slice(2);
if (!site) {
  console.error(`Usage: node ${process.argv[1]} SITE [CONTROL]`);
  process.exit(2);
}

export { sleep };
export const origin = site;
export const url = `${site}/graphql`;
export const socketURL = url.replace(/^http/, 'ws');

// What a test leaves open must not disturb the next one.
const clients = new Set();
export const kept = (client) => {
  clients.add(client);
  return client;
};
afterEach(async () => {
  await Promise.allSettled([...clients].map(async (client) => client.dispose()));
  clients.clear();
});

// A test that hangs must say which one it is.
export const limit = { timeout: 30_000 };

export const countOf = /* GraphQL */ `
  subscription Count($id: ID!) {
    signatureCount(petitionId: $id) {
      id
      petitionId
      total
      version
    }
  }
`;
export const titleOf = /* GraphQL */ `
  query Title($id: ID!) {
    petition(id: $id) {
      id
      title
    }
  }
`;
export const signing = /* GraphQL */ `
  mutation Sign($input: SignPetitionInput!) {
    signPetition(input: $input) {
      status
      petition {
        id
        signatureCount
      }
      userErrors {
        code
      }
    }
  }
`;

// Sends an operation the plain way, and gives its data.
export async function ask(query, variables, bearer) {
  const send = () => fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify({ query, variables }),
  });
  // A connection that a test has cut may still be in the pool.
  const response = await send().catch(send);
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

export async function draft(title = 'More trees') {
  const { createPetition } = await ask(
    'mutation ($input: CreatePetitionInput!) { createPetition(input: $input) { petition { id slug } editToken } }',
    { input: { title, body: 'Plant them.', petitioner: 'Ann' } },
  );
  return { ...createPetition.petition, token: createPetition.editToken };
}

// Makes a petition that can be signed.
export async function open(title) {
  const { id, token } = await draft(title);
  const { publishPetition } = await ask(
    'mutation ($id: ID!) { publishPetition(id: $id) { petition { slug } } }',
    { id },
    token,
  );
  return { id, token, slug: publishPetition.petition.slug };
}

let signers = 0;

export const signature = (petition) => ({
  input: { petitionId: petition.id, name: 'Ann', email: `signer${process.pid}.${++signers}@example.org` },
});

export async function sign(petition) {
  const { signPetition } = await ask(signing, signature(petition));
  assert.equal(signPetition.status, 'COUNTED');
}

// Gives the next count of an iterator of results.
export async function next(results) {
  const { value, done } = await results.next();
  assert.ok(!done, 'the subscription ended');
  assert.equal(value.errors, undefined, JSON.stringify(value.errors));
  return value.data.signatureCount;
}

// Reads on until the count is so high: values between may be left out, or told again.
export async function until(results, total) {
  let last = { total: -1, version: -1 };
  while (last.total < total) {
    const value = await next(results);
    assert.ok(value.version >= last.version, `version ${value.version} after ${last.version}`);
    last = value;
  }
  assert.equal(last.total, total);
  return last;
}

export async function eventually(what, condition) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
    if (await condition()) return;
  }
  assert.fail(`not within 10 s: ${what}`);
}

// Waits until the server watches nothing any more.
export const unwatched = () =>
  eventually('nobody watches', async () => {
    const metrics = await (await fetch(`${site}/metrics`)).text();
    return /^petitiond_watchers 0$/m.test(metrics);
  });

export const codes = (errors) => errors.map((error) => error.extensions?.code);

// Asks the Go test behind the server: to stop it and start it again, to hide a petition, to cut connections, what
// requests looked like.
async function tell(order) {
  const response = await fetch(`${control}/${order}`, { method: 'POST' });
  assert.ok(response.ok, `${order}: ${response.status}`);
  return response.text();
}

export const restart = () => tell('restart');
export const hide = (petition) => tell(`hide/${petition.id}`);
export const cut = () => tell('cut');
export const resumed = async () => JSON.parse(await tell('resumed'));
