//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// fleet is the servers of one database.
type fleet struct {
	on      load.Database
	db      *database.DB
	servers []*load.Server
	copies  int
}

func (f *fleet) start(ctx context.Context, p load.Program) (*load.Server, error) {
	return f.serve(ctx, p, f.on)
}

// startBeside starts a server beside others. A file of SQLite is served by one server alone, so this one gets a copy.
func (f *fleet) startBeside(ctx context.Context, p load.Program) (*load.Server, error) {
	on := f.on
	if on.Dialect == database.SQLite {
		f.copies++
		on.URL += fmt.Sprintf(".copy%d", f.copies)
		if _, err := f.db.Write.ExecContext(ctx, `VACUUM INTO $1`, strings.TrimPrefix(on.URL, "sqlite:")); err != nil {
			return nil, err
		}
	}
	return f.serve(ctx, p, on)
}

func (f *fleet) serve(ctx context.Context, p load.Program, on load.Database) (*load.Server, error) {
	s, err := p.Serve(ctx, on)
	if err == nil {
		f.servers = append(f.servers, s)
	}
	return s, err
}

func (f *fleet) stop() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}
