package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
)

// twins runs two servers on one PostgreSQL database with one secret.
func twins(t *testing.T, fanout string) (a, b *site) {
	t.Helper()
	environment := []string{
		"PETITION_LISTEN=127.0.0.1:0",
		"PETITION_DATABASE_URL=" + dbtest.URL(t, database.Postgres),
		"PETITION_SECRET_FILE=" + filepath.Join(t.TempDir(), "secret.key"),
		"PETITION_FANOUT=" + fanout,
	}
	return start(t, environment), start(t, environment)
}

// Two servers on one database behave as one.
func TestReplicas(t *testing.T) {
	t.Parallel()
	a, b := twins(t, "postgres")
	for name, test := range map[string]func(t *testing.T, a, b *site){
		"OneAddress": oneAddress, "ManyAddresses": manyAddresses, "OneKey": oneKey, "Closing": closing, "Hiding": hiding,
		"Comments": commentsInOrder, "LiveValues": liveValues, "LastHour": lastHourFalls,
	} {
		t.Run(name, func(t *testing.T) { test(t, a, b) })
	}
}

// Without notifications what is watched is read again within five seconds: nothing is lost.
func TestReplicasWithoutNews(t *testing.T) {
	t.Parallel()
	a, b := twins(t, "local")
	for name, test := range map[string]func(t *testing.T, a, b *site){
		"Hiding": hiding, "Comments": commentsInOrder, "LiveValues": liveValues, "LastHour": lastHourFalls,
	} {
		t.Run(name, func(t *testing.T) { test(t, a, b) })
	}
}

// Two hundred people give one address, half of them here and half there.
func oneAddress(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	var crowd sync.WaitGroup
	for i := range 200 {
		crowd.Go(func() {
			if s := []*site{a, b}[i%2]; !s.sign(t, petition, "ann@example.org") {
				t.Error("a signature was not acknowledged")
			}
		})
	}
	crowd.Wait()
	audit(t, a, b, petition, 1)
}

// Thirty-two people sign here and there, every tenth of them at both.
func manyAddresses(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	here, there := a.watch(t, petition), b.watch(t, petition)
	var crowd sync.WaitGroup
	for door := range 32 {
		crowd.Go(func() {
			here, there := a, b
			if door%2 == 1 {
				here, there = b, a
			}
			for i := range 20 {
				address := fmt.Sprintf("signer%d.%d@example.org", door, i)
				if !here.sign(t, petition, address) || i%10 == 0 && !there.sign(t, petition, address) {
					t.Error("a signature was not acknowledged")
				}
			}
		})
	}
	crowd.Wait()
	audit(t, a, b, petition, 32*20)
	told := map[int64]counted{}
	for _, w := range []*stream{here, there} {
		for v := (counted{}); v.Total < 32*20; told[v.Version] = v {
			var err error
			if v, err = w.count(); err != nil {
				t.Fatal(err)
			}
			if same, ok := told[v.Version]; ok && same != v {
				t.Errorf("one version is %+v here and %+v there", same, v)
			}
		}
	}
}

// audit compares what both servers say of a petition, and the rows, with what was acknowledged.
func audit(t *testing.T, a, b *site, petition string, want int) {
	t.Helper()
	id := scalar.ParseID(petition).UUID
	var rows, addresses, first, last, added int
	err := a.db.Read.QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(DISTINCT digest), MIN(number), MAX(number),
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1 AND span = 1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1)
 FROM signatures WHERE petition_id = $1 AND state = 'COUNTED'`, id).Scan(&rows, &addresses, &first, &last, &added)
	if err != nil {
		t.Fatal(err)
	}
	got := []int{a.count(t, petition), b.count(t, petition), rows, addresses, first, last, added}
	if diff := cmp.Diff([]int{want, want, want, want, 1, want, want}, got); diff != "" {
		t.Errorf("counts here and there, rows, addresses, first and last number, history (-want +got):\n%s", diff)
	}
}

const noteMutation = `mutation($input: AddCommentInput!) { addComment(input: $input) { comment { id } userErrors { code } } }`

// note adds a comment and gives its id, or the code of the error.
func (s *site) note(t *testing.T, petition, body, key string) string {
	t.Helper()
	input := map[string]any{"petitionId": petition, "body": body}
	if key != "" {
		input["idempotencyKey"] = key
	}
	out := struct {
		AddComment struct {
			Comment    *struct{ ID string }
			UserErrors []struct{ Code string }
		}
	}{}
	s.ask(t, "", noteMutation, map[string]any{"input": input}, &out)
	if out.AddComment.Comment != nil {
		return out.AddComment.Comment.ID
	}
	return out.AddComment.UserErrors[0].Code
}

// The same key is one call, wherever it is sent, and with another input it is refused.
func oneKey(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	for n := range 10 {
		key := fmt.Sprintf("a key of many characters %d", n)
		answers := make([]string, 20)
		var callers sync.WaitGroup
		for i := range answers {
			callers.Go(func() { answers[i] = []*site{a, b}[i%2].note(t, petition, "Trees are tall.", key) })
		}
		callers.Wait()
		if answers = slices.Compact(answers); len(answers) != 1 || !scalar.ParseID(answers[0]).Is(scalar.Comment) {
			t.Errorf("answers to one key: %v", answers)
		}
		if got := b.note(t, petition, "Trees are small.", key); got != "IDEMPOTENCY_MISMATCH" {
			t.Errorf("another input with the key: %s", got)
		}
	}
	var rows int
	err := a.db.Read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM comments WHERE petition_id = $1`, scalar.ParseID(petition).UUID).Scan(&rows)
	if err != nil || rows != 10 {
		t.Errorf("%d comments, %v, want 10", rows, err)
	}
}

