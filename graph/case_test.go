package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

var update = flag.Bool("update", false, "write what cases got into their want sections")

// TestCases runs testdata/<operation>/<case>.txtar on both databases. A file has one or more steps, each of
//
//	actor      who asks, from here on: anonymous, admin, unknown, or the name of a token
//	query      the document, until there is another
//	variables  in JSON; names in angle brackets stand for ids, tokens and cursors, <repeat:x.201> for a long text.
//	           Of several sections before one want each is asked with, and all have the same answer
//	want       the answer, or the first event of a subscription, ids and the like replaced by their names
//
// A file with a mutation runs on a site where each case makes petitions of its own (see own), any other on one
// that is only read (see furnish).
func TestCases(t *testing.T) {
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) == 0 {
		t.Fatal("no cases", err)
	}
	if !*update { // the second database compares with what the first one wrote
		t.Parallel()
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		if !*update {
			t.Parallel()
		}
		read, write := newSite(t, db), newSite(t, dbtest.New(t, db.Dialect))
		read.furnish(t)
		for _, folder := range folders {
			t.Run(filepath.Base(folder), func(t *testing.T) { runFolder(t, folder, read, write) })
		}
	})
}

func runFolder(t *testing.T, folder string, read, write *site) {
	files, err := filepath.Glob(folder + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := &scenario{site: read}
			if slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return bytes.HasPrefix(f.Data, []byte("mutation")) }) {
				c.site = write
			}
			c.names = c.site.names.clone()
			c.play(t, archive)
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// scenario is a case under way.
type scenario struct {
	site  *site
	names *names

	actor, query string
	variables    []map[string]any
}

func (c *scenario) play(t *testing.T, a *txtar.Archive) {
	for i := range a.Files {
		text := strings.TrimSpace(string(a.Files[i].Data))
		switch a.Files[i].Name {
		case "actor":
			c.actor = text
		case "query":
			c.query = text
		case "variables":
			var v map[string]any
			if err := json.Unmarshal([]byte(c.resolve(t, text)), &v); err != nil {
				t.Fatal(err)
			}
			c.variables = append(c.variables, v)
		case "want":
			c.step(t, &a.Files[i].Data)
			c.variables = nil
		default:
			t.Fatalf("there is no section %q", a.Files[i].Name)
		}
	}
}

// step asks, once with each of the variables, and compares.
func (c *scenario) step(t *testing.T, want *[]byte) {
	if len(c.variables) == 0 {
		c.variables = []map[string]any{nil}
	}
	for i, variables := range c.variables {
		got := c.readable(t, c.site.ask(t, c.bearer(t), c.query, variables))
		if *update && i == 0 {
			*want = []byte(got)
		}
		if diff := cmp.Diff(string(*want), got); diff != "" {
			t.Errorf("%s\n%v (-want +got):\n%s", c.query, variables, diff)
		}
	}
}

func (c *scenario) bearer(t *testing.T) string {
	switch c.actor {
	case "", "anonymous":
		return ""
	case "admin":
		return adminKey
	case "unknown":
		return "pe_of-nobody"
	}
	return c.resolve(t, "<"+c.actor+">")
}

// resolve puts in what names stand for, and makes the petition that a name of it asks for.
func (c *scenario) resolve(t *testing.T, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(in string) string {
		name := strings.Trim(in, "<>")
		if text, times, ok := strings.Cut(strings.TrimPrefix(name, "repeat:"), "."); ok && strings.HasPrefix(name, "repeat:") {
			n, _ := strconv.Atoi(times)
			return strings.Repeat(text, n)
		}
		if c.names.real[name] == "" && c.site.names.real["petition:green"] == "" {
			_, kind, _ := strings.Cut(name, ":")
			kind, _, _ = strings.Cut(kind, ".")
			c.site.own(t, c.names, kind)
		}
		if c.names.real[name] == "" {
			t.Fatalf("nothing has the name %s", name)
		}
		return c.names.real[name]
	})
}

var (
	anyID    = regexp.MustCompile(`"[A-Za-z0-9_-]{23}"`)
	anyField = regexp.MustCompile(`"(cursor|startCursor|endCursor|editToken|requestId)":"([^"]+)"`)
)

// readable returns an answer as want sections hold it.
func (c *scenario) readable(t *testing.T, r reply) string {
	var out strings.Builder
	if r.status != http.StatusOK {
		fmt.Fprintf(&out, "HTTP %d\n", r.status)
	}
	out.WriteString(layout(t, json.RawMessage(c.nameAll(r.body)), "") + "\n")
	return out.String()
}

// nameAll puts names in the place of ids and the like.
func (c *scenario) nameAll(body string) string {
	body = anyID.ReplaceAllStringFunc(body, func(id string) string {
		id = strings.Trim(id, `"`)
		if kind := kinds[scalar.ParseID(id).Type]; kind != "" {
			id = "<" + c.names.fresh(kind, id) + ">"
		}
		return `"` + id + `"`
	})
	return anyField.ReplaceAllStringFunc(body, func(field string) string {
		part := anyField.FindStringSubmatch(field)
		kind := map[string]string{"editToken": "token", "requestId": "request"}[part[1]]
		if kind == "" {
			kind = "cursor"
		}
		return fmt.Sprintf(`"%s":"<%s>"`, part[1], c.names.fresh(kind, part[2]))
	})
}

// layout writes JSON with as much on a line as a line holds, in the order in which it came.
func layout(t *testing.T, raw json.RawMessage, indent string) string {
	const width = 110
	d := json.NewDecoder(bytes.NewReader(raw))
	start, err := d.Token()
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if _, nested := start.(json.Delim); !nested {
		return string(raw)
	}
	var parts []string
	for d.More() {
		key := ""
		if start == json.Delim('{') {
			token, _ := d.Token()
			key = fmt.Sprintf("%q: ", token)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		parts = append(parts, key+layout(t, value, indent+"  "))
	}
	first, last := string(raw[0]), string(raw[len(raw)-1])
	flat := first + strings.Join(parts, ", ") + last
	if len(indent)+len(flat) <= width && !strings.Contains(flat, "\n") {
		return flat
	}
	next := "\n" + indent + "  "
	return first + next + strings.Join(parts, ","+next) + "\n" + indent + last
}

// caseSections are the sections of one name in the cases of a folder.
func caseSections(t *testing.T, folder, name string) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range archive.Files {
			if section.Name == name {
				texts = append(texts, string(section.Data))
			}
		}
	}
	return texts
}
