package main

import (
	"context"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fingerprint"
	"petitiond/server/secret"
	"petitiond/server/settings"
)

// with returns settings of which one is changed.
func with(environment []string, name, value string) []string {
	out := slices.DeleteFunc(slices.Clone(environment), func(s string) bool { return strings.HasPrefix(s, name+"=") })
	return append(out, name+"="+value)
}

// setTo returns the value of a setting.
func setTo(t *testing.T, environment []string, name string) string {
	t.Helper()
	for _, s := range environment {
		if value, ok := strings.CutPrefix(s, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

// secretOf writes a secret file whose root is of equal bytes.
func secretOf(t *testing.T, fill byte, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.key")
	root := []byte(strings.Repeat(string(rune(fill)), secret.RootSize))
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(root)), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// begin makes a server ready that must be refused, in one line.
func begin(t *testing.T, environment []string, want error) {
	t.Helper()
	config, _, err := settings.Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	app, err := NewApp(t.Context(), config, logger(config, &safeBuffer{}))
	if err == nil {
		err = app.Close()
	}
	refused(t, "serve", err, want)
}

func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	switch {
	case !errors.Is(err, want):
		t.Errorf("%s: want %v, got %v", what, want, err)
	case strings.Contains(err.Error(), "\n"), !strings.Contains(err.Error(), "PETITION_DATABASE_URL's database and PETITION_SECRET_FILE "),
		!strings.Contains(err.Error(), " belong together: "), strings.Contains(err.Error(), "postgres://"):
		t.Errorf("%s: want one line that names database and secret file, got %q", what, err)
	}
}

// signedOnce leaves one signature in a database, and returns its petition.
func signedOnce(t *testing.T, environment []string) (petition string) {
	t.Helper()
	s := start(t, environment)
	petition, _ = s.open(t)
	if !s.sign(t, petition, "ada@example.org") {
		t.Fatal("not acknowledged")
	}
	s.stop()
	return petition
}

// With another secret every address would count again: neither the server nor a command starts.
func TestOtherSecretIsRefused(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		petition := signedOnce(t, environment)
		other := with(environment, "PETITION_SECRET_FILE", secretOf(t, 'b', 0o600))
		begin(t, other, fingerprint.ErrOtherSecret)
		for _, args := range [][]string{
			{"demo"}, {"hide", petition}, {"recount"}, {"key", "create", "--name", "desk", "--scope", "ADMIN"},
		} {
			_, err := petitiond(t, other, args...)
			refused(t, args[0], err, fingerprint.ErrOtherSecret)
		}
		if _, err := petitiond(t, other, "migrate"); err != nil { // has no use for the secret
			t.Errorf("migrate: %v", err)
		}
		s := start(t, environment)
		if !s.sign(t, petition, "ada@example.org") || s.count(t, petition) != 1 {
			t.Error("with the secret put back, the address counts again")
		}
	})
}

// A missing file is not made beside a database that has its secret already.
func TestMissingSecretIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		petition := signedOnce(t, environment)
		path := setTo(t, environment, "PETITION_SECRET_FILE")
		kept := path + ".kept"
		if err := os.Rename(path, kept); err != nil {
			t.Fatal(err)
		}
		begin(t, environment, fingerprint.ErrSecretMissing)
		_, err := petitiond(t, environment, "recount")
		refused(t, "recount", err, fingerprint.ErrSecretMissing)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("another secret was made: %v", err)
		}
		if err := os.Rename(kept, path); err != nil {
			t.Fatal(err)
		}
		if s := start(t, environment); s.count(t, petition) != 1 {
			t.Error("the signature is gone")
		}
	})
}

