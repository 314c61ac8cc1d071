package mail_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"petitiond/server/mail"
	"petitiond/server/transport/nodetest"
)

// On a phone no letter is wider than the window, whatever the title is, and only addresses break within words.
func TestWidths(t *testing.T) {
	t.Parallel()
	browser := nodetest.Browser(t)
	pages := http.NewServeMux()
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	args := []string{browser}
	for _, language := range []string{"de", "ar"} { // one in each direction, one of them with long words
		for _, l := range examples(strings.Repeat("w", 400)) {
			m := rendered(t, mail.Order{To: "ada@example.org", Language: language, Letter: l, Unsubscribe: site + "/no-mail?t=" + strings.Repeat("x", 60)})
			path := "/" + language + "/" + strings.TrimPrefix(fmt.Sprintf("%T", l), "mail.")
			pages.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = w.Write([]byte(m.HTML))
			})
			args = append(args, server.URL+path)
		}
	}
	nodetest.Run(t, nil, "clients/widths.mjs", args...)
}
