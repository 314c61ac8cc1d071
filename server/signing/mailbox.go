package signing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/mail"
	"petitiond/server/outbox"
	"petitiond/server/secret"
	"petitiond/server/text"
)

// How much mail strangers can have sent to an address. What exceeds it is not sent, and nobody is told.
const (
	mailsEach  = 5  // of one signature
	mailsDaily = 10 // in a day, by UTC, over all petitions
	mailPause  = 10 * time.Minute
)

// errEnough says that an address has got enough mail.
var errEnough = errors.New("signing: enough mail for today")

// write tells a mailbox what its address has come to, by the digest of the address: that it has to confirm the
// signature, or that the signature counts already.
func (s *Service) write(ctx context.Context, d outbox.Delivery, digest []byte) error {
	found, err := s.find(ctx, "digest", digest)
	if err != nil || found == nil {
		return err
	}
	about, err := s.subject(ctx, found.petition)
	if err != nil || about == nil {
		return err
	}
	var letter mail.Letter
	switch found.state {
	case stateWaiting:
		letter = s.confirmation(found, about)
	case stateCounted:
		letter = mail.AlreadySigned{Title: about.Title, Link: s.link("/manage", found.id)}
	default:
		return nil
	}
	order, err := s.order(found, about, letter)
	if err != nil {
		return err
	}
	now := s.opt.Now()
	return s.post(ctx, mailOf(d.ID), order, outbox.Awaited, func(tx *sql.Tx) (bool, error) {
		// After a mail that is younger than the request nothing is left to be done. A signature that never waited gets its
		// token now. If the state has changed meanwhile, so has what there is to say, and somebody else says it.
		due, err := changed(tx.ExecContext(ctx, `UPDATE signatures SET mails = mails + 1, mailed_at = $1, token = COALESCE(token, $2)
 WHERE id = $3 AND state = $4 AND mails < $5 AND (mailed_at IS NULL OR mailed_at <= $6 AND mailed_at < $7)`,
			now, secret.Hash(token(s.opt.Keys, found.id)), found.id, found.state, mailsEach, now.Add(-mailPause), d.Created))
		if err == nil && due {
			err = s.countMail(ctx, tx, order.To, now)
		}
		return due, err
	})
}

// thank tells a mailbox that its signature counts. It has asked for that itself, so that no bound holds; but it is told
// once, as above.
func (s *Service) thank(ctx context.Context, d outbox.Delivery, signature uuid.UUID) error {
	found, err := s.find(ctx, "id", signature)
	if err != nil || found == nil || found.state != stateCounted {
		return err
	}
	about, err := s.subject(ctx, found.petition)
	if err != nil || about == nil {
		return err
	}
	order, err := s.order(found, about, mail.Confirmed{
		Title: about.Title, Number: found.number, Page: s.opt.Reading.URL(about.Slug), Link: s.link("/manage", found.id),
	})
	if err != nil {
		return err
	}
	return s.post(ctx, mailOf(d.ID), order, outbox.Awaited, func(tx *sql.Tx) (bool, error) {
		return changed(tx.ExecContext(ctx, `UPDATE signatures SET mailed_at = $1 WHERE id = $2 AND (mailed_at IS NULL OR mailed_at <= $3)`,
			s.opt.Now(), found.id, d.Created))
	})
}

// mailOf returns the id of the mail that comes of a request: a request that is carried out twice writes it once, while
// it waits.
func mailOf(request uuid.UUID) uuid.UUID { return uuid.NewSHA1(request, []byte("mail")) }

// post puts a mail into the outbox, together with what mark writes, if that finds that it is due.
func (s *Service) post(
	ctx context.Context, id uuid.UUID, order mail.Order, priority outbox.Priority, mark func(*sql.Tx) (due bool, err error),
) error {
	entry, err := s.opt.Mail(id, order, priority)
	if err != nil {
		return err
	}
	err = database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		if due, err := mark(tx); err != nil || !due {
			return err
		}
		return outbox.Add(ctx, tx, s.db.Dialect, entry)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil {
		s.opt.Wake()
	}
	return err
}

// countMail notes that one more mail goes to an address today, or returns errEnough. The address is known by a digest
// that is another one each day.
func (s *Service) countMail(ctx context.Context, tx *sql.Tx, to string, now time.Time) error {
	address, _ := text.ParseAddress(to) // which has passed once
	day := dayOf(now)
	mailbox := s.opt.Keys.ShortDigest(secret.MailboxDigest, []byte(address.Canonical), []byte(time.Unix(day*86400, 0).UTC().Format(time.DateOnly)))
	fits, err := changed(tx.ExecContext(ctx, `INSERT INTO mailbox_days AS m (mailbox, day, mails) VALUES ($1, $2, 1)
 ON CONFLICT (mailbox) DO UPDATE SET mails = m.mails + 1 WHERE m.mails < $3`, mailbox, day, mailsDaily))
	if err == nil && !fits {
		err = errEnough
	}
	return err
}

// dayOf returns the day of a time in UTC, counted from 1970.
func dayOf(t time.Time) int64 { return t.Unix() / 86400 }

// changed reports whether a statement has changed a row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, fmt.Errorf("counting mails: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
