package graph_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/eventmark"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

func TestSignatureCount(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		open := s.id("petition:open")
		events, err := s.resolver.Subscription().SignatureCount(ctx, s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		first := next(t, events)
		if first.Total != 0 || first.Goal != 10 || first.Petition != open {
			t.Errorf("first %+v", first)
		}
		// Nobody takes while forty sign: all but one value may be skipped, and never the last.
		s.sign(t, open, "a", 40)
		var got []int
		for version := first.Version; len(got) == 0 || got[len(got)-1] < 40; {
			v := next(t, events)
			if v.Version <= version {
				t.Fatalf("version %d after %d", v.Version, version)
			}
			version, got = v.Version, append(got, v.Total)
		}
		if len(got) > 2 {
			t.Errorf("a slow listener was told %v, want at most one before the last", got)
		}
		// An edit of the text is no news, one of the goal is.
		for version, u := range []petitioning.Update{{Tags: ptr([]string{"other"})}, {Goal: ptr(99)}} {
			u.Petition, u.Version = open, version+2
			if err := s.domain.Update(operator(ctx), u); err != nil {
				t.Fatal(err)
			}
		}
		if v := next(t, events); v.Goal != 99 || v.Total != 40 {
			t.Errorf("after the goal moved: %+v", v)
		}
	})
}

func TestPetitionChanged(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		open := s.id("petition:open")
		events, err := s.resolver.Subscription().PetitionChanged(ctx, s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		if v := next(t, events); v.ID != open || v.Version != 2 {
			t.Errorf("first %+v", v)
		}
		s.sign(t, open, "a", 1) // no change
		version := 2
		for range 5 {
			if err := s.domain.Update(operator(ctx), petitioning.Update{Petition: open, Version: version, Goal: ptr(100 + version)}); err != nil {
				t.Fatal(err)
			}
			version++
		}
		if err := s.domain.Close(operator(ctx), open, nil); err != nil {
			t.Fatal(err)
		}
		var told []int
		for len(told) == 0 || told[len(told)-1] < version+1 {
			v := next(t, events)
			if told = append(told, v.Version); len(told) > 1 && told[len(told)-2] >= v.Version || v.Version < 3 {
				t.Fatalf("versions %v", told)
			}
		}
		if err := s.domain.Hide(operator(ctx), open); err != nil {
			t.Fatal(err)
		}
		ends(t, events)
	})
}

func TestCommentAdded(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		open := s.id("petition:open")
		said := 0
		say := func(n int) (all []string) {
			var above *uuid.UUID
			for range n {
				r := petitioning.Remark{Petition: open, Body: fmt.Sprintf("Comment %d", said), Parent: above}
				id, err := s.domain.Comment(ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				if above = &id; said%2 == 1 { // every other one is a reply
					above = nil
				}
				said++
				all = append(all, r.Body)
			}
			return all
		}
		say(2) // before anybody listens
		events, err := s.resolver.Subscription().CommentAdded(ctx, s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // sixty, and the listener keeps up
			want := say(20)
			if diff := cmp.Diff(want, bodies(t, events, 20)); diff != "" {
				t.Errorf("comments (-want +got):\n%s", diff)
			}
		}
		release := s.keepNews()
		want := say(60) // sixty within one tick: the newest fifty are told
		release()
		if diff := cmp.Diff(want[10:], bodies(t, events, 50)); diff != "" {
			t.Errorf("comments of one tick (-want +got):\n%s", diff)
		}
		release = s.keepNews()
		want = say(3)
		s.exec(t, `UPDATE comments SET state = 'HIDDEN' WHERE body = $1`, want[1])
		release()
		if diff := cmp.Diff([]string{want[0], want[2]}, bodies(t, events, 2)); diff != "" {
			t.Errorf("comments around a hidden one (-want +got):\n%s", diff)
		}
		if err := s.domain.Hide(operator(ctx), open); err != nil {
			t.Fatal(err)
		}
		ends(t, events)
	})
}

// An event that has to wait until there is room to read is the newest by then, and comments keep their order.
func TestEventsThatWaitAreTheNewest(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		open := s.id("petition:open")
		waits, proceed := make(chan struct{}), make(chan struct{})
		gate := func(ctx context.Context, read func(context.Context) (bool, error)) error {
			waits <- struct{}{}
			<-proceed
			_, err := read(ctx)
			return err
		}
		ctx, asking := eventmark.With(ctx)
		counts, err := s.resolver.Subscription().SignatureCount(ctx, s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		asking.Ask(gate)
		<-waits // for the first event
		s.sign(t, open, "a", 3)
		proceed <- struct{}{}
		if v := next(t, counts); v.Total != 3 {
			t.Errorf("an event that had to wait has %d, want 3", v.Total)
		}
		ctx, asking = eventmark.With(ctx)
		comments, err := s.resolver.Subscription().CommentAdded(ctx, s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for i := range 3 {
			want = append(want, fmt.Sprintf("Comment %d", i))
			if _, err := s.domain.Comment(ctx, petitioning.Remark{Petition: open, Body: want[i]}); err != nil {
				t.Fatal(err)
			}
		}
		for range want {
			asking.Ask(gate)
			<-waits
			proceed <- struct{}{}
			got = append(got, next(t, comments).Body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("comments that had to wait (-want +got):\n%s", diff)
		}
	})
}

func TestStatistics(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		events, err := s.resolver.Subscription().Statistics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if v := next(t, events); *v != (reading.Statistics{PetitionCount: 1, OpenPetitionCount: 1}) {
			t.Errorf("first %+v", v)
		}
		s.sign(t, s.id("petition:open"), "a", 30)
		for last := 0; last < 30; {
			v := next(t, events)
			if v.SignatureCount <= last || v.SignaturesLastHour != v.SignatureCount {
				t.Fatalf("%+v after %d", v, last)
			}
			last = v.SignatureCount
		}
		s.gauge.Close()
		ends(t, events)
	})
}

