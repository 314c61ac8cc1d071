package fanout_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fanout"
)

// Each ring is heard, the first of all included, which makes the file.
func TestBell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, ring)
}

func ring(t *testing.T) {
	heard := make(chan struct{})
	b := fanout.Bell{Path: filepath.Join(t.TempDir(), "petitions.db.news"), Heard: func() { heard <- struct{}{} }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	for range 3 {
		time.Sleep(2 * fanout.Glance)
		if err := b.Ring(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatal("it was rung, and not heard")
		}
	}
	select {
	case <-heard:
		t.Error("it was heard, and not rung")
	case <-time.After(3 * fanout.Glance):
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRingReachesReplicas(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t, database.Postgres)
	db := opened(t, address)
	a, b := newReplica(t, db, address), newReplica(t, db, address)
	if err := fanout.Ring(t.Context(), db.Write); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*replica{a, b} {
		select {
		case <-r.lost:
		case <-time.After(10 * time.Second):
			t.Error("it was not heard")
		}
	}
}
