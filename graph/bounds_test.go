package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
	"petitiond/server/transport"
)

// What any document may cost the server, whatever it asks for: as many rows as it has paid for, an answer of a bounded
// size, and memory that stands in a proportion to that.
const (
	rowsForEach = 3  // point
	rowsBeside  = 50 // those
	memoryMost  = 64 << 20
)

// heavy fills a site with the longest texts that the contract allows, in the forms that grow the most.
func (s *site) heavy(t testing.TB, n int) {
	t.Helper()
	link := "[a]: http://x.example/" + strings.Repeat("a", 1000) + "\n\n"
	bodies := []string{
		link + strings.Repeat("[a] ", 990),
		strings.Repeat("𝔸", 49_999),
		strings.Repeat(`"<&>`, 12_000),
		strings.Repeat("- *a* `b`\n", 4_000),
		strings.Repeat("|a|b|c|\n|-|-|-|\n|d|e|f|\n\n", 1_800),
		"Short.",
	}
	for i := range n {
		d := template(fmt.Sprintf("Heavy petition %d", i))
		for k := range 10 {
			d.Tags = append(d.Tags, fmt.Sprintf("tag %d", (i+k)%25))
			d.Addressees = append(d.Addressees, strings.Repeat("𝔸", 190)+fmt.Sprint(k))
		}
		d.Body, d.Summary = bodies[i%len(bodies)], ptr(strings.Repeat("𝔸", 500))
		in := petitioning.Imported{
			Draft: d, State: petition.StateOPEN, CreatedAt: noon.Add(-time.Duration(i) * time.Hour), StartsAt: ptr(noon.Add(-48 * time.Hour)),
			Signatures: signatures(fmt.Sprintf("heavy%d", i), 40, noon.Add(-30*time.Hour)),
		}
		for j := range 40 {
			in.Comments = append(in.Comments, petitioning.ImportedComment{
				Body: strings.Repeat("𝔸", 1990), At: noon.Add(-time.Hour),
				Replies: []petitioning.ImportedComment{{Body: strings.Repeat(`"`, 2000), At: noon}, {Body: fmt.Sprint("Reply ", j), At: noon}},
			})
		}
		s.add(t, fmt.Sprintf("heavy%d", i), in)
	}
	if err := s.domain.RankAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What rendering takes is garbage, and bounded by itself.
	for i := range n {
		s.ask(t, "", `query($id: ID!) { petition(id: $id) { bodyHtml } }`, map[string]any{"id": s.names.real[fmt.Sprintf("petition:heavy%d", i)]})
	}
}

