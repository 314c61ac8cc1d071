import graphql from '@graphql-eslint/eslint-plugin';
import { schemaFile } from './schema.mjs';

const rules = {
  ...graphql.configs['flat/schema-recommended'].rules,
  ...graphql.configs['flat/schema-relay'].rules,

  // Stricter than recommended: the descriptions are the manual, so nothing goes without.
  '@graphql-eslint/require-description': [
    'error',
    {
      types: true,
      DirectiveDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
      EnumValueDefinition: true,
    },
  ],

  // Values have no identity, so a cache has nothing to key them by: what surrounds a list, what a mutation answers,
  // errors, numbers. A count is keyed by `petitionId`, since every one of a petition is the same thing at another time.
  '@graphql-eslint/strict-id-in-types': [
    'error',
    {
      exceptions: {
        suffixes: ['Connection', 'Edge', 'Payload', 'Error'],
        types: ['PageInfo', 'SignatureCount', 'CountPoint', 'Statistics', 'TrendingTag'],
      },
    },
  ],

  // Connections offer `nodes` beside `edges`, and short bounded lists (tags, a history) need no cursors.
  '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],

  // `Petition.petitioner` is a word of its own, not a prefix; the rule knows no exception by name.
  '@graphql-eslint/no-typename-prefix': 'off',
};

export default [
  {
    files: ['**/*.graphqls'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: schemaFile } },
    },
    rules,
  },
];
