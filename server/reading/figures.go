package reading

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/reading/history"
	"petitiond/server/reading/visibility"
	"petitiond/server/state"
	"petitiond/server/timespan"
)

// Figures are the numbers of one petition: its count, and numbers that have no version.
type Figures struct {
	figures.Value

	Named, Threads, Comments int
}

// figureColumns are what is read of counters AS f.
const figureColumns = `f.total, f.goal, f.version, f.as_of, f.named, f.threads, f.comments`

// figuresRow is where they are scanned, one row after the other. The numbers have the types of the drivers:
// database/sql converts all others by way of text.
type figuresRow struct {
	total, goal, version, named, threads, comments int64
	asOf                                           database.Time
}

// into returns where to scan figureColumns.
func (r *figuresRow) into() []any {
	return []any{&r.total, &r.goal, &r.version, &r.asOf, &r.named, &r.threads, &r.comments}
}

// figures returns the numbers in the row that was scanned last, for the petition of that row.
func (r *figuresRow) figures(of uuid.UUID) *Figures {
	return &Figures{
		Value: figures.Value{Petition: of, Total: int(r.total), Goal: int(r.goal), Version: int(r.version), AsOf: r.asOf.Time},
		Named: int(r.named), Threads: int(r.threads), Comments: int(r.comments),
	}
}

// Hours says whether figures are read with the sum of the last hour. They are read by one statement, so that the sum
// belongs to the version of the count beside it.
type Hours bool

// Whether figures have the sum of the last hour.
const (
	WithHours    Hours = true
	WithoutHours Hours = false
)

// hourColumn returns the column with the last hour of counters AS f. Of many petitions few were signed recently, and
// only the minutes of those are summed.
func (s *Service) hourColumn(args *database.Args) string {
	return `CASE WHEN f.as_of < ` + args.Add(timespan.TimeOf(timespan.Hour.Ago(s.opt.Now()))) + ` THEN 0 ELSE ` +
		s.lastHour(args, func(column string) string { return column + ` = f.petition_id` }) + ` END`
}

// Figures returns the numbers of the petitions that the viewer may see.
func (s *Reader) Figures(ctx context.Context, petitions []uuid.UUID, hours Hours) (map[uuid.UUID]*Figures, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, numbersOf, petitions...)
	var args database.Args
	var of uuid.UUID
	var row figuresRow
	var hour int64
	// Scanned into the same places row after row: a list asks for hundreds of them.
	columns, into := figureColumns, append([]any{&of}, row.into()...)
	if hours {
		dependOnMinute(ctx)
		columns, into = columns+`, `+s.hourColumn(&args), append(into, &hour)
	}
	text := `SELECT f.petition_id, ` + columns + ` FROM petitions AS p JOIN counters AS f ON f.petition_id = p.id
 WHERE ` + args.Among(s.source.Dialect(), `p.id`, petitions) + ` AND ` + visibility.Here
	out := make(map[uuid.UUID]*Figures, len(petitions))
	err := s.source.LookUp(ctx, s.viewer.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
		err := rows.Scan(into...)
		out[of] = row.figures(of)
		if hours {
			out[of].LastHour = new(int(hour))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading figures: %w", err)
	}
	return out, nil
}

// Histories returns the history of the count of each petition that the viewer may see.
func (s *Reader) Histories(ctx context.Context, petitions []uuid.UUID, q history.Query) (map[uuid.UUID]history.Result, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, numbersOf, petitions...)
	return history.Read(ctx, s.source, s.viewer, s.opt.Now(), petitions, q)
}

// HistorySize returns an upper bound of the points of a history, which must have a beginning.
func (s *Service) HistorySize(q history.Query) int { return q.Size(s.opt.Now()) }

// lastHour is the expression for the signatures of the last 60 minutes, see timespan.LastHour.
func (s *Service) lastHour(args *database.Args, of func(column string) string) string {
	since := timespan.Hour.Ago(s.opt.Now())
	return timespan.LastHour(args.Add(since), args.Add(timespan.TimeOf(since+1)), of)
}

