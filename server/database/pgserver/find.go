//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// oldest is the oldest release that the program supports.
const oldest = 14

// programs are those that a server needs, all in one folder.
var programs = [...]string{"postgres", "initdb", "pg_ctl"}

// places are the folders into which packages install the programs.
var places = [...]string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// find returns the folder of PostgreSQL's programs: PG_BIN, else where PATH finds them, else the newest in the usual
// places, else those from npm.
func find(ctx context.Context) (string, error) {
	if bin := os.Getenv("PG_BIN"); bin != "" {
		if release(ctx, bin) < oldest {
			return "", fmt.Errorf("PG_BIN does not name a folder with postgres, initdb and pg_ctl of release %d or later", oldest)
		}
		return bin, nil
	}
	if bin := onPath(); release(ctx, bin) >= oldest {
		return bin, nil
	}
	var best string
	newest := oldest - 1
	for _, place := range places {
		bins, _ := filepath.Glob(place) // fails only for a malformed pattern
		for _, bin := range bins {
			if r := release(ctx, bin); r > newest {
				best, newest = bin, r
			}
		}
	}
	if best != "" {
		return best, nil
	}
	bin, err := fetch(ctx)
	if err != nil {
		return "", errors.Join(ErrNone, err)
	}
	return bin, nil
}

// onPath returns the folder in which the postgres on the PATH really is: often the PATH has only links to some of the
// programs.
func onPath() string {
	postgres, err := exec.LookPath("postgres")
	if err != nil {
		return ""
	}
	if postgres, err = filepath.EvalSymlinks(postgres); err != nil {
		return ""
	}
	return filepath.Dir(postgres)
}

// release returns the release of the programs in bin, or 0 if they are not all there or do not run.
func release(ctx context.Context, bin string) int {
	if bin == "" {
		return 0
	}
	for _, program := range programs {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return 0
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(regexp.MustCompile(`\d+`).Find(out)))
	if err != nil {
		return 0
	}
	return n
}
