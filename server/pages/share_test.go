package pages_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"petitiond/server/answerbudget"
	"petitiond/server/pages"
)

// kept is a place for shared pages that forgets nothing.
type kept map[string]*pages.Page

func (k kept) share(ctx context.Context, name string, render pages.Render, send func(*pages.Page, string)) error {
	if page := k[name]; page != nil {
		send(page, "hit")
		return nil
	}
	page, keep := render(ctx)
	if keep {
		k[name] = page
	}
	send(page, "miss")
	return nil
}

func TestPagesAreRenderedOnce(t *testing.T) {
	t.Parallel()
	f, k := setup(), kept{}
	o := f.options()
	o.Share = k.share
	h := serve(t, o, bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql", "/p/former"} {
		first := get(t, h, target)
		again := get(t, h, target+"?utm_source=canary", "Accept-Encoding", "identity")
		if first.Header().Get("Cache-Status") != "miss" || again.Header().Get("Cache-Status") != "hit" {
			t.Errorf("GET %s: %v, then %v", target, first.Header(), again.Header())
		}
		if again.Code != first.Code || again.Body.String() != first.Body.String() {
			t.Errorf("GET %s: %d, then %d, or other bytes", target, first.Code, again.Code)
		}
		for _, name := range []string{"Content-Security-Policy", "Cache-Control", "Etag", "Location", "Vary"} {
			// A redirection keeps the query, which is no part of what is shared.
			if a, b := first.Header().Get(name), strings.TrimSuffix(again.Header().Get(name), "?utm_source=canary"); a != b {
				t.Errorf("GET %s: %s %q, then %q", target, name, a, b)
			}
		}
	}
	before := len(k)
	get(t, h, "/p/none")
	f.err = errors.New("canary")
	for _, target := range []string{"/p/none", "/p/none-2"} {
		get(t, h, target)
	}
	if len(k) != before {
		t.Errorf("%d pages are kept, want %d: none that is not there, or has failed", len(k), before)
	}
}

func TestPagesBearStrongTags(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql", "/assets/page.css"} {
		plain, zipped := get(t, h, target), get(t, h, target, "Accept-Encoding", "gzip")
		tag, other := plain.Header().Get("Etag"), zipped.Header().Get("Etag")
		if !strings.HasPrefix(tag, `"`) || !strings.HasPrefix(other, `"`) || tag == other && zipped.Header().Get("Content-Encoding") != "" {
			t.Errorf("GET %s: tags %s and %s", target, tag, other)
		}
		if zipped.Header().Get("Content-Encoding") == "gzip" {
			reader, err := gzip.NewReader(zipped.Body)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(reader); err != nil || string(text) != plain.Body.String() {
				t.Errorf("GET %s: compressed is something else, error %v", target, err)
			}
		}
		if plain.Header().Get("Vary") != "Accept-Encoding" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("GET %s: Vary %v, %v", target, plain.Header()["Vary"], zipped.Header()["Vary"])
		}
		w := get(t, h, target, "Accept-Encoding", "gzip", "If-None-Match", other)
		if w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("Etag") != other || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("GET %s again: %d, %v", target, w.Code, w.Header())
		}
	}
	for _, target := range []string{"/p/none", "/p/former"} {
		if w := get(t, h, target, "If-None-Match", "*"); w.Header().Get("Etag") != "" || w.Code < 300 || w.Code == http.StatusNotModified {
			t.Errorf("GET %s: %d, %v", target, w.Code, w.Header())
		}
	}
}

func TestNoRoom(t *testing.T) {
	t.Parallel()
	o := setup().options()
	o.Share = func(context.Context, string, pages.Render, func(*pages.Page, string)) error {
		return errors.New("full")
	}
	h := serve(t, o, bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql"} {
		w := get(t, h, target)
		header := w.Header()
		if w.Code != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" || header.Get("Cache-Control") != "no-store" || header.Get("Etag") != "" {
			t.Errorf("GET %s: %d, %v", target, w.Code, header)
		}
		wants(t, w.Body.String(), "<h1>This site is very busy</h1>", "Please try again in a moment.")
	}
}

func TestTooLate(t *testing.T) {
	t.Parallel()
	f := setup()
	f.err = errors.New("canary")
	o := f.options()
	o.Share = func(ctx context.Context, _ string, render pages.Render, send func(*pages.Page, string)) error {
		ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
		defer cancel()
		page, keep := render(ctx)
		if keep {
			t.Error("a page that is not there is kept")
		}
		send(page, "miss")
		return nil
	}
	h := serve(t, o, bundle())
	for _, target := range []string{"/", "/p/night-bus", "/graphiql"} {
		w := get(t, h, target)
		if w.Code != http.StatusGatewayTimeout || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: %d, %v", target, w.Code, w.Header())
		}
		wants(t, w.Body.String(), "<h1>This page took too long</h1>")
		lacks(t, w.Body.String(), "canary")
	}
}

// TestPageWithinItsBudget renders a page that is larger than its budget, and then one for which there is no memory.
func TestPageWithinItsBudget(t *testing.T) {
	t.Parallel()
	f := setup()
	f.petition.Comments = nil
	for range 100 {
		f.petition.Comments = append(f.petition.Comments, pages.Comment{Body: strings.Repeat(`"`, 10_000)})
	}
	var log bytes.Buffer
	o := f.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for _, test := range []struct{ most, memory, status int }{
		{6 << 20, 64 << 20, http.StatusOK}, {4 << 20, 64 << 20, http.StatusInternalServerError}, {6 << 20, 4 << 20, http.StatusServiceUnavailable},
	} {
		o.Share = func(ctx context.Context, _ string, render pages.Render, send func(*pages.Page, string)) error {
			b := answerbudget.NewMemory(int64(test.memory), 2).Budget(test.most)
			defer b.Close()
			page, keep := render(answerbudget.With(ctx, b))
			if keep != (test.status == http.StatusOK) {
				t.Errorf("%d: keep it: %t", test.status, keep)
			}
			send(page, "miss")
			return nil
		}
		log.Reset()
		w := get(t, serve(t, o, bundle()), "/p/night-bus")
		if w.Code != test.status || (w.Body.Len() > 10_000) != (w.Code == http.StatusOK) || (log.Len() > 0) != (w.Code == http.StatusInternalServerError) {
			t.Errorf("%d and %d bytes, want %d; the log says %q", w.Code, w.Body.Len(), test.status, &log)
		}
	}
}
