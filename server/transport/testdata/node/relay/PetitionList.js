// A searched list at the root: a connection that belongs to no object.
import { graphql } from 'relay-runtime';

export const listQuery = graphql`
  query PetitionListQuery($search: String, $filter: PetitionFilter) {
    ...PetitionList_petitions @arguments(search: $search, filter: $filter)
    statistics {
      petitionCount
    }
  }
`;

export const petitions = graphql`
  fragment PetitionList_petitions on Query
  @refetchable(queryName: "PetitionListPetitionsQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
    search: { type: "String" }
    filter: { type: "PetitionFilter" }
  ) {
    petitions(first: $count, after: $cursor, search: $search, filter: $filter)
      @connection(key: "PetitionList_petitions", filters: ["search", "filter"]) {
      edges {
        node {
          id
          title
          signatureCount
          tags {
            id
            label
          }
        }
      }
    }
  }
`;
