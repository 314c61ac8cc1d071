package settings

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	netmail "net/mail"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"petitiond/server/database"
	"petitiond/server/mail"
	"petitiond/server/operation"
	"petitiond/server/secret"
	"petitiond/server/transport"
)

// The two environments. Each has its own defaults.
const (
	Development = "development"
	Production  = "production"
)

// What a signature needs to count.
const (
	AtOnce  = "none"
	ByEmail = "email" // that its mailbox confirms it
)

// Config holds the settings, see table.go, and what was found out while reading them.
type Config struct {
	Env              string
	Listen           string
	MetricsListen    string // empty: on Listen in development, nowhere in production
	PublicURL        string
	DatabaseURL      string
	SecretFile       string
	Demo             bool
	Confirmation     string
	Review           bool
	SMTP             *mail.Server // nil: none
	MailFrom         *netmail.Address
	MailBounce       string
	MailPace         int // mails a second
	Messages         *mail.Messages
	AdminKey         string
	RateLimits       bool
	Introspection    bool
	TrustedDocuments operation.Manifest // nil: every document is served
	AllowedOrigins   []string
	TrustedProxies   []netip.Prefix
	Connections      int // plain ones, open at once
	PerAddress       int // of those, from one address
	Fanout           string
	SharedAnswers    bool
	Memory           int64 // in bytes; 0: three quarters of what the machine has
	Recount          time.Duration
	Drain            time.Duration
	Limits           transport.Limits

	Exposed []string // the settings whose files somebody other than the owner may read or change

	Database database.Options // not settings: tests run with clocks of their own
}

// Load reads the settings from flags and environment, flags first, and also returns the remaining arguments. The error
// has a line for every fault, so that all can be corrected at once, and never contains a value, which may be a secret.
func Load(args, environment []string) (Config, []string, error) {
	// The last one counts where a name comes twice, as in a shell.
	env := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	// A flag that does not exist ends it at once: what follows it may be its value or an argument.
	flags, rest, err := parseFlags(args)
	if err != nil {
		return Config{}, nil, err
	}
	l := loader{env: env, flags: flags}
	c := l.load()
	l.refuseUnknown()
	if c.Env == Production {
		l.checkProduction(c)
	} else if secret.Exposed(c.SecretFile) {
		l.exposed = append(l.exposed, "PETITION_SECRET_FILE")
	}
	c.Exposed = l.exposed
	return c, rest, errors.Join(l.faults...)
}

// parseFlags reads the flags up to the first argument that is not one, and returns their values and what follows. It
// does not judge the values: that is done for flags and variables alike, when all are known.
func parseFlags(args []string) (map[string]string, []string, error) {
	given := map[string]string{}
	fs := flag.NewFlagSet("petitiond", flag.ContinueOnError)
	// The package would print a fault itself, with the value.
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
		return nil, nil, FlagError{FlagFault(err)}
	}
	return given, fs.Args(), nil
}

// FlagError says how the flags of a command line are wrong.
type FlagError struct{ fault string }

// Error returns the fault, without a value.
func (e FlagError) Error() string { return e.fault }

// FlagFault describes the error of package flag for a person. Unlike the error itself, it never contains the flag's
// value, which may be a secret.
func FlagFault(err error) string {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		return "there is no flag --" + name
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return "the flag --" + name + " needs a value"
	}
	return "a flag is written --name value or --name=value"
}

// loader collects the values of the settings and everything that is wrong with them.
type loader struct {
	env, flags map[string]string
	faults     []error
	exposed    []string
}

// fault notes what is wrong with a setting. Reading goes on, so that one start finds everything.
func (l *loader) fault(name string, err error) {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", name, err))
}

// load sets every field from its value or its default. The first setting is the environment, on which defaults depend.
func (l *loader) load() Config {
	c := Config{Limits: transport.DefaultLimits()}
	for _, s := range settings() {
		value, given := l.value(s)
		if !given {
			// ENV is the first setting and known by now, except while it is set itself: its own default is the same for both.
			value = s.development
			if c.Env == Production {
				value = s.production
			}
		}
		if value == noDefault {
			l.fault(s.variable(), errors.New("must be set in production"))
			continue
		}
		// Also a default is checked: a limit that was made too large in one place shows at the start.
		err := s.set(&c, value)
		if hasComment(value) && (err != nil || !s.hash) {
			err = errComment
		}
		if err != nil {
			l.fault(s.variable(), err)
		}
	}
	return c
}

// errComment names what is wrong with most values that would otherwise be called bad, or, worse, be taken.
var errComment = errors.New("has a comment behind it, which systemd and Docker take for a part of the value; " +
	"write comments on lines of their own")

// hasComment reports whether a value ends as a line does in a shell, which takes what follows for a comment. What
// starts services does not.
func hasComment(value string) bool {
	return strings.Contains(value, " #") || strings.Contains(value, "\t#")
}

// value returns what was given for a setting by flag, variable or file, and whether anything was.
func (l *loader) value(s setting) (string, bool) {
	// A flag is nearer to the person who starts the program than what the environment holds.
	if v, ok := l.flags[s.name]; ok {
		return v, true
	}
	v, ok := l.env[s.variable()]
	path, fromFile := l.env[s.variable()+"_FILE"]
	if !s.secret || !fromFile {
		return v, ok
	}
	if ok {
		// Neither is right by itself: one of them may be what is left of an older secret.
		l.fault(s.variable(), errors.New("is set twice: here and by "+s.variable()+"_FILE"))
		return v, true
	}
	content, err := os.ReadFile(path)
	if err != nil {
		l.fault(s.variable()+"_FILE", unreadable(err))
		return "", false
	}
	if secret.Exposed(path) { // only a warning: this is how containers, which have one user, get their secrets
		l.exposed = append(l.exposed, s.variable()+"_FILE")
	}
	// Editors and programs that write such files end them with a line end.
	return strings.TrimSpace(string(content)), true
}

// refuseUnknown reports misspelt variables, which would otherwise have no effect without a word. It ignores those that
// tests use, and those that Kubernetes sets for a service named "petition".
func (l *loader) refuseUnknown() {
	known := map[string]bool{}
	for _, s := range settings() {
		known[s.variable()] = true
		// A setting may be named like the file of another, as PETITION_SECRET_FILE would be of a PETITION_SECRET.
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
	// A map has no order, and the same faults are to be told in the same way each time.
	slices.Sort(unknown)
	for _, name := range unknown {
		l.fault(name, errors.New("there is no such setting"))
	}
}

// checkProduction refuses what is convenient in development and dangerous in production.
func (l *loader) checkProduction(c Config) {
	if !c.RateLimits {
		l.fault("PETITION_RATE_LIMITS", errors.New("must be on in production"))
	}
	if c.Confirmation == ByEmail && c.SMTP == nil {
		l.fault("PETITION_SMTP_URL", errors.New("must be set in production, since mailboxes confirm signatures; "+
			"or set PETITION_CONFIRMATION to none, but note that a signature then counts at once"))
	}
	if _, err := os.Stat(c.SecretFile); errors.Is(err, fs.ErrNotExist) {
		l.fault("PETITION_SECRET_FILE",
			errors.New("must name a file that exists in production; for a new site, create one with: "+secret.Recipe))
	} else if secret.Exposed(c.SecretFile) {
		l.fault("PETITION_SECRET_FILE",
			errors.New("names a file that somebody other than its owner may read or change; correct this with chmod 600"))
	}
}
