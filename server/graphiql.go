package main

import (
	"net/http"

	"petitiond/server/httpheader"
)

// graphiQL reports whether there is a page with GraphiQL. It begins by asking for the schema, and sends what its user
// writes.
func (a *App) graphiQL() bool { return a.config.Introspection && a.config.TrustedDocuments == nil }

// forBrowsers sends people who open the address of the API in a browser to GraphiQL. Programs do not ask for a page.
func (a *App) forBrowsers(api http.Handler) http.Handler {
	if !a.graphiQL() {
		return api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// With a query in the address it is a program, or somebody who tries one out.
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !reads || r.URL.RawQuery != "" || !wantsPage(r.Header["Accept"]) {
			api.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store") // an address that answers programs otherwise
		http.Redirect(w, r, "/graphiql", http.StatusSeeOther)
	})
}

// wantsPage reports whether a client accepts HTML by name: what accepts anything can be any program.
func wantsPage(accept []string) bool {
	for element := range httpheader.Elements(accept) {
		if typ, _, quality, ok := httpheader.MediaRange(element); ok && typ == "text/html" && quality > 0 {
			return true
		}
	}
	return false
}
