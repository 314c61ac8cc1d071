package pages_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"petitiond/server/pages"
)

// signatureToken is the one that mails bear.
const signatureToken = "sg_canary"

// letters are what mails lead to.
func letters() []string {
	return []string{"/confirm", "/confirm?token=" + signatureToken, "/confirm?token=sg_other", "/manage", "/manage?token=" + signatureToken, "/manage?token=sg_other"}
}

// mailbox has the one signature of the one token.
func (f *fake) mailbox() *pages.Mailbox {
	const fault = "No signature has this link."
	look := func(_ context.Context, token string) (*pages.Signature, string, error) {
		if token != signatureToken {
			return nil, fault, f.err
		}
		return f.signed, "", f.err
	}
	return &pages.Mailbox{
		Signature: look,
		Confirm: func(ctx context.Context, token string) (*pages.Signature, string, error) {
			if token == signatureToken && f.err == nil {
				f.changes, f.signed.Number = append(f.changes, "confirmed"), 1241
			}
			return look(ctx, token)
		},
		Withdraw: func(_ context.Context, token string) (string, error) {
			if token != signatureToken {
				return fault, f.err
			}
			f.changes = append(f.changes, "withdrawn")
			return "", f.err
		},
	}
}

// post sends a form as a browser does.
func post(t *testing.T, h http.Handler, target, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(url.Values{"token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestLettersChangeNothing opens links as mail scanners do, and presses the buttons as people do.
func TestLettersChangeNothing(t *testing.T) {
	t.Parallel()
	f := setup()
	h := serve(t, f.options(), bundle())
	for _, target := range letters() {
		w := get(t, h, target)
		if w.Code != http.StatusOK || len(f.changes) > 0 {
			t.Errorf("GET %s: status %d, changes %v", target, w.Code, f.changes)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "ETag": ""} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("GET %s: %s is %q", target, name, got)
			}
		}
	}
	wants(t, page(t, h, "/confirm?token="+signatureToken), `<h1 id="sign-title">Confirm your signature</h1>`, `<p class="subject" lang="en-GB" dir="ltr">`,
		`<form method="post" action="/confirm">`, `<input type="hidden" name="token" value="`+signatureToken+`">`, `<script src="/assets/preview.js?v=`)
	wants(t, page(t, h, "/confirm"), `<input id="code" name="token"`)
	wants(t, page(t, h, "/manage?token="+signatureToken), "not confirmed yet", "Withdraw my signature")
	wants(t, page(t, h, "/confirm?token=sg_other"), "No signature has this link.", `<input id="code" name="token"`)
	for range 2 {
		wants(t, post(t, h, "/confirm", signatureToken).Body.String(), "your signature counts", "<strong>1,241</strong>", `href="/p/night-bus"`)
	}
	wants(t, page(t, h, "/manage?token="+signatureToken), "<strong>1,241</strong>")
	wants(t, page(t, h, "/confirm?token="+signatureToken), "Thank you")
	wants(t, post(t, h, "/manage", signatureToken).Body.String(), "Your signature is withdrawn")
	wants(t, post(t, h, "/manage", "sg_other").Body.String(), "No signature has this link.")
	if got := strings.Join(f.changes, " "); got != "confirmed confirmed withdrawn" {
		t.Errorf("changes %s", got)
	}
	if w := post(t, h, "/", signatureToken); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: status %d", w.Code)
	}
	// A token in the address of a POST is none, so that no link can do it; nor is one that comes too late in a long form.
	post(t, h, "/manage?token="+signatureToken, "")
	post(t, h, "/manage", strings.Repeat("x", 5<<10)+"&token="+signatureToken)
	if len(f.changes) != 3 {
		t.Errorf("changes %v", f.changes)
	}
}

// TestLettersFail is about errors of the server, and a petition that is not public any more.
func TestLettersFail(t *testing.T) {
	t.Parallel()
	f := setup()
	f.signed.Title, f.signed.Slug = "", ""
	h := serve(t, f.options(), bundle())
	lacks(t, page(t, h, "/manage?token="+signatureToken), `class="subject"`)
	lacks(t, post(t, h, "/confirm", signatureToken).Body.String(), `class="subject"`, `href="/p/`)
	f.err = errors.New("canary")
	for _, target := range []string{"/confirm", "/manage"} {
		for _, w := range []*httptest.ResponseRecorder{get(t, h, target+"?token="+signatureToken), post(t, h, target, signatureToken)} {
			if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "canary") {
				t.Errorf("%s: status %d", target, w.Code)
			}
		}
	}
	options := f.options()
	options.Mailbox = nil
	if w := get(t, serve(t, options, bundle()), "/confirm"); w.Code != http.StatusNotFound {
		t.Errorf("without a mailbox: status %d", w.Code)
	}
}

// TestCodeOnThePetition has a field for the code where mailboxes confirm.
func TestCodeOnThePetition(t *testing.T) {
	t.Parallel()
	f := setup()
	lacks(t, page(t, serve(t, f.options(), bundle()), "/p/night-bus"), `id="code"`, "We send a mail there")
	f.petition.ByMail = true
	body := page(t, serve(t, f.options(), bundle()), "/p/night-bus")
	wants(t, body, `id="code"`, `<form method="post" action="/confirm">`, "We send a mail there")
	checkNames(t, "/p/night-bus", body)
}
