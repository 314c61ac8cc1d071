package settings

import (
	"encoding/base64"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/secret"
	"petitiond/server/transport"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, _, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.DatabaseURL != "sqlite:data/petitions.db" || c.Confirmation != "none" || !c.Introspection {
		t.Errorf("unexpected defaults: %+v", c)
	}
}

func TestProduction(t *testing.T) {
	t.Parallel()
	key := secretFile(t)
	whole := []string{
		"PETITION_ENV=production", "PETITION_PUBLIC_URL=https://petitions.example.org/", "PETITION_DATABASE_URL=postgres://db/x",
		"PETITION_SECRET_FILE=" + key, "PETITION_SMTP_URL=smtp://mail.example.org", "PETITION_MAIL_FROM=petitions@example.org",
		"PETITION_REVIEW=off",
	}
	c, _, err := Load(nil, whole)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":8080" || c.PublicURL != "https://petitions.example.org" || c.Confirmation != ByEmail {
		t.Errorf("unexpected settings: %+v", c)
	}
	_, _, err = Load(nil, []string{"PETITION_ENV=production", "PETITION_RATE_LIMITS=off"})
	if err == nil {
		t.Fatal("want faults")
	}
	lines := strings.Split(err.Error(), "\n")
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	want := []string{
		"PETITION_PUBLIC_URL", "PETITION_DATABASE_URL", "PETITION_REVIEW", "PETITION_RATE_LIMITS", "PETITION_SMTP_URL",
		"PETITION_SECRET_FILE",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// A mail server needs a sender; the other settings of mail have defaults.
func TestMailServerNeedsASender(t *testing.T) {
	t.Parallel()
	address := "PETITION_SMTP_URL=smtp://ann:pass@mail.example.org"
	if _, _, err := Load(nil, []string{address}); err == nil || !strings.Contains(err.Error(), "PETITION_MAIL_FROM: must be set with PETITION_SMTP_URL") {
		t.Errorf("got %v", err)
	}
	c, _, err := Load(nil, []string{address, "PETITION_MAIL_FROM=Petitions of Ann <ann@exämple.org>"})
	if err != nil || c.SMTP.Address() != "mail.example.org:587" || c.MailPace != 50 ||
		c.Sender().Name != "Petitions of Ann" || c.Sender().Address != "ann@xn--exmple-cua.org" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// The settings that README lists for production are all that a start needs, and each is needed; they are read as the
// unit that README has reads them.
func TestReadmeProduction(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "## In production\n")
	_, block, _ := strings.Cut(rest, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	list := environmentFile(block)
	key := secretFile(t)
	for i, pair := range list {
		for name, value := range map[string]string{"PETITION_SECRET_FILE=": key, "PETITION_DATABASE_URL=": "postgres://db/x"} {
			if strings.HasPrefix(pair, name) {
				list[i] = name + value
			}
		}
	}
	if c, _, err := Load(nil, list); err != nil || c.Env != Production || len(list) != 7 {
		t.Errorf("%v: %v", list, err)
	}
	for i, pair := range list[1:] {
		fewer := slices.Delete(slices.Clone(list), i+1, i+2)
		if _, _, err := Load(nil, fewer); err == nil {
			t.Errorf("it starts without %s", pair)
		}
	}
}

// secretFile makes a file with a secret.
func secretFile(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "secret.key")
	root := base64.StdEncoding.EncodeToString(make([]byte, secret.RootSize))
	if err := os.WriteFile(key, []byte(root), 0o600); err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFaults(t *testing.T) {
	t.Parallel()
	if _, _, err := Load(nil, []string{"PETITION_ENV=prod"}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("an unknown environment has other faults: %v", err)
	}
	for pair, want := range map[string]string{
		"PETITION_ENV=staging":                              "development or production",
		"PETITION_LISTN=:80":                                "no such setting",
		"PETITION_PUBLIC_URL=ftp://canary":                  "http or https",
		"PETITION_PUBLIC_URL=https://example.org/canary":    "without a path",
		"PETITION_PUBLIC_URL=https://example.org//canary/":  "without a path",
		"PETITION_PUBLIC_URL=https://example.org/%63anary":  "without a path",
		"PETITION_PUBLIC_URL=https://ann:canary@b.org":      "without a name or a password",
		"PETITION_DRAIN=10":                                 "with its unit, such as 500ms, 10s",
		"PETITION_DATABASE_URL=mysql://canary":              "sqlite: or postgres://",
		"PETITION_DATABASE_URL=postgres://a:canary%x@h/d":   "write @ as %40",
		"PETITION_DATABASE_URL=postgres://a:b/canary@h/d":   "write @ as %40",
		"PETITION_DATABASE_URL=postgres://h:canary/d":       "write @ as %40",
		"PETITION_DATABASE_URL=postgres://u:a@canary/b@h/d": "write @ as %40",
		"PETITION_DATABASE_URL=postgres://u:a@canary?b@h/d": "write @ as %40",
		"PETITION_DATABASE_URL=postgresql://u@canary#b@h/d": "write @ as %40",
		"PETITION_PUBLIC_URL=https://canary example.org":    "http or https",
		"PETITION_PUBLIC_URL=https://canary.example?":       "http or https",
		"PETITION_PUBLIC_URL=https://canary.example#":       "http or https",
		"PETITION_PUBLIC_URL=https://:8080":                 "http or https",
		"PETITION_PUBLIC_URL=https://canary\"><script>":     "http or https",
		"PETITION_PUBLIC_URL=https://canary..example":       "http or https",
		"PETITION_ALLOWED_ORIGINS=https://.canary.org":      "without a path",
		"PETITION_ALLOWED_ORIGINS=https://<canary>":         "without a path",
		"PETITION_ALLOWED_ORIGINS=https://+.canary.org":     "without a path",
		"PETITION_ALLOWED_ORIGINS=https://canary..org":      "without a path",
		"PETITION_ALLOWED_ORIGINS=https://canary%x":         "https://example.org",
		"PETITION_DEMO=canary":                              "true or false",
		"PETITION_SMTP_URL=canary:25":                       "smtp://user:password@host:port",
		"PETITION_SMTP_URL=smtp://a:b/canary@h":             "write @ as %40",
		"PETITION_SMTP_URL=smtp://a:canary@h?tls=none":      "tls=none with a password",
		"PETITION_SMTP_URL=smtps://a:canary@h?tls=none":     "always encrypted",
		"PETITION_SMTP_URL=http://canary":                   "smtp:// or smtps://",
		"PETITION_MAIL_FROM=canary":                         "must be one address",
		"PETITION_MAIL_FROM=Ann <canary@localhost>":         "must be an address",
		"PETITION_MAIL_BOUNCE=Ann <canary@example.org>":     "must be an address",
		"PETITION_MAIL_PACE=0":                              "from 1 to 10000",
		"PETITION_MESSAGES=/canary":                         "must be a folder",
		"PETITION_CONFIRMATION=canary":                      "none or email",
		"PETITION_REVIEW=on":                                "not part of this release",
		"PETITION_ADMIN_KEY=canary":                         "32 characters",
		"PETITION_ADMIN_KEY_FILE=/canary":                   "does not exist",
		"PETITION_ALLOWED_ORIGINS=canary":                   "https://example.org",
		"PETITION_ALLOWED_ORIGINS=null":                     "https://example.org",
		"PETITION_ALLOWED_ORIGINS=https://canary/":          "without a path",
		"PETITION_ALLOWED_ORIGINS=https://canary/app":       "without a path",
		"PETITION_ALLOWED_ORIGINS=https://canary?a":         "without a path",
		"PETITION_ALLOWED_ORIGINS=https://a:b@canary":       "https://example.org",
		"PETITION_ALLOWED_ORIGINS=https://:8080":            "https://example.org",
		"PETITION_ALLOWED_ORIGINS=ftp://canary":             "https://example.org",
		"PETITION_ALLOWED_ORIGINS=//canary":                 "https://example.org",
		"PETITION_ALLOWED_ORIGINS=https://*.canary.org":     "write each origin by itself",
		"PETITION_ALLOWED_ORIGINS=*.canary.org":             "write each origin by itself",
		"PETITION_ALLOWED_ORIGINS=https://*":                "and * for the pages of all sites",
		"PETITION_ALLOWED_ORIGINS=*,https://*.canary.org":   "write each origin by itself",
		"PETITION_ALLOWED_ORIGINS=**":                       "write each origin by itself",
		"PETITION_ALLOWED_ORIGINS=http://canary:*":          "write each origin by itself",
		"PETITION_ALLOWED_ORIGINS=https://Canary.example":   "small letters",
		"PETITION_ALLOWED_ORIGINS=HTTPS://canary.example":   "small letters",
		"PETITION_ALLOWED_ORIGINS=https://bücher.canary":    "xn--",
		"PETITION_ALLOWED_ORIGINS=https://canary.рф":        "xn--",
		"PETITION_ALLOWED_ORIGINS=https://canary:443":       "leave it out",
		"PETITION_ALLOWED_ORIGINS=http://canary:80":         "leave it out",
		"PETITION_ALLOWED_ORIGINS=https://[::1]:443":        "leave it out",
		"PETITION_ALLOWED_ORIGINS=https://canary:":          "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=https://canary:99999":     "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=https://canary:0443":      "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://127.1:8080":        "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://127.0.0.01":        "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://0x7f.1":            "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://2130706433":        "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://[0:0::1]":          "as browsers send them",
		"PETITION_ALLOWED_ORIGINS=http://[fe80::1%25eth0]":  "https://example.org",
		"PETITION_TRUSTED_PROXIES=canary":                   "10.0.0.0/8",
		"PETITION_FANOUT=canary":                            "auto, postgres or local",
		"PETITION_FANOUT=nats://canary":                     "not part of this release",
		"PETITION_FANOUT=postgres":                          "needs a PostgreSQL database",
		"PETITION_DRAIN=canary":                             "1s to 10m",
		"PETITION_MAX_BODY=canary":                          "a whole number from 1024 to 1048576",
		"PETITION_MAX_BODY=1e4":                             "a whole number from 1024 to 1048576",
		"PETITION_MAX_BODY=1048577":                         "a whole number from 1024 to 1048576",
		"PETITION_MAX_DEPTH=3":                              "a whole number from 4 to 50",
		"PETITION_MAX_DEPTH=":                               "a whole number from 4 to 50",
		"PETITION_MAX_SOCKETS=-1":                           "a whole number from 1 to 1000000",
		"PETITION_MAX_TOKENS=99999999999999999999":          "a whole number from 100 to 10000",
		"PETITION_MAX_OPERATION_TIME=5":                     "a time from 100ms to 1m",
		"PETITION_MAX_OPERATION_TIME=1h":                    "a time from 100ms to 1m",
		"PETITION_INTROSPECTION=canary":                     "on or off",
	} {
		_, _, err := Load(nil, []string{pair})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", pair, want, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the fault shows the value: %v", pair, err)
		}
	}
	ignored := []string{"PETITION_TEST_POSTGRES=off", "PETITION_SERVICE_HOST=x", "PETITION_PORT_80_TCP=x", "PATH=/"}
	if _, _, err := Load(nil, ignored); err != nil {
		t.Errorf("want %v ignored, got %v", ignored, err)
	}
}

// Setting a limit changes that limit of the transport, and no other.
func TestLimits(t *testing.T) {
	t.Parallel()
	c, _, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(transport.DefaultLimits(), c.Limits); diff != "" {
		t.Errorf("limits without settings (-want +got):\n%s", diff)
	}
	moved := map[string]bool{}
	for _, s := range limitSettings() {
		value := s.development
		if n, err := strconv.Atoi(value); err == nil {
			value = strconv.Itoa(n + 1)
		} else {
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			value = (d + time.Millisecond).String()
		}
		c, _, err := Load([]string{"--" + s.flag(), value}, nil)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		got, want := reflect.ValueOf(c.Limits), reflect.ValueOf(transport.DefaultLimits())
		var names []string
		for _, field := range reflect.VisibleFields(got.Type()) {
			if !field.Anonymous && !got.FieldByIndex(field.Index).Equal(want.FieldByIndex(field.Index)) {
				names = append(names, field.Name)
			}
		}
		if len(names) != 1 || moved[names[0]] {
			t.Errorf("%s moves %v, want one limit that no other setting moves", s.name, names)
		}
		moved[strings.Join(names, " ")] = true
	}
}

func TestFlagsAndFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("postgres://db/y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := []string{"PETITION_LISTEN=:1", "PETITION_DATABASE_URL_FILE=" + file}
	c, rest, err := Load([]string{"--listen", ":2", "word"}, environment)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":2" || c.DatabaseURL != "postgres://db/y" || len(rest) != 1 {
		t.Errorf("unexpected settings: %+v %v", c, rest)
	}
	if _, _, err := Load([]string{"--database-url", "sqlite:x"}, nil); err == nil {
		t.Error("want secrets to be no flags")
	}
	if _, _, err := Load(nil, append(environment, "PETITION_DATABASE_URL=sqlite:x")); err == nil {
		t.Error("want a secret that is set twice to be refused")
	}
}

// The README's table has every setting, with the meaning and the defaults that the program has.
func TestReadmeTable(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "| `PETITION_") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, s := range settings() {
		want = append(want, s.row())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings in the README (-want +got):\n%s", diff)
	}
}

