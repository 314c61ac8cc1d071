package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// The two environments that decide defaults.
const (
	development = "development"
	production  = "production"
)

// Config is how the program is run. Every field is a setting of the table below.
type Config struct {
	Env            string
	Listen         string
	PublicURL      string
	DatabaseURL    string
	SecretFile     string
	Demo           bool
	Confirmation   string
	Review         bool
	SMTPURL        string
	AdminKey       string
	RateLimits     bool
	Introspection  bool
	AllowedOrigins []string
	TrustedProxies []netip.Prefix
	Fanout         string
	SharedAnswers  bool
	Recount        time.Duration
	Drain          time.Duration
}

// setting is one environment variable. Each is also a flag of the same name, save secrets, which can be read
// from a file named by a variable with _FILE at its end.
type setting struct {
	name        string // without PETITION_
	development string // default
	production  string // default; "-" where there is none
	secret      bool
	meaning     string
	set         func(c *Config, value string) error
}

// settings are all settings, in the order of the README.
func settings() []setting {
	return []setting{
		{"ENV", development, development, false, "`development` or `production`", text(func(c *Config) *string { return &c.Env }, development, production)},
		{"LISTEN", "127.0.0.1:8080", ":8080", false, "`:0` picks a free port; the first log line has the address", text(func(c *Config) *string { return &c.Listen })},
		{"PUBLIC_URL", "http://localhost:8080", "-", false, "base of links", setPublicURL},
		{"DATABASE_URL", "sqlite:data/petitions.db", "-", true, "`sqlite:PATH` or `postgres://…`", setDatabaseURL},
		{"SECRET_FILE", "data/secret.key", "data/secret.key", false, "32 random bytes in base64, made when missing in development; every key is derived from it", text(func(c *Config) *string { return &c.SecretFile })},
		{"DEMO", "false", "false", false, "load the demo content if the database is empty", boolean(func(c *Config) *bool { return &c.Demo }, "true", "false")},
		{"CONFIRMATION", "none", "email", false, "`none`: a signature counts at once, and the count tells whether an address was new; `email` is not part of this release", setConfirmation},
		{"REVIEW", "off", "on", false, "`off`: a petition opens at once; `on` is not part of this release", setReview},
		{"SMTP_URL", "", "", true, "`smtp://user:pass@host:port`; no mail is sent in this release", text(func(c *Config) *string { return &c.SMTPURL })},
		{"ADMIN_KEY", "", "", true, "credential with every scope, at least 32 characters; in development derived from the secret file and printed at each start", setAdminKey},
		{"RATE_LIMITS", "on", "on", false, "limits by address; `off` is refused in production", boolean(func(c *Config) *bool { return &c.RateLimits }, "on", "off")},
		{"INTROSPECTION", "on", "on", false, "`off` also turns GraphiQL and \"did you mean\" off", boolean(func(c *Config) *bool { return &c.Introspection }, "on", "off")},
		{"ALLOWED_ORIGINS", "", "", false, "sites besides this one whose pages may use the API, such as `https://example.org`, separated by commas", setOrigins},
		{"TRUSTED_PROXIES", "", "", false, "networks whose X-Forwarded-For is believed, separated by commas", setProxies},
		{"FANOUT", "auto", "auto", false, "how replicas tell each other of changes: `postgres` by notifications, `local` not at all, `auto` as the database can; besides, each reads what is watched again every few seconds", setFanout},
		{"SHARED_ANSWERS", "on", "on", false, "`off`: every query is executed by itself", boolean(func(c *Config) *bool { return &c.SharedAnswers }, "on", "off")},
		{"RECOUNT", "10m", "10m", false, "time from one comparison of every figure with the rows to the next", duration(func(c *Config) *time.Duration { return &c.Recount }, time.Second, 24*time.Hour)},
		{"DRAIN", "20s", "20s", false, "longest time from SIGTERM to exit", duration(func(c *Config) *time.Duration { return &c.Drain }, time.Second, 10*time.Minute)},
	}
}

// text sets a string, one of the choices if there are any.
func text(field func(*Config) *string, choices ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if len(choices) > 0 && !slices.Contains(choices, v) {
			return fmt.Errorf("must be %s", strings.Join(choices, " or "))
		}
		*field(c) = v
		return nil
	}
}

func boolean(field func(*Config) *bool, yes, no string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != yes && v != no {
			return fmt.Errorf("must be %s or %s", yes, no)
		}
		*field(c) = v == yes
		return nil
	}
}

func duration(field func(*Config) *time.Duration, least, most time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("must be a time from %s to %s", short(least), short(most))
		}
		*field(c) = d
		return nil
	}
}

// short writes a duration of whole hours, minutes or seconds as people do: 10m, not 10m0s.
func short(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

func setPublicURL(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an http or https address such as https://petitions.example.org")
	}
	c.PublicURL = strings.TrimRight(v, "/")
	return nil
}

func setDatabaseURL(c *Config, v string) error {
	for _, scheme := range []string{"sqlite:", "postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(v, scheme); ok && rest != "" {
			c.DatabaseURL = v
			return nil
		}
	}
	return errors.New("must begin with sqlite: or postgres://")
}

