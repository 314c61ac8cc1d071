//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"petitiond/server/bench/load"
)

//go:embed hook.go
var hook []byte

// build builds the server, with the profiling hook if profiles are wanted.
func (b *bench) build(ctx context.Context, folder string) (load.Program, error) {
	if b.profiles == "" {
		return load.Build(ctx, folder)
	}
	if err := os.MkdirAll(filepath.Dir(b.profiles), 0o700); err != nil {
		return load.Program{}, err
	}
	place, err := filepath.Abs("server/profile_hook.go")
	if err != nil {
		return load.Program{}, err
	}
	source, overlay := filepath.Join(folder, "hook.go"), filepath.Join(folder, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{place: source}})
	if err := errors.Join(err, os.WriteFile(source, hook, 0o600), os.WriteFile(overlay, text, 0o600)); err != nil {
		return load.Program{}, err
	}
	return load.BuildOther(ctx, folder, "petitiond", "./server", "-overlay", overlay)
}

// profile has the server write a profile while a way is measured. The function end waits for the complete file.
func (b *bench) profile(w way, of string) (end func() error, err error) {
	if b.profiles == "" || w.profile == "" {
		return func() error { return nil }, nil
	}
	return func() error {
		if err := syscall.Kill(w.server.PID(), syscall.SIGUSR2); err != nil {
			return err
		}
		for range 100 {
			err = os.Rename(w.profile, fmt.Sprintf("%s-%s-%s.pprof", b.profiles, of, w.name))
			if err == nil {
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
		return err
	}, syscall.Kill(w.server.PID(), syscall.SIGUSR1)
}
