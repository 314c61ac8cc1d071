//go:build linux

// Program largesite measures how long reads of a large site take, with shared answers off: one reader repeats each read
// many times. The site must have been made by make bench-data, and nothing else may use it meanwhile:
//
//	make bench-data FLAGS='-large -database sqlite:data/large.db -secret data/large.key'
//	go run ./server/bench/largesite -database sqlite:data/large.db -secret data/large.key
//
// The times are those of whole requests, of which the database takes a part.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

func main() {
	b := bench{}
	flag.StringVar(&b.on.URL, "database", "sqlite:data/large.db", "sqlite:PATH or postgres://… of a site that bench-data has made")
	flag.StringVar(&b.secret, "secret", "data/large.key", "the secret file that it was made with")
	flag.IntVar(&b.times, "times", 20, "how often each read is made")
	flag.IntVar(&b.page, "page", 5000, "which page is read beside the first")
	flag.Parse()
	load.Main(func(ctx context.Context) error { return b.run(ctx) })
}

type bench struct {
	on          load.Database
	secret      string
	times, page int
}

func (b bench) run(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "petitiond-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program, err := load.Build(ctx, folder)
	if err != nil {
		return err
	}
	if b.secret, err = filepath.Abs(b.secret); err != nil {
		return err
	}
	b.on.Dialect = database.Postgres
	if strings.HasPrefix(b.on.URL, "sqlite:") {
		b.on.Dialect = database.SQLite
	}
	program = program.With("PETITION_SHARED_ANSWERS=off", "PETITION_SECRET_FILE="+b.secret)
	server, err := program.Serve(ctx, b.on)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	fmt.Printf("%s\n%s, each read %d times\n\n", load.Machine(), b.on.Dialect, b.times)
	if err := rest(ctx, server); err != nil {
		return err
	}
	client := server.Client()
	defer client.Close()
	reader := reader{client, b.times}
	hot, err := reader.hot(ctx)
	if err != nil {
		return err
	}
	fmt.Println("| read | p50 ms | slowest ms |")
	fmt.Println("|---|--:|--:|")
	for _, q := range single(hot) {
		if err := reader.time(ctx, q.name, q.document, nil); err != nil {
			return err
		}
	}
	for _, l := range lists(hot) {
		if err := reader.list(ctx, l, b.page); err != nil {
			return err
		}
	}
	return nil
}

// rest waits until the server has finished its first recount, which begins when it starts.
func rest(ctx context.Context, server *load.Server) error {
	for range 600 {
		before, err := load.Processor(server.PID())
		if err != nil {
			return err
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		after, err := load.Processor(server.PID())
		if err != nil || after-before < 0.03 {
			return err
		}
	}
	return errors.New("the server does not finish its first recount")
}

type reader struct {
	client *load.Client
	times  int
}

// ask sends a query and returns the answer.
func (r reader) ask(ctx context.Context, document string, variables map[string]any) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return nil, err
	}
	answer, _, err := r.client.Ask(ctx, body)
	if err == nil && (bytes.Contains(answer, []byte(`"errors"`)) || !bytes.HasPrefix(answer, []byte(`{"data":`))) {
		err = fmt.Errorf("%s answers %.300s", document, answer)
	}
	return answer, err
}

// time repeats a query and prints how long it takes.
func (r reader) time(ctx context.Context, name, document string, variables map[string]any) error {
	took := make([]time.Duration, r.times)
	for i := range took {
		began := time.Now()
		if _, err := r.ask(ctx, document, variables); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	fmt.Printf("| %s | %.1f | %.1f |\n", name, ms(took[len(took)/2]), ms(took[len(took)-1]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// hot returns the id of the petition with the most signatures.
func (r reader) hot(ctx context.Context) (string, error) {
	answer, err := r.ask(ctx, `{ petitions(first: 1, orderBy: {field: SIGNATURE_COUNT, direction: DESC}) { nodes { id } } }`, nil)
	if err != nil {
		return "", err
	}
	var told struct {
		Data struct {
			Petitions struct{ Nodes []struct{ ID string } }
		}
	}
	if err := json.Unmarshal(answer, &told); err != nil || len(told.Data.Petitions.Nodes) == 0 {
		return "", errors.Join(err, errors.New("the site has no petition"))
	}
	return told.Data.Petitions.Nodes[0].ID, nil
}

// list reads a page far from the beginning of a list. It gets there as a reader would, page by page.
func (r reader) list(ctx context.Context, l list, page int) error {
	if err := r.time(ctx, l.name+", first page", l.document, map[string]any{"first": l.size}); err != nil {
		return err
	}
	if l.first {
		return nil
	}
	const stride = 100
	after := ""
	for at := 0; at < (page-1)*l.size; at += stride {
		variables := map[string]any{"first": stride}
		if after != "" {
			variables["after"] = after
		}
		answer, err := r.ask(ctx, l.cursors, variables)
		if err != nil {
			return err
		}
		var told struct{ Data json.RawMessage }
		if err := json.Unmarshal(answer, &told); err != nil {
			return err
		}
		info := pageInfo(told.Data)
		if !info.HasNextPage {
			return fmt.Errorf("%s ends after %d", l.name, at+stride)
		}
		after = info.EndCursor
	}
	return r.time(ctx, fmt.Sprintf("%s, page %d", l.name, page), l.document, map[string]any{"first": l.size, "after": after})
}

type info struct {
	HasNextPage bool
	EndCursor   string
}

// pageInfo finds the pageInfo in an answer, at whatever depth.
func pageInfo(text json.RawMessage) (found info) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return info{}
	}
	for name, value := range fields {
		if name == "pageInfo" {
			_ = json.Unmarshal(value, &found) // an answer without one ends the list
			return found
		}
		if found = pageInfo(value); found != (info{}) {
			return found
		}
	}
	return found
}
