package main

import (
	"net/http"

	"petitiond/server/precompressed"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// routes returns what answers each path. Every route is counted under its pattern, not under the path that was asked
// for: that would let anybody fill the metrics with names.
func (a *App) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, a.metrics.counting(pattern, h)) }
	handle("/graphql", a.forBrowsers(a.transport))                                         // which looks at the host itself
	mux.Handle("/graphql/{$}", a.metrics.counting("/graphql", a.forBrowsers(a.transport))) // it is written either way
	// Probes tell nothing, and come by whatever host.
	handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }))
	handle("GET /readyz", http.HandlerFunc(a.ready))
	handle("GET /schema.graphqls", a.underOwnHost(schemaFile(a.sdl)))
	// Metrics tell how busy a site is: in production they are shown only at an address of their own.
	if a.config.Env != settings.Production && a.config.MetricsListen == "" {
		handle(metricsPattern, a.underOwnHost(a.metrics.handler()))
	}
	web, err := a.webPages()
	if err != nil {
		return nil, err
	}
	handle("/", a.underOwnHost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.ServeHTTP(w, r.WithContext(a.transport.From(r)))
	})))
	return mux, nil
}

const metricsPattern = "GET /metrics"

// metricsRoute answers where metrics have a listener of their own.
func (a *App) metricsRoute() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(metricsPattern, a.metrics.counting(metricsPattern, a.underOwnHost(a.metrics.handler())))
	return mux
}

// underOwnHost answers only those who ask for a host of the site.
func (a *App) underOwnHost(next http.Handler) http.Handler {
	if a.ownHost == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.ownHost(r.Host) {
			say(w, http.StatusMisdirectedRequest, transport.Misdirected(r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// say answers with one line for people and scripts, which no cache may keep.
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) //nolint:gosec // as plain text, and who has gone needs no answer
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
