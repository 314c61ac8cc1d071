package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"petitiond/server/pages"
	"petitiond/server/settings"
)

// manifest writes a file of trusted documents.
func manifest(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "persisted-documents.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A site with a manifest serves what is in it, and its own pages still work.
func TestTrustedDocuments(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_TRUSTED_DOCUMENTS="+manifest(t, `{"home":"{ statistics { petitionCount } }"}`)))
		post := func(members map[string]any) string {
			text, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		contains(t, post(map[string]any{"documentId": "home"}), `"petitionCount":0`)
		contains(t, post(map[string]any{"query": "{ statistics { petitionCount } }"}), `"petitionCount":0`)
		contains(t, post(map[string]any{"query": "{ statistics { signatureCount } }"}), "PERSISTED_QUERY_NOT_FOUND")
		for _, text := range pages.Documents() {
			if answer := post(map[string]any{"query": text, "variables": map[string]any{}}); strings.Contains(answer, "PERSISTED_QUERY_NOT_FOUND") {
				t.Errorf("a page's own document is not trusted: %s", text)
			}
		}
		if status, _ := s.get(t, "/graphiql"); status != http.StatusNotFound {
			t.Errorf("/graphiql: status %d, want 404 where it could ask nothing", status)
		}
	})
}

func TestBadTrustedDocuments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, want string }{
		"Missing": {filepath.Join(t.TempDir(), "none.json"), "no such file"},
		"NoJSON":  {manifest(t, "{"), "is not valid JSON"},
		"Unknown": {manifest(t, `{"home":"{ nothing }"}`), `the document "home" of the manifest: Cannot query field`},
	} {
		config, _, err := settings.Load(nil, []string{
			"PETITION_LISTEN=127.0.0.1:0", "PETITION_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "x.db"),
			"PETITION_SECRET_FILE=" + filepath.Join(t.TempDir(), "secret.key"), "PETITION_TRUSTED_DOCUMENTS=" + test.file,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewApp(t.Context(), config, logger(config, &safeBuffer{}))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "PETITION_TRUSTED_DOCUMENTS: ") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", name, err, test.want)
		}
	}
}