// beforeFingerprints takes back the migrations from the fifth on, which made the fingerprints; the last one first. What
// is for one database only begins with its name.
var beforeFingerprints = []string{
	`DROP INDEX signature_unreminded`,
	`DROP TABLE mailbox_days`,
	`DROP INDEX signature_pending`,
	`DROP INDEX signature_code`,
	`DROP INDEX signature_token`,
	`ALTER TABLE signatures DROP COLUMN reminded_at`,
	`ALTER TABLE signatures DROP COLUMN mailed_at`,
	`ALTER TABLE signatures DROP COLUMN mails`,
	`ALTER TABLE signatures DROP COLUMN confirmed_at`,
	`ALTER TABLE signatures DROP COLUMN updates`,
	`ALTER TABLE signatures DROP COLUMN reason`,
	`ALTER TABLE signatures DROP COLUMN code`,
	`ALTER TABLE signatures DROP COLUMN token`,
	`SQLite: DROP TRIGGER petitions_moved`,
	`SQLite: DROP TRIGGER search_documents_inserted`,
	`SQLite: DROP TRIGGER search_documents_deleted`,
	`SQLite: DROP TRIGGER search_documents_updated`,
	`SQLite: DROP VIEW search_texts`,
	`SQLite: DROP TABLE search_pieces`,
	`SQLite: DROP TABLE search_entries`,
	`SQLite: DROP TABLE search_terms`,
	`SQLite: CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents BEGIN SELECT 1; END`,
	`SQLite: CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN SELECT 1; END`,
	`SQLite: CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents BEGIN SELECT 1; END`,
	`PostgreSQL: DROP FUNCTION move_document CASCADE`,
	`PostgreSQL: DROP FUNCTION state_of_document CASCADE`,
	`PostgreSQL: ALTER TABLE search_documents DROP COLUMN state`,
	`PostgreSQL: CREATE INDEX search_documents_document ON search_documents USING gin (document)`,
	`DROP TABLE outbox_paces`,
	`DROP INDEX outbox_parked`,
	`DROP INDEX outbox_fresh`,
	`DROP INDEX outbox_due`,
	`ALTER TABLE outbox DROP COLUMN priority`,
	`CREATE INDEX outbox_due ON outbox (due_at, id) WHERE parked_at IS NULL`,
	`DROP TABLE outcome_records`,
	`DROP TABLE unsummed`,
	`ALTER TABLE counters DROP COLUMN unsummed_to`,
	`ALTER TABLE counters DROP COLUMN unsummed_after`,
	`DROP INDEX search_documents_text_version`,
	`ALTER TABLE search_documents DROP COLUMN text_version`,
	`DROP INDEX tag_key_version`,
	`DROP INDEX tag_former_key`,
	`ALTER TABLE tags DROP COLUMN key_version`,
	`ALTER TABLE tags DROP COLUMN former_key`,
	`DROP TABLE tag_labels`,
	`DROP INDEX petitiontag_unlabelled`,
	`ALTER TABLE petition_tags DROP COLUMN label`,
	`DROP INDEX petitiontag_listed`,
	`ALTER TABLE petition_tags DROP COLUMN state`,
	`CREATE INDEX petitiontag_listed ON petition_tags (tag_id, created, petition_id)`,
	`DROP INDEX tag_public`,
	`ALTER TABLE tags DROP COLUMN public_petitions`,
	`DROP INDEX rank_state_signatures_petition_id`,
	`DROP INDEX rank_state_trending_petition_id`,
	`ALTER TABLE ranks DROP COLUMN state`,
	`CREATE INDEX rank_signatures_petition_id ON ranks (signatures, petition_id)`,
	`CREATE INDEX rank_trending_petition_id ON ranks (trending, petition_id)`,
	`ALTER TABLE petitions DROP COLUMN image_url`,
	`DROP TABLE fingerprints`,
	`DELETE FROM goose_db_version WHERE version_id >= 5`,
}

// rewrite runs statements on a database that nobody serves.
func rewrite(t *testing.T, environment []string, statements ...string) {
	t.Helper()
	db, err := database.Open(t.Context(), setTo(t, environment, "PETITION_DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range statements {
		if only, rest, ok := strings.Cut(text, ": "); ok {
			if only != db.Dialect.String() {
				continue
			}
			text = rest
		}
		if _, err := db.Write.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database of a version that did not know its secret takes the one it was made with, when it is served again.
func TestEarlierDatabaseIsServedAgain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		petition := signedOnce(t, environment)
		rewrite(t, environment, beforeFingerprints...)
		begin(t, with(environment, "PETITION_SECRET_FILE", secretOf(t, 'b', 0o600)), fingerprint.ErrSecretUnproven)
		s := start(t, environment)
		if !s.sign(t, petition, "ada@example.org") || s.count(t, petition) != 1 {
			t.Error("the address counts again")
		}
		s.stop()
		begin(t, with(environment, "PETITION_SECRET_FILE", secretOf(t, 'b', 0o600)), fingerprint.ErrOtherSecret)
	})
}

// A second machine that lacks the secret of the first makes none of its own, and leaves nothing behind.
func TestReplicaWithoutTheSecretIsRefused(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.Postgres)
	start(t, environment)
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	begin(t, with(environment, "PETITION_SECRET_FILE", path), fingerprint.ErrSecretMissing)
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the replica left a secret behind: %v", err)
	}
}

const namesQuery = `query($id: ID) { petition(id: $id) { signatures(first: 10) { nodes { number name } } } }`

