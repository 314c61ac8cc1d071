// Package responsecache keeps what was computed once for everybody, until something in it changes.
//
// Those who compute say what the result depends on ([On]), before or after reading it; those who change something say
// so ([Store.Drop]) after the change is to be seen and before it is acknowledged. Then nobody whose request began after
// Drop returned gets anything that was read before. What changes without a word is kept for a moment only ([Briefly]),
// or for longer where it takes long to compute ([Costly]). Equal requests that come at once are computed once.
//
// What the topics mean is the caller's matter: this package knows neither GraphQL nor HTTP, neither petitions nor
// databases.
package responsecache
