// Starts GraphiQL with a query, a signature and a subscription.
'use strict';

(() => {
  const root = document.getElementById('graphiql');
  if (!window.GraphiQL) {
    root.firstElementChild.textContent = 'The files of GraphiQL could not be loaded.';
    return;
  }

  const petition = root.dataset.petition;

  const list = `# What is signed most
query Trending {
  petitions(first: 5, orderBy: { field: TRENDING }) {
    nodes {
      id
      slug
      title
      signatureCount
      goal
      tags { label }
    }
    pageInfo { endCursor hasNextPage }
  }
}
`;

  const sign = `# Signs a petition
mutation Sign($input: SignPetitionInput!) {
  signPetition(input: $input) {
    status
    petition { title signatureCount }
    userErrors { code field message }
  }
}
`;

  const watch = `# Watches the count.
# Leave it running, and sign in another window.
subscription LiveCount($petition: ID!) {
  signatureCount(petitionId: $petition) {
    total
    goal
    progress
    lastHour
    version
    asOf
  }
}
`;

  const json = (value) => JSON.stringify(value, null, 2);

  const defaultTabs = [
    { query: list },
    { query: sign, variables: json({ input: { petitionId: petition, name: 'Ada Example', email: 'ada@example.org', country: 'NZ', showName: true } }) },
    { query: watch, variables: json({ petition }) },
  ];

  // Subscriptions use a WebSocket; the content of the header editor is sent when the socket opens.
  const socket = new URL('/graphql', location.href);
  socket.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const fetcher = GraphiQL.createFetcher({ url: '/graphql', subscriptionUrl: socket.href, enableIncrementalDelivery: false });

  const home = React.createElement(GraphiQL.Logo, null, React.createElement('a', { href: '/' }, 'Petitions'));
  const options = { fetcher, defaultTabs, defaultEditorToolsVisibility: true, schemaDescription: true, inputValueDeprecation: true };
  ReactDOM.createRoot(root).render(React.createElement(GraphiQL, options, home));
})();
