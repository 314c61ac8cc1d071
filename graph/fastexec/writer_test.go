package fastexec_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/graph/fastexec"
	"petitiond/server/answerbudget"
)

// text is an answer that is written in steps of 1,000 bytes.
func text(n int) graphql.Marshaler {
	step := strings.Repeat("a", 1000)
	return graphql.WriterFunc(func(w io.Writer) {
		for range n / len(step) {
			_, _ = io.WriteString(w, step)
		}
		_, _ = w.Write([]byte(step[:n%len(step)]))
	})
}

// TestWrite checks that an answer is written up to the budget of its operation, and that nothing is written beyond it.
func TestWrite(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size, most, memory int
		want               error
	}{
		"Empty": {0, 1000, 1000, nil}, "Small": {999, 1000, 1000, nil}, "Exact": {1000, 1000, 1000, nil},
		"OneMore": {1001, 1000, 1000, answerbudget.ErrAnswer}, "Large": {1_000_000, 2_000_000, 8_000_000, nil},
		"TooLarge": {3_000_000, 2_000_000, 16_000_000, answerbudget.ErrAnswer}, "NoMemory": {1_000_000, 2_000_000, 1_000_000, answerbudget.ErrMemory},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := answerbudget.NewMemory(int64(test.memory), 1).Budget(test.most)
			defer b.Close()
			var out bytes.Buffer
			fastexec.Write(answerbudget.With(t.Context(), b), &out, text(test.size))
			if err := b.Err(); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			want := test.size
			if test.want != nil {
				want = 0
			}
			if out.Len() != want || out.String() != strings.Repeat("a", want) {
				t.Errorf("%d bytes, want %d", out.Len(), want)
			}
			if test.want != nil && out.Bytes() != nil {
				t.Error("the data is an empty text, which is no JSON, instead of nothing")
			}
		})
	}
}

// TestWriteStopsAtTheBudget checks that what is beyond the budget is not even computed.
func TestWriteStopsAtTheBudget(t *testing.T) {
	t.Parallel()
	b := answerbudget.NewMemory(1<<20, 1).Budget(10_000)
	defer b.Close()
	steps := 0
	var out bytes.Buffer
	fastexec.Write(answerbudget.With(t.Context(), b), &out, graphql.WriterFunc(func(w io.Writer) {
		for range 1000 {
			steps++
			_, _ = io.WriteString(w, strings.Repeat("a", 1000))
		}
	}))
	if steps != 11 {
		t.Errorf("it took %d steps to write 10,000 bytes in steps of 1,000 and to find the limit", steps)
	}
}

// TestWriteOtherPanics checks that only the end of the budget is caught.
func TestWriteOtherPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v != "bug" {
			t.Errorf("the panic is %v", v)
		}
	}()
	fastexec.Write(t.Context(), new(bytes.Buffer), graphql.WriterFunc(func(io.Writer) { panic("bug") }))
}

// TestWriteEvents checks that the buffer of a subscription takes one event after another, and does not stay large.
func TestWriteEvents(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, size := range []int{100, 90, 1 << 20, 100} {
		out.Reset()
		fastexec.Write(t.Context(), &out, text(size))
		if out.Len() != size {
			t.Errorf("an event has %d bytes, want %d", out.Len(), size)
		}
	}
	if out.Cap() > 1024 {
		t.Errorf("%d bytes are kept for events of 100", out.Cap())
	}
}

// TestWriteSideBySide checks that answers do not share what they are returned in.
func TestWriteSideBySide(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			want := strings.Repeat(string(rune('a'+i)), 2000)
			var kept []*bytes.Buffer
			for range 50 {
				out := new(bytes.Buffer)
				fastexec.Write(context.Background(), out, graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, want) }))
				kept = append(kept, out)
			}
			for _, out := range kept {
				if out.String() != want {
					t.Error("an answer has changed after it was written")
				}
			}
		})
	}
	all.Wait()
}
