package reading

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/google/uuid"

	"petitiond/server/coalesce"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/renderedbody"
	"petitiond/server/reading/visibility"
	"petitiond/server/recurring"
	"petitiond/server/secret"
)

// Options configures a Service. Database and Keys are required.
type Options struct {
	Database  *database.DB
	Keys      *secret.Keys
	PublicURL string           // base of links, without a slash at the end
	Now       func() time.Time // default that of the database's Clock
	Logger    *slog.Logger     // default discards
	Sizes     Sizes            // default those that suit a site of some hundred thousand petitions
	SiteSums  *SiteSums        // dropped by those who change something; nil: nothing is kept
}

// Service reads a migrated database. It is safe for concurrent use.
type Service struct {
	opt      Options
	source   visibility.Source
	codec    keyset.Codec
	rendered *renderedbody.Cache
	bySought *coalesce.Reads[sought, string, Found]
	byParent *coalesce.Reads[paged, uuid.UUID, any] // connections
	byPage   *coalesce.Reads[samePage, struct{}, *PetitionConnection]
	byTagged *coalesce.Reads[visibility.Seen, database.UUIDSet, tagged]
	bySum    *coalesce.Reads[string, struct{}, any] // sums over the whole site

	unopened recurring.Lines // what the log was told of names that cannot be opened
}

// New returns a Service on a migrated database.
func New(opt Options) *Service {
	if opt.Now == nil {
		// The clock that dates what is written: a last hour must end with the minute of the newest signature.
		opt.Now = opt.Database.Clock.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Sizes == (Sizes{}) {
		opt.Sizes = usualSizes
	}
	// On PostgreSQL as many statements as processors; beyond that they wait for each other, and are cheaper as one.
	atOnce := 0 // on SQLite a statement costs little besides its rows
	if opt.Database.Dialect == database.Postgres {
		atOnce = runtime.GOMAXPROCS(0)
	}
	return &Service{
		opt:      opt,
		source:   visibility.NewSource(opt.Database),
		codec:    keyset.NewCodec(opt.Keys.Digest(secret.Cursor)),
		rendered: renderedbody.New(),
		bySought: coalesce.New[sought, string, Found](atOnce),
		byParent: coalesce.New[paged, uuid.UUID, any](atOnce),
		byPage:   coalesce.New[samePage, struct{}, *PetitionConnection](atOnce),
		byTagged: coalesce.New[visibility.Seen, database.UUIDSet, tagged](atOnce),
		bySum:    coalesce.New[string, struct{}, any](1),
		unopened: recurring.Lines{Now: opt.Now},
	}
}

// Viewer is the person who is looking. The zero Viewer is anybody.
type Viewer = visibility.Viewer

// Anybody sees what everybody may see.
var Anybody = Viewer{}

// Reader reads what its viewer may see. It should live no longer than a call, since a viewer may come to see more.
type Reader struct {
	*Service
	viewer Viewer
}

// As returns a reader for a viewer.
func (s *Service) As(v Viewer) *Reader { return &Reader{s, v} }

// BodyHTML returns the body of a petition at a version as sanitised HTML. It fails when ctx ends before it
// can be rendered.
func (s *Service) BodyHTML(ctx context.Context, petition uuid.UUID, version int, body string) (string, error) {
	return s.rendered.HTML(ctx, petition, version, body)
}