// environmentFile reads settings as systemd reads an EnvironmentFile: a comment is a whole line, spaces around a value
// are dropped, and quotes around it. Escapes and values of several lines, which it also knows, are not used here.
func environmentFile(text string) (pairs []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		for _, quote := range []string{`"`, "'"} {
			if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
				value = value[1 : len(value)-1]
				break
			}
		}
		pairs = append(pairs, strings.TrimSpace(name)+"="+value)
	}
	return pairs
}

// A comment behind a value is named, whatever the setting would have made of it.
func TestCommentBehindValue(t *testing.T) {
	t.Parallel()
	for _, s := range settings() {
		for _, comment := range []string{" # canary", "\t# canary", " #canary"} {
			_, _, err := Load(nil, []string{s.variable() + "=" + s.development + "x" + comment})
			if err == nil || !strings.Contains(err.Error(), s.variable()+": has a comment behind it") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s with a comment: %v", s.variable(), err)
			}
		}
	}
	c, _, err := Load(nil, []string{"PETITION_SMTP_URL=smtp://localhost", `PETITION_MAIL_FROM="Team #1" <team@example.org>`})
	if err != nil || c.MailFrom.Name != "Team #1" {
		t.Errorf("%v is not taken: %v", c.MailFrom, err)
	}
}

