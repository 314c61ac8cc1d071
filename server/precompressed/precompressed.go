// Package precompressed sends bytes that many clients ask for. They are compressed only once and have tags, by which
// browsers and caches avoid receiving them again.
//
// It knows HTTP's rules for representations and nothing else: neither what the bytes mean nor how long they stay valid.
package precompressed

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"petitiond/server/httpheader"
)

// Bytes are the bytes to send. They must not be changed or copied once they were sent.
type Bytes struct {
	// Plain is sent to clients that do not accept gzip.
	Plain []byte

	tagged sync.Once
	sum    string
	zipped sync.Once
	gzip   []byte
}

// New returns Bytes that send plain.
func New(plain []byte) *Bytes { return &Bytes{Plain: plain} }

// Size returns about how much memory the bytes take, including the compressed form.
func (b *Bytes) Size() int { return 2 * len(b.Plain) }

// Send answers a request with the bytes as the media type kind. If tagged is set, the client can revalidate its copy
// next time and gets a 304 if it is still current. How long it need not even ask is up to the caller, by Cache-Control.
//
// The bytes are compressed if they have some length and the client accepts gzip. The length of a compressed text
// reveals whether a guess resembles a secret next to it (BREACH). Therefore nothing may be sent here that contains both
// a credential and text of somebody else. In the API, only the answer to the mutation that creates a credential
// contains it, and answers to mutations are not sent here. Pages contain none. And no site can make a visitor's browser
// send requests with that visitor's rights, since cookies do not authorise anything.
func (b *Bytes) Send(w http.ResponseWriter, r *http.Request, status int, kind string, tagged bool) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	body, encoding := b.Plain, ""
	if len(body) >= shortest && httpheader.Takes(r.Header["Accept-Encoding"], "gzip", "x-gzip") {
		body, encoding = b.compressed(), "gzip"
	}
	if tagged {
		tag := b.tag(kind, encoding)
		h["Etag"] = []string{tag}
		if httpheader.Matches(r.Header["If-None-Match"], tag) {
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
	_, _ = w.Write(body) // an error means that the client is gone
}

// shortest is the length from which bytes are compressed: anything shorter fits into one packet anyway.
const shortest = 1 << 10

// tag returns a strong ETag: it differs if a single byte differs. Since the same bytes are sent in more than one media
// type and encoding, it includes both of these (RFC 9110, 8.8.3).
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

// compressed returns the bytes in gzip, which are compressed when they are first needed.
func (b *Bytes) compressed() []byte {
	b.zipped.Do(func() { b.gzip = zip(b.Plain) })
	return b.gzip
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for an unknown level
	return z
}}

// zip returns text in gzip.
func zip(text []byte) []byte {
	z := zippers.Get().(*gzip.Writer) //nolint:forcetypeassert // the pool contains nothing else
	defer zippers.Put(z)
	var out bytes.Buffer
	out.Grow(len(text) / 3)
	z.Reset(&out)
	_, _ = z.Write(text) // writing to a buffer cannot fail
	_ = z.Close()
	return out.Bytes()
}
