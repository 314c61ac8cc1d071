//go:build linux

package main

import (
	"fmt"
	"time"
)

// query is a read that is one request.
type query struct{ name, document string }

// list is a list that is read page by page.
type list struct {
	name              string
	size              int
	first             bool // only its first page is read, since it has few
	document, cursors string
}

const (
	commentFields   = `nodes { id body authorName fromSignatory likeCount createdAt } pageInfo { hasNextPage endCursor }`
	signatureFields = `nodes { id name country number signedAt } pageInfo { hasNextPage endCursor }`
	petitionFields  = `nodes { id slug title summary signatureCount goal tags { name label } } pageInfo { hasNextPage endCursor }`
	noFields        = `pageInfo { hasNextPage endCursor }`
)

// single returns the reads that are one request, of the site and of its largest petition.
func single(hot string) []query {
	of := func(fields string) string { return fmt.Sprintf(`{ petition(id: %q) { %s } }`, hot, fields) }
	history := func(interval string, length time.Duration) string {
		begin := ""
		if length > 0 {
			begin = time.Now().Add(-length).UTC().Format(`, from: "2006-01-02T15:04:05Z"`)
		}
		return of(fmt.Sprintf(`signatureHistory(interval: %s%s) { at added removed total }`, interval, begin))
	}
	const day = 24 * time.Hour
	return []query{
		{"page of the petition", of(`id slug title summary body state petitioner addressees tags { name label } count { total goal version lastHour }
 comments(first: 10) { totalCount ` + commentFields + ` } signatures(first: 10) { totalCount ` + signatureFields + ` }`)},
		{"ten comments with replies", of(`comments(first: 10) { nodes { id body replies(first: 10) { nodes { id body } } } }`)},
		{"last page of signatures", of(`signatures(last: 10) { ` + signatureFields + ` }`)},
		{"last page of comments", of(`comments(last: 10) { ` + commentFields + ` }`)},
		{"history of 12 hours by minute", history("MINUTE", day/2)},
		{"history of 40 days by hour", history("HOUR", 40*day)},
		{"history by day", history("DAY", 0)},
		{"history by week", history("WEEK", 0)},
		{"statistics", `{ statistics { petitionCount openPetitionCount signatureCount signaturesLastHour } }`},
		{"trending tags", `{ trendingTags(first: 10) { tag { name petitionCount } signaturesLastDay } }`},
		{"tags", `{ tags(first: 50) { nodes { name petitionCount } } }`},
		{"petitions counted", `{ petitions(first: 1) { totalCount } }`},
		{"search counted", `{ petitions(first: 1, search: "forest") { totalCount } }`},
		{"language counted", `{ petitions(first: 1, filter: {language: "et"}) { totalCount } }`},
		{"tag counted", `{ petitions(first: 1, filter: {tags: ["river1"]}) { totalCount } }`},
	}
}

// lists returns the lists that are read page by page.
func lists(hot string) []list {
	var out []list
	of := func(name, field, fields string) {
		document := func(fields string) string {
			return fmt.Sprintf(`query($first: Int, $after: String) { petition(id: %q) { %s { %s } } }`, hot, field, fields)
		}
		out = append(out, list{name: name, size: 10, document: document(fields), cursors: document(noFields)})
	}
	of("signatures", `signatures(first: $first, after: $after)`, signatureFields)
	of("comments, newest", `comments(first: $first, after: $after, orderBy: NEWEST)`, commentFields)
	of("comments, oldest", `comments(first: $first, after: $after, orderBy: OLDEST)`, commentFields)
	of("comments, most liked", `comments(first: $first, after: $after, orderBy: MOST_LIKED)`, commentFields)
	of2 := func(name, arguments string, first bool) {
		document := func(fields string) string {
			return fmt.Sprintf(`query($first: Int, $after: String) { petitions(first: $first, after: $after%s) { %s } }`, arguments, fields)
		}
		out = append(out, list{name: name, size: 20, first: first, document: document(petitionFields), cursors: document(noFields)})
	}
	for _, field := range []string{"CREATED_AT", "STARTS_AT", "ENDS_AT", "SIGNATURE_COUNT", "TRENDING"} {
		of2("petitions by "+field, `, orderBy: {field: `+field+`, direction: DESC}`, false)
	}
	of2("petitions, the oldest", `, orderBy: {field: CREATED_AT, direction: ASC}`, true)
	of2("search, rare", `, search: "number199999"`, true)
	of2("search, common", `, search: "forest"`, true)
	of2("search, common words", `, search: "forest river school"`, true)
	of2("search, common, newest", `, search: "forest", orderBy: {field: CREATED_AT, direction: DESC}`, true)
	of2("search, common, trending", `, search: "forest", orderBy: {field: TRENDING, direction: DESC}`, true)
	of2("one tag", `, filter: {tags: ["river1"]}`, true)
	of2("any of two tags, trending", `, filter: {tags: ["river1", "school2"]}, orderBy: {field: TRENDING, direction: DESC}`, true)
	of2("all of two tags", `, filter: {allTags: ["forest0", "river1"]}`, true)
	of2("a language that all have", `, filter: {language: "und"}`, true)
	of2("a language that none has", `, filter: {language: "et"}`, true)
	of2("starting after all", `, filter: {startedAfter: "2100-01-01T00:00:00Z"}`, true)
	of2("ending before all, trending", `, filter: {endsBefore: "2000-01-01T00:00:00Z"}, orderBy: {field: TRENDING, direction: DESC}`, true)
	of2("at least one signature, newest", `, filter: {minSignatures: 1}`, true)
	of2("at least a million signatures", `, filter: {minSignatures: 1000000}`, true)
	of2("started lately, most signed", `, filter: {startedAfter: "2020-01-01T00:00:00Z"}, orderBy: {field: SIGNATURE_COUNT, direction: DESC}`, true)
	of2("of all states", `, filter: {states: [OPEN, PAUSED, CLOSED, ARCHIVED]}`, true)
	return out
}
