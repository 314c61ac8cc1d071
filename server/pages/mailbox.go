package pages

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"petitiond/server/precompressed"
)

// Mailbox is what the links in mails lead to.
type Mailbox struct {
	// Signature returns the signature of a token, or of a code where codes confirm. Fault says to a person why there is
	// none, or why it was not changed.
	Signature func(ctx context.Context, token string) (s *Signature, fault string, err error)
	// Confirm makes it count, and Withdraw erases it. Both may be repeated.
	Confirm  func(ctx context.Context, token string) (s *Signature, fault string, err error)
	Withdraw func(ctx context.Context, token string) (fault string, err error)
	// Own returns all that is stored of the signature of a token, and Amend does so after it has changed it.
	Own   func(ctx context.Context, token string) (s *OwnSignature, fault string, err error)
	Amend func(ctx context.Context, token string, a Amendment) (s *OwnSignature, fault string, err error)
}

// Signature is a signature as its signatory sees it.
type Signature struct {
	Title, Slug, Language string // of the petition; empty if it is not public
	Number                int    // 0 while it waits for its mailbox
}

// OwnSignature is all that is stored of a signature, as its signatory sees it and can save it: under the names that the
// API gives it.
type OwnSignature struct {
	Petition    Subject    `json:"petition"`
	State       string     `json:"state"`
	Number      *int       `json:"number"`
	Name        *string    `json:"name"`
	ShowName    bool       `json:"showName"`
	Country     *string    `json:"country"`
	SignedAt    time.Time  `json:"signedAt"`
	ConfirmedAt *time.Time `json:"confirmedAt"`
	Updates     bool       `json:"updates"`
	Comment     *string    `json:"comment"`
	Statement   *string    `json:"statementVersion"`
	Locale      *string    `json:"locale"`
}

// Subject is the petition that was signed. It is empty if that is not public.
type Subject struct {
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
}

// Amendment is what a signatory changes. What is nil stays as it is.
type Amendment struct {
	ShowName, Updates *bool
	WithdrawComment   bool
}

// What the forms behind links in mails have.
const (
	tokenParameter = "token" // of a signature; also in a link
	doParameter    = "do"    // what a button does
	sureParameter  = "sure"  // that it shall be done although it cannot be undone
	nameParameter  = "showName"
	newsParameter  = "updates"
)

// What the buttons of /manage do.
const (
	doSave     = "save"
	doTakeBack = "takeBack"
	doWithdraw = "withdraw"
)

// formBytes is how long a form may be.
const formBytes = 4 << 10

type mailboxView struct {
	Head      head
	Token     string
	Signature *Signature
	Own       *OwnSignature
	Done      bool
	Saved     bool
	Unsure    string // what was to be done by somebody who has not said to be sure
	Fault     string
}

// letter serves a page that a link in a mail leads to. To open it changes nothing: mail scanners open links, too. It is
// done by its form, which is nil then, and needs no script. Like that of a preview the page is kept nowhere, and its
// token is a secret.
func (s *site) letter(name, title string, answer func(ctx context.Context, form url.Values, view *mailboxView) error) http.HandlerFunc {
	return s.private(func(ctx context.Context, r *http.Request, token string, form url.Values) *Page {
		view := &mailboxView{Head: s.head(title), Token: token}
		view.Head.Script = "preview.js"
		if token != "" {
			if err := answer(ctx, form, view); err != nil {
				page, _ := s.failed(ctx, r.Pattern, err)
				return page
			}
		}
		page, _ := s.shown(ctx, r.Pattern, name, view)
		return page
	})
}

// private serves what is for those alone who have the token of a signature. It comes in the address of a link, or in a
// form, but never in the address to which a form is sent.
func (s *site) private(render func(ctx context.Context, r *http.Request, token string, form url.Values) *Page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		token, form := r.URL.Query().Get(tokenParameter), url.Values(nil)
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, formBytes)
			token = r.PostFormValue(tokenParameter)
			form = r.PostForm
		}
		// Those who press a button twice share an answer.
		s.serve(w, r, r.URL.EscapedPath()+"?"+r.Method+" "+token+" "+form.Encode(), func(ctx context.Context) (*Page, bool) {
			return render(ctx, r, token, form), false
		})
	}
}

// confirm asks for the confirmation of a signature, and takes it.
func (s *site) confirm(ctx context.Context, form url.Values, view *mailboxView) (err error) {
	ask := s.options.Mailbox.Signature
	if form != nil {
		ask = s.options.Mailbox.Confirm
	}
	view.Signature, view.Fault, err = ask(ctx, view.Token)
	view.Done = view.Signature != nil && view.Signature.Number > 0
	return err
}

// manage shows a signature, and changes or withdraws it.
func (s *site) manage(ctx context.Context, form url.Values, view *mailboxView) (err error) {
	m, do, sure := s.options.Mailbox, form.Get(doParameter), form.Has(sureParameter)
	switch {
	case do == doSave:
		show, news := form.Has(nameParameter), form.Has(newsParameter)
		view.Own, view.Fault, err = m.Amend(ctx, view.Token, Amendment{ShowName: &show, Updates: &news})
		view.Saved = view.Own != nil
	case do == doTakeBack && sure:
		view.Own, view.Fault, err = m.Amend(ctx, view.Token, Amendment{WithdrawComment: true})
		view.Saved = view.Own != nil
	case do == doWithdraw && sure:
		view.Fault, err = m.Withdraw(ctx, view.Token)
		view.Done = err == nil && view.Fault == ""
	default:
		view.Unsure = do
		view.Own, view.Fault, err = m.Own(ctx, view.Token)
	}
	return err
}

// download sends all that is stored of a signature as a file.
func (s *site) download(ctx context.Context, r *http.Request, token string, _ url.Values) *Page {
	own, fault, err := s.options.Mailbox.Own(ctx, token)
	if err == nil && own != nil {
		var text []byte
		if text, err = json.MarshalIndent(own, "", "  "); err == nil {
			return &Page{status: http.StatusOK, file: "signature.json", html: precompressed.Bytes{Plain: append(text, '\n')}}
		}
	}
	if err != nil {
		page, _ := s.failed(ctx, r.Pattern, err)
		return page
	}
	page, _ := s.shown(ctx, r.Pattern, "manage.html", &mailboxView{Head: s.head("Your signature"), Fault: fault})
	return page
}
