package recount

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"petitiond/server/ledger"
	"petitiond/server/timespan"
)

// tally is all that is counted of a petition: as it is stored, or as the rows have it.
type tally struct {
	total, issued, pending, named     int
	threads, comments, commentsIssued int
	trending                          float64
	minutes, days                     map[bucket]int // net; hours are among the minutes
	countries                         map[string]int // net
	replies                           map[uuid.UUID]int
	removed                           int // signatures that were taken back; stored alone

	// What a wrong clock has dated and is redated; stored alone. The figures above are as if it had been dated right.
	asOfAhead                      int // seconds
	signaturesAhead, commentsAhead int
	minutesAhead, daysAhead        int  // buckets; hours are among the minutes
	leftAhead                      bool // is there something that lies ahead and stays as it is
}

// leaveAhead has what lies ahead stay as it is: that is no difference. The time of the counter decides nothing, and the
// next batch writes it anyway.
func (s *tally) leaveAhead() {
	s.leftAhead = s.signaturesAhead+s.commentsAhead+s.minutesAhead+s.daysAhead > 0
	s.signaturesAhead, s.commentsAhead, s.minutesAhead, s.daysAhead = 0, 0, 0, 0
}

// newTally returns the tally of nothing.
func newTally() *tally {
	return &tally{
		minutes: map[bucket]int{}, days: map[bucket]int{}, countries: map[string]int{}, replies: map[uuid.UUID]int{},
	}
}

// allTime is the bucket of everything.
var allTime = bucket{}

// align gives the tallies of one petition the same buckets. Where minutes were folded both have hours. From the minute
// unfolds on a clock that was ahead has folded them too early: there the rows have minutes, all of which differ. Where
// a signature was taken back its row does not tell any more where it was added: there only sums can be compared.
func align(stored, counted *tally, unfolds int64) {
	if stored.removed > 0 {
		for _, t := range []*tally{stored, counted} {
			// The totals can still differ, and are what counts.
			t.minutes, t.days = map[bucket]int{allTime: sumOf(t.minutes)}, map[bucket]int{allTime: sumOf(t.days)}
		}
		return
	}
	folded := map[bucket]bool{}
	for b := range stored.minutes {
		folded[b] = b.span == timespan.Hour
	}
	// Stored minutes go into the hour that was folded around them; those of the rows only where it was right to fold
	// it.
	for _, t := range []*tally{stored, counted} {
		// A copy, since buckets come and go in the map meanwhile.
		for b, n := range maps.Clone(t.minutes) {
			hour := bucketOf(timespan.Hour, b.start)
			if b.span == timespan.Minute && folded[hour] && (t == stored || hour.start < unfolds) {
				delete(t.minutes, b)
				t.minutes[hour] += n
			}
		}
	}
}

// sumOf adds all buckets up.
func sumOf(m map[bucket]int) (sum int) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// differences says, in the order of their names, which stored figures are not what was counted.
func (s *tally) differences(petition uuid.UUID, counted *tally) []Difference {
	var out []Difference
	add := func(figure string, stored, counted int) {
		if stored != counted {
			out = append(out, Difference{petition, figure, stored, counted})
		}
	}
	add("total", s.total, counted.total)
	// What lies ahead is a difference by itself: the sums above are as if it had been dated right.
	add("as of, in seconds ahead", s.asOfAhead, 0)
	add("signatures dated ahead", s.signaturesAhead, 0)
	add("comments dated ahead", s.commentsAhead, 0)
	add("minutes that lie ahead", s.minutesAhead, 0)
	add("days that lie ahead", s.daysAhead, 0)
	// A number that was given is never lowered: the last one may have been withdrawn.
	add("issued", s.issued, max(s.issued, counted.issued))
	add("pending", s.pending, counted.pending)
	add("named", s.named, counted.named)
	add("threads", s.threads, counted.threads)
	add("comments", s.comments, counted.comments)
	add("comments issued", s.commentsIssued, max(s.commentsIssued, counted.commentsIssued))
	for _, b := range wrong(s.minutes, counted.minutes) {
		add("signed in "+b.String(), s.minutes[b], counted.minutes[b])
	}
	for _, b := range wrong(s.days, counted.days) {
		add("signed on "+b.String(), s.days[b], counted.days[b])
	}
	for _, country := range wrong(s.countries, counted.countries) {
		add("country "+strconv.Quote(country), s.countries[country], counted.countries[country])
	}
	for _, id := range wrong(s.replies, counted.replies) {
		add("replies to "+id.String(), s.replies[id], counted.replies[id])
	}
	if !sameTrend(s.trending, counted.trending) {
		add("trend in hundredths", hundredths(s.trending), hundredths(counted.trending))
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.Figure, b.Figure) })
	return out
}

// wrong returns the keys of which two maps say different things.
func wrong[K comparable](stored, counted map[K]int) (keys []K) {
	for k, n := range stored {
		if counted[k] != n {
			keys = append(keys, k)
		}
	}
	for k, n := range counted {
		// A zero that is not stored is no difference: nobody writes buckets in which nothing happened.
		if _, ok := stored[k]; !ok && n != 0 {
			keys = append(keys, k)
		}
	}
	return keys
}

// trendOf returns the trend of signatures in these minutes, as if all had been given in the middle of theirs.
func trendOf(minutes map[bucket]int) (trend float64) {
	const middle = 30 * time.Second
	for b, n := range minutes {
		trend = ledger.AddTrend(trend, b.time().Add(middle), n)
	}
	return trend
}

// sameTrend compares a trend with one that was made of whole minutes, which are off by half a minute at most:
// 2^(1/720) for a half-life of six hours.
func sameTrend(stored, counted float64) bool { return math.Abs(stored-counted) < 0.01 }

// hundredths makes a difference of trends readable: differences are whole numbers.
func hundredths(v float64) int { return int(math.Round(100 * v)) }
