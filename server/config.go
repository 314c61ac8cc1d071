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
	"strconv"
	"strings"
	"time"

	"petitiond/server/database"
	"petitiond/server/secret"
	"petitiond/server/transport"
)

// The two environments that decide defaults.
const (
	development = "development"
	production  = "production"
)

// Config is how the program is run. Every field but the last is a setting of the table below.
type Config struct {
	Env              string
	Listen           string
	MetricsListen    string // empty: where the development default says
	PublicURL        string
	DatabaseURL      string
	SecretFile       string
	Demo             bool
	Confirmation     string
	Review           bool
	SMTPURL          string
	AdminKey         string
	RateLimits       bool
	Introspection    bool
	TrustedDocuments string
	AllowedOrigins   []string
	TrustedProxies   []netip.Prefix
	Connections      int // plain ones, at once
	PerAddress       int // of those
	Fanout           string
	SharedAnswers    bool
	Memory           int64 // bytes; 0: what the machine allows
	Recount          time.Duration
	Drain            time.Duration
	Limits           transport.Limits

	Exposed []string // names of settings whose files others than the owner may read or change

	database database.Options // no settings: tests have clocks of their own
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
	return append(generalSettings(), limitSettings()...)
}

func generalSettings() []setting {
	return []setting{
		{"ENV", development, development, false, "`development` or `production`", text(func(c *Config) *string { return &c.Env }, development, production)},
		{"LISTEN", "127.0.0.1:8080", ":8080", false, "`:0` picks a free port; the first log line has the address", text(func(c *Config) *string { return &c.Listen })},
		{
			"METRICS_LISTEN", "", "", false, "address that serves `/metrics` and nothing else, such as `127.0.0.1:9090`; " +
				"unset: `/metrics` is on `PETITION_LISTEN` in development and nowhere in production",
			text(func(c *Config) *string { return &c.MetricsListen }),
		},
		{"PUBLIC_URL", "http://localhost:8080", "-", false, "base of links", setPublicURL},
		{"DATABASE_URL", "sqlite:data/petitions.db", "-", true, "`sqlite:PATH` or `postgres://…`", setDatabaseURL},
		{"SECRET_FILE", "data/secret.key", "data/secret.key", false, "32 random bytes in base64, made in development where the database is new; every key is derived from it, and [the database knows it](#the-secret-file-and-backups); production refuses a file that others than its owner may read", text(func(c *Config) *string { return &c.SecretFile })},
		{"DEMO", "false", "false", false, "load the demo content if the database is empty", boolean(func(c *Config) *bool { return &c.Demo }, "true", "false")},
		{"CONFIRMATION", "none", "email", false, "`none`: a signature counts at once, and the count tells whether an address was new; `email` is not part of this release", setConfirmation},
		{"REVIEW", "off", "on", false, "`off`: a petition opens at once; `on` is not part of this release", setReview},
		{"SMTP_URL", "", "", true, "`smtp://user:pass@host:port`; no mail is sent in this release", text(func(c *Config) *string { return &c.SMTPURL })},
		{"ADMIN_KEY", "", "", true, "credential with every scope, at least 32 characters; in development derived from the secret file, and printed at each start where this machine alone reaches the server", setAdminKey},
		{"RATE_LIMITS", "on", "on", false, "limits of connections, WebSockets and event streams by address; `off` is refused in production", boolean(func(c *Config) *bool { return &c.RateLimits }, "on", "off")},
		{"INTROSPECTION", "on", "on", false, "`off` also turns GraphiQL and \"did you mean\" off; production never says \"did you mean\"", boolean(func(c *Config) *bool { return &c.Introspection }, "on", "off")},
		{"TRUSTED_DOCUMENTS", "", "", false, "file of the only documents that are served, as graphql-codegen (`persisted-documents.json`) or Apollo (`persisted-query-manifest.json`) writes it; unset: every document is", text(func(c *Config) *string { return &c.TrustedDocuments })},
		{"ALLOWED_ORIGINS", "", "", false, "sites besides this one whose pages may use the API, such as `https://example.org`, separated by commas", setOrigins},
		{"TRUSTED_PROXIES", "", "", false, "networks whose X-Forwarded-For is believed, separated by commas", setProxies},
		{
			"MAX_CONNECTIONS", "4000", "4000", false, "open connections besides WebSockets and event streams: for one more, " +
				"the one goes that has waited longest for its client; never above a quarter of the descriptors that the " +
				"system allows (16 to 1000000)",
			whole(func(c *Config) *int { return &c.Connections }, 16, 1_000_000),
		},
		{
			"MAX_CONNECTIONS_PER_ADDRESS", "500", "500", false, "the same of one IPv4 address, or one /64 of IPv6, and never " +
				"above half of all; none for addresses of `PETITION_TRUSTED_PROXIES`, and where `PETITION_RATE_LIMITS` is " +
				"off (8 to 1000000)",
			whole(func(c *Config) *int { return &c.PerAddress }, 8, 1_000_000),
		},
		{"FANOUT", "auto", "auto", false, "how replicas tell each other of changes: `postgres` by notifications, `local` not at all, `auto` as the database can; besides, each reads what is watched again every few seconds", setFanout},
		{"SHARED_ANSWERS", "on", "on", false, "`on`: the answer of a query without a credential, and a web page, is computed once for everybody and kept until something in it changes, at most five seconds; `off`: every one is computed by itself", boolean(func(c *Config) *bool { return &c.SharedAnswers }, "on", "off")},
		{"MEMORY", "auto", "auto", false, "memory that the program is content with, such as `512MiB` or `4GiB`: the closer it comes, the more it collects garbage, and answers under way take at most a third of it; `auto`: three quarters of what the machine or the container has", setMemory},
		{"RECOUNT", "10m", "10m", false, "time from one comparison of every figure with the rows to the next", duration(func(c *Config) *time.Duration { return &c.Recount }, time.Second, 24*time.Hour)},
		{"DRAIN", "20s", "20s", false, "longest time from SIGTERM to exit", duration(func(c *Config) *time.Duration { return &c.Drain }, time.Second, 10*time.Minute)},
	}
}

