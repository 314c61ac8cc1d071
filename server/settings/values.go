package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file parses the values of settings. No error may quote a value: some are secrets, and all errors are printed.

// textSetter returns a setter for a string, which must be one of the choices if there are any.
func textSetter(field func(*Config) *string, choices ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if len(choices) > 0 && !slices.Contains(choices, v) {
			return fmt.Errorf("must be %s", strings.Join(choices, " or "))
		}
		*field(c) = v
		return nil
	}
}

// setAddress returns a setter for an address to listen on, whose host is left to the system.
func setAddress(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		_, port, err := net.SplitHostPort(v)
		if _, wrong := strconv.ParseUint(port, 10, 16); err != nil || wrong != nil {
			return errors.New("must be an address with a port, such as 127.0.0.1:8080 or :8080")
		}
		*field(c) = v
		return nil
	}
}

// optional returns a setter that leaves a setting unset without a value.
func optional(set func(*Config, string) error) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v == "" {
			return nil
		}
		return set(c, v)
	}
}

// boolSetter returns a setter for a setting that is either yes or no, in these words.
func boolSetter(field func(*Config) *bool, yes, no string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != yes && v != no {
			return fmt.Errorf("must be %s or %s", yes, no)
		}
		*field(c) = v == yes
		return nil
	}
}

// durationSetter returns a setter for a time within a range, both ends included.
func durationSetter(field func(*Config) *time.Duration, least, most time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("must be a time from %s to %s, with its unit, such as 500ms, 10s or 1m30s", shortDuration(least), shortDuration(most))
		}
		*field(c) = d
		return nil
	}
}

// numberSetter returns a setter for a whole number.
func numberSetter[T int | int64](field func(*Config) *T, least, most T) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || T(n) < least || T(n) > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		*field(c) = T(n)
		return nil
	}
}

// shortDuration formats a duration of whole hours, minutes or seconds as people write it: 10m, not 10m0s.
func shortDuration(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

// setMemory takes a size in bytes; 0 stands for auto. Less than 64 MiB is taken for a mistake.
func setMemory(c *Config, v string) error {
	if c.Memory = 0; v == "auto" {
		return nil
	}
	// Units that mean one thing: with MB or a bare M people mean different numbers.
	for unit, size := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(v, unit)
		if n, err := strconv.ParseInt(number, 10, 32); ok && err == nil && n*size >= 64<<20 {
			c.Memory = n * size
			return nil
		}
	}
	return errors.New("must be auto, or a whole number of MiB or GiB, at least 64MiB")
}

// setPublicURL takes the base of all links, without the slash that each path begins with. Only development does
// without.
func setPublicURL(c *Config, v string) error {
	if v == "" && c.Env != Production {
		return nil
	}
	// Paths are appended to it, and nothing could stand behind a query or a fragment.
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !isHost(u.Hostname()) || strings.ContainsAny(v, "?#") {
		return errors.New("must be an http or https address such as https://petitions.example.org")
	}
	// The routes are at the root, so that links below a path would lead nowhere.
	if strings.Trim(u.EscapedPath(), "/") != "" {
		return errors.New("must be without a path: this program serves a whole host; write it as https://petitions.example.org")
	}
	if u.User != nil { // everybody would read it in every link
		return errors.New("must be without a name or a password")
	}
	c.PublicURL = strings.TrimRight(v, "/")
	return nil
}

// setDatabaseURL looks at the form alone; whether there is a database is found out when it is opened. A password with
// an @ or / in it is the usual fault, and is named without being shown.
func setDatabaseURL(c *Config, v string) error {
	for _, scheme := range []string{"sqlite:", "postgres://", "postgresql://"} {
		rest, ok := strings.CutPrefix(v, scheme)
		if !ok || rest == "" {
			continue
		}
		if scheme != "sqlite:" && !isPostgresURL(v, rest) {
			return errors.New("is not an address; in a name or a password, write @ as %40, / as %2F and so on")
		}
		c.DatabaseURL = v
		return nil
	}
	return errors.New("must begin with sqlite: or postgres://")
}

// isPostgresURL reports whether an address can be read as it is meant. A slash in a password would end the host before
// the @ and make a part of the password the host, which is logged and looked up.
func isPostgresURL(v, rest string) bool {
	_, err := url.Parse(v)
	end := strings.IndexAny(rest, "/?#")
	return err == nil && (end < 0 || !strings.Contains(rest[end:], "@"))
}

// setConfirmation takes what a signature needs to count. That a mail can be sent is checked when all is known.
func setConfirmation(c *Config, v string) error {
	if c.Confirmation = v; v != AtOnce && v != ByEmail {
		return errors.New("must be none or email")
	}
	return nil
}

// setReview refuses the default of production, so that nobody goes without review unawares.
func setReview(c *Config, v string) error {
	switch v {
	case "off":
		return nil
	case "on":
		return errors.New("review is not part of this release; " +
			"set off, but note that a petition then opens as soon as it is published")
	}
	return errors.New("must be off or on")
}

// setAdminKey takes a key that is too long to be guessed.
func setAdminKey(c *Config, v string) error {
	if v != "" && len(v) < 32 {
		return errors.New("must have at least 32 characters")
	}
	c.AdminKey = v
	return nil
}

// setProxies takes networks, or single addresses, which are networks of one.
func setProxies(c *Config, v string) error {
	for _, network := range list(v) {
		prefix, err := netip.ParsePrefix(network)
		// An address is no prefix for ParsePrefix, and is what most people have.
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

// setFanout relies on the database's address being set before.
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

// list splits a value at commas and spaces.
func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}
