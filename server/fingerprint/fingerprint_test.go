package fingerprint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fingerprint"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
	"petitiond/server/sitetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// file is a secret file that is there, and must not be made.
func file(t testing.TB, keys *secret.Keys) fingerprint.File {
	return fingerprint.File{
		Load: func() (*secret.Keys, error) { return keys, nil },
		Make: func() (*secret.Keys, error) {
			t.Error("a secret was made beside the one that is there")
			return keys, nil
		},
	}
}

// noFile is a secret file that is not there. It may be made where made is no nil, which then counts how often it was.
func noFile(keys *secret.Keys, made *atomic.Int64) fingerprint.File {
	f := fingerprint.File{Load: func() (*secret.Keys, error) { return nil, fmt.Errorf("open: %w", fs.ErrNotExist) }}
	if made != nil {
		f.Make = func() (*secret.Keys, error) { made.Add(1); return keys, nil }
	}
	return f
}

// joins asks for the keys of the database.
func joins(t testing.TB, db *database.DB, f fingerprint.File, want error) {
	t.Helper()
	keys, err := fingerprint.KeysOf(t.Context(), db, f)
	if !errors.Is(err, want) || (err == nil) != (keys != nil) {
		t.Errorf("got keys %t, error %v; want %v", keys != nil, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has more than one line: %q", err)
	}
}

// forget takes from a database what an earlier version had not put there.
func forget(t testing.TB, db *database.DB) {
	t.Helper()
	_, err := db.Write.ExecContext(t.Context(), `DELETE FROM fingerprints`)
	sitetest.OK(t, err)
}

func TestDatabaseKnowsItsSecret(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		var made atomic.Int64
		joins(t, db, noFile(nil, nil), fs.ErrNotExist)
		joins(t, db, file(t, sitetest.KeysOf(t, 1)), nil)
		joins(t, db, file(t, sitetest.KeysOf(t, 1)), nil)
		joins(t, db, file(t, sitetest.KeysOf(t, 2)), fingerprint.ErrOtherSecret)
		joins(t, db, noFile(sitetest.KeysOf(t, 2), &made), fingerprint.ErrSecretMissing)
		joins(t, db, noFile(nil, nil), fingerprint.ErrSecretMissing)
		malformed := noFile(nil, nil)
		malformed.Load = func() (*secret.Keys, error) { return nil, secret.ErrMalformed }
		joins(t, db, malformed, secret.ErrMalformed)
		joins(t, db, file(t, sitetest.KeysOf(t, 1)), nil)
		sitetest.Equal(t, "secrets that were made", int64(0), made.Load())
	})
}

func TestFirstStartMakesTheSecret(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		var made atomic.Int64
		joins(t, db, noFile(sitetest.KeysOf(t, 1), &made), nil)
		sitetest.Equal(t, "secrets that were made", int64(1), made.Load())
		joins(t, db, file(t, sitetest.KeysOf(t, 1)), nil)
		joins(t, db, file(t, sitetest.KeysOf(t, 2)), fingerprint.ErrOtherSecret)
	})
}

// atOnce runs programs that start at once on one new database, and returns it.
func atOnce(t *testing.T, dialect database.Dialect, program func(i int, db *database.DB)) *database.DB {
	t.Helper()
	url := dbtest.URL(t, dialect)
	var all sync.WaitGroup
	begin := make(chan struct{})
	var last *database.DB
	for i := range 4 {
		db, err := database.Open(t.Context(), url)
		sitetest.OK(t, err)
		t.Cleanup(func() { sitetest.OK(t, db.Close()) })
		all.Go(func() {
			<-begin
			program(i, db)
		})
		last = db
	}
	close(begin)
	all.Wait()
	return last
}

