// Program data fills an empty database with a site, the same each time, so that what is read from it can be measured:
//
//	go run ./server/bench/data -database sqlite:data/lively.db
//	go run ./server/bench/data -database postgres://… -large
//
// The first is 2,000 petitions with a million signatures by Zipf's law and 100,000 comments; the second 200,000
// petitions, one of which has five million signatures and 100,000 comments. Serve it with the same secret file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"petitiond/server/bench/load"
	"petitiond/server/database"
	"petitiond/server/ledger/recount"
	"petitiond/server/secret"
)

func main() {
	site := load.Lively
	address := flag.String("database", "sqlite:data/petitions.db", "sqlite:PATH or postgres://…, which must be empty")
	file := flag.String("secret", "data/secret.key", "the secret file, which is created if it is missing")
	large := flag.Bool("large", false, "make the large site")
	flag.IntVar(&site.Petitions, "petitions", site.Petitions, "number of petitions")
	flag.IntVar(&site.Signatures, "signatures", site.Signatures, "approximate number of signatures")
	flag.IntVar(&site.Comments, "comments", site.Comments, "approximate number of comments")
	flag.Parse()
	if *large {
		site = load.Deep
	}
	load.Main(func(ctx context.Context) error { return fill(ctx, *address, *file, site) })
}

func fill(ctx context.Context, address, file string, site load.Site) (err error) {
	keys, err := secret.LoadOrCreate(file)
	if err != nil {
		return err
	}
	on := load.Database{Dialect: database.Postgres, URL: address}
	if strings.HasPrefix(address, "sqlite:") {
		on.Dialect = database.SQLite
	}
	db, err := on.Open(ctx, database.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := time.Now()
	progress := func(what string) { fmt.Printf("%s after %s\n", what, time.Since(began).Round(time.Second)) }
	if _, err := site.Make(ctx, db, keys, progress); err != nil {
		return err
	}
	differences, err := recount.New(db, recount.Options{}).Recount(ctx)
	if err == nil && len(differences) > 0 {
		err = fmt.Errorf("%d figures differ from the rows", len(differences))
	}
	progress("made and counted again")
	return err
}
