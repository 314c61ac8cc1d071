package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
)

// Site is the size of a site. A site of one size always has the same petitions, people and times; only ids and sealed
// names differ.
type Site struct {
	Petitions, Signatures, Comments int
	// Alone gives nearly all signatures and comments to the first petition; otherwise they are spread by Zipf's law.
	Alone bool
}

// The two sites that are measured.
var (
	Lively = Site{Petitions: 2000, Signatures: 1_000_000, Comments: 100_000}
	Deep   = Site{Petitions: 200_000, Signatures: 5_000_000, Comments: 100_000, Alone: true}
)

// lifetime is the period, up to now, over which a site's petitions were opened and signed.
const lifetime = 90 * 24 * time.Hour

// Make writes a site into an empty database. It uses the program's own code: the domain creates the petitions and the
// ledger counts, so every figure agrees with the rows.
func (s Site) Make(ctx context.Context, db *database.DB, keys *secret.Keys, progress func(string)) ([]uuid.UUID, error) {
	l, err := ledger.New(ctx, db, ledger.Options{KeepMinutes: 2 * lifetime})
	if err != nil {
		return nil, err
	}
	domain := petitioning.New(petitioning.Options{Database: db, Ledger: l, Keys: keys})
	if empty, err := domain.Empty(ctx); err != nil || !empty {
		return nil, errors.Join(err, errors.New("the database is not empty; a site is only written into an empty one"))
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(working) }()
	m := maker{Site: s, ledger: l, domain: domain, keys: keys, now: database.Now().Truncate(time.Hour)}
	ids, err := m.make(ctx, progress)
	if err == nil {
		err = domain.RankAll(ctx)
	}
	stop()
	return ids, errors.Join(err, <-ended, analyze(ctx, db))
}

type maker struct {
	Site
	ledger *ledger.Ledger
	domain *petitioning.Service
	keys   *secret.Keys
	now    time.Time
}

func (m maker) make(ctx context.Context, progress func(string)) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, m.Petitions)
	err := atOnce(ctx, 8, m.Petitions, func(i int) (err error) {
		ids[i], err = m.domain.Import(ctx, m.petition(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("%d petitions", m.Petitions))
	if err := m.sign(ctx, ids); err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("%d signatures", m.Signatures))
	return ids, m.comment(ctx, ids)
}

// words are the words of titles and texts. The numbers of petitions serve as rare words.
var words = strings.Fields(`forest river school bridge square tower garden market harbour library playground station
 hospital lake street museum theatre orchard meadow village council budget bicycle tram night morning winter summer
 clean safe quiet open free warm green old new small great public common local honest careful`)

func (m maker) petition(i int) petitioning.Imported {
	r := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // the same site each time
	some := func(n int) string {
		out := make([]string, n)
		for k := range out {
			out[k] = words[r.IntN(len(words))]
		}
		return strings.Join(out, " ")
	}
	summary, goal := "We ask for a "+some(12)+".", 100*(1+r.IntN(1000))
	created := m.now.Add(-lifetime + time.Duration(i)*lifetime/time.Duration(2*m.Petitions))
	return petitioning.Imported{
		Draft: petitioning.Draft{
			Title: fmt.Sprintf("Save the %s number%d", some(4), i), Summary: &summary, Petitioner: "The " + some(1) + " society",
			Body: fmt.Sprintf("## Why\n\n%s.\n\n## What\n\n- %s\n- %s\n\n%s.", some(80), some(8), some(8), some(60)), Goal: &goal,
			Addressees: []string{"The " + some(2) + " board"}, Tags: []string{tag(i % 200), tag((i*7 + 1) % 200), tag((i*13 + 5) % 200)},
		},
		State: petition.StateOPEN, CreatedAt: created, StartsAt: &created,
	}
}

func tag(n int) string { return fmt.Sprintf("%s%d", words[n%len(words)], n) }

// share returns how many of a total the i-th petition has.
func (m maker) share(total, i int) int {
	if m.Alone {
		if i == 0 {
			return total
		}
		return i % 2 // so that other petitions also have some
	}
	harmonic := math.Log(float64(m.Petitions)) + 0.5772
	return int(float64(total)/harmonic/float64(i+1)) + min(1, i%3)
}

// atOnce calls do for every number below n, so many at a time.
func atOnce(ctx context.Context, some, n int, do func(int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for worker := range some {
		group.Go(func() error {
			for i := worker; i < n; i += some {
				if err := errors.Join(ctx.Err(), do(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// moment returns when the k-th of n events happens, which are spread over the second half of the lifetime.
func (m maker) moment(k, n int) time.Time {
	return m.now.Add(-time.Duration(float64(lifetime) / 2 * float64(n-k) / float64(n))) // as a float, since the product overflows an integer
}

// window is how many signatures of a petition are under way at once.
const window = 512

func (m maker) sign(ctx context.Context, ids []uuid.UUID) error {
	return atOnce(ctx, 8, len(ids), func(i int) error {
		waits, n := make([]func() error, 0, window), m.share(m.Signatures, i)
		for k := range n {
			s := Person{Name: fmt.Sprintf("Signatory %d", k), Address: fmt.Sprintf("s%d.%d@load.example", i, k)}.Signature(m.keys, ids[i])
			s.Key, s.ShowName = nil, k%10 < 7
			s.At = m.moment(k, n)
			if waits = append(waits, m.ledger.SignLater(ctx, s)); len(waits) == window || k == n-1 {
				for _, wait := range waits {
					if err := wait(); err != nil {
						return err
					}
				}
				waits = waits[:0]
			}
		}
		return nil
	})
}

// comment writes comments, every fifth of which is answered.
func (m maker) comment(ctx context.Context, ids []uuid.UUID) error {
	type remark struct{ petition, number, of int }
	var all []remark
	for i := range ids {
		n := m.share(m.Comments, i)
		for k := range n {
			all = append(all, remark{i, k, n})
		}
	}
	var mu sync.Mutex
	threads := map[int]uuid.UUID{} // of each petition, the last
	return atOnce(ctx, 128, len(all), func(j int) error {
		r := all[j]
		name := fmt.Sprintf("Commenter %d", r.number)
		c := ledger.Comment{
			ID: uuid.Must(uuid.NewV7()), Petition: ids[r.petition], Author: &name, Body: fmt.Sprintf("I walk by the %s every day, and remark %d is mine.",
				words[r.number%len(words)], r.number), At: m.moment(r.number, r.of),
		}
		mu.Lock()
		if above, ok := threads[r.petition]; ok && r.number%6 == 5 {
			c.Parent = &above
		}
		mu.Unlock()
		if _, err := m.ledger.Comment(ctx, c); err != nil {
			return err
		}
		if c.Parent == nil {
			mu.Lock()
			threads[r.petition] = c.ID
			mu.Unlock()
		}
		return nil
	})
}

// analyze updates PostgreSQL's statistics, as autovacuum would do after a while. SQLite has none in production either:
// with statistics it would plan statements again for each value.
func analyze(ctx context.Context, db *database.DB) error {
	if db.Dialect == database.SQLite {
		return nil
	}
	for _, text := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := db.Write.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
