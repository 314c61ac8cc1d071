// Yardstick answers the operations of the reading bench (server/bench/read) without GraphQL: with bytes from memory,
// which it has from the server whose address is in YARDSTICK_SERVER, or else by SQL, in as few statements as it takes.
// It takes three settings of the server: PETITION_DATABASE_URL, PETITION_SECRET_FILE and PETITION_LISTEN.
//
// It checks nothing and hides nothing that is not public in the bench's database.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/secret"
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

func serve(ctx context.Context, log *slog.Logger) (err error) {
	var answer http.HandlerFunc
	if server := os.Getenv("YARDSTICK_SERVER"); server != "" {
		m := &memory{server: server, known: map[string][]byte{}}
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

// memory answers from memory.
type memory struct {
	server string
	mu     sync.RWMutex
	known  map[string][]byte
}

func (m *memory) answer(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m.mu.RLock()
	body := m.known[string(question)]
	m.mu.RUnlock()
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
	m.known[string(question)] = body
	m.mu.Unlock()
	return body, err
}

// reader answers by SQL.
type reader struct {
	keys                   *secret.Keys
	db                     *database.DB
	page, count, tags      *sql.Stmt
	newest, most, trending *sql.Stmt
}

func bySQL(ctx context.Context) (http.HandlerFunc, error) {
	keys, err := secret.LoadOrCreate(os.Getenv("PETITION_SECRET_FILE"))
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, os.Getenv("PETITION_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	r := &reader{keys: keys, db: db}
	texts := postgresTexts
	if db.Dialect == database.SQLite {
		texts = sqliteTexts
	}
	for text, stmt := range map[string]**sql.Stmt{
		texts.page: &r.page, countText: &r.count, texts.tags: &r.tags, newestText: &r.newest, mostText: &r.most, trendingText: &r.trending,
	} {
		if *stmt, err = db.Read.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return r.answer, nil
}

type texts struct{ page, tags string }

const (
	newestText = `SELECT p.id, p.slug, p.title, p.summary, p.created_at, c.total, c.goal FROM petitions AS p
 JOIN counters AS c ON c.petition_id = p.id WHERE p.state = 'OPEN' ORDER BY p.created_at DESC, p.id DESC LIMIT 21`
	rankedText = `SELECT p.id, p.slug, p.title, p.summary, p.created_at, c.total, c.goal FROM ranks AS r JOIN petitions AS p ON p.id = r.petition_id
 JOIN counters AS c ON c.petition_id = p.id WHERE p.state = 'OPEN' ORDER BY `
	mostText     = rankedText + `r.signatures DESC, r.petition_id DESC LIMIT 21`
	trendingText = rankedText + `r.trending DESC, r.petition_id DESC LIMIT 21`
	countText    = `SELECT total, goal, version FROM counters WHERE petition_id = $1`
)

var postgresTexts = texts{
	page: `SELECT p.id, p.slug, p.title, p.summary, p.body, p.state, p.language, p.petitioner, p.addressees, p.created_at,
 c.comments, c.total, c.goal, c.version,
 (SELECT json_agg(json_build_object('name', t.key, 'label', t.label) ORDER BY pt.position) FROM petition_tags AS pt JOIN tags AS t ON t.id = pt.tag_id
  WHERE pt.petition_id = p.id),
 (SELECT json_agg(k) FROM (SELECT id, body, author_name AS "authorName", from_signatory AS "fromSignatory", likes AS "likeCount",
  created_at AS "createdAt" FROM comments WHERE petition_id = p.id AND parent_id IS NULL AND state = 'VISIBLE' ORDER BY number DESC LIMIT 10) AS k),
 (SELECT json_agg(k) FROM (SELECT id, encode(name, 'base64') AS name, country, number, signed_at AS "signedAt"
  FROM signatures WHERE petition_id = p.id AND show_name AND state = 'COUNTED' ORDER BY number DESC LIMIT 10) AS k)
 FROM slugs AS s JOIN petitions AS p ON p.id = s.petition_id JOIN counters AS c ON c.petition_id = p.id WHERE s.slug = $1`,
	tags: `SELECT pt.petition_id, t.key, t.label FROM petition_tags AS pt JOIN tags AS t ON t.id = pt.tag_id WHERE pt.petition_id = ANY($1::uuid[])
 ORDER BY pt.petition_id, pt.position`,
}

var sqliteTexts = texts{
	page: `SELECT p.id, p.slug, p.title, p.summary, p.body, p.state, p.language, p.petitioner, p.addressees, p.created_at,
 c.comments, c.total, c.goal, c.version,
 (SELECT json_group_array(json_object('name', key, 'label', label)) FROM (SELECT t.key, t.label FROM petition_tags AS pt JOIN tags AS t ON t.id = pt.tag_id
  WHERE pt.petition_id = p.id ORDER BY pt.position)),
 (SELECT json_group_array(json_object('id', id, 'body', body, 'authorName', author_name, 'fromSignatory', json(iif(from_signatory, 'true', 'false')), 'likeCount', likes,
  'createdAt', replace(replace(created_at, ' ', 'T'), '+00:00', 'Z'))) FROM (SELECT * FROM comments WHERE petition_id = p.id AND parent_id IS NULL AND state = 'VISIBLE' ORDER BY number DESC LIMIT 10)),
 (SELECT json_group_array(json_object('id', id, 'name', hex(name), 'country', country, 'number', number, 'signedAt', replace(replace(signed_at, ' ', 'T'), '+00:00', 'Z')))
  FROM (SELECT * FROM signatures WHERE petition_id = p.id AND show_name AND state = 'COUNTED' ORDER BY number DESC LIMIT 10))
 FROM slugs AS s JOIN petitions AS p ON p.id = s.petition_id JOIN counters AS c ON c.petition_id = p.id WHERE s.slug = $1`,
	tags: `SELECT pt.petition_id, t.key, t.label FROM petition_tags AS pt JOIN tags AS t ON t.id = pt.tag_id
 WHERE pt.petition_id IN (SELECT value FROM json_each($1)) ORDER BY pt.petition_id, pt.position`,
}

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

func (r *reader) answer(w http.ResponseWriter, q *http.Request) {
	question := struct {
		OperationName string
		Variables     struct {
			ID, Slug, Field string
		}
	}{}
	text, err := io.ReadAll(q.Body)
	if err == nil {
		err = json.Unmarshal(text, &question)
	}
	var data any
	if err == nil {
		switch v := question.Variables; question.OperationName {
		case "Page":
			data, err = r.readPage(q.Context(), v.Slug)
		case "List":
			data, err = r.readList(q.Context(), v.Field)
		case "Count":
			data, err = r.readCount(q.Context(), v.ID)
		default:
			err = errors.New("there is no such operation")
		}
	}
	body, err2 := json.Marshal(map[string]any{"data": data})
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, body)
}

func (r *reader) readPage(ctx context.Context, slug string) (any, error) {
	var p petition
	var id uuid.UUID
	var addressees, tags, comments, signatures []byte
	var created database.Time
	err := r.page.QueryRowContext(ctx, slug).Scan(&id, &p.Slug, &p.Title, &p.Summary, &p.Body, &p.State, &p.Language, &p.Petitioner, &addressees, &created,
		&p.CommentCount, &p.Count.Total, &p.Count.Goal, &p.Count.Version, &tags, &comments, &signatures)
	if err != nil {
		return nil, err
	}
	p.ID, p.Addressees, p.Tags, p.CreatedAt = public(scalar.Petition, id), addressees, tags, created.Time
	if err := errors.Join(decode(comments, &p.Comments.Nodes), decode(signatures, &p.Signatures.Nodes)); err != nil {
		return nil, err
	}
	for i := range p.Comments.Nodes {
		c := &p.Comments.Nodes[i]
		c.ID = public(scalar.Comment, uuid.MustParse(c.ID))
	}
	for i := range p.Signatures.Nodes {
		if err := r.open(&p.Signatures.Nodes[i]); err != nil {
			return nil, err
		}
	}
	return map[string]any{"petition": p}, nil
}

// open reads the name, which the databases write in ways of their own.
func (r *reader) open(s *signature) error {
	id := uuid.MustParse(s.ID)
	var sealed []byte
	var err error
	if r.db.Dialect == database.SQLite {
		_, err = fmt.Sscanf(s.Name, "%X", &sealed)
	} else {
		sealed, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(s.Name, "\n", ""))
	}
	if err != nil {
		return err
	}
	name, err := r.keys.Open(secret.NameSeal, sealed, id[:])
	s.ID, s.Name = public(scalar.Signature, id), string(name)
	return err
}

func decode(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}

func public(kind byte, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{kind}, id[:]...))
}

