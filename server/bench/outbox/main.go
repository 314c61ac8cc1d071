// Program outbox measures how fast mails leave the outbox: each is leased, opened, rendered, handed by SMTP to a server
// that takes everything, and deleted. All of it is in one process, the mail server too. Then it measures how long a new
// mail takes beside many others, at the pace of a mail server that takes 500 a second.
//
//	go run ./server/bench/outbox
//	go run ./server/bench/outbox -on sqlite -mails 2000 -waiting 10000
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	netmail "net/mail"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"petitiond/server/bench/load"
	"petitiond/server/database"
	"petitiond/server/mail"
	"petitiond/server/mail/smtptest"
	"petitiond/server/outbox"
	"petitiond/server/secret"
)

func main() {
	var b bench
	on := flag.String("on", "both", "postgres, sqlite or both")
	flag.IntVar(&b.mails, "mails", 20_000, "how many mails are sent")
	flag.IntVar(&b.waiting, "waiting", 100_000, "beside how many others new mails are sent")
	flag.IntVar(&b.fresh, "new", 20, "how many new mails are sent beside them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	fmt.Println(load.Machine())
	err := load.Each(ctx, *on, b.run)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bench is what is measured, and on what.
type bench struct {
	mails, waiting, fresh int

	db       *database.DB
	keys     *secret.Keys
	messages *mail.Messages
	sink     *smtptest.Server
	sender   *mail.Sender
	awaited  *atomic.Pointer[uuid.UUID] // the mail whose arrival is waited for
	arrived  chan struct{}
}

// run measures one database.
func (b bench) run(ctx context.Context, on load.Database) (err error) {
	if b.db, err = on.Open(ctx, database.Options{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	if err := b.prepare(); err != nil {
		return err
	}
	defer func() { b.sender.Close(); err = errors.Join(err, b.sink.Close()) }()
	described, err := load.Describe(ctx, b.db)
	if err != nil {
		return err
	}
	fmt.Println(described)
	if err := b.rate(ctx); err != nil {
		return err
	}
	return b.beside(ctx)
}

// prepare makes keys, messages, and a server that takes every mail.
func (b *bench) prepare() (err error) {
	root := make([]byte, secret.RootSize)
	_, _ = rand.Read(root)
	if b.keys, err = secret.Parse([]byte(base64.StdEncoding.EncodeToString(root))); err != nil {
		return err
	}
	if b.messages, err = mail.LoadMessages(nil, "en"); err != nil {
		return err
	}
	if b.sink, err = smtptest.Start(smtptest.Options{Forget: true}); err != nil {
		return err
	}
	b.awaited, b.arrived = new(atomic.Pointer[uuid.UUID]), make(chan struct{}, 1)
	b.sender = mail.NewSender(mail.Options{
		Server:  mail.Server{Host: "127.0.0.1", Port: b.sink.Port(), Security: mail.Unprotected},
		Sending: mail.Sending{From: netmail.Address{Name: "Petitions", Address: "petitions@example.org"}, Host: "example.org"},
		Now:     time.Now,
	})
	return nil
}

// deliver does what the program does with a mail.
func (b *bench) deliver(ctx context.Context, d outbox.Delivery) error {
	var order mail.Order
	if err := json.Unmarshal(d.Payload, &order); err != nil {
		return err
	}
	message, err := b.messages.Render(order, "https://example.org")
	if err != nil {
		return err
	}
	message.ID = d.ID.String()
	if err := b.sender.Send(ctx, message); err != nil {
		return err
	}
	if id := b.awaited.Load(); id != nil && *id == d.ID {
		b.arrived <- struct{}{}
	}
	return nil
}

// working has an outbox work while do runs.
func (b *bench) working(ctx context.Context, pace int, do func(*outbox.Outbox) error) error {
	o := outbox.New(outbox.Options{
		DB: b.db, Keys: b.keys, Handlers: map[string]outbox.Handler{"mail": b.deliver}, Pace: pace,
	})
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	err := do(o)
	stop()
	return errors.Join(err, <-ended)
}

// add puts mails into the outbox, a thousand a transaction.
func (b *bench) add(ctx context.Context, n int) error {
	for n > 0 {
		rows := make([]outbox.Row, min(n, 1000))
		for i := range rows {
			var err error
			if rows[i], err = b.row(i, uuid.Nil); err != nil {
				return err
			}
		}
		if err := b.write(ctx, rows...); err != nil {
			return err
		}
		n -= len(rows)
	}
	return nil
}

// row seals a mail.
func (b *bench) row(i int, id uuid.UUID) (outbox.Row, error) {
	payload, err := json.Marshal(order(i))
	if err != nil {
		return outbox.Row{}, err
	}
	return outbox.Seal(b.keys, outbox.Entry{ID: id, Kind: "mail", Payload: payload}, b.db.Clock.Now())
}

// write commits mails.
func (b *bench) write(ctx context.Context, rows ...outbox.Row) error {
	return database.InTx(ctx, b.db.Write, func(tx *sql.Tx) error { return outbox.Add(ctx, tx, b.db.Dialect, rows...) })
}

// order returns a mail that asks for a confirmation, to one reader after another.
func order(i int) mail.Order {
	return mail.Order{
		To: fmt.Sprintf("reader%d@example.org", i), Language: []string{"en", "de", "fr", "es", "ar"}[i%5],
		Letter: mail.ConfirmSignature{
			Title: "Keep the night bus on line 7, every night of the week", Petitioner: "Friends of the N7",
			Link: "https://example.org/confirm#t=qk3v9xT1bLrW7nYp0sEcqk3v9xT1bLrW7nYp0sEc", Code: "4F7-K2M",
			Until: time.Date(2026, time.December, 7, 0, 0, 0, 0, time.UTC),
		},
	}
}

// rate measures how many mails a second leave an outbox that is full.
func (b *bench) rate(ctx context.Context) error {
	if err := b.add(ctx, b.mails); err != nil {
		return err
	}
	before, start := b.sink.Taken(), time.Now()
	return b.working(ctx, 10_000, func(o *outbox.Outbox) error {
		if err := until(ctx, func() bool {
			if b.sink.Taken()-before < b.mails {
				return false
			}
			o.Count(ctx)
			return o.Stats()[0].Waiting == 0
		}); err != nil {
			return err
		}
		took := time.Since(start)
		fmt.Printf("%d mails in %.1f s: %.0f a second\n", b.mails, took.Seconds(), float64(b.mails)/took.Seconds())
		return nil
	})
}

// until asks again and again.
func until(ctx context.Context, met func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// beside measures how long a new mail takes while many others wait.
func (b *bench) beside(ctx context.Context) error {
	if err := b.add(ctx, b.waiting); err != nil {
		return err
	}
	return b.working(ctx, 500, func(o *outbox.Outbox) error {
		var times []time.Duration
		for range b.fresh {
			took, err := b.one(ctx, o)
			if err != nil {
				return err
			}
			times = append(times, took)
			time.Sleep(200 * time.Millisecond)
		}
		slices.Sort(times)
		o.Count(ctx)
		fmt.Printf("beside %d others, at 500 a second: a new mail takes %s, at most %s; %d still wait\n", b.waiting,
			times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond), o.Stats()[0].Waiting)
		return nil
	})
}

// one adds a mail and waits until the mail server has it.
func (b *bench) one(ctx context.Context, o *outbox.Outbox) (time.Duration, error) {
	id := uuid.Must(uuid.NewV7())
	b.awaited.Store(&id)
	start := time.Now()
	row, err := b.row(0, id)
	if err != nil {
		return 0, err
	}
	if err := b.write(ctx, row); err != nil {
		return 0, err
	}
	o.Wake()
	select {
	case <-b.arrived:
		return time.Since(start), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
