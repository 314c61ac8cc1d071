// What the two subscription programs share: their arguments, and one JSON line for each event.
export const query = /* GraphQL */ `
  subscription Watch($petition: ID!) {
    signatureCount(petitionId: $petition) {
      petitionId
      total
      version
    }
  }
`;

export function parseArguments() {
  const [url, petition, events = 'Infinity'] = process.argv.slice(2);
  if (!url || !petition || !(Number(events) > 0)) {
    console.error(`Usage: node ${process.argv[1]} URL PETITION_ID [EVENTS]`);
    process.exit(2);
  }
  return { url, variables: { petition }, events: Number(events) };
}

// Prints events until there were so many, or the stream or standard input ends: a parent that dies takes us along.
export async function watch(results, events) {
  process.stdin.on('end', () => process.exit(0)).resume();
  try {
    for await (const result of results) {
      console.log(JSON.stringify({ at: Date.now(), ...result }));
      if (result.errors) process.exit(1);
      if (--events <= 0) break;
    }
  } catch (fault) {
    const { code, reason, message } = fault;
    const error = Array.isArray(fault) ? fault : { code, message: reason || message };
    console.log(JSON.stringify({ at: Date.now(), error }));
    process.exit(1);
  }
  process.exit(0);
}
