//go:build linux && !race

package database_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"

	"petitiond/server/database"
)

// TestSQLiteTakesNoMoreThanItMay has every reader collect something and keep it, all of them more than there may be in
// memory. The limit is that of the process, which is what it measures, so nothing may run beside it. The race detector
// keeps memory of its own for each byte.
func TestSQLiteTakesNoMoreThanItMay(t *testing.T) { //nolint:paralleltest // see above
	options, url := database.Options{Memory: 128 << 20}, "sqlite:"+filepath.Join(t.TempDir(), "test.db")
	db := opened(t, options, url)
	exec(t, db.Write, `CREATE TABLE notes (body TEXT);
 INSERT INTO notes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT printf('%01000d', i) FROM n`)
	before := offHeap(t)
	for _, pool := range []*sql.DB{db.Read, db.LookUp} {
		for _, conn := range conns(t, pool) {
			rows, err := conn.QueryContext(t.Context(),
				`WITH kept AS MATERIALIZED (SELECT DISTINCT body || '.' AS body FROM notes) SELECT body FROM kept`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
		}
	}
	asked, took, most := database.SQLiteUsed(), offHeap(t)-before, options.OffHeap(url)
	t.Logf("SQLite has asked for %d KiB and taken %d of %d", asked>>10, took>>10, most>>10)
	if asked < 1<<20 || asked > most*5/8 || took > most {
		t.Errorf("SQLite has asked for %d bytes, and taken %d; it may take %d", asked, took, most)
	}
}

// offHeap returns how many bytes of its own the process has that are not Go's.
func offHeap(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	golang := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(golang)
	return kib<<10 - int64(golang[0].Value.Uint64()-golang[1].Value.Uint64())
}
