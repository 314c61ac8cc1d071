// Usage: node widths.mjs BROWSER ADDRESS...
// No page at these addresses is wider than its window, on a desk or on a phone, and no short word is broken.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './chromium.mjs';

const [path, ...addresses] = process.argv.slice(2);
let browser, page;

before(async () => {
  browser = await launch(path);
  page = await browser.newPage();
}, { timeout: 60_000 });
after(() => browser.close());

// What reaches beyond the window. What lies in a box that scrolls by itself does not.
const beyond = () => {
  const scrolls = (element) => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(element).overflowX);
  const inner = (element) => element && element !== document.body && (scrolls(element) || inner(element.parentElement));
  return [...document.body.querySelectorAll('*')].flatMap((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    if (width <= 1 || (left >= -1 && right <= innerWidth + 1) || inner(element.parentElement)) return [];
    return [`${element.tagName} .${element.className}: ${Math.round(left)} to ${Math.round(right)}`];
  });
};

// Words of few letters that stand on more than one line, outside of addresses.
const broken = () => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/\p{L}{2,20}(?=\P{L}|$)/gu)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      const before = texts.currentNode.data.slice(0, word.index).match(/\S*$/)[0];
      const lines = new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom)));
      if (lines.size > 1 && before.length < 20 && !before.includes('/')) found.push(word[0]);
    }
  }
  return found;
};

for (const width of [1280, 375]) {
  for (const address of addresses) {
    const { pathname, search } = new URL(address);
    test(`${pathname}${search} at ${width}`, { timeout: 30_000 }, async () => {
      await page.setViewportSize({ width, height: 800 });
      await page.goto(address);
      assert.deepEqual(await page.evaluate(beyond), []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      assert.deepEqual(await page.evaluate(broken), []);
    });
  }
}
