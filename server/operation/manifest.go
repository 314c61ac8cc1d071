package operation

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"petitiond/server/strictjson"
)

// Manifest holds the documents that a site trusts, by the names that its clients use for them.
type Manifest map[string]string

// largestManifest is more than the documents of a large site take.
const largestManifest = 16 << 20

const apolloManifest = "apollo-persisted-query-manifest"

// ReadManifest reads the file that a client's build writes: an object from names to texts, as graphql-codegen and Relay
// write it, or Apollo's manifest.
func ReadManifest(r io.Reader) (Manifest, error) {
	// One byte more than is allowed tells a longer file from one of just that length.
	text, err := io.ReadAll(io.LimitReader(r, largestManifest+1))
	if err != nil {
		return nil, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if len(text) > largestManifest {
		return nil, fmt.Errorf("the manifest is larger than %d bytes", largestManifest)
	}
	// The members are as many as the file has room for: it comes from the operator, and not from a client.
	value, err := strictjson.Limits{Depth: 8, Members: largestManifest}.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("the manifest %w", err)
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the manifest %w", strictjson.ErrNotObject)
	}
	if format, apollo := members["format"]; apollo {
		return readApollo(format, members)
	}
	m := Manifest{}
	for name, text := range members {
		if err := m.add(name, text); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// readApollo reads the manifest that Apollo's tools write.
func readApollo(format any, members map[string]any) (Manifest, error) {
	operations, ok := members["operations"].([]any)
	if format != apolloManifest || fmt.Sprint(members["version"]) != "1" || !ok {
		return nil, errors.New("the manifest is not of the format " + apolloManifest + ", version 1")
	}
	m := Manifest{}
	for _, operation := range operations {
		members, _ := operation.(map[string]any)
		name, _ := members["id"].(string)
		if err := m.add(name, members["body"]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// add adds a document. A name may occur twice if the text is the same.
func (m Manifest) add(name string, text any) error {
	body, ok := text.(string)
	name = strings.TrimPrefix(name, hashPrefix)
	if !ok || name == "" {
		return fmt.Errorf("the manifest has no text for the document %.80q", name)
	}
	if other, twice := m[name]; twice && other != body {
		return fmt.Errorf("the manifest has two texts for the document %.80q", name)
	}
	m[name] = body
	return nil
}

// Trust makes j accept the documents of a manifest and no others, after checking them as if a client had sent them. It
// must be called before Prepare.
func (j *Judge) Trust(m Manifest) error {
	if len(m) == 0 {
		return errors.New("the manifest has no document")
	}
	l := trusted{}
	// In order, so the same manifest is always refused for the same document.
	for _, name := range slices.Sorted(maps.Keys(m)) {
		text := m[name]
		if _, r := j.document(text); r != nil {
			return fmt.Errorf("the document %.80q of the manifest: %s", name, r.Errors[0].Message)
		}
		l[name] = text
	}
	for _, text := range m {
		// An explicit name takes precedence over a hash.
		if hash := hashOf(text); l[hash] == "" {
			l[hash] = text
		}
	}
	j.library = l
	return nil
}

// trusted is the library of a manifest, by name and by hash. It accepts a text only if it is in the manifest. Any other
// is refused like an unknown name and with the same status: for clients both mean that the site does not serve this
// document, and a client of the automatic protocol sends the text once and then gives up. (403 would be about who is
// asking; this is about what is asked.)
type trusted map[string]string

// find returns the text of a document of the manifest.
func (l trusted) find(name, text string) (string, *Refusal) {
	known := l[name]
	switch {
	case name == "" && text == "":
		return "", noDocument()
	// An explicit name may look like the hash of another text, so the text itself is compared.
	case text == "" && known == "", text != "" && l[hashOf(text)] != text:
		return "", unknownDocument()
	case text == "":
		return known, nil
	case name != "" && known != text:
		return "", otherDocument()
	default:
		return text, nil
	}
}

// keep does nothing: only the documents of the manifest are accepted.
func (trusted) keep(string, string) {}
