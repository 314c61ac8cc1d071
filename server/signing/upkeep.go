package signing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/mail"
	"petitiond/server/outbox"
	"petitiond/server/state"
)

const (
	// portion is how many signatures are reminded or erased before the next ones are looked for, and how many rows one
	// statement deletes.
	portion = 100
	// upkeepEvery is how often is looked for what is due, and upkeepTime how long one task takes at most at a time.
	upkeepEvery = time.Minute
	upkeepTime  = 30 * time.Second
)

// Run reminds and erases once a minute until ctx ends. Every replica may do so at the same time, and what one leaves
// unfinished the next one goes on with. It does not begin at once: the system may not have set its clock yet, and what
// is erased does not come back.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.task(ctx, "erase signatures that were not confirmed", s.Lapse)
			s.task(ctx, "remind mailboxes", s.Remind)
			s.task(ctx, "forget how many mails were sent", s.Forget)
		}
	}
}

// task does nothing while the time is unknown: then nobody knows either what is due.
func (s *Service) task(ctx context.Context, name string, do func(context.Context) error) {
	if s.db.Clock.Check() != nil {
		return
	}
	s.failing.Do(ctx, s.opt.Logger, name, upkeepTime, do)
}

// waiting returns signatures that wait, the oldest first, at most so many.
func (s *Service) waiting(ctx context.Context, condition string, before time.Time) (found []*row, err error) {
	rows, err := database.Reader{DB: s.db.Newest()}.QueryContext(ctx, `SELECT `+columns+` FROM signatures WHERE state = 'PENDING' AND `+
		condition+` signed_at <= $1 ORDER BY signed_at, id LIMIT $2`, before, portion)
	if err == nil {
		err = database.Each(rows, func(rows *sql.Rows) error {
			one, err := scan(rows)
			found = append(found, one)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what waits: %w", err)
	}
	return found, nil
}

// Lapse erases the signatures that were not confirmed in time. One that is confirmed at the same moment stays.
func (s *Service) Lapse(ctx context.Context) error {
	for {
		found, err := s.waiting(ctx, ``, s.opt.Now().Add(-Lapse))
		if err != nil {
			return err
		}
		errs := make([]error, len(found))
		var all sync.WaitGroup
		for i, r := range found { // at once, so that the ledger writes them together
			all.Go(func() {
				errs[i] = s.opt.Ledger.Withdraw(ctx, ledger.Withdrawal{Signature: r.id, Petition: r.petition, OnlyWaiting: true})
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil || len(found) < portion {
			return err
		}
	}
}

// Remind writes one more mail to those who have not confirmed their signature after a day, unless that came too late
// or the address has got enough mail.
func (s *Service) Remind(ctx context.Context) error {
	for {
		found, err := s.waiting(ctx, `reminded_at IS NULL AND`, s.opt.Now().Add(-remindAfter))
		if err != nil {
			return err
		}
		errs := make([]error, len(found))
		for i, r := range found { // also after one that fails, so that it keeps nobody else waiting
			errs[i] = s.remind(ctx, r)
		}
		if err := errors.Join(errs...); err != nil || len(found) < portion {
			return err
		}
	}
}

func (s *Service) remind(ctx context.Context, r *row) error {
	about, err := s.subject(ctx, r.petition)
	if err != nil {
		return err
	}
	now := s.opt.Now()
	var damaged error
	if about != nil && confirmable(about, now) && now.Before(r.signed.Add(Lapse)) {
		var order mail.Order
		if order, damaged = s.order(r, about, mail.Reminder(s.confirmation(r, about))); damaged == nil {
			if err := s.postReminder(ctx, r, order, now); err != nil {
				return err
			}
		}
	}
	// There will be none where there was none now, or the same ones would be looked at again and again.
	return errors.Join(damaged, database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE signatures SET reminded_at = $1 WHERE id = $2 AND reminded_at IS NULL`, now, r.id)
		return err
	}))
}

// postReminder is done by whoever notes the reminder first.
func (s *Service) postReminder(ctx context.Context, r *row, order mail.Order, now time.Time) error {
	return s.post(ctx, uuid.NewSHA1(r.id, []byte("reminder")), order, outbox.Bulk, func(tx *sql.Tx) (bool, error) {
		due, err := changed(tx.ExecContext(ctx, `UPDATE signatures SET reminded_at = $1, mails = mails + 1, mailed_at = $1
 WHERE id = $2 AND state = 'PENDING' AND reminded_at IS NULL AND mails < $3`, now, r.id, mailsEach))
		if err == nil && due {
			err = s.countMail(ctx, tx, order.To, now)
		}
		return due, err
	})
}

// confirmable reports whether signatures of a petition can be confirmed.
func confirmable(p *ent.Petition, now time.Time) bool {
	end := p.EndsAt
	if p.ClosedAt != nil {
		end = p.ClosedAt
	}
	return state.SignableAt(p.State, p.StartsAt, p.EndsAt, now) || end != nil && now.Before(end.Add(ledger.Grace))
}

// Forget deletes how many mails were sent on days that are over.
func (s *Service) Forget(ctx context.Context) error {
	// That of yesterday is kept, since clocks differ.
	before := dayOf(s.opt.Now()) - 1
	for {
		result, err := s.db.Write.ExecContext(ctx, `DELETE FROM mailbox_days WHERE mailbox IN
 (SELECT mailbox FROM mailbox_days WHERE day < $1 LIMIT $2)`, before, portion*10)
		if err != nil {
			return fmt.Errorf("forgetting how many mails were sent: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n < portion*10 {
			return err
		}
	}
}
