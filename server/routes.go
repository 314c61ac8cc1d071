package main

import (
	"context"
	"net/http"
	"time"

	"petitiond/server/transport"
)

// routes gives what answers each path.
func (a *App) routes() (http.Handler, error) {
	a.metrics = newMetrics(a)
	mux := http.NewServeMux()
	mux.Handle("/graphql", a.metrics.counting("/graphql", a.transport)) // sets deadlines of its own
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, a.metrics.counting(pattern, timely(h))) }
	handle("GET /schema.graphqls", transport.Compress(schemaFile(a.sdl)))
	handle("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }))
	handle("GET /readyz", http.HandlerFunc(a.ready))
	handle("GET /metrics", a.metrics.handler())
	web, err := a.webPages()
	if err != nil {
		return nil, err
	}
	handle("/", transport.Compress(web))
	return mux, nil
}

// timely bounds how long an answer may take to leave. A bound for the whole server would end event streams.
func timely(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection without deadlines is one of a test.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(15 * time.Second))
		next.ServeHTTP(w, r)
	})
}

// ready says whether the server can do its work: database there and migrated, not draining.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if a.draining.Load() {
		say(w, http.StatusServiceUnavailable, "draining")
		return
	}
	pending, err := a.db.Pending(ctx)
	switch {
	case err != nil:
		say(w, http.StatusServiceUnavailable, "the database does not answer")
	case len(pending) > 0:
		say(w, http.StatusServiceUnavailable, "the database is not migrated")
	default:
		say(w, http.StatusOK, "ready")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who has gone needs no answer
}

// schemaFile serves the contract, word for word.
func schemaFile(sdl string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(sdl))
	})
}
