// Package text knows what people write and how it is spelt: names, addresses, languages, countries, tags, slugs,
// Markdown, the words of a search, and how long each may be. It cleans a text or says in a sentence what is wrong with
// it, and knows neither who wrote it nor where it is kept.
package text