// IsFresh reports whether a value was written in the present minute. Its last hour is then what it was when its version
// was written; later, signatures grow older than an hour while the version stays.
func (s *Service) IsFresh(v figures.Value) bool {
	return timespan.MinuteOf(v.AsOf) >= timespan.MinuteOf(s.opt.Now())
}

// News returns the newest values of petitions, regardless of who may see them: the hub itself shows them to nobody.
func (s *Service) News(ctx context.Context, petitions []uuid.UUID) ([]figures.Value, error) {
	var args database.Args
	text := `SELECT f.petition_id, f.total, f.goal, f.version, f.as_of, f.comments_issued, p.version, ` + s.hourColumn(&args) +
		` FROM counters AS f JOIN petitions AS p ON p.id = f.petition_id WHERE ` + args.Among(s.source.Dialect(), `f.petition_id`, petitions)
	var out []figures.Value
	err := s.source.LookUp(ctx, visibility.Unshown(text, args), func(rows *sql.Rows) error {
		v, asOf, hour := figures.Value{}, database.Time{}, 0
		err := rows.Scan(&v.Petition, &v.Total, &v.Goal, &v.Version, &asOf, &v.Comment, &v.Edition, &hour)
		v.AsOf, v.LastHour = asOf.Time, &hour
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading news: %w", err)
	}
	return out, nil
}

// Statistics are the figures of the whole site.
type Statistics struct {
	PetitionCount, OpenPetitionCount, SignatureCount, SignaturesLastHour int
}

// Statistics sums what everybody may see.
func (s *Service) Statistics(ctx context.Context) (Statistics, error) {
	out, err := siteSum(ctx, s, "statistics", 0, dependOnSite, s.sumSite)
	if err != nil {
		return out, fmt.Errorf("summing the site: %w", err)
	}
	return out, nil
}

// sumSite reads the statistics. Petitions and signatures are summed apart: joined, either would be read once for each
// of the other.
func (s *Service) sumSite(ctx context.Context) (out Statistics, err error) {
	var args database.Args
	signed := s.signedInAll(&args)
	text := `SELECT counted.petitions, counted.opened, signed.total, signed.hour FROM (SELECT COUNT(*) AS petitions,
  COALESCE(SUM(CASE WHEN p.state = 'OPEN' THEN 1 ELSE 0 END), 0) AS opened FROM petitions AS p WHERE ` + visibility.Here + `) AS counted
 CROSS JOIN (` + signed + `) AS signed`
	err = s.source.Each(ctx, Anybody.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
		return rows.Scan(&out.PetitionCount, &out.OpenPetitionCount, &out.SignatureCount, &out.SignaturesLastHour)
	})
	return out, err
}

// signedInAll returns the SQL of the signatures that everybody may see, in total and in the last hour. PostgreSQL reads
// all and skips the few others. SQLite, for which each look-up in another table is expensive, subtracts them from the
// sums of all, and looks for minutes of those alone that were ever signed: most of what nobody sees is drafts.
func (s *Service) signedInAll(args *database.Args) string {
	// From counters and not from signatures: a site has some ten thousand of these and may have millions of those.
	const total = `SELECT COALESCE(SUM(c.total), 0) FROM counters AS c`
	if s.source.Dialect() == database.Postgres {
		seen := func(petition string) string {
			return `NOT EXISTS (SELECT 1 FROM petitions AS p WHERE p.id = ` + petition + ` AND p.state IN ` + state.UnseenSQL + `)`
		}
		return `SELECT (` + total + ` WHERE ` + seen(`c.petition_id`) + `) AS total, ` + s.lastHour(args, seen) + ` AS hour`
	}
	hour := s.lastHour(args, func(string) string { return `TRUE` })
	return `SELECT (` + total + `) - COALESCE(SUM(f.total), 0) AS total, ` + hour +
		` - COALESCE(SUM(CASE WHEN f.issued > 0 THEN ` + s.hourColumn(args) + ` ELSE 0 END), 0) AS hour
 FROM petitions AS p CROSS JOIN counters AS f WHERE f.petition_id = p.id AND p.state IN ` + state.UnseenSQL
}
