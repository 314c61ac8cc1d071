package pages

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"petitiond/server/precompressed"
)

// written contains the files that are written by hand.
//
//go:embed static
var written embed.FS

// fetched contains the files that the build has fetched from npm, if it has.
//
//go:embed all:assets
var fetched embed.FS

// asset is a file that pages load.
type asset struct {
	content *precompressed.Bytes
	kind    string
	version string
}

// library contains the files by their names.
type library map[string]asset

// load reads the files in the folders that are of a type that pages load.
func load(folders ...fs.FS) (library, error) {
	l := library{}
	for _, files := range folders {
		names, err := fs.Glob(files, "*/*")
		if err != nil {
			return nil, fmt.Errorf("list the files: %w", err)
		}
		for _, name := range names {
			if err := l.add(files, name); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// add reads one file. Its version is a digest of its content.
func (l library) add(files fs.FS, name string) error {
	kind := kindOf(name)
	if kind == "" {
		return nil
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	l[path.Base(name)] = asset{content: precompressed.New(text), kind: kind, version: digest(text)}
	return nil
}

// kindOf returns the media type of a file, or nothing if pages load no such files. Package mime would depend on the
// machine.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return ""
	}
}

// address returns an address that changes with the content, so that browsers can keep the file for good.
func (a asset) address(name string) string { return "/assets/" + name + "?v=" + a.version }

// address returns the address of a file by its name.
func (l library) address(name string) (string, error) {
	a, ok := l[name]
	if !ok {
		return "", fmt.Errorf("there is no file %s", name)
	}
	return a.address(name), nil
}

// file serves a file. A browser may keep it for good if the address has its version; otherwise it has to revalidate it.
func (s *site) file(w http.ResponseWriter, r *http.Request) {
	a, ok := s.files[r.PathValue("name")]
	if !ok {
		s.missing(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	// With another version, or none, it is not known what the address is meant to have.
	if r.URL.Query().Get("v") == a.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	a.content.Send(w, r, http.StatusOK, a.kind, true)
}