// Of programs that start at once on a new database, each with a file of its own, one decides, and no other makes a
// file.
func TestFirstStartsAtOnce(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			var looked, made, joined, refused atomic.Int64
			second := make(chan struct{}) // closed when a second program looks for its file
			db := atOnce(t, dialect, func(i int, db *database.DB) {
				f := noFile(nil, nil)
				load := f.Load
				f.Load = func() (*secret.Keys, error) {
					if looked.Add(1) == 2 {
						close(second)
					}
					return load()
				}
				f.Make = func() (*secret.Keys, error) {
					select {
					case <-second:
						t.Error("two programs decide at once")
					// The others wait for a lock of the database meanwhile, as nobody can see from here.
					case <-time.After(200 * time.Millisecond):
					}
					made.Add(1)
					return sitetest.KeysOf(t, byte(i)), nil
				}
				_, err := fingerprint.KeysOf(t.Context(), db, f)
				switch {
				case err == nil:
					joined.Add(1)
				case errors.Is(err, fingerprint.ErrSecretMissing):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
			sitetest.Equal(t, "made, joined, refused", []int64{1, 1, 3}, []int64{made.Load(), joined.Load(), refused.Load()})
			var rows int
			sitetest.OK(t, db.Read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM fingerprints`).Scan(&rows))
			sitetest.Equal(t, "fingerprints", 1, rows)
		})
	}
}

// Programs on one machine that start at once share the file that one of them makes.
func TestFirstStartsAtOnceWithOneFile(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "secret.key")
			f := fingerprint.File{
				Load: func() (*secret.Keys, error) { return secret.Load(path) },
				Make: func() (*secret.Keys, error) { return secret.LoadOrCreate(path) },
			}
			atOnce(t, dialect, func(_ int, db *database.DB) { joins(t, db, f, nil) })
		})
	}
}

// A database of an earlier version takes the secret that made something in it, and no other.
func TestEarlierDatabaseTakesTheSecretItWasMadeWith(t *testing.T) {
	t.Parallel()
	exec := func(t *testing.T, db *database.DB, queries ...string) {
		t.Helper()
		for _, query := range queries {
			_, err := db.Write.ExecContext(t.Context(), query)
			sitetest.OK(t, err)
		}
	}
	signed := func(t *testing.T, b *sitetest.Site) {
		t.Helper()
		b.MustSign(t, b.MustPublish(t).Petition, 1)
	}
	const (
		noTokens    = `DELETE FROM tokens`
		noNames     = `UPDATE signatures SET name = NULL`
		noAddresses = `UPDATE signatures SET address = NULL`
	)
	for name, leave := range map[string]func(t *testing.T, b *sitetest.Site){
		"Token":     func(t *testing.T, b *sitetest.Site) { b.MustCreate(t) },
		"Name":      func(t *testing.T, b *sitetest.Site) { signed(t, b); exec(t, b.DB, noTokens, noAddresses) },
		"Address":   func(t *testing.T, b *sitetest.Site) { signed(t, b); exec(t, b.DB, noTokens, noNames) },
		"Everybody": signed,
		"Petitioner": func(t *testing.T, b *sitetest.Site) {
			b.MustCreate(t, func(d *petitioning.Draft) { d.PetitionerEmail = new("ada@example.org") })
			exec(t, b.DB, noTokens)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				b := sitetest.New(t, db)
				leave(t, b)
				var made atomic.Int64
				forget(t, db)
				joins(t, db, file(t, sitetest.KeysOf(t, 8)), fingerprint.ErrSecretUnproven)
				joins(t, db, noFile(sitetest.KeysOf(t, 8), &made), fingerprint.ErrSecretMissing)
				sitetest.Equal(t, "secrets that were made", int64(0), made.Load())
				joins(t, db, file(t, b.Keys), nil)
				joins(t, db, file(t, sitetest.KeysOf(t, 8)), fingerprint.ErrOtherSecret)
			})
		})
	}
}

// Where nothing can be checked but addresses may be recognised by their digests, no secret is taken.
func TestEarlierDatabaseWithDigestsAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		b := sitetest.New(t, db)
		b.MustSign(t, b.MustPublish(t).Petition, 1)
		for _, query := range []string{`DELETE FROM tokens`, `UPDATE signatures SET name = NULL, address = NULL`} {
			_, err := db.Write.ExecContext(t.Context(), query)
			sitetest.OK(t, err)
		}
		joins(t, db, file(t, b.Keys), fingerprint.ErrSecretUnproven)
	})
}

// Some damaged rows do not lock an operator out: the newest of each kind are looked at until the secret made one.
func TestEarlierDatabaseWithDamagedRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		b := sitetest.New(t, db)
		made := b.MustPublish(t)
		for i := range 5 {
			b.MustSign(t, made.Petition, i)
		}
		_, err := db.Write.ExecContext(t.Context(), `DELETE FROM tokens`)
		sitetest.OK(t, err)
		_, err = db.Write.ExecContext(t.Context(),
			`UPDATE signatures SET name = $1, address = $1 WHERE number > 1`, []byte("damaged"))
		sitetest.OK(t, err)
		joins(t, db, file(t, b.Keys), nil)
	})
}

// What is not made with any secret binds a database to none.
func TestEarlierDatabaseWithoutTraces(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		sitetest.New(t, db).MustCreate(t)
		_, err := db.Write.ExecContext(t.Context(), `DELETE FROM tokens`)
		sitetest.OK(t, err)
		joins(t, db, file(t, sitetest.KeysOf(t, 8)), nil)
	})
}

// A start that fails after it began leaves the database free.
func TestFailedFirstStartDecidesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		full := errors.New("the disk is full")
		f := noFile(nil, nil)
		f.Make = func() (*secret.Keys, error) { return nil, full }
		joins(t, db, f, full)
		joins(t, db, file(t, sitetest.KeysOf(t, 3)), nil)
	})
}
