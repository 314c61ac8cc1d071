package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// watcher is one subscription to the count.
type watcher struct {
	last    int64 // the value that must come in the end
	lines   *bufio.Scanner
	value   reading
	seen    int           // how many values have come
	fault   error         // something that must not happen
	reached time.Time     // when the last value came
	there   chan struct{} // closed when the last value has come
	ended   chan struct{} // closed at the end of the stream; only then may the above be read
}

// reading is a value of the count.
type reading struct{ Total, Version int64 }

// watch subscribes, and returns when the current value has come.
func watch(ctx context.Context, address, petition string, last int64) (*watcher, error) {
	body, err := json.Marshal(map[string]any{
		"query":     `subscription($id: ID!) { signatureCount(petitionId: $id) { total version } }`,
		"variables": map[string]any{"id": petition},
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // follow closes it
	if err != nil {
		return nil, err
	}
	w := &watcher{last: last, lines: bufio.NewScanner(response.Body), there: make(chan struct{}), ended: make(chan struct{})}
	begun := make(chan struct{})
	go func() {
		defer close(w.ended)
		defer response.Body.Close()
		w.follow(begun)
	}()
	select {
	case <-begun:
		return w, nil
	case <-w.ended:
		return nil, fmt.Errorf("a subscription ended at once: %w", w.fault)
	}
}

// follow receives values until the stream ends. It closes begun after the first one.
func (w *watcher) follow(begun chan<- struct{}) {
	for w.fault == nil && w.lines.Scan() {
		data, ok := strings.CutPrefix(w.lines.Text(), "data: ")
		if !ok {
			continue
		}
		if w.fault = w.take(data); w.fault == nil && w.seen == 1 {
			close(begun)
		}
	}
	if w.fault == nil && w.reached.IsZero() {
		w.fault = errors.Join(errors.New("the stream ended early"), w.lines.Err())
	}
}

// take checks one event. Values must only increase, and never beyond the last one.
func (w *watcher) take(data string) error {
	event := struct {
		Data struct{ SignatureCount *reading }
	}{}
	if err := json.Unmarshal([]byte(data), &event); err != nil || event.Data.SignatureCount == nil {
		return fmt.Errorf("not a value: %.200s", data)
	}
	before, now := w.value, *event.Data.SignatureCount
	w.value = now
	w.seen++
	switch {
	case now.Total < before.Total || now.Version < before.Version:
		return fmt.Errorf("a value decreased: %+v came after %+v", now, before)
	case now.Total > w.last:
		return fmt.Errorf("%d signatures, but there were fewer addresses", now.Total)
	case now.Total == w.last && w.reached.IsZero():
		w.reached = time.Now()
		close(w.there)
	}
	return nil
}

// wait waits until every watcher has received the last value, and returns how long after the last answer the latest one
// did.
func wait(watchers []*watcher, since time.Time) (late time.Duration) {
	patient := time.NewTimer(patience)
	defer patient.Stop()
	for _, w := range watchers {
		select {
		case <-w.there:
		case <-w.ended:
		case <-patient.C:
			return patience
		}
	}
	return max(0, time.Since(since))
}

// judge waits until the streams have ended, and reports what the watchers have received.
func judge(watchers []*watcher, late time.Duration, rep *report) {
	there, fewest, most := 0, 0, 0
	for i, w := range watchers {
		<-w.ended
		if w.fault != nil {
			rep.fault("watcher %d: %v", i+1, w.fault)
		}
		if w.value.Total == w.last {
			there++
		} else {
			rep.fault("watcher %d ended on %d", i+1, w.value.Total)
		}
		if i == 0 || w.seen < fewest {
			fewest = w.seen
		}
		most = max(most, w.seen)
	}
	rep.add("watchers over server-sent events that have the last value", "%d of %d", there, len(watchers))
	rep.add("– the latest of them, after the last answer", "%s", late.Round(time.Millisecond))
	rep.add("– values that each saw, none below the one before", "%s to %s", count(fewest), count(most))
}
