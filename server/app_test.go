package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/server/settings"
	"petitiond/server/transport/nodetest"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for path, want := range map[string]string{
			"/healthz":          "ok",
			"/readyz":           "ready",
			"/schema.graphqls":  "type Petition implements Node",
			"/metrics":          "petitiond_watchers",
			"/graphql?query={a": "GRAPHQL_PARSE_FAILED",
			"/":                 "<!doctype html>",
			"/graphiql":         "GraphiQL",
		} {
			if _, body := s.get(t, path); !strings.Contains(body, want) {
				t.Errorf("%s: want %q, got %.200q", path, want, body)
			}
		}
		if status, _ := s.get(t, "/nowhere"); status != http.StatusNotFound {
			t.Errorf("an unknown path: want 404, got %d", status)
		}
		// Tools that run on pages of other sites read the contract, which is public.
		response := s.respond(t, http.MethodGet, "/schema.graphqls", "", "Origin", "https://elsewhere.example")
		_ = response.Body.Close()
		if allowed := response.Header.Get("Access-Control-Allow-Origin"); allowed != "*" {
			t.Errorf("pages of %q may read the contract, want all", allowed)
		}
	})
}

// The log must name the address first, and nobody who signed ever.
func TestLog(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, token := s.open(t)
		out := struct{ SignPetition struct{ Status *string } }{}
		s.ask(t, "", signMutation, map[string]any{"input": map[string]any{
			"petitionId": id, "name": "Canary Name", "email": "canary@example.org", "comment": "canary comment",
		}}, &out)
		s.send(t, "pe_canarytoken", signMutation, nil)
		s.send(t, "", `{ canaryField }`, nil)
		s.stop()
		log := s.log.String()
		contains(t, log, strings.TrimPrefix(s.url, "http://"), "serving", "draining", "stopped")
		for _, secret := range []string{"anary", token, "127.0.0.1:0 "} {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds %q:\n%s", secret, log)
			}
		}
	})
}

// Times in the log are what people write, for machines too.
func TestTimesInTheLog(t *testing.T) {
	t.Parallel()
	for _, env := range []string{settings.Development, settings.Production} {
		var out bytes.Buffer
		logger(settings.Config{Env: env}, &out).With("pause", time.Millisecond).Info("draining", "longest", 20*time.Second, slog.Group("of", "all", time.Minute))
		contains(t, strings.NewReplacer(`"`, "", ":", "=").Replace(out.String()), "pause=1ms", "longest=20s", "1m0s")
	}
}

func TestStopEndsSubscriptions(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.open(t)
		events := s.subscribe(t, id)
		<-events // the present value
		began := time.Now()
		s.stop()
		for range events {
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("stopping took %s with one subscription", took)
		}
	})
}

// subscribe follows a count over SSE and gives its totals until the stream ends.
func (s *site) subscribe(t *testing.T, petition string) <-chan int {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"query": `subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`, "variables": map[string]any{"id": petition},
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	response, err := (&http.Client{Transport: client.Transport}).Do(request) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		t.Fatal(err)
	}
	totals := make(chan int, 1000)
	go func() {
		defer close(totals)
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if event := (countEvent{}); ok && json.Unmarshal([]byte(data), &event) == nil && event.Data.SignatureCount != nil {
				totals <- event.Data.SignatureCount.Total
			}
		}
	}()
	return totals
}

type countEvent struct {
	At   int64 // milliseconds, where a Node program tells it
	Data struct{ SignatureCount *struct{ Total int } }
}

// 64 people sign one petition as fast as they can for a while, some of them twice.
func TestManySigners(t *testing.T) {
	t.Parallel()
	signing := 5 * time.Second
	if testing.Short() {
		signing = time.Second
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.open(t)
		watched := s.subscribe(t, id)
		var addresses, acknowledged atomic.Int64
		var signers sync.WaitGroup
		until := time.Now().Add(signing)
		for range 64 {
			signers.Go(func() {
				for time.Now().Before(until) {
					address := fmt.Sprintf("signer%d@example.org", addresses.Add(1))
					if !s.sign(t, id, address) {
						t.Error("a signature was not acknowledged")
						return
					}
					if acknowledged.Add(1)%10 == 0 && !s.sign(t, id, strings.ToUpper(address)) {
						t.Error("a repeated signature was answered otherwise than the first")
					}
				}
			})
		}
		signers.Wait()
		t.Logf("%d signatures in %s", acknowledged.Load(), signing)
		s.judge(t, id, int(acknowledged.Load()), watched)
	})
}

// judge compares every view of a petition's count with what was acknowledged.
func (s *site) judge(t *testing.T, id string, want int, watched <-chan int) {
	t.Helper()
	for got := range watched {
		if got == want {
			break
		}
	}
	out := struct {
		Petition struct {
			SignatureCount   int
			SignatureHistory []struct{ Added, Removed, Total int }
		}
	}{}
	s.ask(t, "", `query($id: ID) { petition(id: $id) { signatureCount signatureHistory(interval: MINUTE) { added removed total } } }`,
		map[string]any{"id": id}, &out)
	history := 0
	for _, p := range out.Petition.SignatureHistory {
		history += p.Added - p.Removed
	}
	var rows, addresses, numbers, lowest, highest int
	err := s.db.Read.QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(DISTINCT digest), COUNT(DISTINCT number), MIN(number), MAX(number)
 FROM signatures WHERE state = 'COUNTED'`).Scan(&rows, &addresses, &numbers, &lowest, &highest)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(out.Petition.SignatureCount, history, rows, addresses, numbers, lowest, highest)
	if all := fmt.Sprint(want, want, want, want, want, 1, want); got != all {
		t.Errorf("count, history, rows, addresses, numbers, lowest, highest: want %s, got %s", all, got)
	}
}

// The clients of graphql-ws and graphql-sse see the present value at once and a signature soon after.
func TestLiveClients(t *testing.T) {
	t.Parallel()
	dir := nodetest.Dir(t)
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for _, program := range []string{"subscribe-ws.mjs", "subscribe-sse.mjs"} {
			t.Run(program, func(t *testing.T) {
				t.Parallel()
				id, _ := s.open(t)
				events := listen(t, dir, program, s.url+"/graphql", id)
				if first := <-events; first.Data.SignatureCount == nil || first.Data.SignatureCount.Total != 0 {
					t.Fatalf("want the present value first, got %+v", first)
				}
				signed := time.Now()
				if !s.sign(t, id, "ann@example.org") {
					t.Fatal("not acknowledged")
				}
				second := <-events
				if second.Data.SignatureCount == nil || second.Data.SignatureCount.Total != 1 {
					t.Fatalf("want the new value, got %+v", second)
				}
				t.Logf("seen after %d ms", second.At-signed.UnixMilli())
			})
		}
	})
}

// listen runs a Node program that prints two events.
func listen(t *testing.T, dir, program, url, id string) <-chan countEvent {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", program, url, id, "2")
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe() // its end would end the program
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	events := make(chan countEvent, 10)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var e countEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%s printed %s", program, lines.Text())
			}
			events <- e
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	return events
}
