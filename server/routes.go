package main

import (
	"context"
	"net/http"
	"time"

	"petitiond/server/httpheader"
	"petitiond/server/precompressed"
	"petitiond/server/settings"
)

// routes returns what answers each path. Every route is counted under its pattern, not under the path that was asked
// for: that would let anybody fill the metrics with names.
func (a *App) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, a.metrics.counting(pattern, h)) }
	handle("/graphql", a.forBrowsers(a.transport))
	mux.Handle("/graphql/{$}", a.metrics.counting("/graphql", a.forBrowsers(a.transport))) // it is written either way
	handle("GET /schema.graphqls", schemaFile(a.sdl))
	handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }))
	handle("GET /readyz", http.HandlerFunc(a.ready))
	// Metrics tell how busy a site is: in production they are shown only at an address of their own.
	if a.config.Env != settings.Production && a.config.MetricsListen == "" {
		handle(metricsPattern, a.metrics.handler())
	}
	web, err := a.webPages()
	if err != nil {
		return nil, err
	}
	handle("/", web)
	return mux, nil
}

// graphiQL reports whether there is a page with GraphiQL. It begins by asking for the schema, and sends what its user
// writes.
func (a *App) graphiQL() bool { return a.config.Introspection && a.config.TrustedDocuments == "" }

// forBrowsers sends people who open the address of the API in a browser to GraphiQL. Programs do not ask for a page.
func (a *App) forBrowsers(api http.Handler) http.Handler {
	if !a.graphiQL() {
		return api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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

const metricsPattern = "GET /metrics"

// metricsRoute answers where metrics have a listener of their own.
func (a *App) metricsRoute() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(metricsPattern, a.metrics.counting(metricsPattern, a.metrics.handler()))
	return mux
}

// ready reports whether the server can do its work: not draining, database there and migrated, clock right. The clock
// comes last: while the database is away, nobody knows whether it still differs from the database's.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if a.draining.Load() {
		say(w, http.StatusServiceUnavailable, "draining")
		return
	}
	migrated, err := a.migrated.ask(ctx)
	skew := a.db.Clock.Check()
	switch {
	case err != nil:
		say(w, http.StatusServiceUnavailable, "the database does not answer")
	case !migrated:
		say(w, http.StatusServiceUnavailable, "the database is not migrated")
	case skew != nil:
		say(w, http.StatusServiceUnavailable, skew.Error())
	default:
		say(w, http.StatusOK, "ready")
	}
}

// say answers with one line for people and scripts, which no cache may keep.
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who has gone needs no answer
}

// schemaFile serves the contract, word for word.
func schemaFile(sdl string) http.Handler {
	text := precompressed.New([]byte(sdl))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It may be kept, but the tag is compared each time: an update of the program can change the schema.
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Access-Control-Allow-Origin", "*") // everybody may read it, and tools in browsers do
		text.Send(w, r, http.StatusOK, "text/plain; charset=utf-8", true)
	})
}
