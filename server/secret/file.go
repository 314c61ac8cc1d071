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

// maxFile bounds what is read, so that a wrong path cannot fill the memory.
const maxFile = 4096

// Recipe is the command that makes a secret file for a new site, one that its owner alone may read.
const Recipe = "(umask 077; head -c 32 /dev/urandom | base64 > FILE)"

// ErrMalformed means that a secret is not 32 bytes in base64.
var ErrMalformed = errors.New("the secret is not 32 bytes in base64; for a new site, this makes one: " + Recipe)

// Parse makes the keys of a root written in base64. Space around it does not matter.
func Parse(text []byte) (*Keys, error) {
	root, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(root) != RootSize {
		return nil, ErrMalformed // the cause would quote the text
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

// Exposed reports whether the system lets others than its owner read or change the file at path. A file that is not
// there is not exposed, and on Windows, where modes say nothing of that, none is.
func Exposed(path string) bool {
	info, err := os.Stat(path) // of what a link leads to: only its mode counts
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// LoadOrCreate reads the keys from the file at path and makes folder and file, with a random root and for
// the owner alone, when there is none. Of several programs that start at once all get the same keys.
func LoadOrCreate(path string) (*Keys, error) {
	keys, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the secret file: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("make the secret file: %w", err)
	}
	return Load(path)
}

// create puts a new root at path unless a file is there by then. A link, unlike a rename, replaces nothing,
// and unlike an exclusive open it is never seen half written.
func create(path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // made with mode 0600
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
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// write puts a fresh root into file, durably: data sealed under a root that a power loss takes is lost.
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