// limitSettings are the limits of the transport that an operator may move, each within a range in which the
// server stays safe and useful.
func limitSettings() []setting {
	return []setting{
		count("BODY", "bytes of a request's body, or of a WebSocket message", func(l *transport.Limits) *int64 { return &l.Body }, 1<<10, 1<<20),
		count("JSON_DEPTH", "objects and lists within each other in a body", func(l *transport.Limits) *int { return &l.JSONDepth }, 8, 128),
		count("DOCUMENT", "bytes of a GraphQL document", func(l *transport.Limits) *int { return &l.Document }, 1<<10, 256<<10),
		count("TOKENS", "tokens of a document", func(l *transport.Limits) *int { return &l.Tokens }, 100, 10_000),
		count("OPERATIONS", "operations in a document, of which one is executed", func(l *transport.Limits) *int { return &l.Operations }, 1, 100),
		count("FRAGMENTS", "fragments in a document", func(l *transport.Limits) *int { return &l.Fragments }, 4, 200),
		count("VARIABLES", "variables of an operation", func(l *transport.Limits) *int { return &l.Variables }, 1, 500),
		count("DIRECTIVES", "directives in a document", func(l *transport.Limits) *int { return &l.Directives }, 1, 200),
		count("ALIASES", "aliases in a document", func(l *transport.Limits) *int { return &l.Aliases }, 1, 200),
		count("ROOT_FIELDS", "fields on the first level of a query; a mutation has one", func(l *transport.Limits) *int { return &l.RootFields }, 1, 100),
		count("FIELDS", "fields of an operation, those of fragments counted wherever they are spread", func(l *transport.Limits) *int { return &l.Fields }, 50, 10_000),
		count("DEPTH", "selection sets within each other", func(l *transport.Limits) *int { return &l.Depth }, 4, 50),
		count("SCHEMA_DEPTH", "the same in introspection", func(l *transport.Limits) *int { return &l.SchemaDepth }, 14, 50),
		count("VALUE_DEPTH", "lists and objects within each other in an argument", func(l *transport.Limits) *int { return &l.ValueDepth }, 2, 20),
		count("COST", "points of an operation, by `@cost` and `@listSize` of the schema", func(l *transport.Limits) *int { return &l.Cost }, 50, 100_000),
		count("PERSISTED", "bytes in memory for documents that clients name by their hash", func(l *transport.Limits) *int { return &l.Persisted }, 64<<10, 1<<30),
		count("ANSWER_SIZE", "bytes of an answer or a web page; over a WebSocket or an event stream, a quarter of it", func(l *transport.Limits) *int { return &l.AnswerSize }, 64<<10, 64<<20),
		count("ANSWERS", "bytes in memory for answers that are shared", func(l *transport.Limits) *int { return &l.AnswerBytes }, 1<<20, 1<<34),
		count("JUDGED", "bytes in memory for documents that were judged, so that the next request of one is not judged again", func(l *transport.Limits) *int { return &l.DocumentBytes }, 64<<10, 1<<30),
		span("OPERATION_TIME", "time of a query, a mutation or a web page", func(l *transport.Limits) *time.Duration { return &l.Operation }, 100*time.Millisecond, time.Minute),
		span("BODY_TIME", "time in which a body must arrive", func(l *transport.Limits) *time.Duration { return &l.Read }, time.Second, time.Minute),
		span("ANSWER_TIME", "time in which an answer must leave", func(l *transport.Limits) *time.Duration { return &l.Write }, time.Second, time.Minute),
		span("EVENT_TIME", "time in which an event of a subscription must leave", func(l *transport.Limits) *time.Duration { return &l.Event }, time.Second, time.Minute),
		span("INIT_TIME", "time in which `connection_init` must arrive", func(l *transport.Limits) *time.Duration { return &l.Init }, time.Second, time.Minute),
		count("IN_FLIGHT", "queries, mutations and web pages that run at once; four times as many wait, the rest is answered `UNAVAILABLE`", func(l *transport.Limits) *int { return &l.InFlight }, 1, 10_000),
		span("WAIT", "time for which they wait", func(l *transport.Limits) *time.Duration { return &l.Wait }, time.Millisecond, 10*time.Second),
		count("SOCKETS", "open WebSockets and event streams; never above the descriptors that the system allows, less 500 and `PETITION_MAX_CONNECTIONS`", func(l *transport.Limits) *int { return &l.Sockets }, 1, 1_000_000),
		count("SOCKETS_PER_ADDRESS", "the same of one IPv4 address, or one /64 of IPv6; none where `PETITION_RATE_LIMITS` is off", func(l *transport.Limits) *int { return &l.SocketsPerAddress }, 1, 1_000_000),
		count("SOCKET_OPERATIONS", "operations on one of them at once", func(l *transport.Limits) *int { return &l.SocketOperations }, 1, 1000),
		span("SOCKET_AGE", "time that one of them is open, about: then its client connects again", func(l *transport.Limits) *time.Duration { return &l.Age }, time.Minute, 24*time.Hour),
		count("MESSAGES", "messages a second that a client may send on a WebSocket", func(l *transport.Limits) *int { return &l.Messages }, 1, 10_000),
		count("MESSAGE_BURST", "messages that may come at once", func(l *transport.Limits) *int { return &l.MessageBurst }, 2, 10_000),
		count("INIT_PAYLOAD", "bytes of the payload of `connection_init`", func(l *transport.Limits) *int { return &l.InitPayload }, 256, 64<<10),
	}
}

