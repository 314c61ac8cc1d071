package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/secret"
)

// reader answers by SQL.
type reader struct {
	keys              *secret.Keys
	db                *database.DB
	page, count, tags *sql.Stmt
	lists             map[string]list // by the schema's names of their orders
}

// list is an order of petitions, with its first page and those after a cursor.
type list struct {
	kind         byte // of the key in its cursors
	first, after *sql.Stmt
}

// bySQL prepares everything that is asked, so that a request costs one statement, or two for a list.
func bySQL(ctx context.Context) (http.HandlerFunc, error) {
	keys, err := secret.LoadOrCreate(os.Getenv("PETITION_SECRET_FILE"))
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, os.Getenv("PETITION_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	r := &reader{keys: keys, db: db, lists: map[string]list{}}
	texts := postgresTexts
	if db.Dialect == database.SQLite {
		texts = sqliteTexts
	}
	prepare := func(text string) *sql.Stmt {
		if err != nil {
			return nil
		}
		var s *sql.Stmt
		s, err = db.LookUp.PrepareContext(ctx, text)
		return s
	}
	r.page, r.count, r.tags = prepare(texts.page), prepare(countText), prepare(texts.tags)
	for name, o := range orders {
		// One more row than a page has, which tells whether there is another page.
		text := fmt.Sprintf(`SELECT p.id, p.slug, p.title, p.summary, c.total, c.goal, %s FROM %s AND c.petition_id = p.id AND p.state = 'OPEN'`, o.key, o.from)
		end := fmt.Sprintf(` ORDER BY %s DESC, %s DESC LIMIT 21`, o.key, o.id)
		r.lists[name] = list{kind: o.kind, first: prepare(text + end), after: prepare(fmt.Sprintf(`%s AND (%s, %s) < ($1, $2)%s`, text, o.key, o.id, end))}
	}
	return r.answer, err
}

const countText = `SELECT total, goal, version FROM counters WHERE petition_id = $1`

// The kinds of keys in cursors.
const (
	wholeKey byte = iota + 1
	realKey
	timeKey
)

// The orders of lists: from where their rows come, and by what they are sorted. CROSS JOIN keeps SQLite to that order
// of tables.
var orders = map[string]struct {
	kind          byte
	from, key, id string
}{
	"CREATED_AT":      {timeKey, `petitions AS p CROSS JOIN counters AS c WHERE TRUE`, `p.created_at`, `p.id`},
	"SIGNATURE_COUNT": {wholeKey, `ranks AS r CROSS JOIN petitions AS p CROSS JOIN counters AS c WHERE r.state = 'OPEN' AND p.id = r.petition_id`, `r.signatures`, `r.petition_id`},
	"TRENDING":        {realKey, `ranks AS r CROSS JOIN petitions AS p CROSS JOIN counters AS c WHERE r.state = 'OPEN' AND p.id = r.petition_id`, `r.trending`, `r.petition_id`},
}

// The statements that the databases spell differently. A page is one row: what it lists comes as JSON that the database
// has made.
type texts struct{ page, tags string }

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

func (r *reader) answer(w http.ResponseWriter, q *http.Request) {
	question := struct {
		OperationName string
		Variables     struct {
			ID, Slug, Field, After string
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
			data, err = r.readList(q.Context(), v.Field, v.After)
		case "Count":
			data, err = r.readCount(q.Context(), v.ID)
		default:
			err = errors.New("unknown operation")
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

// open interprets the address as the databases write it.
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

func (r *reader) readList(ctx context.Context, order, after string) (any, error) {
	o, args := r.lists[order], []any(nil)
	chosen := o.first
	if after != "" {
		at, id, err := place(after)
		if err != nil {
			return nil, err
		}
		chosen, args = o.after, []any{at, id}
	}
	rows, err := chosen.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var c connection
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		var e edge
		var at key
		at.kind = o.kind
		if err := rows.Scan(&id, &e.Node.Slug, &e.Node.Title, &e.Node.Summary, &e.Node.SignatureCount, &e.Node.Goal, &at); err != nil {
			return nil, err
		}
		e.Node.ID = public(scalar.Petition, id)
		e.Cursor = at.cursor(id)
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

// key is the value by which a row is ordered.
type key struct {
	kind byte
	bits uint64
}

// Scan implements sql.Scanner.
func (k *key) Scan(v any) error {
	switch k.kind {
	case wholeKey:
		k.bits = uint64(v.(int64))
	case realKey:
		k.bits = math.Float64bits(v.(float64))
	default:
		var t database.Time
		if err := t.Scan(v); err != nil {
			return err
		}
		k.bits = uint64(t.UnixMicro())
	}
	return nil
}

// The parts of the server's cursors: version and number of keys, then the key, the id and a code that is not checked.
const (
	cursorKind = 2
	cursorKey  = cursorKind + 1
	cursorID   = cursorKey + 8
	cursorCode = cursorID + 16
)

func (k *key) cursor(id uuid.UUID) string {
	raw := binary.BigEndian.AppendUint64(append(make([]byte, 0, cursorCode), 1, 1, k.kind), k.bits)
	return base64.RawURLEncoding.EncodeToString(append(raw, id[:]...))
}

// place reads a cursor, whether of the server or of this program.
func place(cursor string) (at any, id uuid.UUID, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) < cursorCode {
		return nil, id, errors.New("this is not a cursor")
	}
	copy(id[:], raw[cursorID:])
	bits := binary.BigEndian.Uint64(raw[cursorKey:])
	switch raw[cursorKind] {
	case wholeKey:
		return int64(bits), id, nil
	case realKey:
		return math.Float64frombits(bits), id, nil
	}
	return time.UnixMicro(int64(bits)).UTC(), id, nil
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
