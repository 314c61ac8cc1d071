// Yardstick answers the operations of the reading benchmark (server/bench/read) without GraphQL: with bytes from
// memory, which it gets from the server at the address in YARDSTICK_SERVER, or otherwise by SQL, in as few statements
// as possible. It has three of the server's settings: PETITION_DATABASE_URL, PETITION_SECRET_FILE and PETITION_LISTEN.
//
// It does not check cursors, nor whether a petition is public: all in the benchmark's database are. It has the same
// advantages as the server: prepared statements whose plans are kept, and a garbage collector tuned for throughput.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// growth is the GOGC value to which the server tunes itself under load.
const growth = 400

func serve(ctx context.Context, log *slog.Logger) (err error) {
	debug.SetGCPercent(growth)
	var answer http.HandlerFunc
	if server := os.Getenv("YARDSTICK_SERVER"); server != "" {
		m := &memory{server: server}
		m.known.Store(&map[string][]byte{})
		answer = m.answer
	} else if answer, err = bySQL(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("PETITION_LISTEN"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: answer, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	log.Info("serving", "address", listener.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-ended:
		return err
	}
}

func write(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// memory answers from memory. What it has learnt never changes, so readers need no lock.
type memory struct {
	server string
	mu     sync.Mutex // for those who add something
	known  atomic.Pointer[map[string][]byte]
}

func (m *memory) answer(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	body := (*m.known.Load())[string(question)]
	if body == nil {
		if body, err = m.learn(r.Context(), question); err != nil {
			http.Error(w, "the server does not answer", http.StatusBadGateway)
			return
		}
	}
	write(w, body)
}

func (m *memory) learn(ctx context.Context, question []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.server+"/graphql", bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	known := maps.Clone(*m.known.Load())
	known[string(question)] = body
	m.known.Store(&known)
	return body, err
}

// What is answered, under the names of the schema.
type (
	tag struct {
		Name  string `json:"name"`
		Label string `json:"label"`
	}
	figures struct {
		Total   int `json:"total"`
		Goal    int `json:"goal"`
		Version int `json:"version"`
	}
	comment struct {
		ID            string    `json:"id"`
		Body          string    `json:"body"`
		AuthorName    *string   `json:"authorName"`
		FromSignatory bool      `json:"fromSignatory"`
		LikeCount     int       `json:"likeCount"`
		CreatedAt     time.Time `json:"createdAt"`
	}
	signature struct {
		ID       string    `json:"id"`
		Name     string    `json:"name"`
		Country  *string   `json:"country"`
		Number   int       `json:"number"`
		SignedAt time.Time `json:"signedAt"`
	}
	nodes[N any] struct {
		Nodes []N `json:"nodes"`
	}
	petition struct {
		ID           string           `json:"id"`
		Slug         string           `json:"slug"`
		Title        string           `json:"title"`
		Summary      string           `json:"summary"`
		Body         string           `json:"body"`
		State        string           `json:"state"`
		Language     string           `json:"language"`
		Petitioner   string           `json:"petitioner"`
		Addressees   json.RawMessage  `json:"addressees"`
		CreatedAt    time.Time        `json:"createdAt"`
		CommentCount int              `json:"commentCount"`
		Tags         json.RawMessage  `json:"tags"`
		Count        figures          `json:"count"`
		Comments     nodes[comment]   `json:"comments"`
		Signatures   nodes[signature] `json:"signatures"`
	}
	entry struct {
		ID             string `json:"id"`
		Slug           string `json:"slug"`
		Title          string `json:"title"`
		Summary        string `json:"summary"`
		SignatureCount int    `json:"signatureCount"`
		Goal           int    `json:"goal"`
		Tags           []tag  `json:"tags"`
	}
	edge struct {
		Cursor string `json:"cursor"`
		Node   entry  `json:"node"`
	}
	pageInfo struct {
		HasNextPage bool   `json:"hasNextPage"`
		EndCursor   string `json:"endCursor"`
	}
	connection struct {
		Edges    []edge   `json:"edges"`
		PageInfo pageInfo `json:"pageInfo"`
	}
)
