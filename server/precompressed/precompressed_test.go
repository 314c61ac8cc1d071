package precompressed_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"petitiond/server/precompressed"
)

func send(b *precompressed.Bytes, kind string, tagged bool, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.Send(w, r, http.StatusOK, kind, tagged)
	return w
}

// TestRepresentations sends the same bytes in every way, to many at once: each representation has a tag of its own, by
// which it is known again, and no other is.
func TestRepresentations(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("word ", 1000)
	b := precompressed.New([]byte(text))
	kinds := []string{"text/html; charset=utf-8", "application/json", "application/graphql-response+json; charset=utf-8"}
	encodings := []string{"identity", "gzip"}
	var mu sync.Mutex
	tags := map[string]string{} // tag by representation
	var all sync.WaitGroup
	for range 10 {
		for _, kind := range kinds {
			for _, encoding := range encodings {
				all.Go(func() {
					w := send(b, kind, true, "Accept-Encoding", encoding)
					mu.Lock()
					defer mu.Unlock()
					what, tag := kind+" "+encoding, w.Header().Get("Etag")
					if tags[what] != "" && tags[what] != tag {
						t.Errorf("%s: tags %s and %s", what, tag, tags[what])
					}
					tags[what] = tag
					if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Header().Get("Content-Type") != kind {
						t.Errorf("%s: %v", what, w.Header())
					}
					if got := unzipped(t, w); got != text {
						t.Errorf("%s: %.50s", what, got)
					}
				})
			}
		}
	}
	all.Wait()
	for what, tag := range tags {
		for _, kind := range kinds {
			for _, encoding := range encodings {
				want := map[bool]int{true: http.StatusNotModified, false: http.StatusOK}[kind+" "+encoding == what]
				w := send(b, kind, true, "Accept-Encoding", encoding, "If-None-Match", tag)
				bare := w.Body.Len() == 0 && w.Header().Get("Content-Encoding") == ""
				if w.Code != want || want == http.StatusNotModified && !bare {
					t.Errorf("with the tag of %s, %s %s: %d, want %d", what, kind, encoding, w.Code, want)
				}
			}
		}
	}
}

func unzipped(t *testing.T, w *httptest.ResponseRecorder) string {
	if w.Header().Get("Content-Encoding") == "" {
		return w.Body.String()
	}
	reader, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestTagNamesTheBytes(t *testing.T) {
	t.Parallel()
	one, two := precompressed.New([]byte("one")), precompressed.New([]byte("two"))
	if a, b := send(one, "text/css", true).Header().Get("Etag"), send(two, "text/css", true).Header().Get("Etag"); a == b {
		t.Errorf("both have the tag %s", a)
	}
	w := send(one, "text/css", false, "If-None-Match", "*")
	if w.Code != http.StatusOK || w.Header().Get("Etag") != "" {
		t.Errorf("without a tag: %d, %v", w.Code, w.Header())
	}
}
