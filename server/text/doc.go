// Package text checks and normalises what people write: names, addresses, languages, countries, tags, slugs, Markdown,
// search words, and how long each may be. It returns a cleaned text, or a sentence that says what is wrong with it. It
// knows neither who wrote a text nor where it is stored.
package text
