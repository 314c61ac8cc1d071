package sitetest

import (
	"fmt"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/state"
)

// Volume is how much a site has. The first petition is the hot one: Zipf's law gives it the most of everything, and
// Hot and Talk come on top. Of twenty petitions sixteen are open, and two are seen by nobody.
type Volume struct{ Petitions, Signatures, Hot, Comments, Talk int }

// Fill writes a site by SQL, a few statements for all of it, and lets the database look at what it has.
func (s *Site) Fill(t testing.TB, v Volume) {
	t.Helper()
	conn, err := s.DB.Ledger.Conn(t.Context())
	OK(t, err)
	texts := v.statements(s.DB.Dialect)
	if s.DB.Dialect == database.Postgres { // SQLite is never told what it has; and a busy machine needs its time
		texts = append(append([]string{`SET statement_timeout = 0`}, texts...), `VACUUM ANALYZE`, `RESET statement_timeout`)
	}
	for _, text := range texts {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	OK(t, conn.Close())
}

// dialect is how the two databases say the same.
type dialect struct{ id, from, at, noise, words string }

var dialects = map[database.Dialect]dialect{
	database.SQLite: {
		id:    `('00000000-0000-7000-KIND-' || printf('%%012x', %s))`,
		from:  `(WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS n`,
		at:    `strftime('%%Y-%%m-%%d %%H:%%M:%%S+00:00', %d - 60 * (%s), 'unixepoch')`,
		noise: `randomblob(16)`,
		words: `hex(randomblob(1500))`,
	},
	database.Postgres: {
		id:    `('00000000-0000-7000-KIND-' || lpad(to_hex(%s), 12, '0'))::uuid`,
		from:  `generate_series(%d::bigint, %d) AS n(i)`,
		at:    `to_timestamp(%d - 60 * (%s))`,
		noise: `uuid_send(gen_random_uuid())`,
		words: `repeat(md5(i::text), 90)`,
	},
}

func (v Volume) statements(kind database.Dialect) []string {
	d := dialects[kind]
	id := func(kind, number string) string { return strings.Replace(fmt.Sprintf(d.id, number), "KIND", kind, 1) }
	petition := func(number string) string { return id("8000", number) }
	at := func(minutesAgo string) string { return fmt.Sprintf(d.at, Monday.Unix(), minutesAgo) }
	from := func(first, last int) string { return fmt.Sprintf(d.from, first, last) }
	// A number from 1 to the petitions, the small ones often.
	zipf := func(number string) string {
		part := fmt.Sprintf(` * (%s * 40503 %% 65536) / 65536`, number)
		return fmt.Sprintf(`(1 + %d%s)`, v.Petitions, strings.Repeat(part, 4))
	}
	signature := `INSERT INTO signatures (id, petition_id, number, state, digest, name, show_name, country, signed_at)
 SELECT ` + id("8001", "i") + `, %s, i, CASE WHEN i % 50 = 0 THEN 'INVALIDATED' ELSE 'COUNTED' END, ` + d.noise + `, ` + d.noise + `,
 i % 3 > 0, 'DE', ` + at("(i * 7) % 100000") + ` FROM `
	comment := `INSERT INTO comments (id, petition_id, number, parent_id, author_name, body, state, likes, created_at)
 SELECT ` + id("8002", "i") + `, %s, i, CASE WHEN i % 5 = 4 THEN ` + id("8002", "i - 1") + ` END, 'Ada', 'What was said in ' || CAST(i AS text),
 CASE WHEN i % 40 = 0 THEN 'HIDDEN' ELSE 'VISIBLE' END, (i * 31) % 17, ` + at("100000 - i % 100000") + ` FROM `
	minute := fmt.Sprintf("(%d - (i * 7) %% 100000)", Monday.Unix()/60)
	created := fmt.Sprintf(", (%d - 60 * ((i * 7919) %% 500000)) * 1000000", Monday.Unix())
	of := func(text, petition string) string { return strings.Replace(text, "%s", petition, 1) }
	// As many rows in a statement as a busy machine writes in the time that one may take.
	some := func(text string, first, last int) (out []string) {
		for ; first <= last; first += 10_000 {
			out = append(out, text+from(first, min(last, first+9_999)))
		}
		return out
	}
	text := []string{
		`INSERT INTO tags (id, key, label) SELECT ` + id("8003", "i") + `, 'tag' || CAST(i AS text), 'Tag ' || CAST(i AS text) FROM ` + from(1, 100),
		`INSERT INTO petitions (id, slug, title, summary, body, language, addressees, state, petitioner, starts_at, ends_at, created_at, updated_at)
 SELECT ` + petition("i") + `, 'slug-' || CAST(i AS text), 'Save otter ' || CAST(i AS text), 'They are few.', ` + d.words + `,
 CASE WHEN i % 10 = 0 THEN 'de' ELSE 'en' END, '["The parliament"]',
 CASE i % 20 WHEN 0 THEN 'CLOSED' WHEN 2 THEN 'DRAFT' WHEN 3 THEN 'HIDDEN' WHEN 4 THEN 'ARCHIVED' ELSE 'OPEN' END, 'Ada',
 CASE WHEN i % 20 <> 2 THEN ` + at("(i * 7919) % 500000") + ` END, CASE WHEN i % 3 > 0 THEN ` + at("(i * 7919) % 500000 - 200000") + ` END, ` +
			at("(i * 7919) % 500000") + `, ` + at("0") + ` FROM ` + from(1, v.Petitions),
		`INSERT INTO slugs (slug, created_at, petition_id) SELECT slug, created_at, id FROM petitions`,
		`INSERT INTO petition_tags (petition_id, tag_id, created, position)
 SELECT ` + petition("i") + `, ` + id("8003", "1 + i % 10") + created + `, 0 FROM ` + from(1, v.Petitions) + ` UNION ALL
 SELECT ` + petition("i") + `, ` + id("8003", "11 + i % 90") + created + `, 1 FROM ` + from(1, v.Petitions),
		`UPDATE tags SET open_petitions = (SELECT COUNT(*) FROM petition_tags AS pt JOIN petitions AS p ON p.id = pt.petition_id
 WHERE pt.tag_id = tags.id AND p.state = 'OPEN')`,
		`UPDATE petition_tags SET state = p.state, label = t.label FROM petitions AS p, tags AS t
 WHERE p.id = petition_tags.petition_id AND t.id = petition_tags.tag_id`,
		`INSERT INTO tag_labels (tag_id, label, public_petitions) SELECT tag_id, label, COUNT(*) FROM petition_tags
 WHERE state IN ` + state.PublicSQL + ` GROUP BY tag_id, label`,
		CountPublic,
		`INSERT INTO search_documents (petition_id, title, summary, body, tags)
 SELECT ` + petition("i") + `, 'save otter ' || CAST(i AS text), 'they are few', 'body w' || CAST(i % 1000 AS text), 'tag' FROM ` + from(1, v.Petitions),
	}
	text = append(text, some(of(signature, petition(zipf("i"))), 1, v.Signatures)...)
	text = append(text, some(of(signature, petition("1")), v.Signatures+1, v.Signatures+v.Hot)...)
	text = append(text, some(of(comment, petition(zipf("(i / 5)"))), 1, v.Comments)...)
	text = append(text, some(of(comment, petition("1")), (v.Comments/5+1)*5, (v.Comments/5+1)*5+v.Talk)...)
	return append(text,
		`UPDATE comments SET replies = 1 WHERE parent_id IS NULL AND number % 5 = 3`,
		`INSERT INTO signature_buckets (petition_id, minute, span, added)
 SELECT petition_id, minute, span, COUNT(*) FROM (SELECT petition_id, CASE WHEN ago < 10080 THEN minute ELSE minute - minute % 60 END AS minute,
 CASE WHEN ago < 10080 THEN 1 ELSE 60 END AS span FROM (SELECT petition_id, (number * 7) % 100000 AS ago, `+
			strings.ReplaceAll(minute, "i", "number")+` AS minute FROM signatures WHERE state = 'COUNTED') AS a) AS b GROUP BY 1, 2, 3`,
		`INSERT INTO signature_days (petition_id, day, added) SELECT petition_id, minute - minute % 1440, SUM(added) FROM signature_buckets GROUP BY 1, 2`,
		`INSERT INTO counters (petition_id, total, issued, version, goal, as_of, named, threads, comments)
 SELECT p.id, COALESCE(s.total, 0), 10000000, 1, 1000, p.updated_at, COALESCE(s.named, 0), COALESCE(c.threads, 0), COALESCE(c.comments, 0) FROM petitions AS p
 LEFT JOIN (SELECT petition_id, SUM(CASE WHEN state = 'COUNTED' THEN 1 ELSE 0 END) AS total,
  SUM(CASE WHEN state = 'COUNTED' AND show_name THEN 1 ELSE 0 END) AS named FROM signatures GROUP BY 1) AS s ON s.petition_id = p.id
 LEFT JOIN (SELECT petition_id, COUNT(*) AS comments, COUNT(*) - COUNT(parent_id) AS threads FROM comments
  WHERE state = 'VISIBLE' GROUP BY 1) AS c ON c.petition_id = p.id`,
		`INSERT INTO ranks (petition_id, signatures, trending, state) SELECT petition_id, total, CAST(total % 97 AS real), p.state
 FROM counters JOIN petitions AS p ON p.id = petition_id`,
	)
}