func (r *reader) readCount(ctx context.Context, public string) (any, error) {
	var f figures
	err := r.count.QueryRowContext(ctx, scalar.ParseID(public).UUID).Scan(&f.Total, &f.Goal, &f.Version)
	return map[string]any{"petition": map[string]any{"count": f}}, err
}

func (r *reader) readList(ctx context.Context, order string) (any, error) {
	list := map[string]*sql.Stmt{"CREATED_AT": r.newest, "SIGNATURE_COUNT": r.most, "TRENDING": r.trending}[order]
	rows, err := list.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var c connection
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		var e edge
		var created database.Time
		if err := rows.Scan(&id, &e.Node.Slug, &e.Node.Title, &e.Node.Summary, &created, &e.Node.SignatureCount, &e.Node.Goal); err != nil {
			return nil, err
		}
		e.Node.ID = public(scalar.Petition, id)
		e.Cursor = base64.RawURLEncoding.EncodeToString(append(strconv.AppendInt(nil, created.UnixMicro(), 10), id[:]...))
		c.Edges, ids = append(c.Edges, e), append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if c.PageInfo.HasNextPage = len(ids) > 20; c.PageInfo.HasNextPage {
		c.Edges, ids = c.Edges[:20], ids[:20]
	}
	if len(ids) > 0 {
		c.PageInfo.EndCursor = c.Edges[len(ids)-1].Cursor
	}
	return map[string]any{"petitions": &c}, r.readTags(ctx, ids, c.Edges)
}

func (r *reader) readTags(ctx context.Context, ids []uuid.UUID, edges []edge) error {
	var list any = pq.Array(ids)
	if r.db.Dialect == database.SQLite {
		text, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		list = string(text)
	}
	rows, err := r.tags.QueryContext(ctx, list)
	if err != nil {
		return err
	}
	defer rows.Close()
	found := make(map[uuid.UUID][]tag, len(ids))
	for rows.Next() {
		var id uuid.UUID
		var t tag
		if err := rows.Scan(&id, &t.Name, &t.Label); err != nil {
			return err
		}
		found[id] = append(found[id], t)
	}
	for i, id := range ids {
		edges[i].Node.Tags = found[id]
	}
	return rows.Err()
}
