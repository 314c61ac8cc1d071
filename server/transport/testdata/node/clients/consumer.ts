// What a person might write against the types that graphql-codegen makes. It is compiled and never run.
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';
import { type FragmentType, graphql, useFragment } from './gql/index.js';
import { CardFragmentDoc, CountDocument, FrontDocument, SignDocument } from './gql/graphql.js';

declare function send<D extends typeof FrontDocument | typeof SignDocument | typeof CountDocument>(
  document: D,
  variables: VariablesOf<D>,
): Promise<ResultOf<D>>;

export function show(card: FragmentType<typeof CardFragmentDoc>): string {
  const { title, signatureCount, tags } = useFragment(CardFragmentDoc, card);
  const count: number = signatureCount;
  return `${title}: ${count} ${tags.map(({ label }) => label).join(', ')}`;
}

export async function front(): Promise<string[]> {
  const { petitions } = await send(FrontDocument, { first: 10, orderBy: { field: 'TRENDING', direction: 'DESC' } });
  return petitions.nodes.map(show);
}

export async function sign(petitionId: string): Promise<boolean> {
  const { signPetition } = await send(SignDocument, {
    input: { petitionId, name: 'Ann', email: 'ann@example.org', showName: true },
  });
  return signPetition.status === 'COUNTED' && signPetition.userErrors.length === 0;
}

// The same documents by their text.
export const count: typeof CountDocument = graphql(TEXT_OF_COUNT);

// What is wrong must not compile.
// @ts-expect-error an input lacks its e-mail address
export const incomplete: VariablesOf<typeof SignDocument> = { input: { petitionId: 'a', name: 'Ann' } };
// @ts-expect-error there is no such state
export const misspelt: VariablesOf<typeof FrontDocument> = { filter: { states: ['OPENED'] } };
// @ts-expect-error a petition may be absent
export const absent: string = (null as unknown as ResultOf<typeof SignDocument>).signPetition.petition.id;
