// Package pages shows petitions to people: the start page, a page for each
// petition and GraphiQL, with the few files that they load.
//
// It owns the HTML, its style sheets and scripts, and the headers that keep
// other code out of them. What stands on the pages comes from two functions
// that it is given, and a third one keeps what was rendered for those who come
// next; what changes while somebody looks, and signing, goes from
// the browser to the API like that of any other client. It must not know the
// domain, the database or how the API is served.
package pages
