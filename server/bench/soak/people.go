package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"petitiond/server/bench/load"
)

// pace waits for the next turn of one of several workers that keep a common pace. It reports whether there is time
// left.
func pace(ctx context.Context, next *time.Time, each time.Duration) bool {
	*next = next.Add(each)
	if late := time.Since(*next); late > time.Second { // what was missed is not made up for
		*next = next.Add(late)
	}
	return pause(ctx, time.Until(*next))
}

// sign has a new person sign at every turn. If there is no answer, the request is repeated at another server with the
// same key.
func (t *site) sign(ctx context.Context, i, hands int) {
	clients := make([]*load.Client, len(t.servers))
	for k := range clients {
		clients[k] = t.servers[k].Client()
		defer func() { clients[k].Close() }()
	}
	next, each := time.Now(), time.Duration(hands)*time.Second/time.Duration(t.signing)
	for pace(ctx, &next, each) {
		n := t.nobody.Add(1)
		p, who := t.petitions[n%int64(len(t.petitions))], load.Somebody(n)
		// An attempt that has begun is finished even if the time is up.
		for try, began := i, time.Now(); ; try++ {
			at := try % len(clients)
			err := clients[at].Sign(context.WithoutCancel(ctx), p.id, who)
			if err == nil {
				p.signed.Add(1)
				break
			}
			t.refused.Add(1)
			if !errors.Is(err, load.ErrAgain) {
				clients[at].Close()
				clients[at] = t.servers[at].Client()
			}
			if time.Since(began) > time.Minute {
				t.fails("signing", fmt.Errorf("no answer for a minute, in the end %w", err))
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// questions returns what is read: a petition, a list, and a list whose answer is not shared.
func (t *site) questions() [][]byte {
	ask := func(query string, id string) []byte {
		text, _ := json.Marshal(map[string]any{"query": query, "variables": map[string]string{"id": id}}) //nolint:errchkjson // strings
		return text
	}
	var out [][]byte
	for _, p := range t.petitions {
		out = append(out,
			ask(`query($id: ID!) { petition(id: $id) { title bodyHtml signatureCount tags { label } signatures(first: 5) { nodes { name } } comments(first: 5) { nodes { body } } } }`, p.id),
			ask(`query($id: ID!) { petition(id: $id) { count { total lastHour version } signatureHistory(interval: MINUTE) { total } } }`, p.id))
	}
	return append(out, ask(`{ petitions(first: 20) { nodes { title signatureCount tags { label } } totalCount } }`, ""))
}

// read sends one question at every turn and records how long the answer takes.
func (t *site) read(ctx context.Context, i, hands int) {
	client := t.server(i).Client()
	defer func() { client.Close() }()
	questions := t.questions()
	next, each := time.Now(), time.Duration(hands)*time.Second/time.Duration(t.reading)
	for n := i; pace(ctx, &next, each); n += hands {
		began := time.Now()
		answer, _, err := client.Ask(context.WithoutCancel(ctx), questions[n%len(questions)])
		took := time.Since(began)
		switch {
		case err != nil:
			client.Close()
			client = t.server(i).Client()
			t.fails("reading", err)
		case strings.HasPrefix(string(answer), `{"errors"`) || strings.Contains(string(answer), `"code":`):
			t.reads.lost(began)
		default:
			t.reads.add(began, took)
		}
	}
}

// watch follows the count of a petition, which must never decrease, over an event stream, and reconnects when that
// ends.
func (t *site) watch(ctx context.Context, i int) {
	p := t.petitions[i%len(t.petitions)]
	body := fmt.Sprintf(`{"query":"subscription { signatureCount(petitionId: \"%s\") { total version } }"}`, p.id)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for last := 0; ctx.Err() == nil; {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+t.server(i).Address+"/graphql", strings.NewReader(body))
		if err != nil {
			t.fails("watching", err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "text/event-stream")
		if response, err := client.Do(r); err == nil {
			last = t.follow(response, last)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// follow reads a stream to its end, and returns the last total.
func (t *site) follow(response *http.Response, last int) int {
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		text, data := strings.CutPrefix(lines.Text(), "data: ")
		var event struct {
			Data struct{ SignatureCount *struct{ Total int } }
		}
		if !data || json.Unmarshal([]byte(text), &event) != nil || event.Data.SignatureCount == nil {
			continue
		}
		total := event.Data.SignatureCount.Total
		if total < last {
			t.fails("watching", fmt.Errorf("the count decreased from %d to %d", last, total))
		}
		last = total
	}
	return last
}

// latencies records how long reads took, minute by minute.
type latencies struct {
	mu      sync.Mutex // guards what follows
	began   time.Time
	minutes [][]time.Duration
	errors  []int
}

func newLatencies() *latencies { return &latencies{began: time.Now()} }

func (l *latencies) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.minutes, l.errors = time.Now(), nil, nil
}

// minute returns the index of the minute of a time. It needs mu.
func (l *latencies) minute(at time.Time) int {
	n := max(0, int(at.Sub(l.began)/time.Minute))
	for len(l.minutes) <= n {
		l.minutes, l.errors = append(l.minutes, nil), append(l.errors, 0)
	}
	return n
}

func (l *latencies) add(at time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.minute(at)
	l.minutes[n] = append(l.minutes[n], took)
}

func (l *latencies) lost(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors[l.minute(at)]++
}

// percentile returns the 99th percentile of the reads of some minutes, and how many there were.
func (l *latencies) percentile(from, to int) (p99 time.Duration, n, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []time.Duration
	for i := max(from, 0); i < min(to, len(l.minutes)); i++ {
		all, lost = append(all, l.minutes[i]...), lost+l.errors[i]
	}
	if len(all) == 0 {
		return 0, 0, lost
	}
	slices.Sort(all)
	return all[len(all)*99/100], len(all), lost
}

func (l *latencies) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.minutes)
}
