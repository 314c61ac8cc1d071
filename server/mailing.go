package main

import (
	"context"
	"database/sql"
	"encoding/json"
	netmail "net/mail"
	"net/url"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/mail"
	"petitiond/server/outbox"
	"petitiond/server/pages"
	"petitiond/server/settings"
	"petitiond/server/signing"
)

// mailKind is the kind of those entries of the outbox that are mails.
const mailKind = "mail"

// signingPace is how many requests to sign are carried out in a second: no mail server has to be spared there.
const signingPace = 10_000

// mailing takes mails out of the outbox: to a mail server, in development without one into a tray, and in production
// without one nowhere.
type mailing struct {
	messages *mail.Messages
	site     string // the public URL
	from     string // as pages show it
	sender   *mail.Sender
	tray     *mail.Tray
	box      *outbox.Outbox
	now      func() time.Time
}

// newMailing makes what sends mail. Links in mails begin with the public URL.
func (c *core) newMailing() *mailing {
	m := &mailing{
		messages: c.config.Messages, site: c.config.PublicURL, from: senderText(c.config.Sender()), now: c.db.Clock.Now,
	}
	handlers := map[string]outbox.Handler{signing.Kind: c.signing.Handle}
	switch {
	case c.config.SMTP != nil:
		m.sender = mail.NewSender(mailOptions(c.config, nil))
		handlers[mailKind] = m.deliver
	case c.config.Env == settings.Development:
		m.tray = new(mail.Tray)
		handlers[mailKind] = m.deliver
	}
	m.box = outbox.New(outbox.Options{
		DB: c.db, Keys: c.keys, Handlers: handlers, Logger: c.log,
		Pace: c.config.MailPace, Paces: map[string]int{signing.Kind: signingPace}, Grace: c.config.Drain,
	})
	c.box = m.box
	return m
}

// senderText is a sender as people read it, not as a header has it.
func senderText(a netmail.Address) string {
	if a.Name == "" {
		return a.Address
	}
	return a.Name + " <" + a.Address + ">"
}

// mailOptions are those of a sender. Trace may be nil.
func mailOptions(c settings.Config, trace func(mail.Step, string)) mail.Options {
	host := "localhost"
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return mail.Options{
		Server:  *c.SMTP,
		Sending: mail.Sending{From: c.Sender(), Bounce: c.MailBounce, Host: host},
		// It measures waits, and dates what leaves this house: nothing that is stored.
		Now:   time.Now,
		Trace: trace,
	}
}

// run sends until ctx ends.
func (m *mailing) run(ctx context.Context) error {
	err := m.box.Run(ctx)
	if m.sender != nil {
		m.sender.Close()
	}
	return err
}

// deliver sends one mail.
func (m *mailing) deliver(ctx context.Context, d outbox.Delivery) error {
	var order mail.Order
	if err := json.Unmarshal(d.Payload, &order); err != nil {
		return err // another replica may be of a later version, which knows it
	}
	message, err := m.messages.Render(order, m.site)
	if err != nil {
		return outbox.Permanent(err)
	}
	message.ID = d.ID.String()
	if m.sender == nil {
		m.tray.Put(message, m.now())
		return nil
	}
	if err = m.sender.Send(ctx, message); mail.Permanent(err) {
		return outbox.Permanent(err)
	}
	return err
}

// mailRow makes an entry of the outbox that sends a mail.
func (c *core) mailRow(id uuid.UUID, order mail.Order, priority outbox.Priority) (outbox.Row, error) {
	payload, err := json.Marshal(order)
	if err != nil {
		return outbox.Row{}, err
	}
	return outbox.Seal(c.keys, outbox.Entry{ID: id, Kind: mailKind, Payload: payload, Priority: priority}, c.db.Clock.Now())
}

// enqueue puts a mail into the outbox.
func (c *core) enqueue(ctx context.Context, order mail.Order) error {
	row, err := c.mailRow(uuid.Nil, order, outbox.Awaited)
	if err != nil {
		return err
	}
	return database.InTx(ctx, c.db.Write, func(tx *sql.Tx) error { return outbox.Add(ctx, tx, c.db.Dialect, row) })
}

// kept returns the mails in the tray as pages show them, or nil if there is no tray.
func (m *mailing) kept() func() []pages.Mail {
	if m.tray == nil {
		return nil
	}
	return func() []pages.Mail {
		var out []pages.Mail
		for _, k := range m.tray.All() {
			out = append(out, pages.Mail{
				ID: k.ID, From: m.from, To: k.To, Subject: k.Subject, Language: k.Language, Direction: k.Direction,
				Text: k.Text, HTML: k.HTML, At: k.At,
			})
		}
		return out
	}
}
