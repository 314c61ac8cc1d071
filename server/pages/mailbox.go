package pages

import (
	"context"
	"net/http"
)

// Mailbox is what the links in mails lead to.
type Mailbox struct {
	// Signature returns the signature of a token, or of a code where codes confirm. Fault says to a person why there is
	// none, or why it was not changed.
	Signature func(ctx context.Context, token string) (s *Signature, fault string, err error)
	// Confirm makes it count, and Withdraw erases it. Both may be repeated.
	Confirm  func(ctx context.Context, token string) (s *Signature, fault string, err error)
	Withdraw func(ctx context.Context, token string) (fault string, err error)
}

// Signature is a signature as its signatory sees it.
type Signature struct {
	Title, Slug, Language string // of the petition; empty if it is not public
	Number                int    // 0 while it waits for its mailbox
}

// tokenParameter is what bears the token of a signature, in a link and in a form.
const tokenParameter = "token"

// formBytes is how long a form may be.
const formBytes = 4 << 10

type mailboxView struct {
	Head      head
	Token     string
	Signature *Signature
	Done      bool
	Fault     string
}

// letter serves a page that a link in a mail leads to. To open it changes nothing: mail scanners open links, too. It is
// done by its form, and needs no script. Like that of a preview the page is kept nowhere, and its token is a secret.
func (s *site) letter(name, title string, answer func(ctx context.Context, change bool, view *mailboxView) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		token, change := r.URL.Query().Get(tokenParameter), r.Method == http.MethodPost
		if change {
			r.Body = http.MaxBytesReader(w, r.Body, formBytes)
			token = r.PostFormValue(tokenParameter)
		}
		// Those who press a button twice share an answer.
		s.serve(w, r, r.URL.EscapedPath()+"?"+r.Method+" "+token, func(ctx context.Context) (*Page, bool) {
			view := &mailboxView{Head: s.head(title), Token: token}
			view.Head.Script = "preview.js"
			if token != "" {
				if err := answer(ctx, change, view); err != nil {
					page, _ := s.failed(ctx, r.Pattern, err)
					return page, false
				}
			}
			page, _ := s.shown(ctx, r.Pattern, name, view)
			return page, false
		})
	}
}

// confirm asks for the confirmation of a signature, and takes it.
func (s *site) confirm(ctx context.Context, change bool, view *mailboxView) (err error) {
	ask := s.options.Mailbox.Signature
	if change {
		ask = s.options.Mailbox.Confirm
	}
	view.Signature, view.Fault, err = ask(ctx, view.Token)
	view.Done = view.Signature != nil && view.Signature.Number > 0
	return err
}

// manage shows a signature, and withdraws it.
func (s *site) manage(ctx context.Context, change bool, view *mailboxView) (err error) {
	if change {
		view.Fault, err = s.options.Mailbox.Withdraw(ctx, view.Token)
		view.Done = view.Fault == ""
		return err
	}
	view.Signature, view.Fault, err = s.options.Mailbox.Signature(ctx, view.Token)
	return err
}
