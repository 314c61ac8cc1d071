// Peer signs petitions as a program does that is made for nothing else: gqlgen's executor and POST transport, and a
// group commit that writes one insert and one update of counters a batch, into two tables of its own. The signing
// benchmark (server/bench/sign) builds it and compares the server with it. It has two of the server's settings:
// PETITION_DATABASE_URL, which must be of PostgreSQL, and PETITION_LISTEN.
//
// It keeps no key by which a request could be repeated, no number, no sum of minutes, days or countries and no trend,
// encrypts nothing, checks nothing and tells nobody of a count. It has two of the server's advantages: a schema that
// computes without goroutines, and a garbage collector tuned for throughput.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	"petitiond/graph"
	"petitiond/graph/generated"
	"petitiond/graph/model"
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

// growth is the GOGC value to which the server tunes itself under load.
const growth = 400

func serve(ctx context.Context, log *slog.Logger) error {
	debug.SetGCPercent(growth)
	w, err := newWriter(ctx, os.Getenv("PETITION_DATABASE_URL"))
	if err != nil {
		return err
	}
	defer w.pool.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("PETITION_LISTEN"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", handler(w))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	log.Info("serving", "address", listener.Addr().String())
	parts, running := errgroup.WithContext(ctx)
	parts.Go(func() error { return w.run(running) })
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

// handler does the same as gqlgen's handler with its POST transport alone.
func handler(w *writer) http.Handler {
	e := executor.New(generated.NewExecutableSchema(generated.Config{Resolvers: resolvers{&graph.Resolver{}, w}}))
	e.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	post := transport.POST{}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		post.Do(w, req.WithContext(graphql.StartOperationTrace(req.Context())), e)
	})
}

// resolvers resolve signPetition and nothing else.
type resolvers struct {
	*graph.Resolver

	writer *writer
}

// Mutation returns the resolvers of mutations.
func (r resolvers) Mutation() generated.MutationResolver {
	return mutation{r.Resolver.Mutation(), r.writer}
}

type mutation struct {
	generated.MutationResolver

	writer *writer
}

// SignPetition returns when the signature is durable.
func (m mutation) SignPetition(ctx context.Context, in model.SignPetitionInput) (*model.SignPetitionPayload, error) {
	digest := sha256.Sum256(append(in.PetitionID.UUID[:], in.Email...))
	s := &signature{
		id: uuid.Must(uuid.NewV7()), petition: in.PetitionID.UUID, digest: digest[:16], name: in.Name, address: in.Email,
		shown: in.ShowName != nil && *in.ShowName, done: make(chan error, 1),
	}
	if in.Country != nil {
		s.country = *in.Country
	}
	if err := m.writer.sign(ctx, s); err != nil {
		return nil, err
	}
	status := model.SigningStatusCounted
	return &model.SignPetitionPayload{Status: &status, UserErrors: []*model.UserError{}}, nil
}
