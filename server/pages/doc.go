// Package pages shows petitions to people: the start page, a page for each petition, and GraphiQL, with the few files
// that they load.
//
// It owns the HTML, its style sheets and scripts, and the headers that keep foreign code out of them. The content of
// the pages comes from functions that it is given, and another one shares rendered pages among visitors. For live
// numbers and for signing, the browser uses the API like any other client. The package knows neither the domain nor the
// database, nor how the API is served.
package pages
