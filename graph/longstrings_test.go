package graph_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/sitetest"
	"petitiond/server/transport"
)

// What a text may cost, wherever a client writes it: to read it, to hash it, and to look at each of its characters a
// few times. What normalises a text before it is measured exceeds that, and so does what looks at each part of it in
// the light of all others.
const (
	timeOfEach    = 100 * time.Nanosecond // byte, of all processors
	timeBeside    = 20 * time.Millisecond
	memoryOfEach  = 20  // byte
	memoryOfValue = 300 // each of several
	memoryBeside  = 1 << 20
	longAnswer    = 30 << 10 // less than the shortest of them: a blank argument has the answer of none
	shortest      = 32 << 10
)

// pieces are what long texts are made of, as JSON has them: what grows when it is normalised, what composes, closes and
// nests, what languages of search, patterns, markup, addresses and times read, and what nobody sees.
var pieces = []string{
	"a ", "a.", "7", "\ufdfa", "\u0344", "a\u0316\u0301", "\u1100\u1161\u11a8", "東", "אَ", "½", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
	"\u202ea\u202c", "\u2066", "\u200b", " ", `\n`, `\u0000`, `\ud83d\ude00`, "*a_", "[a](", "<", "`", "|a", "&#38;", "http://a.b ", "a@b.co ",
	"../", "%", `\\`, `\"`, "+", "en-", "2026-02-30T", "QUJD",
}

// long returns a JSON string of so many bytes at most, of one piece.
func long(piece string, size int) string {
	return `"` + strings.Repeat(piece, (size-2)/len(piece)) + `"`
}

// place is where a client can write text.
type place struct {
	name      string                   // Mutation.signPetition.input.name
	document  string                   // has all arguments in variables
	variables func(text string) string // with a JSON text in the place
	listed    bool                     // several texts may stand there
}

// last returns the last name of a place, which errors speak of.
func (p place) last() string { return p.name[strings.LastIndexByte(p.name, '.')+1:] }

// places finds every place of the schema.
type places struct {
	id    func(name string) string // for an argument or a field of that name
	found []place
}

// sample is what is written where there is no long text: the name of a tag, and otherwise a text like any other.
const sample = "Climate Justice"

// value writes what an argument or a field may be, with as little as must be there.
func (p *places) value(name string, typ *ast.Type) string {
	if typ.Elem != nil {
		return "[" + p.value(name, typ.Elem) + "]"
	}
	def := schema().Types[typ.NamedType]
	switch def.Kind {
	case ast.Enum:
		return fmt.Sprintf("%q", def.EnumValues[0].Name)
	case ast.InputObject:
		return p.object(def, "", "")
	}
	switch def.Name {
	case "ID":
		return fmt.Sprintf("%q", p.id(name))
	case "Int":
		return "1"
	case "DateTime":
		return `"2026-03-02T00:00:00Z"`
	case "EmailAddress":
		return `"ada@example.org"`
	}
	return fmt.Sprintf("%q", sample)
}

