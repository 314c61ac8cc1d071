package pages_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"petitiond/server/pages"
	"petitiond/server/text"
)

func TestStart(t *testing.T) {
	t.Parallel()
	f := setup()
	f.cards = append(f.cards, pages.Card{Slug: "bus-stop", Title: "צל וספסל", Language: "he", Goal: 10}, pages.Card{Language: "und", Goal: 1})
	body := page(t, serve(t, f.options(), bundle()), "/")
	wants(
		t, body,
		`<dd data-live="signatureCount">1,234,567</dd>`, `<dd data-live="signaturesLastHour">89</dd>`,
		`<dd data-live="openPetitionCount">17</dd>`, `<dd data-live="petitionCount">25</dd>`,
		`<h3 lang="en-GB" dir="ltr"><a href="/p/night-bus">Keep the night bus</a></h3>`,
		`<p class="summary" lang="en-GB" dir="ltr">It is needed.</p>`, `by <bdi>Friends of the N7</bdi>`,
		`<li dir="auto">Night bus</li>`, `<progress max="2500" value="1240"`, `<strong>1,240</strong> of 2,500 signatures`,
		`<h3 lang="he" dir="rtl"><a href="/p/bus-stop">`, `<h3 lang="" dir="auto">`,
		`curl -s https://petitions.example/graphql`,
		`<a href="/graphiql">`, `<a href="/schema.graphqls">`, `<link rel="canonical" href="https://petitions.example/">`,
	)
}

func TestStartWithoutPetitions(t *testing.T) {
	t.Parallel()
	body := page(t, serve(t, (&fake{}).options(), bundle()), "/")
	wants(t, body, `No petition is open right now.`, `<dd data-live="signatureCount">0</dd>`)
	lacks(t, body, `class="pager"`)
}

// TestStartPageByPage follows the links from page to page.
func TestStartPageByPage(t *testing.T) {
	t.Parallel()
	f := setup()
	f.next = "a_b-c"
	var shared []string
	o := f.options()
	o.Share = func(ctx context.Context, name string, render pages.Render, send func(*pages.Page, string)) error {
		page, keep := render(ctx)
		if keep {
			shared = append(shared, name)
		}
		send(page, "")
		return nil
	}
	h := serve(t, o, bundle())
	first := page(t, h, "/")
	wants(t, first, `<a class="button" rel="next" href="/?after=a_b-c#open">More petitions</a>`)
	lacks(t, first, `To the first petitions`)
	last := page(t, h, "/?utm_source=mail&after=a_b-c")
	wants(t, last, `<a href="/">To the first petitions</a>`, `<h3 lang="en-GB"`)
	lacks(t, last, `More petitions`)
	if w := get(t, h, "/?after=elsewhere"); w.Code != http.StatusNotFound {
		t.Errorf("a place that is none: status %d, want 404", w.Code)
	}
	if want := []string{"/", "/?after=a_b-c"}; !slices.Equal(shared, want) {
		t.Errorf("kept are %q, want %q", shared, want)
	}
}

func TestPetition(t *testing.T) {
	t.Parallel()
	body := page(t, serve(t, setup().options(), bundle()), "/p/night-bus")
	wants(
		t, body,
		`<title>Keep the night bus</title>`, `<meta name="description" content="It is needed.">`,
		`<link rel="canonical" href="https://petitions.example/p/night-bus">`,
		`data-watch="UAb-c"`, `<h1 lang="en-GB" dir="ltr">Keep the night bus</h1>`,
		`<bdi>The council</bdi>, <bdi>The mayor</bdi>`,
		`<dt>Since</dt><dd><time dir="ltr" datetime="2026-10-04T01:00:00Z">4 October 2026</time>`,
		`<dt>Until</dt><dd><time dir="ltr" datetime="2026-12-24T12:00:00Z">24 December 2026</time>`,
		`<strong data-live="total">1,240</strong> of <span data-live="goal">2,500</span> signatures`,
		`aria-live="polite"`, `<p>The <strong>whole</strong> text.</p>`, `<li dir="auto">Safety</li>`,
		`<form data-sign="UAb-c" data-statement=`, `<noscript>`,
		`Signing again changes neither your name nor whether it is shown.`,
		`<p data-status="COUNTED">Your signature counts. If you had already signed with this address, your first signature stays as it was.</p>`,
		`<bdi>Maud</bdi> <span class="signed">signed</span>`, `I need it.`,
		`<span class="anonymous">Anonymous</span> <time`, `So do I.`,
		`<span class="number">1,240</span> <bdi>Elliot Hartley</bdi> <span class="country" data-country="GB">GB</span>`,
	)
}

