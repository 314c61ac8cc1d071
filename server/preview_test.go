package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"petitiond/ent/petition"
	"petitiond/graph/scalar"
	"petitiond/server/petitioning"
)

// draft creates a petition that only its petitioner sees.
func (s *site) draft(t *testing.T, title string) (id, slug, token string) {
	t.Helper()
	made := struct {
		CreatePetition struct {
			Petition  struct{ ID, Slug string }
			EditToken string
		}
	}{}
	s.ask(t, "", `mutation($title: String!) { createPetition(input: {title: $title, body: "Plant *many*.", petitioner: "Ann", tags: ["trees"]}) {
 petition { id slug } editToken } }`, map[string]any{"title": title}, &made)
	return made.CreatePetition.Petition.ID, made.CreatePetition.Petition.Slug, made.CreatePetition.EditToken
}

// A draft is shown to those who have its edit token, and to nobody else, whatever they put into the address.
func TestPreviewIsForThePetitioner(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_ADMIN_KEY="+adminOfTests))
		id, slug, token := s.draft(t, "More trees")
		_, foreign, other := s.draft(t, "Fewer trees")
		key, err := petitiond(t, environment, "key", "create", "--name", "x", "--scope", "ADMIN")
		if err != nil {
			t.Fatal(err)
		}
		before := s.observer.responses.Stats()
		see := func(slug, token string, status int, want ...string) {
			t.Helper()
			page := s.page(t, "/p/"+slug+"?preview="+url.QueryEscape(token))
			if page.status != status || page.header.Get("Cache-Control") != "no-store" ||
				page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: status %d, want %d; %v", slug, page.status, status, page.header)
			}
			contains(t, page.body, want...)
			for _, secret := range []string{token, other, adminOfTests} {
				if strings.Contains(page.body, secret) && len(secret) > len("pe_") {
					t.Error("a credential is in the page")
				}
			}
		}
		see(slug, token, http.StatusOK, "More trees", "<em>many</em>", "This is a draft.", "<bdi>Ann</bdi>", `<li dir="auto">trees</li>`)
		see(foreign, other, http.StatusOK, "Fewer trees", "This is a draft.")
		for _, wrong := range []string{other, adminOfTests, strings.TrimSpace(key), token + "x", token[:len(token)-1], "pe_", "x", "pe_\x00", "' OR 1=1"} {
			see(slug, wrong, http.StatusNotFound, "There is nothing here")
		}
		see(foreign, token, http.StatusNotFound, "There is nothing here")
		see("none", token, http.StatusNotFound, "There is nothing here")
		if page := s.page(t, "/p/"+slug); page.status != http.StatusNotFound {
			t.Errorf("without a token: status %d", page.status)
		}
		if page := s.page(t, "/p/"+slug, "Authorization", "Bearer "+token); page.status != http.StatusNotFound {
			t.Errorf("with a header: status %d", page.status)
		}
		if after := s.observer.responses.Stats(); after.Entries != before.Entries {
			t.Errorf("%d pages are kept, want none", after.Entries-before.Entries)
		}

		s.edit(t, token, id, 1, "title: \"Many more trees\"")
		next := s.slugOf(t, token, id)
		if !strings.HasPrefix(next, "many-more-trees-") {
			t.Errorf("the slug is %q", next)
		}
		see(slug, token, http.StatusOK, "Many more trees")
		see(next, token, http.StatusOK, "Many more trees")

		s.publish(t, token, id)
		for _, former := range []string{slug, next, "many-more-trees"} {
			page := s.stay(t, "/p/"+former+"?preview="+token)
			if page.status != http.StatusSeeOther || page.header.Get("Location") != "/p/many-more-trees" {
				t.Errorf("published: status %d to %q", page.status, page.header.Get("Location"))
			}
		}
		if page := s.page(t, "/p/"+slug+"?preview=pe_wrong"); page.status != http.StatusOK || !strings.Contains(page.body, "Many more trees") {
			t.Errorf("published, with a wrong token: status %d", page.status)
		}

		if err := s.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(id).UUID); err != nil {
			t.Fatal(err)
		}
		see("many-more-trees", token, http.StatusOK, "This petition was removed from public view.", "It cannot be signed")
		see("many-more-trees", other, http.StatusNotFound)
		s.stop()
		for _, secret := range []string{token, other, adminOfTests, "pe_", "more-trees"} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, s.log)
			}
		}
	})
}

// edit changes a petition.
func (s *site) edit(t *testing.T, bearer, id string, version int, what string) {
	t.Helper()
	out := struct {
		UpdatePetition struct{ UserErrors []struct{ Code string } }
	}{}
	s.ask(t, bearer, `mutation($id: ID!, $version: Int!) { updatePetition(input: {id: $id, version: $version, `+what+`}) { userErrors { code } } }`,
		map[string]any{"id": id, "version": version}, &out)
	if len(out.UpdatePetition.UserErrors) > 0 {
		t.Fatalf("%v", out.UpdatePetition.UserErrors)
	}
}

func (s *site) publish(t *testing.T, bearer, id string) {
	t.Helper()
	out := struct {
		PublishPetition struct {
			Petition struct{ State petition.State }
		}
	}{}
	s.ask(t, bearer, `mutation($id: ID!) { publishPetition(id: $id) { petition { state } } }`, map[string]any{"id": id}, &out)
	if out.PublishPetition.Petition.State != petition.StateOPEN {
		t.Fatalf("it is %s", out.PublishPetition.Petition.State)
	}
}

// slugOf returns the slug of a petition as its petitioner sees it.
func (s *site) slugOf(t *testing.T, bearer, id string) string {
	t.Helper()
	out := struct{ Petition struct{ Slug string } }{}
	s.ask(t, bearer, `query($id: ID) { petition(id: $id) { slug } }`, map[string]any{"id": id}, &out)
	return out.Petition.Slug
}

// stay reads a page and follows no redirection.
func (s *site) stay(t *testing.T, path string, header ...string) shown {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return shown{status: response.StatusCode, header: response.Header}
}
