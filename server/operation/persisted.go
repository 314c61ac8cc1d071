package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"

	"petitiond/server/errcode"
	"petitiond/server/lru"
)

// A document may be named by its hash in place of its text. Two protocols do
// so: Apollo's automatic persisted queries, in extensions.persistedQuery, and
// the member documentId of the draft of GraphQL over HTTP. The second becomes
// the first when a request is decoded, so that only one is known from there on.

// library finds documents by what requests name them with.
type library interface {
	// find returns the text that a request means, who sends a name, a text, or both.
	find(name, text string) (string, *Refusal)
	// keep remembers a text that was judged, under the name that find took it with.
	keep(name, text string)
}

// documentName reads the extension persistedQuery. What else is in it is
// somebody's note to himself: urql writes there that it tries again.
func documentName(extensions map[string]any) (name string, r *Refusal) {
	extension := extensions["persistedQuery"]
	if extension == nil {
		return "", nil
	}
	members, ok := extension.(map[string]any)
	if !ok {
		return "", malformed("The extension persistedQuery must be an object.")
	}
	switch version := members["version"].(type) {
	case json.Number:
		ok = version == "1"
	case float64:
		ok = version == 1
	default:
		ok = false
	}
	if !ok {
		return "", refused(Coded(errcode.NotPersisted, "PersistedQueryNotSupported"))
	}
	name, _ = members["sha256Hash"].(string)
	if name == "" {
		return "", malformed("The extension persistedQuery has no sha256Hash.")
	}
	// The prefix says how a name was made, which its look shows.
	return strings.TrimPrefix(name, hashPrefix), nil
}

const hashPrefix = "sha256:"

// withDocumentID puts the member documentId where persisted queries have
// their hash.
func (r *Request) withDocumentID(id string) *Refusal {
	if id == "" {
		return nil
	}
	if r.Extensions["persistedQuery"] != nil {
		return malformed("Name the document once: by documentId, or by the extension persistedQuery.")
	}
	extensions := map[string]any{}
	maps.Copy(extensions, r.Extensions)
	extensions["persistedQuery"] = map[string]any{"version": json.Number("1"), "sha256Hash": id}
	r.Extensions = extensions
	return nil
}

// unknownDocument is answered where nothing has that name. Clients look for
// this very message and send the text. The status is that of any flaw: 200 in
// application/json, which is all that older clients read; 400 in the newer
// type, where an answer without data must not be 200, and whose body both
// Apollo's and urql's client read whatever the status.
func unknownDocument() *Refusal {
	return refused(Coded(errcode.UnknownDocument, "PersistedQueryNotFound"))
}

func noDocument() *Refusal {
	return malformed("The member query is missing: it holds the GraphQL document.")
}

func otherDocument() *Refusal { return malformed("The hash is not that of the document.") }

// hashOf returns the SHA-256 of a text in lower-case hexadecimal digits.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isHash reports whether a name looks like what hashOf returns.
func isHash(name string) bool {
	return len(name) == hex.EncodedLen(sha256.Size) &&
		!strings.ContainsFunc(name, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// learned is the library of what clients have sent, the latest used, within a
// bound on memory. Everybody may add to it, since all that is in it was judged,
// and is known by a hash that nobody can choose.
type learned struct{ texts *lru.Cache[string, string] }

// learnedBytes is what an entry takes besides its text, about.
const learnedBytes = 256

// newLearned returns a library that is empty.
func newLearned(most int) *learned {
	bytes := func(text string) int { return learnedBytes + len(text) }
	return &learned{lru.New[string](most, bytes, bytes)}
}

// find returns the text that is sent, or the one that was sent before under its hash.
func (l *learned) find(name, text string) (string, *Refusal) {
	switch {
	case name == "" && text == "":
		return "", noDocument()
	case name == "":
		return text, nil
	case !isHash(name):
		return "", malformed("A document is named by its SHA-256, in 64 lower-case hexadecimal digits.")
	case text != "" && hashOf(text) != name:
		return "", otherDocument()
	case text != "":
		return text, nil
	}
	if known, ok := l.texts.Get(name); ok {
		return known, nil
	}
	return "", unknownDocument()
}

// keep remembers a text by its hash, unless it is known.
func (l *learned) keep(name, text string) {
	if _, known := l.texts.Get(name); !known {
		// A copy: the text may be a part of something larger.
		l.texts.Add(strings.Clone(name), strings.Clone(text))
	}
}
