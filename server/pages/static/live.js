// Keeps the numbers on a page up to date: it subscribes to them by server-sent events.
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

  // Screen readers are told much less often: nobody could listen to four counts a second.
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
    // Nothing more will come: the petition was hidden, or the server has ended the stream for another reason.
    events.addEventListener('complete', again);
    events.addEventListener('error', again);
  }

  // By itself a browser never reconnects after an error of the server, and too soon if the server does not answer.
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

  // A browser opens only a few connections per server: a page that is not visible leaves them to the others.
  function follow() {
    if (document.visibilityState === 'hidden') close();
    else if (!events && !timer) open();
  }

  document.addEventListener('visibilitychange', follow);
  window.addEventListener('pageshow', follow);
  follow();
})();
