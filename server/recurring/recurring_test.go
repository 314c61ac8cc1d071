package recurring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/recurring"
)

// The log hears of the first failure, then of as many as there were in a minute, and of the end.
func TestTask(t *testing.T) {
	t.Parallel()
	var now time.Time
	lines := recurring.Lines{Now: func() time.Time { return now }}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	away := errors.New("away")
	steps := []struct {
		name  string
		task  string
		err   error
		later time.Duration // when the next step is
		want  string
	}{
		{"it works", "sweep", nil, time.Second, ""},
		{"the first failure", "sweep", away, time.Second, `level=ERROR msg="upkeep failed, and is tried again in its turn" task=sweep times=1 error=away`},
		{"another", "sweep", away, time.Second, ""},
		{"another task", "rank", away, 58*time.Second - 1, `level=ERROR msg="upkeep failed, and is tried again in its turn" task=rank times=1 error=away`},
		{"before a minute has passed", "sweep", away, 1, ""},
		{"a minute after the first", "sweep", away, time.Second, `level=ERROR msg="upkeep failed, and is tried again in its turn" task=sweep times=3 error=away`},
		{"it works again", "sweep", nil, time.Second, `level=INFO msg="upkeep works again" task=sweep`},
		{"and again", "sweep", nil, time.Second, ""},
		{"fails within the minute", "sweep", away, time.Second, ""},
		{"works, and nobody knew that it did not", "sweep", nil, time.Minute, ""},
		{"fails later", "sweep", away, 0, `level=ERROR msg="upkeep failed, and is tried again in its turn" task=sweep times=2 error=away`},
	}
	for _, step := range steps {
		lines.Task(t.Context(), log, step.task, step.err)
		if got := strings.TrimSpace(out.String()); got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
		out.Reset()
		now = now.Add(step.later)
	}
}

// TestDo: a task whose own time is over has failed; one that is ended with everything else has not.
func TestDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, lines := slog.New(slog.NewTextHandler(&out, nil)), recurring.Lines{}
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		lines.Do(t.Context(), log, "sweep", time.Second, hang)
		if !strings.Contains(out.String(), "task=sweep times=1 error=\"context deadline exceeded\"") {
			t.Errorf("its time was over: logged %q", out.String())
		}
		out.Reset()
		for _, longest := range []time.Duration{0, time.Hour} {
			ctx, end := context.WithTimeout(t.Context(), time.Minute)
			lines.Do(ctx, log, "rank", longest, hang)
			end()
			if out.Len() > 0 {
				t.Errorf("everything ends: logged %q", out.String())
			}
		}
		lines.Do(t.Context(), log, "sweep", 0, func(context.Context) error { return nil })
		if !strings.Contains(out.String(), "works again") {
			t.Errorf("it works: logged %q", out.String())
		}
	})
}

// However often something begins and ends, the log gets no more than two lines a minute.
func TestFlapping(t *testing.T) {
	t.Parallel()
	var now time.Time
	lines := recurring.Lines{Now: func() time.Time { return now }}
	told := 0
	for range 10 * 60 {
		if _, due := lines.Due("flapping"); due {
			told++
		}
		if lines.Over("flapping") {
			told++
		}
		now = now.Add(time.Second)
	}
	if told != 20 {
		t.Errorf("%d lines in ten minutes, want 20", told)
	}
	if n := lines.Total("flapping"); n != 600 {
		t.Errorf("it has happened %d times, want 600", n)
	}
	if n := lines.Total("nothing"); n != 0 {
		t.Errorf("what never happened has happened %d times", n)
	}
}

func ExampleLines_Due() {
	var lines recurring.Lines
	for range 3 {
		if times, due := lines.Due("the disk is full"); due {
			fmt.Println("the disk is full", times)
		}
	}
	// Output: the disk is full 1
}