// TestComment makes one break of any number of empty lines.
func TestComment(t *testing.T) {
	t.Parallel()
	f := setup()
	f.petition.Comments = []pages.Comment{{Body: "First.\nIts second line.\n\n \n\n\t\nSecond."}}
	body := page(t, serve(t, f.options(), bundle()), "/p/night-bus")
	wants(t, body, `<p class="said" dir="auto">First. Its second line.</p> <p class="said" dir="auto">Second.</p>`)
}

func TestPetitionFromRightToLeft(t *testing.T) {
	t.Parallel()
	f := setup()
	f.petition.Language = "ar"
	body := page(t, serve(t, f.options(), bundle()), "/p/night-bus")
	wants(t, body, `<html lang="en">`, `<h1 lang="ar" dir="rtl">`, `<div class="text" dir="rtl">`, `<div class="body" lang="ar">`, `<div class="talk" dir="rtl">`)
}

func TestPetitionStates(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, state, outcome, want string }{
		{"NotBegun", "OPEN", "", `Signing has not begun</h2> <p>It can be signed from <time dir="ltr" datetime="2026-10-04T01:00:00Z">`},
		{"Paused", "PAUSED", "", `Signing is paused</h2>`},
		{"Closed", "CLOSED", "", `This petition is closed</h2> <p>It was open for signatures until <time dir="ltr" datetime="2026-11-01`},
		{"ClosedWithOutcome", "CLOSED", "VICTORY", `<p class="outcome">The demand was met.</p>`},
		{"Archived", "ARCHIVED", "REFUSED", `kept for the record</h2>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup()
			closed := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			f.petition.State, f.petition.Outcome, f.petition.ClosedAt, f.petition.Accepting = test.state, test.outcome, &closed, false
			body := page(t, serve(t, f.options(), bundle()), "/p/night-bus")
			wants(t, body, test.want)
			lacks(t, body, `<form`, `href="#sign"`, `<dt>Until</dt>`)
			if test.outcome == "" {
				lacks(t, body, `class="outcome"`)
			}
		})
	}
}

// TestImage finds the picture named for others to load, and loaded by nothing in the page.
func TestImage(t *testing.T) {
	t.Parallel()
	f := &fake{petition: &pages.Petition{
		Card: pages.Card{Slug: "short", Title: "Short", Goal: 1}, State: "OPEN", ImageURL: "https://images.example/a.jpg?w=1&h=2",
	}}
	body := page(t, serve(t, f.options(), bundle()), "/p/short")
	wants(t, body, `<meta property="og:image" content="https://images.example/a.jpg?w=1&amp;h=2">`)
	if n := strings.Count(body, "images.example"); n != 1 {
		t.Errorf("the picture is named %d times, want once", n)
	}
}

func TestPetitionWithLittle(t *testing.T) {
	t.Parallel()
	f := &fake{petition: &pages.Petition{Card: pages.Card{Slug: "short", Title: "Short", Goal: 1}, State: "OPEN", Accepting: true}}
	body := page(t, serve(t, f.options(), bundle()), "/p/short")
	lacks(t, body, `og:image`, `Latest`, `<dt>To</dt>`, `<dt>Since</dt>`, `class="tags"`, `class="summary"`, `name="description"`)
}

func TestEscaping(t *testing.T) {
	t.Parallel()
	const bad = `"><script>alert(1)</script>`
	f := setup()
	for _, c := range []*pages.Card{&f.cards[0], &f.petition.Card} {
		*c = pages.Card{ID: bad, Slug: "night-bus", Title: bad, Summary: bad, Petitioner: bad, Language: bad, Tags: []string{bad}, Goal: 1}
	}
	f.petition.Addressees, f.petition.State, f.petition.Outcome = []string{bad}, bad, bad
	f.petition.Comments = []pages.Comment{{Author: bad, Body: bad, Replies: []pages.Comment{{Author: bad, Body: bad}}}}
	f.petition.Signatories = []pages.Signatory{{Name: bad, Country: bad}}
	h := serve(t, f.options(), bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql"} {
		body := page(t, h, target)
		lacks(t, body, bad, `<script>`)
		wants(t, body, `script&gt;alert(1)`)
	}
}

func TestFormerSlug(t *testing.T) {
	t.Parallel()
	w := get(t, serve(t, setup().options(), bundle()), "/p/former%20name")
	if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "/p/night-bus" {
		t.Errorf("status %d to %q, want 301 to /p/night-bus", w.Code, w.Header().Get("Location"))
	}
	if got := w.Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("Cache-Control %q: a redirection that is kept cannot be turned around", got)
	}
}

