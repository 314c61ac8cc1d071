package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// canary stands in hostile inputs and must come back from nowhere: in no answer, in no log line.
const canary = "canary7f3x"

// namesComeBack says whether errors of validation may speak of a document's own names and of the fields of
// variables, as those of most servers do.
const namesComeBack = true

// badInput is one thing that a client should not have sent.
type badInput struct {
	name   string
	want   string // what comes back in a word; alternatives by |, 4xx for any status of a client's fault
	slow   bool   // takes seconds: goes on beside the others
	echo   bool   // the contract lets the canary come back
	asName bool   // the canary is a name in a document, or could be one: see namesComeBack
	send   func(t testing.TB, s *stage) (said string, w *wire)
}

// stage is where bad inputs are tried.
type stage struct {
	*site
	petition string // takes signatures
	draft    string // is seen by its petitioner alone
	closed   string // takes none any more
	comment  string // the id of something that is no petition
	signed   int    // controls that were acknowledged
	controls []time.Duration
}

// Whatever comes in, the answer is the one that was agreed, nothing of the input is in it, and whoever comes next is
// served as if nothing had been.
func TestBadInputs(t *testing.T) { // not parallel: it looks at memory and time
	inputs := slices.Concat(badBodies(), badHeaders(), badDocuments(), badReads(), badSignatures(), badSockets(), badMessages())
	names := map[string]bool{}
	for _, in := range inputs {
		if names[in.name] {
			t.Errorf("there are two inputs %s", in.name)
		}
		names[in.name] = true
	}
	if len(inputs) < 120 {
		t.Errorf("there are %d inputs", len(inputs))
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := setStage(t, append(environment, "PETITION_RATE_LIMITS=off"))
		before := heap()
		s.tryAll(t, inputs)
		grown := int64(heap()) - int64(before)
		slices.Sort(s.controls)
		half, late := s.controls[len(s.controls)/2], s.controls[len(s.controls)*99/100]
		t.Logf("%d inputs; %d controls, half within %s, all but a hundredth within %s; %d bytes more on the heap",
			len(inputs), len(s.controls), half, late, grown)
		if late > 250*time.Millisecond*patienceOfMachine {
			t.Errorf("a control took %s", late)
		}
		if grown > 64<<20 {
			t.Errorf("%d bytes are held after all", grown)
		}
		if n := s.count(t, s.petition); n != s.signed {
			t.Errorf("%d signatures count, and %d were good", n, s.signed)
		}
		if log := s.log.String(); strings.Contains(strings.ToLower(log), canary) {
			t.Errorf("the log repeats an input:\n%s", log)
		}
	})
}

// soon is how long an answer may take that needs no waiting for anything.
const soon = 5 * time.Second

// patienceOfMachine is how many times slower than it should be a machine may be on which other tests run.
const patienceOfMachine = 4

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one let finalizers free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func setStage(t *testing.T, environment []string) *stage {
	t.Helper()
	s := &stage{site: start(t, environment)}
	s.petition, _ = s.open(t)
	s.draft = s.create(t)
	s.comment = s.note(t, s.petition, "Trees are tall.", "")
	var token string
	s.closed, token = s.open(t)
	s.ask(t, token, `mutation($id: ID!) { closePetition(input: {id: $id}) { petition { id } } }`, map[string]any{"id": s.closed}, &struct{}{})
	for range 20 { // what is remembered is remembered, and the first answers are given
		s.control(t, "nothing")
	}
	s.controls = nil
	return s
}

// create makes a draft.
func (s *stage) create(t *testing.T) (id string) {
	t.Helper()
	made := struct {
		CreatePetition struct{ Petition struct{ ID string } }
	}{}
	s.ask(t, "", `mutation { createPetition(input: {title: "More trees", body: "Plant them.", petitioner: "Ann"}) { petition { id } } }`, nil, &made)
	return made.CreatePetition.Petition.ID
}

// tryAll sends one input after another and a good query and a good signature after each; those that take long go on
// beside them.
func (s *stage) tryAll(t *testing.T, inputs []badInput) {
	var slow sync.WaitGroup
	for _, in := range inputs {
		if !in.slow {
			continue
		}
		if testing.Short() {
			continue
		}
		slow.Go(func() { s.try(t, in) })
	}
	for _, in := range inputs {
		if in.slow {
			continue
		}
		s.try(t, in)
		s.control(t, in.name)
	}
	slow.Wait()
	s.control(t, "the slow ones")
}

// try sends one input and judges what comes back.
func (s *stage) try(t *testing.T, in badInput) {
	said, w := in.send(t, s)
	_ = w.Close()
	came := w.came.String()
	if !slices.ContainsFunc(strings.Split(in.want, "|"), func(want string) bool { return means(want, said) }) {
		t.Errorf("%s: want %q, got %q", in.name, in.want, said)
	}
	if strings.HasPrefix(said, "5") && !strings.Contains(in.want, said) {
		t.Errorf("%s: the server blames itself: %s", in.name, said)
	}
	if at := strings.Index(strings.ToLower(came), canary); at >= 0 && !in.echo && !(in.asName && namesComeBack) {
		t.Errorf("%s: the answer repeats the input: %.200q", in.name, came[max(0, at-60):])
	}
	if len(came) > 64<<10 {
		t.Errorf("%s: an answer of %d bytes", in.name, len(came))
	}
}

func means(want, said string) bool {
	if want == "4xx" {
		return len(said) >= 3 && said[0] == '4'
	}
	return want == said
}

// control is what everybody else does, after some input.
func (s *stage) control(t *testing.T, after string) {
	t.Helper()
	began := time.Now()
	if n := s.count(t, s.petition); n != s.signed {
		t.Errorf("after %s %d signatures count, and %d were good", after, n, s.signed)
		s.signed = n
	}
	between := time.Now()
	if !s.sign(t, s.petition, fmt.Sprintf("control%d@example.org", s.signed)) {
		t.Fatalf("after %s a good signature was not taken", after)
	}
	s.signed++
	s.controls = append(s.controls, between.Sub(began), time.Since(between))
}
