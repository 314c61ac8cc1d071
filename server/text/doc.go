// Package text checks and normalises what people write: names, addresses, languages, countries, tags, slugs, Markdown,
// search words, and how long each may be. It returns a cleaned text, or a sentence that says what is wrong with it. It
// knows neither who wrote a text nor where it is stored.
//
// Lines and texts of all kinds are cleaned in text.go. What people write for others to see has further rules: names
// (name.go), which may lead nowhere (namelinks.go), and tags (tag.go), which are compared by their keys (tagkey.go).
//
// Markdown is parsed by goldmark, parts of which are replaced where they would lose words of a text (markdown.go,
// markdownblocks.go, markdownlinks.go), or would not find an address or an emphasis between letters of a script without
// spaces (barelinks.go, markdownsigns.go). Decision 0035 says why.
//
// The terms of the search index are made here and not by the databases, so that both find the same (searchtext.go,
// searchletters.go); decision 0038 has the reasons.
package text
