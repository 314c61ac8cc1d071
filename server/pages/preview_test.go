package pages_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// preview is the address of a preview.
const preview = "/p/night-bus?preview=" + editToken

// draft is what the pages are told, with a petition that nobody else sees.
func draft(state string) *fake {
	f := setup()
	f.petition.State, f.petition.Accepting = state, false
	f.petition.Signatures, f.petition.Comments, f.petition.Signatories = 0, nil, nil
	return f
}

func TestPreview(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"DRAFT":     "This is a draft. Until you publish it, only you and the site's staff see it.",
		"IN_REVIEW": "This petition is waiting for a moderator. Until then only you and the site's staff see it.",
		"REJECTED":  "A moderator has rejected this petition. Only you and the site's staff see it.",
		"HIDDEN":    "This petition was removed from public view. Only you and the site's staff see it.",
	} {
		w := get(t, serve(t, draft(state).options(), bundle()), preview)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", state, w.Code)
		}
		body := strings.ReplaceAll(w.Body.String(), "&#39;", "'")
		wants(
			t, body, want, `<aside class="preview" aria-label="Preview">`, `<title>Preview: Keep the night bus</title>`,
			`<h1 lang="en-GB" dir="ltr">Keep the night bus</h1>`, `<p>The <strong>whole</strong> text.</p>`, `<li dir="auto">Safety</li>`,
			`<dt>Until</dt>`, `<script src="/assets/preview.js?v=`,
		)
		lacks(t, body, editToken, `<form`, `href="#sign"`, `canonical`, `og:`, `live.js`, `sign.js`, `<dt>Since</dt>`, `name="description"`)
	}
}

// The token must not get any further: not into a cache, a cookie, a Referer or another address.
func TestPreviewKeepsTheToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target string
		state  string
		status int
		to     string
	}{
		"Draft":        {preview, "DRAFT", http.StatusOK, ""},
		"FormerSlug":   {strings.Replace(preview, "night-bus", "day-bus", 1), "DRAFT", http.StatusOK, ""},
		"OtherToken":   {"/p/night-bus?preview=pe_other", "DRAFT", http.StatusNotFound, ""},
		"NoSuchSlug":   {"/p/none?preview=" + editToken, "DRAFT", http.StatusNotFound, ""},
		"Open":         {preview, "OPEN", http.StatusSeeOther, "/p/night-bus"},
		"Paused":       {preview, "PAUSED", http.StatusSeeOther, "/p/night-bus"},
		"Closed":       {strings.Replace(preview, "night-bus", "day-bus", 1), "CLOSED", http.StatusSeeOther, "/p/night-bus"},
		"Archived":     {preview, "ARCHIVED", http.StatusSeeOther, "/p/night-bus"},
		"WithMore":     {preview + "&utm_source=x", "DRAFT", http.StatusOK, ""},
		"OtherSpelt":   {"/p/night%2Dbus?preview=pe%5Fcanary", "DRAFT", http.StatusOK, ""},
		"BesideOthers": {"/p/night-bus?utm_source=x&preview=" + editToken, "DRAFT", http.StatusOK, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := get(t, serve(t, draft(test.state).options(), bundle()), test.target, "If-None-Match", "*")
			if w.Code != test.status || w.Header().Get("Location") != test.to {
				t.Errorf("status %d to %q, want %d to %q", w.Code, w.Header().Get("Location"), test.status, test.to)
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Etag": "", "Set-Cookie": "",
				"Cross-Origin-Opener-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if strings.Contains(w.Body.String(), editToken) {
				t.Error("the token is in the page")
			}
		})
	}
}

// An empty token is none.
func TestPreviewWithoutToken(t *testing.T) {
	t.Parallel()
	w := get(t, serve(t, setup().options(), bundle()), "/p/night-bus?preview=")
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("status %d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

func TestPreviewIsSharedByNobody(t *testing.T) {
	t.Parallel()
	f, k := draft("DRAFT"), kept{}
	o := f.options()
	o.Share = k.share
	h := serve(t, o, bundle())
	for range 2 {
		if w := get(t, h, preview); w.Code != http.StatusOK || w.Header().Get("Cache-Status") != "miss" {
			t.Errorf("status %d, %v", w.Code, w.Header())
		}
		if w := get(t, h, "/p/night-bus?preview=pe_other"); w.Code != http.StatusNotFound {
			t.Errorf("with another token: status %d", w.Code)
		}
	}
	if len(k) > 0 {
		t.Errorf("%d pages are kept", len(k))
	}
}

// What cannot be shown is answered and logged without the token.
func TestPreviewFails(t *testing.T) {
	t.Parallel()
	passing := errors.New("it will be back")
	for err, want := range map[error]int{errors.New("broken"): http.StatusInternalServerError, passing: http.StatusServiceUnavailable} {
		var log bytes.Buffer
		f := draft("DRAFT")
		f.err = err
		o := f.options()
		o.Logger, o.IsPassing = slog.New(slog.NewTextHandler(&log, nil)), func(err error) bool { return errors.Is(err, passing) }
		w := get(t, serve(t, o, bundle()), preview)
		if w.Code != want || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: status %d, want %d; %v", err, w.Code, want, w.Header())
		}
		if !strings.Contains(log.String(), err.Error()) || strings.Contains(log.String(), "canary") {
			t.Errorf("%v: the log says %s", err, &log)
		}
	}
}

// Trouble that passes is told as such, by every page.
func TestPassingFailure(t *testing.T) {
	t.Parallel()
	f := setup()
	f.err = errors.New("it will be back")
	o := f.options()
	o.IsPassing = func(err error) bool { return errors.Is(err, f.err) }
	h := serve(t, o, bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql"} {
		w := get(t, h, target)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: status %d, %v", target, w.Code, w.Header())
		}
		wants(t, w.Body.String(), "Please try again in a moment.")
	}
}

// TestPreviewScript runs the script where there is Node: the address that is left has no token.
func TestPreviewScript(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node")
	}
	const around = `const location = new URL('https://petitions.example/p/night-bus?preview=pe_canary#x');
const history = { replaceState: (state, title, to) => console.log(JSON.stringify([state, new URL(to, location).href])) };
`
	out, err := exec.CommandContext(t.Context(), node, "-e", around+script(t, "preview.js")).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != `[null,"https://petitions.example/p/night-bus"]` {
		t.Errorf("error %v, and it says %s", err, got)
	}
}

// A start that is planned is told.
func TestPreviewTellsTheStart(t *testing.T) {
	t.Parallel()
	f := draft("DRAFT")
	wants(t, get(t, serve(t, f.options(), bundle()), preview).Body.String(),
		`as soon as the petition is public and signing begins, on <time dir="ltr" datetime="2026-10-04T01:00:00Z">4 October 2026</time>.`)
	f.petition.StartsAt = (*time.Time)(nil)
	wants(t, get(t, serve(t, f.options(), bundle()), preview).Body.String(), `as soon as the petition is public.`)
}
