package faults

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/diskfault"
	"petitiond/server/database/pgproxy"
)

// brittle is a database on which any single step can be made to fail: an operation on one of SQLite's files, or a
// message of PostgreSQL's protocol.
type brittle struct {
	url    string
	folder string // of the files; on SQLite only
	ways   []way
	cut    func() // ends every connection; on PostgreSQL only

	mu     sync.Mutex // guards what follows
	armed  bool
	way    way
	at     int // the step that fails, from 1 on; 0: none
	steps  int // taken since it was armed
	struck string
}

// way is a way in which a step fails: a fate of diskfault or pgproxy.
type way struct {
	name string
	disk diskfault.Fate
	wire pgproxy.Fate
}

// onBrittle runs f on both databases.
func onBrittle(t *testing.T, f func(t *testing.T, b *brittle)) {
	t.Helper()
	t.Run(database.SQLite.String(), func(t *testing.T) {
		t.Parallel()
		f(t, brittleSQLite(t))
	})
	t.Run(database.Postgres.String(), func(t *testing.T) {
		t.Parallel()
		f(t, brittlePostgres(t))
	})
}

func brittleSQLite(t *testing.T) *brittle {
	folder := t.TempDir()
	b := &brittle{url: "sqlite:" + filepath.Join(folder, "petitions.db"), folder: folder, ways: []way{
		{name: "not carried out", disk: diskfault.FailBefore},
		{name: "half written", disk: diskfault.FailAmid},
		{name: "carried out and said to have failed", disk: diskfault.FailAfter},
		{name: "no room", disk: diskfault.Full},
	}}
	diskfault.New(t, folder).Judge(func(o diskfault.Operation) diskfault.Fate {
		if b.fails(string(o.Kind)+" "+o.File, func(w way) bool { return matters(o.Kind, w.disk) }) {
			return b.way.disk
		}
		return diskfault.Pass
	})
	return b
}

// matters reports whether a way to fail differs from the others for this kind of operation.
func matters(kind diskfault.Kind, fate diskfault.Fate) bool {
	switch fate {
	case diskfault.FailAmid, diskfault.Full:
		return kind == diskfault.Write
	case diskfault.FailAfter:
		switch kind {
		case diskfault.Write, diskfault.Truncate, diskfault.Sync, diskfault.Delete, diskfault.Close, diskfault.Unlock:
			return true
		}
		return false
	case diskfault.FailBefore, diskfault.Pass:
	}
	return kind != diskfault.Close && kind != diskfault.Unlock
}

func brittlePostgres(t *testing.T) *brittle {
	p := pgproxy.New(t, onPostgres(t).direct)
	b := &brittle{url: p.URL, cut: p.CutAll, ways: []way{
		{name: "cut before it", wire: pgproxy.CutBefore},
		{name: "cut within it", wire: pgproxy.CutAmid},
		{name: "cut after it", wire: pgproxy.CutAfter},
	}}
	p.Judge(func(m pgproxy.Message) pgproxy.Fate {
		what := fmt.Sprintf("message %.1q of the program", m.Bytes[0])
		if m.From == pgproxy.Server {
			what = fmt.Sprintf("message %.1q of the server", m.Bytes[0])
		}
		if b.fails(what, func(way) bool { return true }) {
			return b.way.wire
		}
		return pgproxy.Pass
	})
	return b
}

// fails counts a step, and reports whether it is the one that fails.
func (b *brittle) fails(step string, counts func(way) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.armed || !counts(b.way) {
		return false
	}
	if b.steps++; b.steps != b.at {
		return false
	}
	b.struck = step
	return true
}

// arm makes one of the next steps fail, once; 0 just counts them.
func (b *brittle) arm(a attempt) {
	if a.fresh {
		b.cut()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed, b.way, b.at, b.steps, b.struck = true, a.way, a.at, 0, ""
}

// disarm returns how many steps there were, and which of them failed.
func (b *brittle) disarm() (steps int, struck string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	return b.steps, b.struck
}

// attempt is one try, in which a step fails.
type attempt struct {
	way   way
	fresh bool // are all connections new
	at    int  // the step that fails, from 1 on; 0: none
}

// String names the attempt.
func (a attempt) String() string {
	if a.fresh {
		return fmt.Sprintf("step %d, with new connections, %s", a.at, a.way.name)
	}
	return fmt.Sprintf("step %d %s", a.at, a.way.name)
}

// fail first counts the steps, and then calls try once for each step failing in each way. In a short run it only makes
// some steps fail, always including the last ones, with the commit. try has to arm the step and to return the result of
// disarm.
func (b *brittle) fail(t *testing.T, try func(a attempt) (steps int)) {
	t.Helper()
	for _, way := range b.ways {
		for _, fresh := range []bool{false, true} {
			if fresh && b.cut == nil {
				continue
			}
			try(attempt{way, fresh, 0})
			steps := try(attempt{way, fresh, 0}) // the second time, more statements are prepared
			if steps == 0 {
				t.Errorf("%s: no step was seen", way.name)
			}
			every := of(max(1, steps/3), 1)
			for at := 1; at <= steps; at++ {
				if at%every == 0 || at > steps-2 {
					try(attempt{way, fresh, at})
				}
			}
		}
	}
}
