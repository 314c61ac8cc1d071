// Usage: node paste.mjs SITE BROWSER FILE
// Runs a script as if it were typed into the console of the site's start page, and prints what it says there. The test of
// doc/clients.md uses it.
import { readFile } from 'node:fs/promises';
import { launch } from './chromium.mjs';

const [site, browser, file] = process.argv.slice(2);
const page = await (await launch(browser)).newPage();
page.on('console', (message) => console.log(message.text()));
await page.goto(site);
await page.evaluate(await readFile(file, 'utf8'));
