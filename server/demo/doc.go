// Package demo holds the content that an empty instance can be filled with:
// petitions in many languages and states, with comments and signatures, so
// that lists, trends, histories and pages have something to show.
//
// It owns the texts in content, the names in names.yaml and the reading of
// both. It must not know of databases, of the domain's rules or of the API:
// whoever loads the content does so through the domain. All persons and
// organisations are invented, save those of the first petition.
package demo