// object writes an input with what must be there, and a value in one of its fields.
func (p *places) object(def *ast.Definition, field, value string) string {
	var out []string
	for _, f := range def.Fields {
		switch {
		case f.Name == field:
			out = append(out, fmt.Sprintf("%q:%s", f.Name, value))
		case f.Name == "idempotencyKey": // with which an input is kept in mind
			out = append(out, fmt.Sprintf("%q:%q", f.Name, uuid.NewString()))
		case f.Type.NonNull && f.DefaultValue == nil:
			out = append(out, fmt.Sprintf("%q:%s", f.Name, p.value(f.Name, f.Type)))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

// look finds the places in a value of a type.
func (p *places) look(at place, typ *ast.Type) {
	outer := at.variables
	if typ.Elem != nil {
		at.listed, at.variables = true, func(text string) string { return outer("[" + text + "]") }
		p.look(at, typ.Elem)
		return
	}
	switch def := schema().Types[typ.NamedType]; def.Kind {
	case ast.InputObject:
		for _, f := range def.Fields {
			below := at
			below.name += "." + f.Name
			below.variables = func(text string) string { return outer(p.object(def, f.Name, text)) }
			p.look(below, f.Type)
		}
	case ast.Scalar:
		if !slices.Contains([]string{"Int", "Float", "Boolean"}, def.Name) {
			p.found = append(p.found, at)
		}
	}
}

// way is how a document reaches a type.
type way struct {
	before, after       string
	declared, variables []string
}

// take goes on by a field, with those of its arguments that must be there, and either one that is left open or its ids.
func (w way) take(p *places, f *ast.FieldDefinition, open *ast.ArgumentDefinition) (next way, variable string) {
	next = way{declared: slices.Clone(w.declared), variables: slices.Clone(w.variables)}
	var arguments []string
	for _, a := range f.Arguments {
		if a != open && (open != nil || a.Type.Name() != "ID") && (!a.Type.NonNull || a.DefaultValue != nil) {
			continue
		}
		name := fmt.Sprintf("v%d", len(next.declared))
		arguments = append(arguments, a.Name+": $"+name)
		next.declared = append(next.declared, "$"+name+": "+a.Type.String())
		if a == open {
			variable = name
			continue
		}
		next.variables = append(next.variables, fmt.Sprintf("%q:%s", name, p.value(a.Name, a.Type)))
	}
	field := f.Name
	if len(arguments) > 0 {
		field += "(" + strings.Join(arguments, ", ") + ")"
	}
	next.before, next.after = w.before+" { "+field, " }"+w.after
	return next, variable
}

// walk follows the fields of the schema from a root to every type, by the shortest way, and looks at all arguments.
func (p *places) walk(kind ast.Operation, root *ast.Definition) {
	type step struct {
		def *ast.Definition
		way way
	}
	seen := map[string]bool{root.Name: true}
	for queue := []step{{def: root}}; len(queue) > 0; queue = queue[1:] {
		def, at := queue[0].def, queue[0].way
		for _, f := range def.Fields {
			below := schema().Types[f.Type.Name()]
			for _, a := range f.Arguments {
				w, variable := at.take(p, f, a)
				selected := " { __typename }"
				switch {
				case below.IsLeafType():
					selected = ""
				case below.Fields.ForName("userErrors") != nil:
					selected = " { userErrors { code message field } }"
				}
				p.look(place{
					name:     def.Name + "." + f.Name + "." + a.Name,
					document: string(kind) + "(" + strings.Join(w.declared, ", ") + ")" + w.before + selected + w.after,
					variables: func(text string) string {
						return "{" + strings.Join(append(slices.Clone(w.variables), fmt.Sprintf("%q:%s", variable, text)), ",") + "}"
					},
				}, a.Type)
			}
			if kind == ast.Query && below.Kind == ast.Object && !seen[below.Name] && !strings.HasPrefix(f.Name, "__") {
				seen[below.Name] = true
				next, _ := at.take(p, f, nil)
				queue = append(queue, step{below, next})
			}
		}
	}
}

// allPlaces returns every place of the schema, on a site that is furnished.
func (s *site) allPlaces() []place {
	p := &places{id: func(string) string { return s.names.real["petition:green"] }}
	p.walk(ast.Query, schema().Query)
	p.walk(ast.Subscription, schema().Subscription)
	p.id = func(name string) string {
		if name == "id" { // of what is to be edited
			return s.names.real["petition:draft"]
		}
		return s.names.real["petition:green"]
	}
	p.walk(ast.Mutation, schema().Mutation)
	return p.found
}

// spent is what an operation took of this process.
type spent struct {
	time   time.Duration
	memory int
	answer reply
}

// spending returns what this process has used so far.
func spending(t testing.TB) (processor time.Duration, memory int) {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), int(m.TotalAlloc)
}

// write puts a text into a place and judges what came of it.
func (s *site) write(t testing.TB, at place, text string) (out spent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body := fmt.Appendf(nil, `{"query":%q,"variables":%s}`, at.document, at.variables(text))
	time, memory := spending(t)
	resp := s.send(ctx, t, adminKey, body)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", at.name, err)
	}
	out.time, out.memory = spending(t)
	out.time, out.memory = out.time-time, out.memory-memory
	out.answer = reply{status: resp.StatusCode, body: string(answer)}
	return out
}

// judge holds what a text took in a place against what any may take.
func (s *site) judge(t testing.TB, at place, piece, text string, values int) spent {
	t.Helper()
	most := time.Duration(len(text))*timeOfEach + timeBeside
	took := s.write(t, at, text)
	for range 2 { // the collector runs at any time
		if took.time > most {
			took.time = min(took.time, s.write(t, at, text).time)
		}
	}
	what := fmt.Sprintf("%s, %d KiB of %q", at.name, len(text)>>10, piece)
	if took.time > most {
		t.Errorf("%s: %s of processor time", what, took.time)
	}
	if mem := len(text)*memoryOfEach + values*memoryOfValue + memoryBeside; took.memory > mem {
		t.Errorf("%s: %d KiB of memory, at most %d", what, took.memory>>10, mem>>10)
	}
	body := took.answer.body
	if strings.HasPrefix(at.name, "Mutation.update") && strings.Contains(body, `"userErrors":[]`) {
		s.own(t, s.names, "draft") // the other has another version now
	}
	if len(body) > longAnswer || strings.Contains(body, strings.Repeat(piece, 4)) {
		t.Errorf("%s: the answer repeats it or has %d bytes: %.300s", what, len(body), body)
	}
	if took.answer.status >= http.StatusInternalServerError || strings.Contains(body, "INTERNAL") {
		t.Errorf("%s: the server blames itself: %d %.300s", what, took.answer.status, body)
	}
	return took
}

// TestLongTexts writes texts of every kind wherever the schema has one, the one that takes longest as long as a request
// may be, and where there may be several as many as it may hold. Nothing in it waits for a clock.
func TestLongTexts(t *testing.T) { //nolint:paralleltest // processor time and memory are those of the whole process
	sitetest.NotRaced(t)
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			s := newSite(t, dbtest.New(t, dialect))
			s.furnish(t)
			s.own(t, s.names, "draft")
			limits := transport.DefaultLimits()
			longest := int(limits.Body) - 2<<10 // the rest is for the document
			var items []string
			for i := range limits.JSON().Values - 100 {
				items = append(items, fmt.Sprintf(`"tag %d"`, i))
			}
			places := s.allPlaces()
			if len(places) < 60 {
				t.Errorf("found only %d places", len(places))
			}
			var slow time.Duration
			var large int
			for _, at := range places {
				took := map[string]spent{}
				for _, piece := range pieces {
					took[piece] = s.judge(t, at, piece, long(piece, shortest), 1)
				}
				worst := slices.MaxFunc(pieces, func(a, b string) int { return cmp.Compare(took[a].time, took[b].time) })
				all := s.judge(t, at, worst, long(worst, longest), 1)
				slow, large = max(slow, all.time), max(large, all.memory)
				if at.listed {
					s.judge(t, at, "tag", strings.Join(items, ","), len(items))
				}
				looked := func(one spent) bool { return strings.Contains(one.answer.body, at.last()+`"`) }
				if strings.HasPrefix(at.name, "Mutation.") && !looked(all) && !slices.ContainsFunc(slices.Collect(maps.Values(took)), looked) {
					t.Errorf("%s: the text is never looked at: %s", at.name, all.answer.body)
				}
			}
			t.Logf("%d places, at most %s of processor time and %d KiB of memory", len(places), slow, large>>10)
		})
	}
}
