package pages_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

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
		Own: func(ctx context.Context, token string) (*pages.OwnSignature, string, error) {
			return f.own(ctx, token, look)
		},
		Amend: func(ctx context.Context, token string, a pages.Amendment) (*pages.OwnSignature, string, error) {
			switch {
			case token != signatureToken:
			case a.WithdrawComment:
				f.changes = append(f.changes, "unsaid")
			default:
				f.changes = append(f.changes, fmt.Sprint("name ", *a.ShowName, ", updates ", *a.Updates))
			}
			return f.own(ctx, token, look)
		},
	}
}

// own is the same signature as its signatory sees it.
func (f *fake) own(
	ctx context.Context, token string, look func(context.Context, string) (*pages.Signature, string, error),
) (*pages.OwnSignature, string, error) {
	signed, fault, err := look(ctx, token)
	if signed == nil || err != nil {
		return nil, fault, err
	}
	name, reason := "Ada <b>", "Because & so"
	out := &pages.OwnSignature{State: "PENDING", Name: &name, Comment: &reason, ShowName: true, SignedAt: time.Unix(0, 0).UTC()}
	out.Petition = pages.Subject{Title: signed.Title, Language: signed.Language}
	if signed.Number > 0 {
		out.State, out.Number = "COUNTED", &signed.Number
	}
	return out, "", nil
}

// post sends a form as a browser does. The rest are its further fields.
func post(t *testing.T, h http.Handler, target, token string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{"token": {token}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
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
	wants(t, post(t, h, "/manage", signatureToken, "do=withdraw", "sure=yes").Body.String(), "Your signature is withdrawn")
	wants(t, post(t, h, "/manage", "sg_other", "do=withdraw", "sure=yes").Body.String(), "No signature has this link.")
	if got := strings.Join(f.changes, " "); got != "confirmed confirmed withdrawn" {
		t.Errorf("changes %s", got)
	}
	if w := post(t, h, "/", signatureToken); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: status %d", w.Code)
	}
	// A token in the address of a POST is none, so that no link can do it; nor is one that comes too late in a long form.
	post(t, h, "/manage?do=withdraw&sure=yes&token="+signatureToken, "", "do=withdraw", "sure=yes")
	post(t, h, "/manage", strings.Repeat("x", 5<<10)+"&token="+signatureToken, "do=withdraw", "sure=yes")
	if len(f.changes) != 3 {
		t.Errorf("changes %v", f.changes)
	}
}

// TestManage shows all that is stored, changes it by forms alone, and asks twice before what cannot be undone.
func TestManage(t *testing.T) {
	t.Parallel()
	f := setup()
	h := serve(t, f.options(), bundle())
	body := page(t, h, "/manage?token="+signatureToken)
	wants(t, body, "Ada &lt;b&gt;", "Because &amp; so", `name="showName" value="yes" checked>`, `name="updates" value="yes">`, "1 January 1970")
	checkNames(t, "/manage", body)
	send := func(target string, fields ...string) string {
		t.Helper()
		w := post(t, h, target, signatureToken, fields...)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: status %d, header %v", target, w.Code, w.Header())
		}
		return w.Body.String()
	}
	for _, do := range []string{"takeBack", "withdraw"} {
		wants(t, send("/manage", "do="+do), "Tick the box")
	}
	lacks(t, send("/manage"), "Tick the box")
	lacks(t, send("/manage", "do=else", "sure=yes"), "Tick the box")
	if len(f.changes) > 0 {
		t.Errorf("changes %v", f.changes)
	}
	wants(t, send("/manage", "do=save", "updates=yes"), "Your changes are saved")
	wants(t, send("/manage", "do=save", "showName=yes"), "Your changes are saved")
	wants(t, send("/manage", "do=takeBack", "sure=yes"), "Your changes are saved")
	if got := strings.Join(f.changes, "; "); got != "name false, updates true; name true, updates false; unsaid" {
		t.Errorf("changes %s", got)
	}
	w := post(t, h, "/manage/signature.json", signatureToken)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Content-Disposition": `attachment; filename="signature.json"`, "Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "ETag": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	wants(t, w.Body.String(), `"comment": "Because`, `"state": "PENDING"`, `"number": null`)
	if w := post(t, h, "/manage/signature.json", "sg_other"); w.Header().Get("Content-Disposition") != "" {
		t.Error("there is a file for another token")
	}
	if w := get(t, h, "/manage/signature.json?token="+signatureToken); w.Code == http.StatusOK {
		t.Error("a link brings the file")
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
