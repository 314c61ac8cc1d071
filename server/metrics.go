package main

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"petitiond/server/database"
	"petitiond/server/httpserver"
	"petitiond/server/ledger/recount"
)

// metrics are what /metrics shows. Labels are routes and numbers, never anything of a client's.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	recounts    prometheus.Counter
	differences prometheus.Counter
}

// newMetrics registers what the program counts itself. It has a registry of its own: the library has a global one, in
// which two servers of one test would meet.
func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "petitiond_http_requests_total", Help: "Answered HTTP requests by route and status.",
		}, []string{"route", "code"}),
		recounts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "petitiond_recounts_total", Help: "Comparisons of every figure with the rows that this server has finished.",
		}),
		differences: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "petitiond_recount_differences_total", Help: "Figures that were not what the rows say, and were mended. Any is a defect.",
		}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.recounts, m.differences)
	return m
}

// show adds what is read of the server's parts, which must be there.
func (m *metrics) show(a *App) {
	// Read when somebody asks: nothing is counted twice, and nothing has to be told of every change.
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("petitiond_open_connections", "Open WebSockets and event streams.", func() float64 { return float64(a.transport.Open()) })
	gauge("petitiond_subscription_bytes", "Memory that open subscriptions are reckoned to take at most; up to an eighth of PETITION_MEMORY is allowed.",
		func() float64 { return float64(a.transport.Kept()) })
	gauge("petitiond_plain_connections", "Open connections that are neither WebSockets nor event streams.", func() float64 {
		open := 0
		for _, d := range a.doors {
			open += d.server.Open()
		}
		return float64(open)
	})
	gauge("petitiond_waiting_operations", "Queries, mutations and web pages that wait until they may run.", func() float64 {
		_, wait := a.transport.Running()
		return float64(wait)
	})
	gauge("petitiond_waiting_reads", "Searches and other statements that may take long, and wait for one of the few connections for these.", func() float64 {
		_, wait := a.db.Reading()
		return float64(wait)
	})
	gauge("petitiond_watched_petitions", "Petitions that somebody watches live.", func() float64 {
		petitions, _ := a.observer.hub.Size()
		return float64(petitions)
	})
	gauge("petitiond_watchers", "Live subscriptions to petitions that are executed; equal ones of many clients are executed once.", func() float64 {
		_, watchers := a.observer.hub.Size()
		return float64(watchers)
	})
	gauge("petitiond_database_connections", "Open connections of the writing pool.", func() float64 {
		return float64(a.db.Write.Stats().OpenConnections)
	})
	m.showRefusals(a)
	// Every trouble from the start on, at zero: an alert on a counter that appears with its first failure would miss
	// that one.
	failed := &a.db.Failed // it outlives a.db
	for _, trouble := range database.Troubles() {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "petitiond_failed_writes_total", Help: "Mutations that were answered UNAVAILABLE or OUTCOME_UNKNOWN because of the database or the clock, by the trouble.",
			ConstLabels: prometheus.Labels{"trouble": string(trouble)},
		}, func() float64 { return float64(failed.Count(trouble)) }))
	}
	m.registry.MustRegister(outboxMetrics{a.mailing.box.Stats})
	responses := a.observer.responses
	gauge("petitiond_shared_answer_bytes", "Memory that answers take which are kept for everybody.", func() float64 {
		return float64(responses.Stats().Bytes)
	})
	// One metric with a label and not three metrics, so that the share of each among all can be asked for.
	for how, count := range map[string]func() uint64{
		"hit":      func() uint64 { return responses.Stats().Hits },
		"joined":   func() uint64 { return responses.Stats().Joined },
		"computed": func() uint64 { return responses.Stats().Computed },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "petitiond_shared_answers_total", Help: "Queries without a credential and web pages, by how they came by their answer.",
			ConstLabels: prometheus.Labels{"how": how},
		}, func() float64 { return float64(count()) }))
	}
}

// showRefusals adds how many connections there was no room for.
func (m *metrics) showRefusals(a *App) {
	add := func(kind, cause string, count func() int) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "petitiond_refused_connections_total",
			Help: "Connections that a limit has cost, by its cause: open ones (WebSockets and event streams) that were refused, " +
				"and plain ones that were refused or closed for a newer one.",
			ConstLabels: prometheus.Labels{"kind": kind, "cause": cause},
		}, func() float64 { return float64(count()) }))
	}
	for cause := range a.transport.Refusals() {
		add("open", cause, func() int { return a.transport.Refusals()[cause] })
	}
	for _, limit := range httpserver.Limits() {
		add("plain", string(limit), func() (lost int) {
			for _, d := range a.doors {
				lost += d.server.Limited(limit)
			}
			return lost
		})
	}
}

// recounted notes what a recount has found.
func (m *metrics) recounted(found []recount.Difference) {
	m.recounts.Inc()
	m.differences.Add(float64(len(found)))
}

// handler shows the metrics in the format of Prometheus.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// counting counts the answers of a route.
func (m *metrics) counting(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The status is known only once the handler has written it, or has not.
		s := &statusWriter{ResponseWriter: w, status: http.StatusInternalServerError} // in case of a panic
		defer func() { m.requests.WithLabelValues(route, strconv.Itoa(s.status)).Inc() }()
		next.ServeHTTP(s, r)
		// net/http sends 200 for a handler that has written nothing.
		if !s.begun {
			s.status = http.StatusOK
		}
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	begun  bool
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status, w.begun = status, true
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection: sockets and event streams need it.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
