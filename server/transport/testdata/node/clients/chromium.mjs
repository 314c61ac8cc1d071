// The browser of the tests.
import { chromium } from 'playwright-core';

export const launch = (executablePath) =>
  chromium.launch({
    executablePath,
    // Whoever runs as root has no sandbox; the rest keeps the browser from calling home.
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
