package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"petitiond/server/database"
	"petitiond/server/database/diskfault"
)

// full returns what SQLite says when its disk is full.
func full(t *testing.T) error {
	t.Helper()
	folder := t.TempDir()
	disk := diskfault.New(t, folder)
	db, err := database.Open(t.Context(), "sqlite:"+filepath.Join(folder, "full.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	disk.Judge(func(o diskfault.Operation) diskfault.Fate {
		if strings.HasSuffix(o.File, "-wal") {
			return diskfault.Full
		}
		return diskfault.Pass
	})
	defer disk.Judge(nil)
	return database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "CREATE TABLE canary (a)")
		return err
	})
}

func TestTroubleOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want database.Trouble
	}{
		{fmt.Errorf("x: %w", database.ErrClock), database.TroubleClock},
		{full(t), database.TroubleFull},
		{fmt.Errorf("commit: %w", &pq.Error{Code: pqerror.DiskFull}), database.TroubleFull},
		{errors.Join(context.DeadlineExceeded, &pq.Error{Code: pqerror.DiskFull}), database.TroubleFull},
		{&pq.Error{Code: pqerror.ReadOnlySQLTransaction}, database.TroubleRefused},
		{&pq.Error{Code: pqerror.IOError}, database.TroubleRefused},
		{&pq.Error{Code: pqerror.OutOfMemory}, database.TroubleRefused},
		{&net.OpError{Op: "dial", Err: errors.New("x")}, database.TroubleAway},
		{&pq.Error{Code: pqerror.AdminShutdown}, database.TroubleAway},
		{context.DeadlineExceeded, database.TroubleSlow},
		{&pq.Error{Code: pqerror.LockNotAvailable}, database.TroubleSlow},
		{errors.New("canary"), database.TroubleOther},
	} {
		if got := database.TroubleOf(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

// The log has one line for a kind of trouble in a minute, whatever else is in trouble.
func TestFailedWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failed database.FailedWrites
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		lines := func(want ...string) {
			t.Helper()
			for _, w := range want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("want %q in:\n%s", w, out.String())
				}
			}
			if got := strings.Count(out.String(), "level=ERROR"); got != len(want) {
				t.Errorf("want %d lines, got:\n%s", len(want), out.String())
			}
			out.Reset()
		}
		for range 5 {
			failed.Add(t.Context(), log, &pq.Error{Code: pqerror.DiskFull})
			failed.Add(t.Context(), log, database.ErrClock)
		}
		lines("trouble=full times=1", "trouble=clock times=1")
		time.Sleep(time.Minute - 1)
		failed.Log(t.Context(), log, database.ErrClock)
		lines()
		time.Sleep(time.Nanosecond)
		failed.Log(t.Context(), log, database.ErrClock)
		failed.Add(t.Context(), log, &pq.Error{Code: pqerror.DiskFull})
		lines("trouble=clock times=4", "trouble=full times=5")
		failed.Worked(t.Context(), log)
		for _, want := range []string{`msg="writes work again" trouble=full`, `msg="writes work again" trouble=clock`} {
			if strings.Count(out.String(), want) != 1 {
				t.Errorf("want %q once in:\n%s", want, out.String())
			}
		}
		out.Reset()
		failed.Worked(t.Context(), log)
		if out.Len() > 0 {
			t.Errorf("it is told again: %s", out.String())
		}
		// Told before any of them is counted, as by the ledger.
		time.Sleep(time.Minute)
		for _, want := range []string{"trouble=other times=1", "trouble=other times=3"} {
			failed.Log(t.Context(), log, errors.New("canary"))
			lines(want)
			for range 4 {
				failed.Add(t.Context(), log, errors.New("canary"))
			}
			time.Sleep(time.Minute)
		}
		if full, clock := failed.Count(database.TroubleFull), failed.Count(database.TroubleClock); full != 6 || clock != 5 {
			t.Errorf("%d and %d are counted, want 6 and 5", full, clock)
		}
	})
}
