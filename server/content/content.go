// Package content sends what many ask for: bytes that are compressed once, and
// named by tags, so that a browser or a cache that has them is not sent them
// again.
//
// It knows what HTTP says of representations, and nothing else: neither what
// the bytes mean nor for how long they stay right.
package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"petitiond/server/header"
)

// Bytes is what is sent. Nobody may change or copy it once it was sent.
type Bytes struct {
	// Plain is what is sent to those who take no gzip.
	Plain []byte

	tagged sync.Once
	sum    string
	zipped sync.Once
	gzip   []byte
}

// New returns plain to be sent.
func New(plain []byte) *Bytes { return &Bytes{Plain: plain} }

// Size is what it takes in memory, about, also when it has been compressed.
func (b *Bytes) Size() int { return 2 * len(b.Plain) }

// Send answers a request with the bytes in a media type. If they are tagged,
// the client may ask next time whether it has them still, and is answered 304
// if so; for how long it may not even ask, the caller says in Cache-Control.
//
// They are compressed where they have some length and the client takes gzip.
// Compression tells by its length whether a guess is like a secret beside it
// (BREACH). So nothing may be sent here that holds both a credential and words
// of somebody else. Of the API, what holds a credential is the answer of the
// mutation that makes it: mutations are sent otherwise. Pages hold none. And
// nobody can make another's browser ask in his name, since cookies do not
// authorise.
func (b *Bytes) Send(w http.ResponseWriter, r *http.Request, status int, kind string, tagged bool) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	body, encoding := b.Plain, ""
	if len(body) >= shortest && header.Takes(r.Header["Accept-Encoding"], "gzip", "x-gzip") {
		body, encoding = b.compressed(), "gzip"
	}
	if tagged {
		tag := b.tag(kind, encoding)
		h["Etag"] = []string{tag}
		if header.Matches(r.Header["If-None-Match"], tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if encoding != "" {
		h["Content-Encoding"] = []string{encoding}
	}
	h["Content-Type"] = []string{kind}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone misses nothing
}

// shortest is how long bytes are at least that are worth compressing: below it
// fits one packet either way.
const shortest = 1 << 10

// tag is strong: it differs wherever one byte does, and since the same bytes
// are sent in more than one media type and encoding, it names those too (RFC
// 9110, 8.8.3).
func (b *Bytes) tag(kind, encoding string) string {
	b.tagged.Do(func() {
		sum := sha256.Sum256(b.Plain)
		b.sum = base64.RawURLEncoding.EncodeToString(sum[:15])
	})
	kind, _, _ = strings.Cut(kind, ";")
	_, kind, _ = strings.Cut(kind, "/")
	if encoding != "" {
		encoding = "-" + encoding
	}
	return `"` + b.sum + "-" + kind + encoding + `"`
}

// compressed gives the bytes in gzip.
func (b *Bytes) compressed() []byte {
	b.zipped.Do(func() { b.gzip = zip(b.Plain) })
	return b.gzip
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for a level that there is not
	return z
}}

// zip compresses.
func zip(text []byte) []byte {
	z := zippers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is in there
	defer zippers.Put(z)
	var out bytes.Buffer
	out.Grow(len(text) / 3)
	z.Reset(&out)
	_, _ = z.Write(text) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}
