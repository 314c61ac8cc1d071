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

// A request may name a document by its hash instead of sending the text. Two protocols do so: Apollo's automatic
// persisted queries, in extensions.persistedQuery, and the member documentId in the draft of GraphQL over HTTP. The
// second is converted to the first when a request is decoded.

// library finds documents by the names in requests.
type library interface {
	// find returns the text for a request, which has a name, a text, or both.
	find(name, text string) (string, *Refusal)
	// keep remembers a text that was found valid, under the name with which find accepted it.
	keep(name, text string)
}

// documentName reads the extension persistedQuery. Unknown members are ignored: urql, for one, marks there that it is
// trying again.
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
	// The prefix says that the name is a SHA-256, which its form shows as well.
	return strings.TrimPrefix(name, hashPrefix), nil
}

const hashPrefix = "sha256:"

// withDocumentID puts the member documentId into the extension persistedQuery.
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

// unknownDocument is the refusal for an unknown name. Clients recognise exactly this message and then send the text.
// The status is that of any other error in a document: 200 in application/json, since older clients read no other; 400
// in the newer media type, where an answer without data must not be 200, and of which the clients of Apollo and urql
// read the body whatever the status.
func unknownDocument() *Refusal {
	return refused(Coded(errcode.UnknownDocument, "PersistedQueryNotFound"))
}

func noDocument() *Refusal {
	return malformed("The member query is missing: it holds the GraphQL document.")
}

func otherDocument() *Refusal { return malformed("The hash does not match the document.") }

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

// learned is the library of documents that clients have sent, those used last, within a bound on memory. Any client may
// add to it, since every document in it was found valid and is named by its hash, which nobody can choose.
type learned struct{ texts *lru.Cache[string, string] }

// learnedBytes is roughly what an entry takes besides its text.
const learnedBytes = 256

// newLearned returns an empty library.
func newLearned(most int) *learned {
	bytes := func(text string) int { return learnedBytes + len(text) }
	return &learned{lru.New[string](most, bytes, bytes)}
}

// find returns the text in the request, or the one that was sent earlier under this hash.
func (l *learned) find(name, text string) (string, *Refusal) {
	switch {
	case name == "" && text == "":
		return "", noDocument()
	case name == "":
		return text, nil
	case !isHash(name):
		return "", malformed("A document is named by its SHA-256, in 64 lower-case hexadecimal digits.")
	// Checked, since otherwise any client could store a text under the name of another.
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

// keep remembers a text by its hash, unless it is already known.
func (l *learned) keep(name, text string) {
	if _, known := l.texts.Get(name); !known {
		// Cloned, because the text may be part of a larger string that would be kept alive.
		l.texts.Add(strings.Clone(name), strings.Clone(text))
	}
}