// One damaged name takes nothing else from the page or from an answer.
func TestDamagedNameIsNull(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.open(t)
		for _, name := range []string{"Ada Example", "Ben Example", "Cleo Example"} {
			out := struct{ SignPetition struct{ Status *string } }{}
			s.ask(t, "", signMutation, map[string]any{"input": map[string]any{
				"petitionId": id, "name": name, "email": name[:3] + "@example.org", "showName": true,
			}}, &out)
		}
		for number, sealed := range map[int][]byte{1: []byte("damaged"), 2: foreign(t)} {
			const damage = `UPDATE signatures SET name = $1 WHERE number = $2`
			_, err := s.db.Write.ExecContext(t.Context(), damage, sealed, number)
			if err != nil {
				t.Fatal(err)
			}
		}
		out := struct {
			Petition struct {
				Slug       string
				Signatures struct {
					Nodes []struct {
						Number int
						Name   *string
					}
				}
			}
		}{}
		s.ask(t, "", strings.Replace(namesQuery, "{ signatures", "{ slug signatures", 1), map[string]any{"id": id}, &out)
		var names []string
		for _, n := range out.Petition.Signatures.Nodes {
			names = append(names, orNone(n.Name))
		}
		if !slices.Equal(names, []string{"Cleo Example", "", ""}) {
			t.Errorf("want the one name that can be read, got %q", names)
		}
		status, body := s.get(t, "/p/"+out.Petition.Slug)
		if status != http.StatusOK {
			t.Errorf("the page: status %d", status)
		}
		contains(t, body, "More trees", "Cleo Example", "Name not readable")
		if n := strings.Count(body, "Name not readable"); n != 2 {
			t.Errorf("%d names on the page cannot be read, want 2", n)
		}
		s.stop()
		if n := strings.Count(s.log.String(), "sealed names cannot be opened"); n != 1 {
			t.Errorf("%d lines in the log, want one:\n%s", n, s.log)
		}
	})
}

// foreign returns a name that another secret sealed.
func foreign(t *testing.T) []byte {
	t.Helper()
	keys, err := secret.Load(secretOf(t, 'x', 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Seal(secret.NameSeal, []byte("Dan Example"), nil)
}

// inProduction returns sound settings.
func inProduction(secretFile, databaseURL string) []string {
	return []string{
		"PETITION_ENV=production", "PETITION_PUBLIC_URL=https://petitions.example.org", "PETITION_CONFIRMATION=none",
		"PETITION_DATABASE_URL=" + databaseURL, "PETITION_SECRET_FILE=" + secretFile, "PETITION_REVIEW=off",
		"PETITION_LISTEN=127.0.0.1:0",
	}
}

func TestExposedSecretFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o660} {
		path := secretOf(t, 'a', mode)
		_, _, err := settings.Load(nil, inProduction(path, "sqlite:x.db"))
		if err == nil || !strings.HasPrefix(err.Error(), "PETITION_SECRET_FILE: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("mode %o in production: want one line about the file, got %v", mode, err)
		}
		c, _, err := settings.Load(nil, []string{"PETITION_SECRET_FILE=" + path})
		if err != nil || !slices.Equal(c.Exposed, []string{"PETITION_SECRET_FILE"}) {
			t.Errorf("mode %o in development: want it noted, got %v, error %v", mode, c.Exposed, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		c, _, err := settings.Load(nil, inProduction(secretOf(t, 'a', mode), "sqlite:x.db"))
		if err != nil || len(c.Exposed) > 0 {
			t.Errorf("mode %o: got %v, error %v; want it taken", mode, c.Exposed, err)
		}
	}
}

// Those who run a site are told in either environment of another secret's file that others may read, by its setting.
func TestExposedFilesAreWarnedOf(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	admin := secretOf(t, 'k', 0o644) // long enough to be one
	for name, environment := range map[string][]string{
		"Development": fresh(t, database.SQLite),
		"Production":  inProduction(secretOf(t, 'a', 0o600), dbtest.URL(t, database.SQLite)),
	} {
		s := start(t, append(environment, "PETITION_ADMIN_KEY_FILE="+admin))
		s.stop()
		log := s.log.String()
		contains(t, log, "PETITION_ADMIN_KEY_FILE", "chmod 600")
		if strings.Contains(log, "PETITION_SECRET_FILE") || strings.Contains(log, admin) {
			t.Errorf("%s: want a line about the one file, without its path:\n%s", name, log)
		}
	}
	s := start(t, with(fresh(t, database.SQLite), "PETITION_SECRET_FILE", secretOf(t, 'a', 0o644)))
	s.stop()
	contains(t, s.log.String(), "PETITION_SECRET_FILE", "chmod 600")
}

// A secret file that the server makes is no fault of anybody's.
func TestFreshSecretFileIsPrivate(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.SQLite)
	s := start(t, environment)
	s.stop()
	if secret.Exposed(setTo(t, environment, "PETITION_SECRET_FILE")) || strings.Contains(s.log.String(), "chmod") {
		t.Errorf("others may read the secret file that was made:\n%s", s.log)
	}
}

// The admin key of a development server is for those who sit at its machine.
func TestAdminKeyIsPrintedOnLoopbackAlone(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false} {
		s := start(t, with(fresh(t, database.SQLite), "PETITION_LISTEN", listen))
		s.stop()
		key := adminKey(s.config, s.keys)
		if got := strings.Contains(s.log.String(), key); got != want {
			t.Errorf("%s: the key is printed: %t, want %t\n%s", listen, got, want, s.log)
		}
		if got := strings.Contains(s.log.String(), "its admin key is not printed"); got == want {
			t.Errorf("%s: the log says that it is not printed: %t\n%s", listen, got, s.log)
		}
	}
}