// heavyIDs are ids of everything that a heavy site has.
func (s *site) heavyIDs() []string {
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	var out []string
	for name, id := range s.names.real {
		if strings.Contains(name, ":heavy") {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// author writes documents by the schema, within the limits of the guard for the most part.
type author struct {
	*rapid.T
	ids     []string
	fields  int // that may still be written
	aliases int
	used    int // names of aliases
}

// selection writes what is asked of a type.
func (a *author) selection(typ string, depth int) string {
	var b strings.Builder
	b.WriteString("{ __typename")
	def := schema().Types[typ]
	if def.IsAbstractType() {
		for _, possible := range schema().GetPossibleTypes(def) {
			if rapid.Bool().Draw(a.T, "spread") {
				b.WriteString(" ... on " + possible.Name + " " + a.selection(possible.Name, depth-1))
				break // fields of one name in two types may not differ
			}
		}
	}
	if taken := map[string]bool{}; len(def.Fields) > 0 {
		for range rapid.IntRange(1, 6).Draw(a.T, "fields") {
			field := rapid.SampledFrom(def.Fields).Draw(a.T, "field")
			if !strings.HasPrefix(field.Name, "__") && a.fields > 0 {
				b.WriteString(a.field(typ, field.Name, depth, taken))
			}
		}
	}
	b.WriteString(" }")
	return b.String()
}

// field writes a field with arguments: by another name if its own is taken, or that of another type, and an alias is
// left.
func (a *author) field(typ, name string, depth int, taken map[string]bool) string {
	def := schema().Types[typ].Fields.ForName(name)
	below := schema().Types[def.Type.Name()]
	alias := ""
	switch {
	case !below.IsLeafType() && depth <= 0:
		return ""
	case taken[name] && a.aliases == 0:
		return ""
	case taken[name]:
		a.aliases--
		a.used++
		alias = fmt.Sprintf("a%d: ", a.used)
	}
	taken[name] = true
	a.fields--
	out := " " + alias + name + a.arguments(typ, name)
	if below.IsLeafType() {
		return out
	}
	return out + " " + a.selection(below.Name, depth-1)
}

func (a *author) arguments(typ, name string) string {
	var list []string
	give := func(name, value string) { list = append(list, name+": "+value) }
	draw := func(of ...string) string { return rapid.SampledFrom(of).Draw(a.T, "argument") }
	for _, arg := range schema().Types[typ].Fields.ForName(name).Arguments {
		switch arg.Name {
		case "id", "petitionId":
			give(arg.Name, `"`+draw(a.ids...)+`"`)
		case "ids":
			some := make([]string, rapid.IntRange(0, 100).Draw(a.T, "ids"))
			start, step := rapid.IntRange(0, len(a.ids)-1).Draw(a.T, "from"), rapid.IntRange(0, 7).Draw(a.T, "step")
			for i := range some {
				some[i] = `"` + a.ids[(start+i*step)%len(a.ids)] + `"`
			}
			give(arg.Name, "["+strings.Join(some, ",")+"]")
		case "first":
			if n := rapid.IntRange(-1, 102).Draw(a.T, "first"); n >= 0 {
				give(arg.Name, fmt.Sprint(n))
			}
		case "interval":
			give(arg.Name, draw("MINUTE", "HOUR", "DAY", "WEEK"))
		case "from":
			if v := draw("", `"2026-02-27T00:00:00Z"`, `"2026-03-01T11:00:00Z"`, `"2020-01-01T00:00:00Z"`); v != "" {
				give(arg.Name, v)
			}
		case "search":
			if v := draw("", "", "heavy", "pet", "a"); v != "" {
				give(arg.Name, `"`+v+`"`)
			}
		case "name":
			give(arg.Name, `"tag 3"`)
		case "filter":
			if v := draw("", "", `{tags: ["tag 3"]}`, `{minSignatures: 1}`, `{states: [OPEN, CLOSED], language: "en"}`,
				`{allTags: ["tag 3", "tag 4"], language: "fr"}`, `{startedAfter: "2020-01-01T00:00:00Z", endsBefore: "2020-01-01T00:00:00Z"}`); v != "" {
				give(arg.Name, v)
			}
		case "orderBy":
			switch v := draw("", "CREATED_AT", "SIGNATURE_COUNT", "TRENDING", "RELEVANCE", "MOST_LIKED", "OLDEST"); {
			case v == "":
			case arg.Type.Name() == "CommentOrder" && (v == "MOST_LIKED" || v == "OLDEST"):
				give(arg.Name, v)
			case arg.Type.Name() == "PetitionOrder" && v != "MOST_LIKED" && v != "OLDEST":
				give(arg.Name, "{field: "+v+"}")
			}
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// document writes a query.
func (a *author) document() string {
	roots, taken := schema().Query.Fields, map[string]bool{}
	a.fields, a.aliases = 200, 15
	var b strings.Builder
	for range rapid.IntRange(1, 4).Draw(a.T, "roots") {
		if root := rapid.SampledFrom(roots).Draw(a.T, "root"); !strings.HasPrefix(root.Name, "__") {
			b.WriteString(a.field("Query", root.Name, rapid.IntRange(1, 8).Draw(a.T, "depth"), taken))
		}
	}
	return "query Q { __typename" + b.String() + " }"
}

// measured is what an operation took.
type measured struct {
	body    []byte
	cost    int // as it was told
	rows    int
	grown   uint64 // bytes that were allocated for it
	took    time.Duration
	refused bool // before it was executed
}

func (s *site) measure(ctx context.Context, counter *dbtest.Counter, query string) (m measured, err error) {
	text, _ := json.Marshal(map[string]string{"query": query}) //nolint:errchkjson // a string always marshals
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(text))
	if err != nil {
		return m, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GraphQL-Cost", "report")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	counter.Reset()
	began := time.Now()
	resp, err := s.client.Do(r)
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	m.body, err = io.ReadAll(resp.Body)
	m.rows, m.took = counter.Rows(), time.Since(began)
	runtime.ReadMemStats(&after)
	m.grown = after.TotalAlloc - before.TotalAlloc
	var told struct {
		Data       json.RawMessage
		Extensions struct{ Cost struct{ Requested int } }
	}
	if err == nil {
		err = json.Unmarshal(m.body, &told)
	}
	m.cost, m.refused = told.Extensions.Cost.Requested, told.Data == nil
	return m, err
}

// check holds what an operation took against what any may take.
func (m measured) check(tell func(string, ...any), limits transport.Limits, query string) {
	if m.refused && m.rows > 0 && !bytes.Contains(m.body, []byte(`"limit":"answer"`)) {
		tell("%d rows were read for an operation that was refused: %.300s", m.rows, m.body)
	}
	if most := rowsForEach*m.cost + rowsBeside; !m.refused && m.rows > most {
		tell("%d rows were read for %d points: %s", m.rows, m.cost, query)
	}
	if len(m.body) > limits.AnswerSize+1024 { // the report of its cost
		tell("the answer has %d bytes: %s", len(m.body), query)
	}
	if m.took > 2*limits.Operation { // it is stopped after one time, on a machine that has nothing else to do
		tell("it took %s: %s", m.took, query)
	}
	if m.grown > memoryMost {
		tell("%d MB were allocated for an answer of %d bytes: %s", m.grown>>20, len(m.body), query)
	}
}

// TestNoDocumentTakesMoreThanItPays writes documents at random and measures rows, bytes and memory.
func TestNoDocumentTakesMoreThanItPays(t *testing.T) { //nolint:paralleltest // memory is measured of the whole process
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			property, _ := bounded(t, dialect)
			rapid.Check(t, property)
		})
	}
}

// FuzzDocuments is the same property, for the fuzzer to look for documents that break it.
func FuzzDocuments(f *testing.F) {
	property, _ := bounded(f, database.SQLite)
	f.Fuzz(rapid.MakeFuzz(property))
}

// bounded is the property, on a heavy site.
func bounded(t testing.TB, dialect database.Dialect) (property func(*rapid.T), s *site) {
	t.Helper()
	db, counter := dbtest.Counting(t, dialect)
	s = newSite(t, db)
	s.heavy(t, 12)
	ids, limits := s.heavyIDs(), transport.DefaultLimits()
	return func(r *rapid.T) {
		a := &author{T: r, ids: ids}
		query := a.document()
		m, err := s.measure(context.Background(), counter, query)
		if err != nil {
			r.Fatalf("%v: %s", err, query)
		}
		m.check(r.Errorf, limits, query)
	}, s
}

// worst are the documents that the largest answers were made with, and others of their kind.
func worst(ids []string) map[string]string {
	list, _ := json.Marshal(ids) //nolint:errchkjson // strings always marshal
	aliases := func(n int, field string) (out string) {
		for i := range n {
			out += fmt.Sprintf(" a%d: %s", i, field)
		}
		return out
	}
	const heavy = `bodyHtml body summary addressees title`
	return map[string]string{
		"HTML":            `{ nodes(ids: ` + string(list) + `) { ... on Petition { ` + aliases(9, "bodyHtml") + ` } } }`,
		"Text":            `{ nodes(ids: ` + string(list) + `) { ... on Petition { ` + aliases(9, "body") + ` } } }`,
		"OnceEach":        `{ petitions(first: 90) { nodes { ` + heavy + ` } } }`,
		"Roots":           `{ ` + aliases(10, `petitions(first: 12) { nodes { bodyHtml } }`) + ` }`,
		"Fragment":        `{ ` + aliases(9, `petitions(first: 5) { ...F }`) + ` } fragment F on PetitionConnection { nodes { bodyHtml body } edges { node { bodyHtml } } }`,
		"Comments":        `{ petitions(first: 9) { nodes { comments(first: 100) { nodes { ` + aliases(14, "body") + ` } } } } }`,
		"Addressees":      `{ petitions(first: 100) { nodes { ` + aliases(14, "addressees") + ` } } }`,
		"Summaries":       `{ petitions(first: 100) { nodes { ` + aliases(14, "summary") + ` } } }`,
		"Histories":       `{ petition(id: "` + ids[0] + `") { ` + aliases(9, `signatureHistory(interval: MINUTE, from: "2026-02-28T20:00:00Z") { at added removed total }`) + ` } }`,
		"Edges":           `{ tags(first: 100) { edges { node { ` + aliases(4, `petitions(first: 1) { edges { cursor } }`) + ` } } } }`,
		"FreeEdges":       `{ ` + aliases(9, `petitions(first: 100) { edges { cursor } }`) + ` }`,
		"FreeTotals":      `{ ` + aliases(8, `petitions(first: 100) { totalCount pageInfo { endCursor } }`) + ` }`,
		"ReadAndNotShown": `{ ` + aliases(5, `petitions(first: 4) { nodes { comments(first: 40) { nodes { id } } } }`) + ` }`,
		"RowsNotShown":    `{ ` + aliases(9, `petitions(first: 100) { nodes { id petitioner } }`) + ` }`,
		"BackAndForth":    `{ petitions(first: 12) { nodes { comments(first: 10) { nodes { petition { bodyHtml } } } } } }`,
		"CountsOfCounts":  `{ petitions(first: 30) { nodes { count { petition { count { petition { body } } } } } } }`,
	}
}

// TestWorstDocuments runs them one by one, and then two hundred at once in little memory.
func TestWorstDocuments(t *testing.T) { //nolint:paralleltest // memory is measured of the whole process
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			db, counter := dbtest.Counting(t, dialect)
			limits := transport.DefaultLimits()
			s := newSiteWithin(t, db, limits)
			s.heavy(t, 12)
			s.names.mu.Lock()
			var ids []string
			for i := range 20 {
				ids = append(ids, s.names.real[fmt.Sprintf("petition:heavy%d", i%2*5)])
			}
			s.names.mu.Unlock()
			documents := worst(ids)
			for name, query := range documents {
				m, err := s.measure(t.Context(), counter, query)
				if err != nil {
					t.Fatal(err)
				}
				m.check(func(format string, args ...any) { t.Errorf(name+": "+format, args...) }, limits, query)
				if bytes.Contains(m.body, []byte(`"limit":"cost"`)) {
					t.Errorf("%s is not within the limits: %s", name, m.body)
				}
				t.Logf("%s: %d points, %d rows, %d bytes, %d kB allocated", name, m.cost, m.rows, len(m.body), m.grown>>10)
			}
			if sitetest.Raced { // which keeps memory of its own, and takes long
				return
			}
			s.together(t, documents)
			for _, name := range []string{"ReadAndNotShown", "Histories"} {
				s.together(t, map[string]string{name: documents[name]})
			}
		})
	}
}

// together asks for the documents two hundred times at once and watches the heap.
func (s *site) together(t *testing.T, documents map[string]string) {
	t.Helper()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	// Garbage would be measured, too: a busy machine collects it late, unless memory is scarce.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(before.HeapAlloc) + 3*siteMemory))
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		var now runtime.MemStats
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond): // it is a sample: nothing tells when the heap is largest
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	var all sync.WaitGroup
	queries := make([]string, 0, len(documents))
	for _, query := range documents {
		queries = append(queries, query)
	}
	for i := range 200 {
		all.Go(func() {
			resp := s.post(t.Context(), t, "", queries[i%len(queries)], nil)
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(stop)
	if grown := int64(<-peak) - int64(before.HeapAlloc); grown > 4*siteMemory {
		t.Errorf("the heap grew by %d MB", grown>>20)
	} else {
		t.Logf("the heap grew by %d MB", grown>>20)
	}
}
