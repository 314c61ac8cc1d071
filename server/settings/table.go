package settings

import (
	"slices"
	"strings"
	"time"
)

// noDefault is the default of a setting that must be set.
const noDefault = "-"

// setting is one environment variable. Each is also a flag of the same name, except secrets: flags can be seen by every
// user of the machine, so a secret is read from a file instead, which a variable with _FILE at its end names.
type setting struct {
	name        string // without PETITION_
	development string // default
	production  string // default
	secret      bool
	hash        bool   // a right value may have a space and a # in it
	meaning     string // for the help text and the README
	// Checks a value and stores it; its errors never contain the value, which may be a secret.
	set func(c *Config, value string) error
}

// The two names of a setting. Both are made from one, so that they cannot differ.
func (s setting) variable() string { return "PETITION_" + s.name }
func (s setting) flag() string     { return strings.ToLower(strings.ReplaceAll(s.name, "_", "-")) }

// settings returns all settings, in the order of the README. A later one may depend on an earlier one, as
// PETITION_FANOUT does on PETITION_DATABASE_URL.
func settings() []setting {
	return slices.Concat(
		siteSettings(), releaseSettings(), mailSettings(), accessSettings(), connectionSettings(), operationSettings(), limitSettings(),
	)
}

// siteSettings say where this site is and where its data lives.
func siteSettings() []setting {
	return []setting{
		{
			// The first, since the defaults of all others depend on it; for the same reason it has one default.
			name: "ENV", development: Development, production: Development,
			meaning: "`development` or `production`",
			set:     textSetter(func(c *Config) *string { return &c.Env }, Development, Production),
		},
		{
			name: "LISTEN", development: "127.0.0.1:8080", production: ":8080",
			meaning: "address to listen on; `:0` picks a free port, which the log shows",
			set:     setAddress(func(c *Config) *string { return &c.Listen }),
		},
		{
			// Without a default: what is listened on beside the site itself somebody has to choose.
			name: "METRICS_LISTEN",
			meaning: "separate address that serves only `/metrics`, such as `127.0.0.1:9090`; if unset, `/metrics` is " +
				"served on `PETITION_LISTEN` in development and nowhere in production",
			set: optional(setAddress(func(c *Config) *string { return &c.MetricsListen })),
		},
		{
			// Where there is none the address that is listened on takes its place: see the type door.
			name: "PUBLIC_URL", production: noDefault,
			meaning: "base URL of all links, without a path; if unset, the address that the server listens on, such as " +
				"`http://localhost:8080`",
			set: setPublicURL,
		},
		{
			// A secret, since the address of a PostgreSQL contains a password.
			name: "DATABASE_URL", development: "sqlite:data/petitions.db", production: noDefault, secret: true,
			meaning: "`sqlite:PATH` or `postgres://…`",
			set:     setDatabaseURL,
		},
		{
			// The path is no secret, so that it may be a flag.
			name: "SECRET_FILE", development: "data/secret.key", production: "data/secret.key",
			meaning: "file with 32 random bytes in base64, from which every key is derived; [the database belongs to " +
				"it](#the-secret-file-and-backups). In development it is created along with a new database; production " +
				"refuses a file that anybody but its owner may read",
			set: setSecretFile,
		},
		{
			// Off in both: content that somebody invented must not come to a site by itself.
			name: "DEMO", development: "false", production: "false",
			meaning: "load the demo content if the database is empty",
			set:     boolSetter(func(c *Config) *bool { return &c.Demo }, "true", "false"),
		},
	}
}

// releaseSettings say what a signature needs to count, and a petition to open.
func releaseSettings() []setting {
	return []setting{
		{
			name: "CONFIRMATION", development: AtOnce, production: ByEmail,
			meaning: "`email`: [a signature counts when its mailbox has confirmed it](#mail), by a link or a code; `none`: it " +
				"counts at once, so the count reveals whether an address was new",
			set: setConfirmation,
		},
		{
			// The default of production is what this release lacks: operators have to say that they do without.
			name: "REVIEW", development: "off", production: "on",
			meaning: "`off`: a petition opens as soon as it is published; `on` is not part of this release",
			set:     setReview,
		},
	}
}

