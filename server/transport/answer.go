package transport

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/klauspost/compress/gzip"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/budget"
)

// answer is what an operation was answered with, in the bytes that leave. Nobody changes it any more, so that
// everybody may get the same.
type answer struct {
	fault  *fault // if the operation was not executed
	status int
	retry  int // seconds after which to try again; 0: nothing is said
	whole  bool
	body   []byte
	fresh  int // seconds for which a cache may take it for the present one

	tagged sync.Once
	etag   string // see tag
	zipped sync.Once
	gzip   []byte // see compressed

	mu      sync.Mutex // guards senders
	senders int        // see hold
}

// sizeable is the least size of an answer of which is counted that it takes memory while it is sent.
const sizeable = 64 << 10

// hold counts the memory that the answer takes as long as somebody sends it, who calls release in the end. It reports
// whether there is so much. Shared answers take it once, however many send them.
func (a *answer) hold(m *budget.Memory) bool {
	if len(a.body) < sizeable {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.senders == 0 && !m.Take(2*len(a.body)) { // it may be compressed as well
		return false
	}
	a.senders++
	return true
}

func (a *answer) release(m *budget.Memory) {
	if len(a.body) < sizeable {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.senders--; a.senders == 0 {
		m.Give(2 * len(a.body))
	}
}

// tooLarge answers an operation whose answer would have more bytes than most. What a mutation did is done.
func tooLarge(op *graphql.OperationContext, most int) *answer {
	if op.Operation.Operation != ast.Mutation {
		return &answer{fault: flaw(exceeded("answer", most, fmt.Sprintf("An answer may have at most %d bytes. Ask for less at a time.", most)))}
	}
	err := exceeded("answer", most, fmt.Sprintf("This was done, but its answer would have more than %d bytes. Ask for less of what was changed.", most))
	return newAnswer(&graphql.Response{Data: json.RawMessage("null"), Errors: gqlerror.List{err}}, 0)
}

// withoutMemory refuses what there is no memory for at present.
func withoutMemory() *fault {
	return passing(unavailable, "The server has as many large answers under way as it can. Try again in a moment.")
}

// unseen answers an operation for whose answer there was no memory. What a mutation did is done, which its client
// learns from a repetition.
func unseen(op *graphql.OperationContext) *answer {
	if op.Operation.Operation != ast.Mutation {
		return &answer{fault: withoutMemory()}
	}
	return &answer{fault: passing(outcomeUnknown,
		"The server had no memory for the answer. Send the operation again, with the same idempotencyKey where it has one.")}
}

// newAnswer finishes what was executed.
func newAnswer(resp *graphql.Response, fresh int) *answer {
	a := &answer{body: encode(resp), whole: len(resp.Errors) == 0, fresh: fresh}
	status, because := statusOf(resp)
	if a.status = status; status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		a.retry = 1
		if given, ok := retryAfter(because); ok {
			a.retry = given
		}
	}
	return a
}

// tag names its bytes.
func (a *answer) tag() string {
	a.tagged.Do(func() {
		sum := sha256.Sum256(a.body)
		a.etag = base64.RawURLEncoding.EncodeToString(sum[:15])
	})
	return a.etag
}

// compressed gives its bytes in gzip.
func (a *answer) compressed() []byte {
	a.zipped.Do(func() { a.gzip = zip(a.body) })
	return a.gzip
}

// size is what an answer takes in memory, about.
func (a *answer) size() int { return 2*len(a.body) + 600 }

// How a query came by its answer, as RFC 9211 says it.
const (
	statusHeader = "Cache-Status"
	hit          = "petitiond; hit"
	miss         = "petitiond; fwd=miss"
	bypass       = "petitiond; fwd=bypass" //nolint:gosec // no credential
)

// deliver sends the answer of a query.
func (t *Transport) deliver(w http.ResponseWriter, r *http.Request, m media, a *answer, how string) {
	if !a.hold(t.memory) {
		t.refuse(w, m, withoutMemory())
		return
	}
	defer a.release(t.memory)
	if a.fault != nil {
		t.refuse(w, m, a.fault)
		return
	}
	header := w.Header()
	header[statusHeader] = values[how]
	if a.retry > 0 {
		header.Set("Retry-After", strconv.Itoa(a.retry))
	}
	header.Add("Vary", "Accept-Encoding")
	body, encoding := a.body, ""
	if len(body) >= shortest && takesGzip(r.Header["Accept-Encoding"]) {
		body, encoding = a.compressed(), "gzip"
		header["Content-Encoding"] = values[encoding]
	}
	if r.Method != http.MethodPost && a.status == http.StatusOK && a.whole && len(r.Header["Authorization"]) == 0 {
		tag := `"` + a.tag() + strings.TrimSuffix("-"+encoding, "-") + `"`
		a.allowCaching(header, tag)
		if matches(r.Header["If-None-Match"], tag) {
			header.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	t.write(w, a.status, m, body)
}

// allowCaching says that others may keep the answer, for how long, and how to ask whether it is still the same.
func (a *answer) allowCaching(header http.Header, tag string) {
	header.Set("Etag", tag)
	if a.fresh == 0 {
		header.Set("Cache-Control", "no-cache")
		return
	}
	// It has no age: what is answered from memory is known to be the present answer, whenever it was computed.
	header.Set("Cache-Control", "public, max-age="+strconv.Itoa(a.fresh))
}

const charset = "; charset=utf-8"

// values are headers as they stand in the map, made once. Who adds to one makes another.
var values = map[string][]string{
	hit: {hit}, miss: {miss}, bypass: {bypass}, "gzip": {"gzip"}, "nosniff": {"nosniff"}, "no-store": {"no-store"},
	string(mediaJSON): {string(mediaJSON) + charset}, string(mediaGraphQL): {string(mediaGraphQL) + charset},
	string(mediaEvents): {string(mediaEvents) + charset},
}

// matches reports whether a client has the representation of the tag, by the weak comparison of RFC 9110, 13.1.2. Our
// tags hold no comma.
func matches(conditions []string, tag string) bool {
	return slices.ContainsFunc(conditions, func(line string) bool {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
		return false
	})
}

// takesGzip reports whether a client takes gzip, by RFC 9110, 12.5.3: as it is named, or else as whatever is not.
func takesGzip(accept []string) bool {
	named, others := -1.0, -1.0
	for _, line := range accept {
		for one := range strings.SplitSeq(line, ",") {
			name, parameter, _ := strings.Cut(strings.TrimSpace(one), ";")
			quality := 1.0
			if q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameter), " ", ""), "q="); ok {
				var err error
				if quality, err = strconv.ParseFloat(q, 64); err != nil {
					quality = 0
				}
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				named = quality
			case "*":
				others = quality
			}
		}
	}
	return named > 0 || named < 0 && others > 0
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
