package pages

import (
	"context"
	"net/http"
)

// previewParameter is the parameter of an address that bears the edit token.
const previewParameter = "preview"

// preview shows a petition that is not public to those who have its edit token. The token is a secret, and addresses
// are not: the page is kept nowhere, it is named in no Referer, and its script takes the token out of the address bar.
// If everybody may see the petition, visitors are sent to its own address.
func (s *site) preview(w http.ResponseWriter, r *http.Request, token string) {
	// Set here, since they hold for every answer: a page that says that the server is busy loads files, too.
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	// Pages are shared by name, and this one only among those who send the same token. It is not kept for the next one.
	s.serve(w, r, r.URL.EscapedPath()+"?"+previewParameter+"="+token, func(ctx context.Context) (*Page, bool) {
		p, err := s.options.Preview(ctx, r.PathValue("slug"), token)
		switch {
		case err != nil:
			return s.failed(ctx, r.Pattern, err)
		case p == nil:
			return s.notices[missing], false
		case unseen(p.State) == "":
			return redirection(http.StatusSeeOther, address(p.Slug)), false
		}
		// Without an address: other pages name theirs as the one to link to, and follow a count that only the public gets.
		view := petitionView{Head: s.head("Preview: " + p.Title), Petition: p, Unseen: unseen(p.State)}
		view.Head.Script = "preview.js"
		page, _ := s.shown(ctx, r.Pattern, "petition.html", view)
		return page, false
	})
}
