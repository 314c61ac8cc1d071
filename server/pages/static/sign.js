// Sends the form of a petition to the API.
'use strict';

(() => {
  const regions = new Intl.DisplayNames(['en'], { type: 'region' });

  for (const element of document.querySelectorAll('[data-country]')) {
    element.textContent = regions.of(element.dataset.country);
  }

  const form = document.querySelector('form[data-sign]');
  if (!form) return;

  const mutation = `mutation ($input: SignPetitionInput!) {
    signPetition(input: $input) { status userErrors { field message } }
  }`;

  // ISO 3166-1 alpha-2, and XK for Kosovo
  const countries = `
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
    CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
    GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
    VN VU WF WS XK YE YT ZA ZM ZW`;

  const patience = 20_000;
  const lost = 'There was no answer, so it is not known whether your signature arrived. Please sign again: it counts only once.';

  const button = form.querySelector('button');
  let sending = false;
  let attempt = { text: '', key: '' };

  function offerCountries() {
    const order = new Intl.Collator('en').compare;
    const options = countries.trim().split(/\s+/).map((code) => new Option(regions.of(code), code));
    form.elements.country.append(...options.sort((a, b) => order(a.text, b.text)));
  }

  // crypto.randomUUID is missing on pages that were loaded without encryption.
  function randomKey() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  function input() {
    const { name, email, country, comment, showName } = form.elements;
    const fields = {
      petitionId: form.dataset.sign,
      name: name.value,
      email: email.value,
      country: country.value || null,
      comment: comment.value.trim() || null,
      showName: showName.checked,
      statementVersion: form.dataset.statement,
    };
    // A repeated attempt has the same key, and is not counted twice; a changed one is a new attempt with a new key.
    const text = JSON.stringify(fields);
    if (attempt.text !== text) attempt = { text, key: randomKey() };
    return { ...fields, idempotencyKey: attempt.key };
  }

  async function ask() {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json, application/json;q=0.9' },
      body: JSON.stringify({ query: mutation, variables: { input: input() } }),
      credentials: 'omit',
      signal: AbortSignal.timeout(patience),
    });
    return response.json();
  }

  // Each error has the path of its field, or none.
  async function send() {
    let answer;
    try {
      answer = await ask();
    } catch {
      return tell([{ message: lost }]);
    }
    const payload = answer.data?.signPetition;
    if (!payload) return tell(answer.errors?.length ? answer.errors.map(({ message }) => ({ message })) : [{ message: lost }]);
    if (payload.userErrors.length) return tell(payload.userErrors);
    thank(payload.status);
  }

  function place(path) {
    const name = path?.at(-1) ?? '';
    return [...form.querySelectorAll('[data-fault]')].find((element) => element.dataset.fault === name) ?? place();
  }

  function tell(faults) {
    for (const { field, message } of faults) {
      const element = place(field);
      element.textContent = `${element.textContent} ${message}`.trim();
      element.hidden = false;
      form.elements[element.dataset.fault]?.setAttribute('aria-invalid', 'true');
    }
    form.querySelector('[aria-invalid]')?.focus();
  }

  function forget() {
    for (const element of form.querySelectorAll('[data-fault]')) {
      element.hidden = true;
      element.textContent = '';
    }
    for (const element of form.querySelectorAll('[aria-invalid]')) element.removeAttribute('aria-invalid');
  }

  function thank(status) {
    const thanks = form.parentElement.querySelector('.thanks');
    for (const element of thanks.querySelectorAll('[data-status]')) element.hidden = element.dataset.status !== status;
    form.remove();
    thanks.hidden = false;
    thanks.querySelector('h2').focus();
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    button.setAttribute('aria-disabled', 'true');
    forget();
    await send();
    sending = false;
    button.removeAttribute('aria-disabled');
  });

  offerCountries();
  form.querySelector('fieldset').disabled = false;
})();