// TestGoing looks at what is left when a listener goes, whatever it was about to be told.
func TestGoing(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		ctx, leave := context.WithCancel(ctx)
		id, sub := s.publicID("petition:open"), s.resolver.Subscription()
		counts, err1 := sub.SignatureCount(ctx, id)
		comments, err2 := sub.CommentAdded(ctx, id)
		changes, err3 := sub.PetitionChanged(ctx, id)
		statistics, err4 := sub.Statistics(ctx)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		next(t, counts) // the others have told nothing, or hold a value that nobody takes
		leave()
		ends(t, counts)
		ends(t, comments)
		for range changes { // may tell what it holds
		}
		for range statistics {
		}
	})
}

// TestEditorSeesOn watches a petition that is hidden from all but its petitioner.
func TestEditorSeesOn(t *testing.T) {
	streaming(t, func(ctx context.Context, t *testing.T, s *site) {
		actor, err := s.domain.Authenticate(ctx, s.names.real["token:open"])
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.resolver.Subscription().SignatureCount(petitioning.WithActor(ctx, actor), s.publicID("petition:open"))
		if err != nil {
			t.Fatal(err)
		}
		next(t, events)
		if err := s.domain.Hide(operator(ctx), s.id("petition:open")); err != nil {
			t.Fatal(err)
		}
		if err := s.domain.Update(operator(ctx), petitioning.Update{Petition: s.id("petition:open"), Version: 3, Goal: ptr(77)}); err != nil {
			t.Fatal(err)
		}
		if v := next(t, events); v == nil || v.Goal != 77 {
			t.Errorf("got %+v", v)
		}
	})
}

// remarks comments the open petition again and again until the test ends: nothing tells when a subscription that begins
// without an event has begun.
func (s *site) remarks(t *testing.T, body string) {
	t.Helper()
	ctx, cancel := context.WithCancel(operator(t.Context()))
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			_, err := s.domain.Comment(ctx, petitioning.Remark{Petition: s.id("petition:open"), Body: body})
			if err != nil {
				if ctx.Err() == nil && len(petitioning.Faults(err)) == 0 { // a fault: the petition is hidden by now
					t.Error(err)
				}
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); busy.Wait() })
}

// TestEndIsTold reads whole subscriptions off the wire: what they end with, and where in the answer it stands.
func TestEndIsTold(t *testing.T) {
	t.Parallel()
	hide := func(ctx context.Context, s *site) error { return s.domain.Hide(operator(ctx), s.id("petition:open")) }
	lose := func(_ context.Context, s *site) error {
		err := s.db.Close()
		s.hub.Publish(figures.Value{Petition: s.id("petition:open"), Edition: 99})
		return err
	}
	for _, c := range []struct {
		name, field string
		remark      string // which events are about; empty: a subscription begins with one
		first       string
		cause       func(context.Context, *site) error
		code        string
	}{
		{"HiddenCount", `signatureCount(petitionId: $id) { total }`, "", `{"data":{"new":{"total":0}}}`, hide, "NOT_FOUND"},
		{"HiddenPetition", `petitionChanged(petitionId: $id) { state }`, "", `{"data":{"new":{"state":"OPEN"}}}`, hide, "NOT_FOUND"},
		{"HiddenComments", `commentAdded(petitionId: $id) { body }`, "Trees.", `{"data":{"new":{"body":"Trees."}}}`, hide, "NOT_FOUND"},
		{"DatabaseGone", `petitionChanged(petitionId: $id) { state }`, "", `{"data":{"new":{"state":"OPEN"}}}`, lose, "INTERNAL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				t.Parallel()
				s := newSite(t, db)
				s.own(t, s.names, "open")
				resp := s.post(t.Context(), t, "", `subscription($id: ID!) { new: `+c.field+` }`, map[string]any{"id": s.names.real["petition:open"]})
				defer resp.Body.Close()
				events := bufio.NewScanner(resp.Body)
				if c.remark != "" {
					s.remarks(t, c.remark)
				}
				if got, _ := nextEvent(t, events); got != c.first {
					t.Errorf("first %s, want %s", got, c.first)
				}
				if err := c.cause(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				last, _ := nextEvent(t, events)
				for c.remark != "" && last == c.first { // of those that were on their way
					last, _ = nextEvent(t, events)
				}
				a := reply{body: last}.answer(t)
				if len(a.Errors) != 1 || string(a.Data) != "null" || a.Errors[0].Extensions["code"] != c.code || fmt.Sprint(a.Errors[0].Path) != "[new]" {
					t.Errorf("last %s", last)
				}
				if more, ok := nextEvent(t, events); ok {
					t.Errorf("after the end %s", more)
				}
			})
		})
	}
}