// accessSettings say who may do what, and from where.
func accessSettings() []setting {
	return []setting{
		{
			// Without a default in production: nobody has every right there unless somebody has said so.
			name: "ADMIN_KEY", secret: true,
			meaning: "credential with every scope, at least 32 characters; in development it is derived from the secret " +
				"file, and printed at each start if only this machine can reach the server",
			set: setAdminKey,
		},
		{
			// For load tests, where all clients come from one machine.
			name: "RATE_LIMITS", development: "on", production: "on",
			meaning: "limits per address on connections, WebSockets, event streams and what runs at once; production refuses `off`",
			set:     boolSetter(func(c *Config) *bool { return &c.RateLimits }, "on", "off"),
		},
		{
			// On in production, too, since the contract is public, and tools need it.
			name: "INTROSPECTION", development: "on", production: "on",
			meaning: "`off` also disables GraphiQL and \"did you mean\" suggestions; production never makes those",
			set:     boolSetter(func(c *Config) *bool { return &c.Introspection }, "on", "off"),
		},
		{
			name: "TRUSTED_DOCUMENTS",
			meaning: "file of the only documents to serve, as written by graphql-codegen (`persisted-documents.json`) or " +
				"Apollo (`persisted-query-manifest.json`); there is no GraphiQL then. If unset, every document is served",
			set: setTrustedDocuments,
		},
		{
			name: "ALLOWED_ORIGINS",
			meaning: "[other sites](#pages-of-other-sites) whose pages may use the API, such as `https://example.org`, separated by " +
				"commas; with `*` the pages of all sites may read. In development those of this machine may do everything",
			set: setOrigins,
		},
		{
			name:    "TRUSTED_PROXIES",
			meaning: "addresses or networks of [proxies](#behind-a-proxy), whose `X-Forwarded-For` is trusted, separated by commas",
			set:     setProxies,
		},
	}
}

// connectionSettings bound the plain connections. The open WebSockets and event streams are among the limits.
func connectionSettings() []setting {
	return []setting{
		{
			// Generous, since each costs little, and bounded, as descriptors are.
			name: "MAX_CONNECTIONS", development: "4000", production: "4000",
			meaning: "open connections other than WebSockets and event streams: one more replaces the one that has waited " +
				"longest for its client; never more than a quarter of the file descriptors that the system allows (16 to " +
				"1000000)",
			set: numberSetter(func(c *Config) *int { return &c.Connections }, 16, 1_000_000),
		},
		{
			name: "MAX_CONNECTIONS_PER_ADDRESS", development: "500", production: "500",
			meaning: "the same for one IPv4 address or one IPv6 /64, and never more than half of all; no limit for the " +
				"addresses of `PETITION_TRUSTED_PROXIES`, or if `PETITION_RATE_LIMITS` is off (8 to 1000000)",
			set: numberSetter(func(c *Config) *int { return &c.PerAddress }, 8, 1_000_000),
		},
	}
}

// operationSettings say how the running program works.
func operationSettings() []setting {
	return []setting{
		{
			// Nobody has to choose: SQLite has one server, and PostgreSQL carries the news by itself.
			name: "FANOUT", development: "auto", production: "auto",
			meaning: "how replicas notify each other of changes: `postgres` by its notifications, `local` not at all, " +
				"`auto` as the database allows; in any case, each reads what is being watched again every few seconds",
			set: setFanout,
		},
		{
			name: "SHARED_ANSWERS", development: "on", production: "on",
			meaning: "`on`: the answer to a query without a credential, or a web page, is computed once for everybody and " +
				"kept until something in it changes, at most five seconds; `off`: each is computed separately",
			set: boolSetter(func(c *Config) *bool { return &c.SharedAnswers }, "on", "off"),
		},
		{
			name: "MEMORY", development: "auto", production: "auto",
			meaning: "memory that the program should not exceed, such as `512MiB` or `4GiB`: the closer it comes, the more " +
				"often it collects garbage, and answers under way take at most a third of it, long requests a twelfth, " +
				"open subscriptions an eighth, and SQLite a quarter, `256MiB` at most; `auto`: " +
				"three quarters of what the machine or the container has (at least `64MiB`)",
			set: setMemory,
		},
		{
			// Often enough that a wrong figure is news, and seldom enough that nobody notices the work.
			name: "RECOUNT", development: "10m", production: "10m",
			meaning: "interval at which every figure is compared with the rows (1s to 24h)",
			set:     durationSetter(func(c *Config) *time.Duration { return &c.Recount }, time.Second, 24*time.Hour),
		},
		{
			// Less than the half minute that Kubernetes waits before it kills.
			name: "DRAIN", development: "20s", production: "20s",
			meaning: "longest time from SIGTERM to exit (1s to 10m)",
			set:     durationSetter(func(c *Config) *time.Duration { return &c.Drain }, time.Second, 10*time.Minute),
		},
	}
}
