package transport

import (
	"context"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// unused is a schema for a transport that is asked for nothing.
func unused() graphql.ExecutableSchema {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: `type Query { hello: String }`})
	return &graphql.ExecutableSchemaMock{SchemaFunc: func() *ast.Schema { return schema }}
}

// deaf is a connection whose client reads so many bytes and no more.
type deaf struct{ takes int }

func (d *deaf) Write(data []byte) (int, error) {
	n := min(d.takes, len(data))
	d.takes -= n
	return n, nil
}
func (*deaf) Finish()       {}
func (*deaf) Pause()        {}
func (*deaf) Resume() error { return nil }
func (*deaf) Close()        {}

// What a client does not take is kept within bounds, the rest of the first message no less than what comes after it,
// and counts as memory until it has left or the line is given up.
func TestHoard(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.AnswerSize = 256 << 10
	most := 2*limits.onLine() + spare
	for name, test := range map[string]struct {
		memory int64
		takes  int
		writes []int
		kept   int // -1: the line was given up
	}{
		"Taken":        {0, 1 << 20, []int{1 << 20}, 0},
		"Most":         {0, 1000, []int{most + 1000}, most},
		"FirstTooMuch": {0, 1000, []int{most + 1001}, -1},
		"Rest":         {0, 0, []int{1000, most - 1000}, most},
		"RestTooMuch":  {0, 0, []int{1000, most - 999}, -1},
		"NoMemory":     {1 << 10, 100, []int{1000, 500}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := New(Options{Schema: unused(), Limits: limits, Memory: test.memory})
			defer func() { _ = tr.Shutdown(context.Background()) }()
			client := &deaf{takes: test.takes}
			l := &line{t: tr, conn: client}
			if f := tr.lines.admit(l, identity{}); f != nil {
				t.Fatal(f.errs)
			}
			for _, n := range test.writes {
				l.mu.Lock()
				if !l.gone {
					l.write(make([]byte, n))
				}
				l.mu.Unlock()
			}
			if gone := test.kept < 0; l.gone != gone {
				t.Errorf("given up: %v, want %v", l.gone, gone)
			}
			if taken := tr.memory.Taken(); taken != int64(max(test.kept, 0)) || len(l.pending) != max(test.kept, 0) {
				t.Errorf("%d bytes are kept and %d counted, want %d", len(l.pending), taken, test.kept)
			}
			client.takes = 1 << 30
			l.Ready()
			if taken := tr.memory.Taken(); taken != 0 {
				t.Errorf("%d bytes are counted when all has left", taken)
			}
			l.Lost()
		})
	}
}

// A client that does not read cannot stay by sending something long now and then: its time goes on.
func TestStalledBesideLongMessages(t *testing.T) {
	t.Parallel()
	tr := New(Options{Schema: unused()})
	defer func() { _ = tr.Shutdown(context.Background()) }()
	l := &line{t: tr, conn: &deaf{}}
	if f := tr.lines.admit(l, identity{}); f != nil {
		t.Fatal(f.errs)
	}
	l.mu.Lock()
	now := tr.lines.ticks()
	l.stalled, l.paused = now-1000, now
	l.texts = [][]byte{[]byte(`{"type":"complete","id":"nothing"}`)}
	l.mu.Unlock()
	l.read()
	l.mu.Lock()
	if since := tr.lines.ticks() - l.stalled; since < 900 {
		t.Errorf("stalled since %d ticks, want 1000 and those of the pause", since)
	}
	l.stalled, l.texts = now-1000, [][]byte{nil} // another is being read
	l.mu.Unlock()
	l.look(tr.lines.ticks())
	if !l.over() {
		t.Error("a client that has not read for long is still there")
	}
}