// When a petition was closed here, nobody signs it there any more: not one, though many are at it.
func closing(t *testing.T, a, b *site) {
	petition, token := a.open(t)
	var acknowledged atomic.Int64
	var closed atomic.Bool
	var signers sync.WaitGroup
	busy := make(chan struct{})
	for door := range 8 {
		signers.Go(func() {
			for i := 0; ; i++ {
				late := closed.Load()
				if !b.sign(t, petition, fmt.Sprintf("signer%d.%d@example.org", door, i)) {
					return
				}
				if acknowledged.Add(1) == 50 {
					close(busy)
				}
				if late {
					t.Error("signed there after it was closed here")
				}
			}
		})
	}
	<-busy
	a.ask(t, token, `mutation($id: ID!) { closePetition(input: {id: $id}) { petition { state } } }`, map[string]any{"id": petition}, &struct{}{})
	closed.Store(true)
	signers.Wait()
	audit(t, a, b, petition, int(acknowledged.Load()))
}

// What is hidden here ends there for everybody who watches it.
func hiding(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	streams := map[string]*stream{
		"count":    b.watch(t, petition),
		"comments": b.stream(t, `subscription($id: ID!) { commentAdded(petitionId: $id) { body } }`, petition),
		"petition": b.stream(t, `subscription($id: ID!) { petitionChanged(petitionId: $id) { state } }`, petition),
	}
	b.holds(t, len(streams))
	if err := a.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(petition).UUID); err != nil {
		t.Fatal(err)
	}
	for name, w := range streams {
		err := w.next(&struct{}{})
		for err == nil {
			err = w.next(&struct{}{})
		}
		if err.Error() != "NOT_FOUND" {
			t.Errorf("%s: the subscription ended with %v", name, err)
		}
	}
}

// holds waits for a server to have so many watchers, those of an earlier test being gone.
func (s *site) holds(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // the hub tells nobody who comes
		_, got := s.observer.hub.Size()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d watchers after 20 s, want %d", got, want)
		}
	}
}

