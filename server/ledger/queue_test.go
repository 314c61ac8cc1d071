package ledger_test

import (
	"errors"
	"testing"

	"petitiond/server/database"
	"petitiond/server/ledger"
)

// TestHotPetitionLeavesRoom fills the queue with one petition: another one is signed meanwhile, in the next
// batch.
func TestHotPetitionLeavesRoom(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		hot, cold := petition(t, db, open()), petition(t, db, open())
		b := running(t, db, ledger.Options{MaxQueue: 40, MaxBatch: 4})
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(hot, "first"))
		<-entered
		rest := b.Queue(signatures(hot, 20)...)
		if _, err := b.Sign(t.Context(), signature(hot, "late")); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		other := b.Queue(signature(cold, "ann"))
		release()
		must(t, other()...)
		must(t, append(first(), rest()...)...)
		// a batch has one time
		before := scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1
 AND signed_at <= (SELECT signed_at FROM signatures WHERE petition_id = $2)`, hot, cold)
		if before > 9 {
			t.Errorf("%d others were written before the cold petition's", before)
		}
		audit(t, db, hot)
		audit(t, db, cold)
	})
}
