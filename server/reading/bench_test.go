package reading_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// BenchmarkReads measures what the page of the busiest petition and a list of twenty cost without GraphQL and HTTP.
func BenchmarkReads(b *testing.B) {
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		site := setup(b, dbtest.New(b, dialect))
		site.Fill(b, sitetest.Volume{Petitions: 2000, Signatures: 100_000, Comments: 10_000})
		ctx := petitioning.WithActor(b.Context(), petitioning.Anonymous())
		for name, read := range map[string]func(context.Context) error{"Page": site.readPage, "List": site.readList} {
			b.Run(dialect.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := read(ctx); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(dialect.String()+"/"+name+"AtOnce", func(b *testing.B) {
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := read(ctx); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// readPage reads the petition, its numbers, tags, ten comments and ten signatures.
func (b *bundle) readPage(ctx context.Context) error {
	found, err := b.Reads(ctx).PetitionBySlug(ctx, "slug-1", reading.Selection{Figures: true})
	if err != nil {
		return err
	}
	id := found.Rows[0].ID
	if _, err := b.Reads(ctx).TagsOf(ctx, []uuid.UUID{id}); err != nil {
		return err
	}
	if _, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), keyset.Args{First: p(10)}, id); err != nil {
		return err
	}
	_, err = b.Reads(ctx).Signatures(ctx, keyset.Args{First: p(10)}, id)
	return err
}

// readList reads twenty petitions with their numbers and tags.
func (b *bundle) readList(ctx context.Context) error {
	list, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Selection: reading.Selection{Figures: true}}, keyset.Args{})
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(list.Edges))
	for _, e := range list.Edges {
		ids = append(ids, e.Node.ID)
	}
	_, err = b.Reads(ctx).TagsOf(ctx, ids)
	return err
}