// Comments made here and there are told in one order.
func commentsInOrder(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	w := b.stream(t, `subscription($id: ID!) { commentAdded(petitionId: $id) { body } }`, petition)
	next := func() string {
		event := struct{ CommentAdded struct{ Body string } }{}
		if err := w.next(&event); err != nil {
			t.Fatal(err)
		}
		return event.CommentAdded.Body
	}
	// A subscription begins with what comes after it: it has begun when it tells something.
	begun, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		for {
			b.note(t, petition, "Begin", "")
			select {
			case <-begun:
				return
			case <-time.After(50 * time.Millisecond): // more at once than one event may hold would be lost
			}
		}
	}()
	next()
	close(begun)
	<-told
	var got, want []string
	for n := range 40 { // fewer than one tick may hold
		want = append(want, fmt.Sprintf("Comment %d", n))
		[]*site{a, b}[n%2].note(t, petition, want[n], "")
	}
	for len(got) < len(want) {
		if body := next(); body != "Begin" {
			got = append(got, body)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

// Who watches here sees what is signed there, and the other way round.
func liveValues(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	here, there := a.watch(t, petition), b.watch(t, petition)
	var slowest time.Duration
	for n := range 2 {
		s := []*site{a, b}[n%2]
		if !s.sign(t, petition, fmt.Sprintf("signer%d@example.org", n)) {
			t.Fatal("not acknowledged")
		}
		signed := time.Now()
		for _, w := range []*stream{here, there} {
			_, seen := w.until(t, n+1)
			slowest = max(slowest, seen.Sub(signed))
		}
	}
	t.Logf("seen everywhere at most %s after the answer", slowest)
	if slowest > 10*time.Second {
		t.Errorf("seen only after %s", slowest)
	}
}

// Time passes for both alike: signatures that have grown older than an hour are told by both, without a new version.
func lastHourFalls(t *testing.T, a, b *site) {
	petition, _ := a.open(t)
	type hour struct {
		Total, LastHour int
		Version         int64
	}
	event := struct{ SignatureCount hour }{}
	next := func(w *stream) hour {
		if err := w.next(&event); err != nil {
			t.Fatal(err)
		}
		return event.SignatureCount
	}
	for n := range 3 {
		if !a.sign(t, petition, fmt.Sprintf("signer%d@example.org", n)) {
			t.Fatal("not acknowledged")
		}
	}
	const count = `signatureCount(petitionId: $id) { total lastHour version }`
	watchers := []*stream{a.stream(t, `subscription($id: ID!) { `+count+` }`, petition), b.stream(t, `subscription($id: ID!) { `+count+` }`, petition)}
	for _, w := range watchers {
		for v := next(w); v.Total < 3 || v.LastHour != v.Total; v = next(w) {
		}
	}
	// An hour is long. What was signed is moved back instead, of which nobody is told either.
	// Some of it may be in no sum yet.
	for _, move := range []string{
		`UPDATE signatures SET signed_at = signed_at - INTERVAL '1 hour' WHERE petition_id = $1`,
		`UPDATE signature_buckets SET minute = minute - 60 WHERE petition_id = $1 AND span = 1`,
	} {
		if _, err := a.db.Write.ExecContext(t.Context(), move, scalar.ParseID(petition).UUID); err != nil {
			t.Fatal(err)
		}
	}
	told := []hour{next(watchers[0]), next(watchers[1])}
	for _, s := range []*site{a, b} {
		asked := struct{ Petition struct{ Count hour } }{}
		// What is in memory lasts for five seconds at most, and nothing drops it here.
		for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			s.ask(t, "", `query($id: ID!) { petition(id: $id) { count { total lastHour version } } }`, map[string]any{"id": petition}, &asked)
			if asked.Petition.Count.LastHour == 0 {
				break
			}
		}
		told = append(told, asked.Petition.Count)
	}
	for _, v := range told {
		if v != told[0] || v.LastHour != 0 || v.Total != 3 {
			t.Errorf("told %+v, want the same by all, and nobody in the last hour", told)
		}
	}
}

// The connection that listens is killed thirty times while people sign: everybody ends on the last value.
func TestReplicasLoseNews(t *testing.T) {
	t.Parallel()
	kills := 30
	if testing.Short() {
		kills = 5
	}
	a, b := twins(t, "postgres")
	petition, _ := a.open(t)
	here, there := a.watch(t, petition), b.watch(t, petition)
	signing, stop := context.WithCancel(t.Context())
	defer stop()
	var acknowledged atomic.Int64
	var signers sync.WaitGroup
	for door := range 4 {
		signers.Go(func() {
			for i := 0; signing.Err() == nil; i++ {
				if !a.sign(t, petition, fmt.Sprintf("signer%d.%d@example.org", door, i)) {
					t.Error("a signature was not acknowledged")
				}
				acknowledged.Add(1)
			}
		})
	}
	for n := range kills {
		cutListeners(t, []*site{a, b}[n%2].db.Write)
	}
	stop()
	signers.Wait()
	answered := time.Now()
	total := int(acknowledged.Load())
	for _, w := range []*stream{here, there} {
		_, seen := w.until(t, total)
		t.Logf("%d signatures, seen %s after the last answer", total, seen.Sub(answered))
	}
	for _, s := range []*site{a, b} {
		// Once a minute at most, and not for each connection that was killed.
		if n := strings.Count(s.log.String(), "news from other replicas is interrupted"); n == 0 || n >= kills {
			t.Errorf("the log says %d times that news are interrupted:\n%s", n, s.log)
		}
	}
}

// querier asks a database, by a pool or by one connection.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// cutListeners ends the connections by which two servers listen, as soon as both do.
func cutListeners(t *testing.T, db querier) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // only PostgreSQL knows
		var killed int
		err := db.QueryRowContext(t.Context(), `WITH ears AS (SELECT pid FROM pg_stat_activity
 WHERE application_name = '' AND datname = current_database())
 SELECT COUNT(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM ears WHERE (SELECT COUNT(*) FROM ears) = 2`).Scan(&killed)
		switch {
		case err != nil:
			t.Fatal(err)
		case killed == 2:
			return
		case time.Now().After(deadline):
			t.Fatal("two servers do not listen")
		}
	}
}
