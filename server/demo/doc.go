// Package demo contains the content with which an empty site can be filled: petitions in many languages and states,
// with comments and signatures, so that lists, trends, histories and pages have something to show.
//
// It owns the texts in content, the names in names.yaml, and the code that reads both. It knows nothing of databases,
// of the domain's rules or of the API: the content is loaded through the domain like any other. All persons and
// organisations are invented, except those of the first petition.
package demo