// count is a limit in whole numbers.
func count[T int | int64](name, meaning string, field func(*transport.Limits) *T, least, most T) setting {
	d := transport.DefaultLimits()
	value, set := fmt.Sprint(*field(&d)), whole(func(c *Config) *T { return field(&c.Limits) }, least, most)
	return setting{"MAX_" + name, value, value, false, fmt.Sprintf("%s (%d to %d)", meaning, least, most), set}
}

// span is a limit in time.
func span(name, meaning string, field func(*transport.Limits) *time.Duration, least, most time.Duration) setting {
	d := transport.DefaultLimits()
	value, set := short(*field(&d)), duration(func(c *Config) *time.Duration { return field(&c.Limits) }, least, most)
	return setting{"MAX_" + name, value, value, false, fmt.Sprintf("%s (%s to %s)", meaning, short(least), short(most)), set}
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

// whole sets a whole number.
func whole[T int | int64](field func(*Config) *T, least, most T) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || T(n) < least || T(n) > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		*field(c) = T(n)
		return nil
	}
}

// short writes a duration of whole hours, minutes or seconds as people do: 10m, not 10m0s.
func short(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

// setMemory sets a size in bytes; 0 stands for auto.
func setMemory(c *Config, v string) error {
	if c.Memory = 0; v == "auto" {
		return nil
	}
	for unit, size := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(v, unit)
		if n, err := strconv.ParseInt(number, 10, 32); ok && err == nil && n*size >= 64<<20 {
			c.Memory = n * size
			return nil
		}
	}
	return errors.New("must be auto, or a whole number of MiB or GiB, at least 64MiB")
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
		rest, ok := strings.CutPrefix(v, scheme)
		if !ok || rest == "" {
			continue
		}
		if _, err := url.Parse(v); err != nil && scheme != "sqlite:" {
			return errors.New("is no address; in a name or a password, write @ as %40, / as %2F and the like")
		}
		c.DatabaseURL = v
		return nil
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
		if address, one := netip.ParseAddr(network); one == nil {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return errors.New("must be addresses or networks such as 10.0.0.0/8")
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
	} else if secret.Exposed(c.SecretFile) {
		l.exposed = append(l.exposed, "PETITION_SECRET_FILE")
	}
	c.Exposed = l.exposed
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
		return nil, nil, misuse{flagFault(err), listed}
	}
	return given, fs.Args(), nil
}

// flagFault names the flag that package flag complains of, and not its value.
func flagFault(err error) string {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		return "there is no flag --" + name
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return "the flag --" + name + " needs a value"
	}
	return "a flag is written --name value or --name=value"
}

// loader gathers the values of settings and what is wrong with them.
type loader struct {
	env, flags map[string]string
	faults     []error
	exposed    []string
}

func (l *loader) fault(name string, err error) {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", name, err))
}

func (l *loader) load() Config {
	c := Config{Limits: transport.DefaultLimits()}
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
	if secret.Exposed(path) { // not refused: containers get their secrets so, for the one user they have
		l.exposed = append(l.exposed, s.variable()+"_FILE")
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
		l.fault("PETITION_SECRET_FILE",
			errors.New("must name a file that exists in production; for a new site, this makes one: "+secret.Recipe))
	} else if secret.Exposed(c.SecretFile) {
		l.fault("PETITION_SECRET_FILE",
			errors.New("names a file that others than its owner may read or change; chmod 600 ends that"))
	}
}
