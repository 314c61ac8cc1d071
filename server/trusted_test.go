package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/pages"
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

// Whatever is wrong with files that settings name is told with all other faults, and before anything is made.
func TestBadFilesOfSettings(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		words := filepath.Join(t.TempDir(), "canary")
		if err := os.MkdirAll(words, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(words, "xx.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		environment = with(empty(t, environment), "PETITION_SECRET_FILE", manifest(t, "canary"))
		environment = append(environment, "PETITION_MESSAGES="+words, "PETITION_METRICS_LISTEN=canary", "PETITION_MAX_DEPTH=x")
		for name, test := range map[string]struct{ file, want string }{
			"Missing": {filepath.Join(t.TempDir(), "canary.json"), "names a file that does not exist"},
			"Folder":  {t.TempDir(), "the manifest cannot be read"},
			"NoJSON":  {manifest(t, "{"), "is not valid JSON"},
			"Empty":   {manifest(t, "{}"), "has no document"},
			"Unknown": {manifest(t, `{"home":"{ nothing }"}`), `the document "home" of the manifest: Cannot query field`},
		} {
			for _, command := range []string{"serve", "migrate"} {
				_, err := petitiond(t, append(environment, "PETITION_TRUSTED_DOCUMENTS="+test.file), command)
				if err == nil {
					t.Fatalf("%s: petitiond %s works", name, command)
				}
				for _, want := range []string{
					"PETITION_TRUSTED_DOCUMENTS: ", test.want, "PETITION_MESSAGES: the messages in xx.json: ", "PETITION_METRICS_LISTEN: must be",
					"PETITION_MAX_DEPTH: must be", "PETITION_SECRET_FILE: the secret is not 32 bytes in base64",
				} {
					contains(t, err.Error(), want)
				}
				if strings.Count(err.Error(), "\n") != 4 || strings.Contains(err.Error(), "canary") {
					t.Errorf("%s: petitiond %s ends with %v", name, command, err)
				}
			}
		}
		if file, ok := strings.CutPrefix(setTo(t, environment, "PETITION_DATABASE_URL"), "sqlite:"); ok {
			if _, err := os.Stat(filepath.Dir(file)); err == nil {
				t.Error("there is a folder")
			}
			return
		}
		db, err := database.Open(t.Context(), setTo(t, environment, "PETITION_DATABASE_URL"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var tables int
		row := db.Write.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`)
		if err := row.Scan(&tables); err != nil || tables > 0 {
			t.Errorf("there are %d tables, %v", tables, err)
		}
	})
}
