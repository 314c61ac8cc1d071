// Stock serves the project's schema, domain and hub through gqlgen's own transports, like any program that uses gqlgen
// as it comes. The watching benchmark (server/bench/watch) builds it and compares the server with it. It has three of
// the server's settings: PETITION_DATABASE_URL, PETITION_SECRET_FILE and PETITION_LISTEN.
//
// It checks and limits nothing. It sends pings as often as the server: without them it would cost less, but never
// notice a dead client.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	"petitiond/graph"
	"petitiond/server/database"
	"petitiond/server/fanout"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/live"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// site corresponds to the server's App, as far as counts are concerned.
type site struct {
	ledger.Unobserved

	db       *database.DB
	ledger   *ledger.Ledger
	reading  *reading.Service
	domain   *petitioning.Service
	hub      *live.Hub
	gauge    *live.Gauge[reading.Statistics]
	replicas *fanout.Postgres // nil on SQLite
	moved    petitioning.Moved
	log      *slog.Logger
}

// serve serves until ctx ends. Sockets that are still open end with the program.
func serve(ctx context.Context, log *slog.Logger) (err error) {
	s := &site{log: log}
	if s.db, err = database.Open(ctx, os.Getenv("PETITION_DATABASE_URL")); err != nil {
		return err
	}
	if _, err = s.db.Migrate(ctx); err != nil {
		return err
	}
	if err = s.build(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("PETITION_LISTEN"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", s.handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	log.Info("serving", "address", listener.Addr().String())

	parts, running := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.ledger.Run(running) })
	parts.Go(func() error { return s.hub.Run(running) })
	parts.Go(func() error { return s.domain.Run(running) })
	if s.replicas != nil {
		parts.Go(func() error { return s.replicas.Run(running) })
	}
	parts.Go(func() error {
		<-running.Done()
		return server.Close()
	})
	parts.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return parts.Wait()
}

// build connects the parts as the server's NewApp does.
func (s *site) build(ctx context.Context) error {
	keys, err := secret.LoadOrCreate(os.Getenv("PETITION_SECRET_FILE"))
	if err != nil {
		return err
	}
	s.reading = reading.New(reading.Options{Database: s.db, Keys: keys, PublicURL: "http://localhost", Logger: s.log})
	s.hub = live.New(live.Options{Read: s.reading.News, Logger: s.log})
	if err := s.listen(); err != nil {
		return err
	}
	s.ledger, err = ledger.New(ctx, s.db, ledger.Options{Observer: s, Logger: s.log})
	if err != nil {
		return err
	}
	s.domain = petitioning.New(petitioning.Options{
		Database: s.db, Ledger: s.ledger, Keys: keys, Reading: s.reading, Observer: s, Moved: &s.moved, Logger: s.log,
	})
	s.gauge = live.NewGauge(s.reading.Statistics, live.GaugeOptions{Logger: s.log})
	return nil
}

// listen makes what carries news between replicas, where there may be any.
func (s *site) listen() error {
	if s.db.Dialect != database.Postgres {
		return nil
	}
	address, err := database.PostgresAddress(os.Getenv("PETITION_DATABASE_URL"))
	if err != nil {
		return err
	}
	s.replicas = fanout.NewPostgres(fanout.Options{Pool: s.db.Write, Address: address, Receiver: s, Logger: s.log})
	return nil
}

// Committed tells of what was committed here.
func (s *site) Committed(values ...figures.Value) {
	s.hub.Publish(values...)
	if s.replicas != nil {
		s.replicas.Publish(values...)
	}
	s.moved.Add(values...)
}

// Received tells of what was committed on another replica.
func (s *site) Received(values ...figures.Value) { s.hub.Publish(values...) }

// Broken does nothing: what is watched is read again anyway.
func (*site) Broken() {}

// Lost reads again what is watched.
func (s *site) Lost() { s.hub.Reread() }

// handler does the same as gqlgen's handler: it passes a request to the first transport that accepts it. Using gqlgen's
// package would add a module that nothing else needs.
func (s *site) handler() http.Handler {
	r := &graph.Resolver{Domain: s.domain, Reading: s.reading, Hub: s.hub, Site: s.gauge, Logger: s.log}
	e := executor.New(graph.Schema(r))
	e.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	e.SetErrorPresenter(r.PresentError)
	e.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
			ctx = r.Around(ctx)
		}
		return next(ctx)
	})
	e.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		return next(r.Around(ctx))
	})
	transports := []graphql.Transport{
		transport.Websocket{InitTimeout: 5 * time.Second, PingPongInterval: 25 * time.Second},
		transport.SSE{KeepAlivePingInterval: 25 * time.Second},
		transport.POST{},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for _, t := range transports {
			if t.Supports(req) {
				t.Do(w, req.WithContext(graphql.StartOperationTrace(req.Context())), e)
				return
			}
		}
		w.WriteHeader(http.StatusBadRequest)
	})
}
