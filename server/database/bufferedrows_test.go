package database_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// TestRowsKeepTheirValues reads results of many sizes side by side. The lists that rows arrive in are used again, and
// what was scanned stays as it was. Of those that grew large none is kept.
func TestRowsKeepTheirValues(t *testing.T) {
	t.Parallel()
	const sizes = 70 // up to 4,762 rows
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var readers sync.WaitGroup
		for reader := range 8 {
			readers.Go(func() {
				var all []string
				for size := range sizes {
					rows, err := db.AskByIndex(t.Context(), `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)
 SELECT CAST($1 AS text) || '-' || n FROM numbers`, fmt.Sprint(reader), 1+size*size)
					if err != nil {
						t.Error(err)
						return
					}
					for rows.Next() {
						var text string
						if err := rows.Scan(&text); err != nil {
							t.Error(err)
						}
						all = append(all, text)
					}
					if err := rows.Close(); err != nil {
						t.Error(err)
					}
				}
				at := 0
				for size := range sizes {
					for n := range 1 + size*size {
						if want := fmt.Sprintf("%d-%d", reader, n+1); at >= len(all) || all[at] != want {
							t.Errorf("reader %d lacks %q in its place", reader, want)
							return
						}
						at++
					}
				}
			})
		}
		readers.Wait()
	})
	for range 100 {
		if n := database.BufferSize(); n > database.LargestBuffer {
			t.Errorf("a list for %d values is kept, more than %d", n, database.LargestBuffer)
		}
	}
}

// TestUUIDScansAsGooglesDoes compares both on what the databases may return.
func TestUUIDScansAsGooglesDoes(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("019abcde-0123-7456-89ab-0123456789ab")
	for _, src := range []any{
		id.String(), []byte(id.String()), []byte(strings.ToUpper(id.String())), []byte("{" + id.String() + "}"), id[:],
		nil, "", []byte(nil),
		[]byte{},
		[]byte("no"), []byte(strings.Repeat("x", 36)), 5,
	} {
		var got database.UUID
		var want uuid.UUID
		err, wantErr := got.Scan(src), want.Scan(src)
		if uuid.UUID(got) != want || (err != nil) != (wantErr != nil) {
			t.Errorf("%T %v: %v and %v, want %v and %v", src, src, uuid.UUID(got), err, want, wantErr)
		}
	}
}
