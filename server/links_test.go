package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/settings"
)

// Without a public URL links lead to where the server listens.
func TestLinksFollowTheAddress(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:0": "http://localhost:PORT", ":0": "http://localhost:PORT", "0.0.0.0:0": "http://localhost:PORT",
		"[::]:0": "http://localhost:PORT", "localhost:0": "http://localhost:PORT", "127.0.77.3:0": "http://127.0.77.3:PORT",
	} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			s := start(t, with(fresh(t, database.SQLite), "PETITION_LISTEN", listen))
			_, port, err := net.SplitHostPort(s.Address())
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(want, "PORT", port, 1)
			if strings.HasSuffix(listen, ":0") && !strings.HasPrefix(listen, "127.") {
				s.url = "http://127.0.0.1:" + port
			}
			s.linksTo(t, want)
			contains(t, s.log.String(), " url="+want+" ")
		})
	}
}

// linksTo checks every link that the server makes with its own address.
func (s *site) linksTo(t *testing.T, base string) {
	t.Helper()
	id, _ := s.open(t)
	out := struct{ Petition struct{ URL, Slug string } }{}
	s.ask(t, "", `query($id: ID) { petition(id: $id) { url slug } }`, map[string]any{"id": id}, &out)
	if out.Petition.URL != base+"/p/"+out.Petition.Slug {
		t.Errorf("Petition.url is %s, want one at %s", out.Petition.URL, base)
	}
	for path, links := range map[string][]string{
		"/": {`<link rel="canonical" href="%s/">`, `<meta property="og:url" content="%s/">`, "<code>curl -s %s/graphql "},
		"/p/" + out.Petition.Slug: {
			`<link rel="canonical" href="%s/p/` + out.Petition.Slug + `">`, `<meta property="og:url" content="%s/p/` + out.Petition.Slug + `">`,
		},
	} {
		page := s.page(t, path)
		for _, link := range links {
			contains(t, page.body, fmt.Sprintf(link, base))
		}
		if strings.Contains(page.body, ":8080") {
			t.Errorf("%s leads to another port", path)
		}
	}
}

func TestLinksFollowThePublicURL(t *testing.T) {
	t.Parallel()
	s := start(t, append(fresh(t, database.SQLite), "PETITION_PUBLIC_URL=https://petitions.example.org/"))
	s.linksTo(t, "https://petitions.example.org")
}

func TestAddressAsURL(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://localhost:8080", ":8090": "http://localhost:8090", "0.0.0.0:80": "http://localhost", "[::]:81": "http://localhost:81",
		"[::1]:8080": "http://[::1]:8080", "192.0.2.7:8080": "http://192.0.2.7:8080", "[2001:db8::7]:80": "http://[2001:db8::7]",
		"petitions.internal:8080": "http://petitions.internal:8080", "petitions.internal:http": "http://petitions.internal",
		"127.0.0.2:8080": "http://127.0.0.2:8080", "[::ffff:127.0.0.1]:8080": "http://localhost:8080", "[fe80::1%eth0]:8080": "http://[fe80::1%25eth0]:8080",
	} {
		_, port, err := net.SplitHostPort(listen)
		if err != nil {
			t.Fatal(err)
		}
		number, err := net.LookupPort("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		d := &door{Listener: listensAt{&net.TCPAddr{Port: number}}}
		if got := d.url(listen); got != want {
			t.Errorf("%s is reached at %s, want %s", listen, got, want)
		}
	}
}

// listensAt is a listener that only knows its address.
type listensAt struct{ address net.Addr }

func (l listensAt) Addr() net.Addr          { return l.address }
func (listensAt) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (listensAt) Close() error              { return nil }

// A server says where it is reached when it is, behind what it had to do before.
func TestServingIsLoggedWhenItIs(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		for _, more := range [][]string{
			nil,
			{"PETITION_METRICS_LISTEN=127.0.0.1:0"},
			{"PETITION_SECRET_FILE=" + secretOf(t, 'a', 0o644)},
			{"PETITION_MAX_SOCKETS=1000000"},
			{"PETITION_DEMO=true"},
		} {
			s := start(t, append(empty(t, environment), more...))
			s.logs(t, "admin key", 1)
			log := s.log.String()
			before, after, _ := strings.Cut(log, "msg=serving ")
			contains(t, after, "address="+s.Address()+" ", "admin key")
			contains(t, before, "migrated the database")
			if demo := "loaded the demo content"; strings.Contains(log, demo) {
				contains(t, before, demo)
			}
			s.stop()
		}
	})
}

// A start that fails tells what it has done all the same.
func TestFailedStartTellsWhatItDid(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		config, _, err := settings.Load(nil, empty(t, environment))
		if err != nil {
			t.Fatal(err)
		}
		config.SecretFile = t.TempDir() // behind the back of the settings, which would refuse it
		log := &safeBuffer{}
		if app, err := NewApp(t.Context(), config, logger(config, log)); err == nil {
			_ = app.Close()
			t.Fatal("it started with a folder for a secret")
		}
		contains(t, log.String(), "migrated the database")
	})
}

// People who open the API in a browser get GraphiQL, and programs what they ask for.
func TestBrowsersGetGraphiQL(t *testing.T) {
	t.Parallel()
	const firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	s := start(t, fresh(t, database.SQLite))
	for _, accept := range []string{firefox, chromium, "text/html", "TEXT/HTML;charset=utf-8", "application/json;q=0.5, text/html;q=0.4"} {
		if page := s.stay(t, "/graphql", "Accept", accept); page.status != http.StatusSeeOther || page.header.Get("Location") != "/graphiql" {
			t.Errorf("%s: status %d to %q", accept, page.status, page.header.Get("Location"))
		}
	}
	if page := s.page(t, "/graphql", "Accept", firefox); page.status != http.StatusOK || !strings.Contains(page.body, "GraphiQL") {
		t.Errorf("a browser gets %d", page.status)
	}
	for _, accept := range []string{"", "*/*", "application/json", "application/graphql-response+json", "text/html;q=0, */*", "text/*"} {
		if page := s.page(t, "/graphql", "Accept", accept); page.status == http.StatusSeeOther || !strings.Contains(page.body, `"errors"`) {
			t.Errorf("%q: status %d, %s", accept, page.status, page.body)
		}
	}
	query := "/graphql?query=%7Bstatistics%7BpetitionCount%7D%7D"
	if page := s.page(t, query, "Accept", firefox); page.status != http.StatusOK || !strings.Contains(page.body, `"petitionCount":0`) {
		t.Errorf("a query in a browser: status %d, %s", page.status, page.body)
	}
	off := start(t, append(fresh(t, database.SQLite), "PETITION_INTROSPECTION=off"))
	if page := off.page(t, "/graphql", "Accept", firefox); page.status == http.StatusSeeOther || !strings.Contains(page.body, `"errors"`) {
		t.Errorf("without GraphiQL: status %d, %s", page.status, page.body)
	}
}
