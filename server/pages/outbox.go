package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"petitiond/server/precompressed"
)

// Mail is a mail that was kept instead of being sent.
type Mail struct {
	ID        string
	From      string
	To        string
	Subject   string
	Language  string // BCP 47
	Direction string // ltr or rtl
	Text      string
	HTML      string // a whole page, which is shown within another and trusted with nothing
	At        time.Time
}

type outboxView struct {
	Head  head
	Mails []Mail
}

type mailView struct {
	Head head
	Mail Mail
}

// outbox lists the mails that were kept.
func (s *site) outbox(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // it has the links of others
	page, _ := s.shown(r.Context(), r.Pattern, "outbox.html", outboxView{s.head("Outbox"), s.options.Outbox()})
	page.send(w, r)
}

// mail shows one of them as its readers would see it.
func (s *site) mail(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	m, ok := s.kept(r.PathValue("id"))
	if !ok {
		s.missing(w, r)
		return
	}
	page, _ := s.shown(r.Context(), r.Pattern, "mail.html", mailView{s.head(m.Subject), m})
	page.policy = contentPolicy("'self'", "'self'", "'none'") + "; frame-src 'self'"
	page.send(w, r)
}

// mailPolicy is that of the HTML of a mail: it may have styles and nothing else, and may open its links, as mail
// programs do, in a window of their own.
const mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"

// mailBody is what the page of a mail shows in a frame.
func (s *site) mailBody(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	m, ok := s.kept(r.PathValue("id"))
	if !ok {
		s.missing(w, r)
		return
	}
	// Within the frame a link could not open anything, as the frame may not leave its place.
	text := strings.Replace(m.HTML, "<head>", `<head><base target="_blank">`, 1)
	page := &Page{status: http.StatusOK, policy: mailPolicy, html: precompressed.Bytes{Plain: []byte(text)}}
	page.send(w, r)
}

// kept returns a mail by its id.
func (s *site) kept(id string) (Mail, bool) {
	mails := s.options.Outbox()
	i := slices.IndexFunc(mails, func(m Mail) bool { return m.ID == id })
	if i < 0 {
		return Mail{}, false
	}
	return mails[i], true
}

// mailAddress returns the address of the page of a mail.
func mailAddress(id string) string { return "/outbox/" + url.PathEscape(id) }