// Production says where nobody checks who PostgreSQL is.
func TestUnverifiedDatabaseIsWarnedOf(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://ann:canary@db.example.org/x":                     true,
		"postgres://ann:canary@db.example.org/x?sslmode=require":     true,
		"postgres://ann:canary@db.example.org/x?sslmode=verify-full": false,
		"postgres://localhost/x":                                     false,
		"sqlite:x.db":                                                false,
	} {
		c, _, err := settings.Load(nil, inProduction(secretOf(t, 'a', 0o600), url))
		if err != nil {
			t.Fatal(err)
		}
		list := strings.Join(warnings(c), "\n")
		if got := strings.Contains(list, "sslmode=verify-full"); got != want || strings.Contains(list, "canary") {
			t.Errorf("%s: warned %t, want %t, without the address:\n%s", url, got, want, list)
		}
		c.Env = settings.Development
		if len(warnings(c)) > 0 {
			t.Errorf("%s: development warns: %q", url, warnings(c))
		}
	}
	s := start(t, inProduction(secretOf(t, 'a', 0o600), dbtest.URL(t, database.SQLite)))
	s.stop()
	contains(t, s.log.String(), warnings(s.config)...)
}

// Production says where the links of the site are not encrypted.
func TestPublicURLWithoutTLSIsWarnedOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"http://petitions.example.org": true, "https://petitions.example.org": false} {
		c, _, err := settings.Load(nil, with(inProduction(secretOf(t, 'a', 0o600), "sqlite:x.db"), "PETITION_PUBLIC_URL", address))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(warnings(c), "\n"), "PETITION_PUBLIC_URL"); got != want {
			t.Errorf("%s: warned %t, want %t", address, got, want)
		}
	}
}

// A server and the commands beside it meet by whatever name of the file they come.
func TestServerAndCommandsMeetByEveryName(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.SQLite)
	file := strings.TrimPrefix(setTo(t, environment, "PETITION_DATABASE_URL"), "sqlite:")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	s := start(t, environment)
	linked := with(environment, "PETITION_DATABASE_URL", "sqlite:"+link)
	config, _, err := settings.Load(nil, linked)
	if err != nil {
		t.Fatal(err)
	}
	app, err := NewApp(context.Background(), config, logger(config, &safeBuffer{}))
	if !errors.Is(err, database.ErrInUse) {
		t.Errorf("a second server by a link: want %v, got %v", database.ErrInUse, err)
	}
	if err == nil {
		_ = app.Close()
	}
	petition, _ := s.open(t)
	watched := s.subscribe(t, petition)
	<-watched
	if _, err := petitiond(t, linked, "hide", petition); err != nil {
		t.Fatal(err)
	}
	for range watched { // ends when the server has heard
	}
	if _, err := os.Stat(file + ".news"); err != nil {
		t.Errorf("the command rang elsewhere: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(link))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the link lie %v (error %v), want nothing", left, err)
	}
}

// A start whose connection to the database breaks does not blame the secret, whose file is as it should be.
func TestLostConnectionIsNotTheSecrets(t *testing.T) {
	t.Parallel()
	config := settings.Config{SecretFile: "secret.key"}
	for err, blamed := range map[error]bool{driver.ErrBadConn: false, io.ErrUnexpectedEOF: false, fs.ErrPermission: true} {
		got := unmatched(config, fmt.Errorf("digest: %w", err))
		if !errors.Is(got, err) || strings.Contains(got.Error(), "PETITION_SECRET_FILE") != blamed {
			t.Errorf("got %q, want the secret blamed: %v", got, blamed)
		}
	}
}
