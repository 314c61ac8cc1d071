package signing

import (
	"log/slog"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/mail"
	"petitiond/server/outbox"
	"petitiond/server/reading"
	"petitiond/server/recurring"
	"petitiond/server/secret"
)

const (
	// Lapse is how long a signature waits for its mailbox.
	Lapse = 7 * 24 * time.Hour
	// remindAfter is how long after the signing a mailbox is reminded, once.
	remindAfter = 24 * time.Hour
)

// Options configures a Service. All but the last three are required.
type Options struct {
	Database *database.DB
	Ledger   *ledger.Ledger
	Keys     *secret.Keys
	Reading  *reading.Service
	Site     string // the public URL, with which links begin
	// Mail makes an entry of the outbox that sends a mail.
	Mail func(id uuid.UUID, order mail.Order, priority outbox.Priority) (outbox.Row, error)

	Wake   func()           // is called when there is something in the outbox; default nobody is
	Now    func() time.Time // default that of the database's Clock
	Logger *slog.Logger     // default discards
}

// Service is safe for concurrent use.
type Service struct {
	opt     Options
	db      *database.DB
	failing recurring.Lines // what the log was told of the tasks of Run
}

// New returns a Service on a migrated database. Handle must be given the entries of Kind.
func New(opt Options) *Service {
	if opt.Wake == nil {
		opt.Wake = func() {}
	}
	if opt.Now == nil {
		opt.Now = opt.Database.Clock.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{opt: opt, db: opt.Database}
}