// TestAddressAsPeopleCopyIt redirects other spellings of an address, with its query, and keeps one page for all of
// them.
func TestAddressAsPeopleCopyIt(t *testing.T) {
	t.Parallel()
	shared := map[string]int{}
	o := setup().options()
	o.Slug = text.SlugMeant
	o.Share = func(ctx context.Context, name string, render pages.Render, send func(*pages.Page, string)) error {
		shared[name]++
		page, _ := render(ctx)
		send(page, "")
		return nil
	}
	h := serve(t, o, bundle())
	for _, target := range []string{
		"/p/night-bus/", "/p/NIGHT-BUS", "/p/Night-Bus", "/p/night-bus.", "/p/night-bus,", "/p/night-bus...", "/p/night-bus%E2%80%A6", "/p/night-bus)",
		"/p/%22night-bus%22", "/p/night-bus%20", "/p/NIGHT-BUS./", "/P/NIGHT-BUS", "/P/NIGHT-BUS/", "/p/night%2Dbus", "/p/-night-bus-",
	} {
		for query, want := range map[string]string{"": "/p/night-bus", "?utm_source=mail&a=%20b": "/p/night-bus?utm_source=mail&a=%20b", "?": "/p/night-bus"} {
			w := get(t, h, target+query)
			if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != want {
				t.Errorf("GET %s: status %d to %q, want 301 to %s", target+query, w.Code, w.Header().Get("Location"), want)
			}
		}
	}
	if len(shared) != 1 || shared["/p/night-bus"] == 0 {
		t.Errorf("pages are kept as %v, want one", shared)
	}
	for target, want := range map[string]string{
		"/p/FORMER?utm_source=mail": "/p/night-bus?utm_source=mail", "/p/former./?a": "/p/night-bus?a", "/p/former": "/p/night-bus",
	} {
		w := get(t, h, target)
		if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != want {
			t.Errorf("GET %s: status %d to %q, want 301 to %s", target, w.Code, w.Header().Get("Location"), want)
		}
	}
	for _, target := range []string{"/p/night-bus?utm_source=mail", "/p/night-bus"} {
		page(t, h, target)
	}
	for _, target := range []string{"/p/NONE", "/p/none/", "/p/none.?a=b", "/p/NIGHT-BUS/more"} {
		if w := get(t, h, target); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", target, w.Code)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	o := setup().options()
	o.GraphiQL = false
	h := serve(t, o, bundle())
	for _, target := range []string{"/p/none", "/p/", "/p/night-bus/more", "/nothing", "/graphiql", "/assets/none.js", "/assets/README.md", "/assets/"} {
		w := get(t, h, target)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "There is nothing here") {
			t.Errorf("GET %s: status %d, want a page with status 404", target, w.Code)
		}
	}
	lacks(t, page(t, h, "/"), `href="/graphiql"`)
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for method, want := range map[string]int{http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/p/night-bus", nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", method, w.Code, want)
		}
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	f := setup()
	f.err = errors.New("canary")
	var log bytes.Buffer
	o := f.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := serve(t, o, bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql"} {
		log.Reset()
		w := get(t, h, target)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("GET %s: status %d, want 500", target, w.Code)
		}
		lacks(t, w.Body.String(), "canary")
		if !strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "night-bus") {
			t.Errorf("GET %s: the log must tell the error, and not what was asked for; it says %s", target, &log)
		}
	}
}

func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	f := setup()
	f.err = context.Canceled
	var log bytes.Buffer
	o := f.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	serve(t, o, bundle()).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if w.Body.Len() > 0 || log.Len() > 0 {
		t.Errorf("%d bytes for nobody, and the log says %q", w.Body.Len(), &log)
	}
}
