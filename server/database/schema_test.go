package database_test

import (
	"database/sql"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

const petition = "01890a5d-ac96-774b-bcce-b302099a8057"

// putPetition writes a petition that search documents can belong to.
func putPetition(t *testing.T, db *database.DB) {
	t.Helper()
	exec(t, db.Write, `INSERT INTO petitions (id, slug, title, body, language, addressees, state, petitioner, created_at, updated_at)
		VALUES ($1, 's', 't', 'b', 'en', '[]', 'OPEN', 'p', $2, $2)`, petition, database.Now())
}

// found reports whether the search index finds the petition by a word.
func found(t *testing.T, db *database.DB, word string) bool {
	t.Helper()
	query := "SELECT count(*) > 0 FROM search_documents WHERE document @@ to_tsquery('simple', $1)"
	if db.Dialect == database.SQLite {
		query = `SELECT count(*) > 0 FROM search_index WHERE search_index MATCH '("_OPEN" OR "_PAUSED" OR "_CLOSED" OR "_ARCHIVED") AND ' || $1`
	}
	return scan[bool](t, db.Read, query, word)
}

// foundIn returns the state in which a search finds the petition by a word. SQLite's index has none but the public
// ones.
func foundIn(t *testing.T, db *database.DB, word string) (state string) {
	t.Helper()
	for _, state = range []string{"OPEN", "PAUSED", "CLOSED", "ARCHIVED", "DRAFT", "HIDDEN"} {
		query := "SELECT count(*) > 0 FROM search_documents WHERE document @@ to_tsquery('simple', $1) AND state = $2"
		if db.Dialect == database.SQLite {
			query = `SELECT count(*) > 0 FROM search_index WHERE search_index MATCH '"_' || $2 || '" AND ' || $1`
		}
		if scan[bool](t, db.Read, query, word, state) {
			return state
		}
	}
	if db.Dialect == database.SQLite && !found(t, db, word) {
		return scan[string](t, db.Read, "SELECT state FROM petitions")
	}
	return ""
}

func TestSearchFollowsTheDocuments(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		putPetition(t, db)
		upsert := `INSERT INTO search_documents (petition_id, title, summary, body, tags) VALUES ($1, $2, 'summary', 'body', 'tag')
			ON CONFLICT (petition_id) DO UPDATE SET title = excluded.title`
		expect := func(step string, words map[string]bool) {
			t.Helper()
			for word, want := range words {
				if got := found(t, db, word); got != want {
					t.Errorf("%s: %q finds the petition: %t, want %t", step, word, got, want)
				}
			}
		}
		exec(t, db.Write, upsert, petition, "first")
		expect("inserted", map[string]bool{"first": true, "summary": true, "body": true, "tag": true, "other": false})
		exec(t, db.Write, upsert, petition, "second")
		expect("upserted", map[string]bool{"first": false, "second": true, "body": true})
		exec(t, db.Write, "UPDATE search_documents SET body = 'third' WHERE petition_id = $1", petition)
		expect("updated", map[string]bool{"body": false, "third": true, "second": true})
		for _, state := range []string{"DRAFT", "CLOSED", "HIDDEN", "HIDDEN", "PAUSED", "OPEN"} {
			exec(t, db.Write, "UPDATE petitions SET state = $2 WHERE id = $1", petition, state)
			exec(t, db.Write, "UPDATE search_documents SET summary = 'fourth' WHERE petition_id = $1", petition)
			if got := foundIn(t, db, "fourth"); got != state {
				t.Errorf("a petition that is %s is found in the state %q", state, got)
			}
		}
		exec(t, db.Write, "DELETE FROM petitions WHERE id = $1", petition)
		expect("petition deleted", map[string]bool{"second": false, "third": false, "tag": false})
		if db.Dialect == database.SQLite { // what is left can be taken out, and nothing stays
			exec(t, db.Write, "DELETE FROM search_pieces")
			exec(t, db.Write, "DELETE FROM search_entries WHERE state IS NULL AND written IS NULL")
			exec(t, db.Write, "INSERT INTO search_index (search_index) VALUES ('integrity-check')")
			if got := scan[int](t, db.Read, "SELECT count(*) FROM search_terms"); got != 0 {
				t.Errorf("%d words of the petition are still in the index", got)
			}
		}
	})
}

// TestSearchRanksByPlace compares the weights: a title counts more than tags, these more than a summary, and the body
// counts least.
func TestSearchRanksByPlace(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	putPetition(t, db)
	exec(t, db.Write, "INSERT INTO search_documents (petition_id, title, tags, summary, body) VALUES ($1, 'a', 'b', 'c', 'd')", petition)
	const want = "'a':1A 'b':2B 'c':3C 'd':4"
	if got := scan[string](t, db.Read, "SELECT document::text FROM search_documents"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCountersAreUpdatedInPlace guards the shape of the table: an index on what moves would end HOT updates.
func TestCountersAreUpdatedInPlace(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	exec(t, db.Write, "INSERT INTO counters (petition_id, as_of, goal) VALUES ($1, $2, 100)", petition, database.Now())
	const updates = 20
	var updated, hot int
	err := database.InTx(t.Context(), db.Ledger, func(tx *sql.Tx) error {
		for range updates {
			exec(t, tx, `UPDATE counters SET total = total + 1, issued = issued + 1, version = version + 1, as_of = $2,
				named = named + 1, comments = comments + 1, trending = trending + 1 WHERE petition_id = $1`, petition, database.Now())
		}
		return tx.QueryRowContext(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables
			WHERE relname = 'counters'`).Scan(&updated, &hot)
	})
	if err != nil || updated != updates || hot != updates {
		t.Errorf("%d updates, %d of them in place, error %v; want %d of %d", updated, hot, err, updates, updates)
	}
}
