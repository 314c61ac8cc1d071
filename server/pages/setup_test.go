package pages_test

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"petitiond/server/pages"
)

const public = "https://petitions.example"

// editToken is the one that opens a preview.
const editToken = "pe_canary"

// fake holds what the pages are told.
type fake struct {
	cards    []pages.Card
	next     string // the place of the second page
	site     pages.Site
	petition *pages.Petition
	signed   *pages.Signature // that of the token
	changes  []string         // what was done to it
	err      error
}

func (f *fake) options() pages.Options {
	return pages.Options{
		PublicURL: public + "/",
		GraphiQL:  true,
		Petitions: func(_ context.Context, after string) (*pages.Listing, error) {
			switch after {
			case "":
				return &pages.Listing{Cards: f.cards, Next: f.next, Site: f.site}, f.err
			case f.next:
				return &pages.Listing{Cards: f.cards[:1], Site: f.site}, f.err
			}
			return nil, f.err
		},
		Petition: func(_ context.Context, slug string) (*pages.Petition, error) {
			if slug == "none" {
				return nil, f.err
			}
			return f.petition, f.err
		},
		Preview: func(_ context.Context, slug, token string) (*pages.Petition, error) {
			if slug == "none" || token != editToken {
				return nil, f.err
			}
			return f.petition, f.err
		},
		Mailbox: f.mailbox(),
	}
}

func setup() *fake {
	card := pages.Card{
		ID: "UAb-c", Slug: "night-bus", Title: "Keep the night bus", Summary: "It is needed.", Petitioner: "Friends of the N7",
		Language: "en-GB", Signatures: 1240, Goal: 2500, Tags: []string{"Night bus", "Safety"},
	}
	begun := time.Date(2026, 10, 3, 23, 0, 0, 0, time.FixedZone("", -2*60*60))
	end := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	return &fake{
		signed: &pages.Signature{Title: card.Title, Slug: card.Slug, Language: card.Language},
		cards:  []pages.Card{card},
		site:   pages.Site{Petitions: 25, Open: 17, Signatures: 1234567, LastHour: 89},
		petition: &pages.Petition{
			Card: card, BodyHTML: "<p>The <strong>whole</strong> text.</p>", Addressees: []string{"The council", "The mayor"},
			State: "OPEN", StartsAt: &begun, EndsAt: &end, Accepting: true,
			Comments: []pages.Comment{{
				Author: "Maud", FromSignatory: true, Body: "I need it.", At: end,
				Replies: []pages.Comment{{Body: "So do I.", At: end}},
			}},
			Signatories: []pages.Signatory{{Number: 1240, Name: "Elliot Hartley", Country: "GB", At: end}},
		},
	}
}

// bundle stands for what npm brings.
func bundle() fstest.MapFS {
	files := fstest.MapFS{"assets/README.md": {Data: []byte("# Assets")}}
	for name := range pages.Checksums() {
		files["assets/"+name] = &fstest.MapFile{Data: []byte("/* " + name + " */")}
	}
	return files
}

func serve(t *testing.T, o pages.Options, files fs.FS) http.Handler {
	t.Helper()
	h, err := pages.Build(o, files)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// page gets what must be there.
func page(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := get(t, h, target)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: status %d", target, w.Code)
	}
	return w.Body.String()
}

// squeezed makes a text independent of how its HTML is indented.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// wants reports what a page lacks.
func wants(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(squeezed(body), part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

// lacks reports what a page must not have.
func lacks(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(squeezed(body), part) {
			t.Errorf("the page has %s", part)
		}
	}
}

// elements returns the attributes of all elements of a page, each with its name under the empty key.
func elements(t *testing.T, body string) []map[string]string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var found []map[string]string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		element := map[string]string{"": n.Data}
		for _, a := range n.Attr {
			element[a.Key] = a.Val
		}
		found = append(found, element)
	}
	return found
}