// row returns a setting's row in the README.
func (s setting) row() string {
	name := "`" + s.variable() + "`"
	if s.secret {
		name += " or `…_FILE`"
	}
	return "| " + name + " | " + cell(s.development) + " | " + cell(s.production) + " | " + s.meaning + " |"
}

func cell(value string) string {
	switch value {
	case "":
		return "unset"
	case "-":
		return "must be set"
	}
	return "`" + value + "`"
}

// Origins that browsers send are taken as they are.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"":                            nil,
		"*":                           {"*"},
		"https://a.example":           {"https://a.example"},
		"https://a.example, http://b": {"https://a.example", "http://b"},
		"*,https://a.example":         {"*", "https://a.example"},
		"https://a.example:8443 http://localhost:5173 http://b.example:443 https://b.example:80": {
			"https://a.example:8443", "http://localhost:5173", "http://b.example:443", "https://b.example:80",
		},
		"http://192.0.2.1 http://[2001:db8::1]:8080 http://[::1]": {"http://192.0.2.1", "http://[2001:db8::1]:8080", "http://[::1]"},
		"https://xn--bcher-kva.example https://a_b.example https://1.2.3.4.example https://a.example.": {
			"https://xn--bcher-kva.example", "https://a_b.example", "https://1.2.3.4.example", "https://a.example.",
		},
	} {
		c, _, err := Load(nil, []string{"PETITION_ALLOWED_ORIGINS=" + value})
		if err != nil {
			t.Errorf("%q is refused: %v", value, err)
		}
		if diff := cmp.Diff(want, c.AllowedOrigins); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
}

// A file that another user may read alone is a matter of who runs the program, which the fault names.
func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	fault := unreadable(&fs.PathError{Op: "open", Path: "canary", Err: fs.ErrPermission}).Error()
	if !strings.Contains(fault, "the user "+me.Username) || !strings.Contains(fault, "chown") || strings.Contains(fault, "canary") {
		t.Errorf("the fault is %q", fault)
	}
}
