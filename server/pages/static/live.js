// Keeps the numbers of a page up to date: it subscribes to them at the API, by server-sent events.
'use strict';

(() => {
  const root = document.querySelector('[data-watch]');
  if (!root) return;

  const petition = root.dataset.watch;
  const query = petition
    ? 'subscription ($id: ID!) { live: signatureCount(petitionId: $id) { total goal } }'
    : 'subscription { live: statistics { petitionCount openPetitionCount signatureCount signaturesLastHour } }';
  const address = '/graphql?' + new URLSearchParams({ query, variables: JSON.stringify(petition ? { id: petition } : {}) });

  const shortest = 1_000;
  const longest = 60_000;
  const betweenWords = 15_000;

  const written = new Intl.NumberFormat('en');
  let events = null;
  let timer = 0;
  let pause = shortest;
  let speaking = 0;

  function show(numbers) {
    for (const element of root.querySelectorAll('[data-live]')) {
      const number = numbers[element.dataset.live];
      if (element instanceof HTMLProgressElement) {
        element.max = numbers.goal;
        element.value = Math.min(number, numbers.goal);
      } else {
        element.textContent = written.format(number);
      }
    }
    speaking ||= setTimeout(speak, betweenWords);
  }

  // What is read aloud follows from afar: nobody could listen to four counts a second.
  function speak() {
    speaking = 0;
    for (const element of root.querySelectorAll('[data-spoken]')) {
      const sentence = document.getElementById(element.dataset.spoken).textContent;
      if (element.textContent !== sentence) element.textContent = sentence;
    }
  }

  function open() {
    events = new EventSource(address);
    events.addEventListener('next', ({ data }) => {
      const numbers = JSON.parse(data).data?.live;
      if (!numbers) return again();
      pause = shortest;
      show(numbers);
    });
    // Nothing more comes: the petition is hidden, or nobody knows.
    events.addEventListener('complete', again);
    events.addEventListener('error', again);
  }

  // A browser gives up for good where the server answers with an error, and comes too soon where it does not answer.
  function again() {
    close();
    timer = setTimeout(open, pause * (0.5 + Math.random()));
    pause = Math.min(2 * pause, longest);
  }

  function close() {
    clearTimeout(timer);
    timer = 0;
    events?.close();
    events = null;
  }

  // A browser keeps few connections to a server: a page that nobody sees leaves them to the others.
  function follow() {
    if (document.visibilityState === 'hidden') close();
    else if (!events && !timer) open();
  }

  document.addEventListener('visibilitychange', follow);
  window.addEventListener('pageshow', follow);
  follow();
})();
