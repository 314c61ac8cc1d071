// A page whose numbers move by themselves, and a dashboard. Relay adds the ids.
import { graphql } from 'relay-runtime';

export const page = graphql`
  query PetitionLiveQuery($id: ID!) {
    petition(id: $id) {
      title
      signatureCount
      count {
        total
      }
    }
  }
`;

export const count = graphql`
  subscription PetitionLiveCountSubscription($id: ID!) {
    signatureCount(petitionId: $id) {
      total
    }
  }
`;

export const petition = graphql`
  subscription PetitionLivePetitionSubscription($id: ID!) {
    signatureCount(petitionId: $id) {
      total
      petition {
        signatureCount
      }
    }
  }
`;

export const dashboard = graphql`
  subscription PetitionLiveDashboardSubscription($ids: [ID!]!) {
    signatureCounts(petitionIds: $ids) {
      petitionId
      total
      gone
      petition {
        title
      }
    }
  }
`;
