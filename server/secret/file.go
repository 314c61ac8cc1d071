package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// RootSize is the length of the root key in bytes.
const RootSize = 32

// maxFile bounds how much is read, since a wrong path may lead to a huge file.
const maxFile = 4096

// Recipe is the command that creates a secret file for a new site, which only its owner can read.
const Recipe = "(umask 077; head -c 32 /dev/urandom | base64 > FILE)"

// ErrMalformed means that a secret is not 32 bytes in base64.
var ErrMalformed = errors.New("the secret is not 32 bytes in base64; for a new site, create one with: " + Recipe)

// Parse derives the keys from a root in base64. White space around it is ignored.
func Parse(text []byte) (*Keys, error) {
	root, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(root) != RootSize {
		return nil, ErrMalformed // the cause would contain the text
	}
	return newKeys(root)
}

// Load reads the keys from the file at path, which must exist.
func Load(path string) (*Keys, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the secret file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read the secret file: %w", err)
	}
	keys, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("secret file %s: %w", path, err)
	}
	return keys, nil
}

// Exposed reports whether anybody but its owner may read or change the file at path. A missing file is not exposed, and
// neither is any on Windows, where file modes do not say.
func Exposed(path string) bool {
	info, err := os.Stat(path) // follows links: the mode of the file itself counts
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// LoadOrCreate reads the keys from the file at path. If there is none, it creates the file, with a random root and
// readable only by its owner, and its folder. Programs that start at the same time all get the same keys.
func LoadOrCreate(path string) (*Keys, error) {
	keys, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of the secret file: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("create the secret file: %w", err)
	}
	return Load(path)
}

// create puts a new root at path, unless another program does so first. Unlike a rename, a link never replaces a file
// that is there; and unlike a file that is opened exclusively, it is never seen half written.
func create(path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // has mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(write(file), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the name of the file as durable as its content.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// write writes a new root to file and syncs it: if a power loss took the root, everything sealed with it would be lost
// too.
func write(file *os.File) error {
	root := make([]byte, RootSize)
	if _, err := rand.Read(root); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, base64.StdEncoding.EncodeToString(root)); err != nil {
		return err
	}
	return file.Sync()
}
