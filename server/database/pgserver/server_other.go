//go:build !unix

package pgserver

import "context"

// Server is a PostgreSQL server that belongs to this process. It runs only on Unix.
type Server struct{}

// New returns ErrNone: a server cannot run on this system.
func New(context.Context, Options) (*Server, error) { return nil, ErrNone }

// URL returns the address of a database of the server.
func (*Server) URL(string) string { return "" }

// Start starts the server again after Kill.
func (*Server) Start(context.Context) error { return ErrNone }

// Kill ends the server as a crash would.
func (*Server) Kill(context.Context) error { return ErrNone }

// Stop ends the server and removes everything it had.
func (*Server) Stop() error { return ErrNone }
