// What a page made with Relay asks for: a list that loads more, a part that refetches itself by node(id), a mutation
// and a subscription that put what they bring into the list.
import { graphql } from 'relay-runtime';

export const pageQuery = graphql`
  query PetitionPageQuery($slug: String!) {
    petition(slug: $slug) {
      id
      title
      ...PetitionPage_comments
      ...PetitionPage_signatures
    }
  }
`;

export const comments = graphql`
  fragment PetitionPage_comments on Petition
  @refetchable(queryName: "PetitionPageCommentsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    comments(first: $count, after: $cursor, orderBy: NEWEST) @connection(key: "PetitionPage_comments") {
      totalCount
      edges {
        node {
          id
          body
          authorName
          replies(first: 3) {
            nodes {
              id
              body
            }
          }
        }
      }
    }
  }
`;

export const signatures = graphql`
  fragment PetitionPage_signatures on Petition
  @refetchable(queryName: "PetitionPageSignaturesQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    signatures(last: $count, before: $cursor) @connection(key: "PetitionPage_signatures") {
      edges {
        node {
          id
          number
          name
        }
      }
    }
  }
`;

export const addComment = graphql`
  mutation PetitionPageAddCommentMutation($input: AddCommentInput!, $connections: [ID!]!) {
    addComment(input: $input) {
      comment @prependNode(connections: $connections, edgeTypeName: "CommentEdge") {
        id
        body
      }
      userErrors {
        code
        message
        field
      }
    }
  }
`;

export const commentAdded = graphql`
  subscription PetitionPageCommentAddedSubscription($petition: ID!, $connections: [ID!]!) {
    commentAdded(petitionId: $petition) @appendNode(connections: $connections, edgeTypeName: "CommentEdge") {
      id
      body
    }
  }
`;

export const signatureCount = graphql`
  subscription PetitionPageSignatureCountSubscription($petition: ID!) {
    signatureCount(petitionId: $petition) {
      petitionId
      total
      goal
      progress
      version
    }
  }
`;
