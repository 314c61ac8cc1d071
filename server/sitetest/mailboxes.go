package sitetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/mail"
	"petitiond/server/outbox"
	"petitiond/server/petitioning"
	"petitiond/server/signing"
)

// mailKind is the kind of mails in the outbox of a site.
const mailKind = "mail"

// ByMail makes a site confirm mailboxes.
func ByMail(o *petitioning.Options) { o.Confirmation = true }

// mailboxes makes the part of the site that confirms them.
func (s *Site) mailboxes() *signing.Service {
	return signing.New(signing.Options{
		Database: s.DB, Ledger: s.Ledger, Keys: s.Keys, Reading: s.Reading, Site: "https://petitions.example", Now: s.Clock.Now,
		Mail: func(id uuid.UUID, order mail.Order, priority outbox.Priority) (outbox.Row, error) {
			payload, err := json.Marshal(order)
			if err != nil {
				return outbox.Row{}, err
			}
			return outbox.Seal(s.Keys, outbox.Entry{ID: id, Kind: mailKind, Payload: payload, Priority: priority}, s.Clock.Now())
		},
	})
}

// Deliver lets the outbox of the site work until the test ends. Of each entry adjust may change what is done.
func (s *Site) Deliver(t testing.TB, adjust ...func(kind string, handle outbox.Handler) outbox.Handler) {
	t.Helper()
	handlers := map[string]outbox.Handler{signing.Kind: s.Mailboxes.Handle, mailKind: s.deliver}
	for kind := range handlers {
		for _, fn := range adjust {
			handlers[kind] = fn(kind, handlers[kind])
		}
	}
	Run(t, outbox.New(outbox.Options{
		DB: s.DB, Keys: s.Keys, Handlers: handlers, Now: s.Clock.Now, Pace: 1_000_000, Every: time.Millisecond,
	}).Run)
}

// deliver is where mails of the site end.
func (s *Site) deliver(_ context.Context, d outbox.Delivery) error {
	var order mail.Order
	if err := json.Unmarshal(d.Payload, &order); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, order)
	return nil
}

// Mails returns what was sent since it was last asked, once nothing is left in the outbox that is due.
func (s *Site) Mails(t testing.TB) []mail.Order {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); Value[int](t, s, `SELECT COUNT(*) FROM outbox WHERE parked_at IS NULL`) > 0; {
		if time.Now().After(end) {
			t.Fatal("the outbox is not empty within 30 s")
		}
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.mails
	s.mails = nil
	return out
}
