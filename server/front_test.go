package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"petitiond/graph/scalar"
	"petitiond/server/petitioning"
	"petitiond/server/settings"
)

// front stands before a server, as a proxy would, and keeps its address while the server is started anew.
type front struct {
	url     string      // what clients are told
	control string      // where a program gives its orders: restart, hide, cut, resumed
	orders  chan func() // what the goroutine of the test must do
	site    *site       // the server at present

	environment []string // the server's settings

	// unanswered receives what was answered with 502, unless it is full. If it is nil, connections are cut instead.
	unanswered chan string

	mu     sync.Mutex // guards what follows
	target *url.URL   // where the server listens at present
	ids    []string   // the Last-Event-ID of requests since they were last asked for
	proxy  *httptest.Server
}

// newFront starts a server with settings, and what stands before it.
func newFront(t *testing.T, environment []string) *front {
	t.Helper()
	f := &front{orders: make(chan func()), site: start(t, environment), environment: environment}
	f.aim(t, f.site.url)
	f.proxy = httptest.NewServer(f.forward())
	t.Cleanup(f.proxy.Close)
	f.url = f.proxy.URL

	mux := http.NewServeMux()
	mux.HandleFunc("POST /restart", f.order(func(*http.Request) { f.restart(t) }))
	mux.HandleFunc("POST /hide/{id}", f.order(func(r *http.Request) { f.site.hide(t, r.PathValue("id")) }))
	mux.HandleFunc("POST /cut", func(http.ResponseWriter, *http.Request) { f.proxy.CloseClientConnections() })
	mux.HandleFunc("POST /resumed", f.resumed)
	control := httptest.NewServer(mux)
	t.Cleanup(control.Close)
	f.control = control.URL
	return f
}

// restart stops the server in good order and starts another on the same database.
func (f *front) restart(t *testing.T) {
	t.Helper()
	f.site.stop()
	f.begin(t)
}

// begin starts a server in place of one that has stopped.
func (f *front) begin(t *testing.T, adjust ...func(*settings.Config)) {
	t.Helper()
	f.site = start(t, f.environment, adjust...)
	f.aim(t, f.site.url)
}

// hide takes a petition out of public view.
func (s *site) hide(t *testing.T, petition string) {
	t.Helper()
	err := s.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(petition).UUID)
	if err != nil {
		t.Error(err)
	}
}

// order hands what is to be done to the goroutine of the test, and waits for it.
func (f *front) order(do func(*http.Request)) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		done := make(chan struct{})
		select {
		case f.orders <- func() { defer close(done); do(r) }:
			<-done
		case <-r.Context().Done(): // the program is gone
		}
	}
}

func (f *front) aim(t *testing.T, address string) {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

// forward passes requests on. Where no server answers the connection is cut, as if nobody listened, or the answer is
// 502 as that of a proxy.
func (f *front) forward() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if id := r.In.Header.Get("Last-Event-ID"); id != "" {
				f.ids = append(f.ids, id)
			}
			r.SetURL(f.target)
			r.Out.Host = r.In.Host // origins are compared with it
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			if f.unanswered == nil {
				panic(http.ErrAbortHandler)
			}
			select {
			case f.unanswered <- r.Method + " " + r.Header.Get("Accept"):
			default:
			}
			w.WriteHeader(http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0),
		// A server that stops would wait for connections that were never used.
		Transport: &http.Transport{DisableKeepAlives: true},
	}
}

// resumed tells which events browsers said that they knew, and forgets them.
func (f *front) resumed(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = json.NewEncoder(w).Encode(append([]string{}, f.ids...))
	f.ids = nil
}
