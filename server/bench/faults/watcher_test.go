package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// watcher follows the count of a petition at one server, and resubscribes when it is cut off.
type watcher struct {
	t     *testing.T
	at    *program
	ended sync.WaitGroup

	mu    sync.Mutex // guards what follows
	total int
	news  chan struct{} // closed and replaced when the total changes
}

func watch(t *testing.T, petition petition, at *program) *watcher {
	w := &watcher{t: t, at: at, news: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		w.ended.Wait()
	})
	body := request(`subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`, map[string]any{"id": petition.id})
	w.ended.Go(func() {
		for wait := 10 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, time.Second) {
			if w.follow(ctx, body) {
				wait = 10 * time.Millisecond
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
	})
	return w
}

// follow receives values until the stream ends, and reports whether there were any.
func (w *watcher) follow(ctx context.Context, body []byte) (some bool) {
	response, err := post(ctx, w.at.address, "", "text/event-stream", body)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, _ := strings.CutPrefix(lines.Text(), "data: ")
		var event struct {
			Data struct{ SignatureCount *struct{ Total int } }
		}
		if json.Unmarshal([]byte(data), &event) == nil && event.Data.SignatureCount != nil {
			w.take(event.Data.SignatureCount.Total)
			some = true
		}
	}
	return some
}

// take checks a value, which must never be smaller than an earlier one, even after a connection was lost.
func (w *watcher) take(total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if total < w.total {
		w.t.Errorf("a watcher saw the count decrease from %d to %d", w.total, total)
	}
	w.total = total
	close(w.news)
	w.news = make(chan struct{})
}

func (w *watcher) shown() (total int, more <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total, w.news
}

// sees fails the test unless the watcher sees the total before ctx ends.
func (w *watcher) sees(ctx context.Context, total int) {
	w.t.Helper()
	for {
		shown, more := w.shown()
		if shown == total {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			w.t.Errorf("a watcher sees %d, want %d", shown, total)
			return
		}
	}
}