func setConfirmation(c *Config, v string) error {
	c.Confirmation = v
	switch v {
	case "none":
		return nil
	case "email":
		return errors.New("confirmation by e-mail is not part of this release; set none, and know that a signature then counts at once")
	}
	return errors.New("must be none or email")
}

func setReview(c *Config, v string) error {
	switch v {
	case "off":
		return nil
	case "on":
		return errors.New("review before opening is not part of this release; set off, and know that a petition then opens at once")
	}
	return errors.New("must be off or on")
}

func setAdminKey(c *Config, v string) error {
	if v != "" && len(v) < 32 {
		return errors.New("must have at least 32 characters")
	}
	c.AdminKey = v
	return nil
}

func setOrigins(c *Config, v string) error {
	for _, origin := range list(v) {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return errors.New("must be origins such as https://example.org, without a path")
		}
		c.AllowedOrigins = append(c.AllowedOrigins, origin)
	}
	return nil
}

func setProxies(c *Config, v string) error {
	for _, network := range list(v) {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return errors.New("must be networks such as 10.0.0.0/8")
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	return nil
}

func setFanout(c *Config, v string) error {
	c.Fanout = v
	switch {
	case strings.HasPrefix(v, "nats://"):
		return errors.New("NATS is not part of this release; set postgres or auto")
	case v == "postgres" && strings.HasPrefix(c.DatabaseURL, "sqlite:"):
		return errors.New("postgres needs a PostgreSQL database; set auto or local")
	case v != "auto" && v != "local" && v != "postgres":
		return errors.New("must be auto, postgres or local")
	}
	return nil
}

// list splits at commas.
func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func (s setting) variable() string { return "PETITION_" + s.name }
func (s setting) flag() string     { return strings.ToLower(strings.ReplaceAll(s.name, "_", "-")) }

// Load reads the settings from flags and environment, flags first, and gives the other arguments. The error
// has one line for every fault and shows no value.
func Load(args, environment []string) (Config, []string, error) {
	env := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	flags, rest, err := parseFlags(args)
	if err != nil {
		return Config{}, nil, err
	}
	l := loader{env: env, flags: flags}
	c := l.load()
	l.refuseUnknown()
	if c.Env == production {
		l.judgeProduction(c)
	}
	return c, rest, errors.Join(l.faults...)
}

// parseFlags reads flags wherever they stand before the first word that is none.
func parseFlags(args []string) (map[string]string, []string, error) {
	given := map[string]string{}
	fs := flag.NewFlagSet("petitiond", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, s := range settings() {
		if !s.secret {
			fs.Func(s.flag(), s.meaning, func(v string) error { given[s.name] = v; return nil })
		}
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, nil, err //nolint:wrapcheck // the caller prints the usage
		}
		return nil, nil, errors.New("there is no such flag; petitiond help lists them")
	}
	return given, fs.Args(), nil
}

// loader gathers the values of settings and what is wrong with them.
type loader struct {
	env, flags map[string]string
	faults     []error
}

func (l *loader) fault(name string, err error) {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", name, err))
}

func (l *loader) load() Config {
	c := Config{}
	for _, s := range settings() {
		value, given := l.value(s)
		if !given {
			value = s.development
			if c.Env == production {
				value = s.production
			}
		}
		if value == "-" {
			l.fault(s.variable(), errors.New("must be set in production"))
			continue
		}
		if err := s.set(&c, value); err != nil {
			l.fault(s.variable(), err)
		}
	}
	return c
}

func (l *loader) value(s setting) (string, bool) {
	if v, ok := l.flags[s.name]; ok {
		return v, true
	}
	v, ok := l.env[s.variable()]
	path, fromFile := l.env[s.variable()+"_FILE"]
	if !s.secret || !fromFile {
		return v, ok
	}
	if ok {
		l.fault(s.variable(), errors.New("is set twice, here and by "+s.variable()+"_FILE"))
		return v, true
	}
	content, err := os.ReadFile(path)
	if err != nil {
		l.fault(s.variable()+"_FILE", errors.New("names a file that cannot be read"))
		return "", false
	}
	return strings.TrimSpace(string(content)), true
}

// refuseUnknown finds misspelt variables. Those of tests and of cluster software are not ours to judge.
func (l *loader) refuseUnknown() {
	known := map[string]bool{}
	for _, s := range settings() {
		known[s.variable()] = true
		known[s.variable()+"_FILE"] = s.secret || known[s.variable()+"_FILE"]
	}
	var unknown []string
	for name := range l.env {
		ignored := strings.HasPrefix(name, "PETITION_TEST_") || strings.HasPrefix(name, "PETITION_SERVICE_") ||
			strings.HasPrefix(name, "PETITION_PORT")
		if strings.HasPrefix(name, "PETITION_") && !known[name] && !ignored {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		l.fault(name, errors.New("there is no such setting"))
	}
}

func (l *loader) judgeProduction(c Config) {
	if !c.RateLimits {
		l.fault("PETITION_RATE_LIMITS", errors.New("must be on in production"))
	}
	if _, err := os.Stat(c.SecretFile); err != nil {
		l.fault("PETITION_SECRET_FILE", errors.New("must name a file that exists in production; head -c 32 /dev/urandom | base64 makes its content"))
	}
}
