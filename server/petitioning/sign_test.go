package petitioning_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/sitetest"
)

func TestSignCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		b.Clock.Advance(90 * time.Second)
		b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) {
			s.Name, s.Email, s.ShowName = " Ada  Obi", " Ada.Obi+x@Example.ORG ", true
			s.Country, s.Locale, s.StatementVersion, s.Updates = p("ng"), p("en-gb"), p("2026-01"), true
		})
		b.MustSign(t, made.Petition, 2, func(s *petitioning.Signing) { s.StatementVersion = p("") })
		figures := b.Figures(t, made.Petition)
		equal(t, "total and named", []int{2, 1}, []int{figures.Total, figures.Named})
		page := b.signatures(t, b.As(t, ""), made.Petition)
		equal(t, "named signatures", 1, len(page.Edges))
		row := page.Edges[0].Node
		equal(t, "name", p("Ada Obi"), b.Reading.SignatoryName(t.Context(), row))
		equal(t, "number", 1, *row.Number)
		equal(t, "country", "NG", *row.Country)
		equal(t, "signedAt", b.Clock.Now(), row.SignedAt)
		equal(t, "locale", "en-GB", value[string](t, b, `SELECT locale FROM signatures WHERE number = 1`))
		equal(t, "statement", "2026-01", value[string](t, b, `SELECT statement_version FROM signatures WHERE number = 1 AND updates`))
		equal(t, "columns that were not given", 1, value[int](t, b, `SELECT COUNT(*) FROM signatures
 WHERE number = 2 AND locale IS NULL AND statement_version IS NULL AND country IS NULL AND NOT show_name AND NOT updates`))
		sealed := value[[]byte](t, b, `SELECT address FROM signatures WHERE number = 1`)
		address, err := b.Keys.Open(secret.AddressSeal, sealed, row.ID[:])
		ok(t, err)
		equal(t, "mail goes to", "Ada.Obi+x@example.org", string(address))
	})
}

// signatures returns the first page of a petition's signatures.
func (b *bundle) signatures(t testing.TB, ctx context.Context, id uuid.UUID) *reading.SignatureConnection {
	t.Helper()
	pages, err := b.Reads(ctx).Signatures(ctx, keyset.Args{}, id)
	ok(t, err)
	return pages[id]
}

func TestSignNamesEveryFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		adjust func(*petitioning.Signing)
		want   []string
	}{
		{"Everything", func(s *petitioning.Signing) {
			s.IdempotencyKey, s.Name, s.Email, s.Country = p(strings.Repeat("k", 256)), "www.example.org", "ada@localhost", p("UK")
			s.Comment, s.StatementVersion, s.Locale = p("\x00"), p(strings.Repeat("x", 101)), p("english!")
		}, []string{
			"INVALID input.idempotencyKey", "INVALID input.name", "INVALID input.email", "INVALID input.country", "INVALID input.comment",
			"INVALID input.statementVersion", "INVALID input.locale",
		}},
		{"Empty", func(s *petitioning.Signing) { s.Name, s.Email = "", "" }, []string{"INVALID input.name", "INVALID input.email"}},
		{"TooLong", func(s *petitioning.Signing) {
			s.Name, s.Comment = strings.Repeat("é", 101), p(strings.Repeat("é", 2001))
		}, []string{"INVALID input.name", "INVALID input.comment"}},
		{"BrokenText", func(s *petitioning.Signing) {
			s.Name, s.Email, s.Country, s.Comment = "a\x00b", "a\xff@example.org", p("\x00\x00"), p("a\xffb")
			s.StatementVersion, s.Locale = p("\x00"), p("e\xff")
		}, []string{
			"INVALID input.name", "INVALID input.email", "INVALID input.country", "INVALID input.comment", "INVALID input.statementVersion",
			"INVALID input.locale",
		}},
		{"AllAtTheirLimits", func(s *petitioning.Signing) {
			s.Name, s.Comment, s.StatementVersion = strings.Repeat("é", 100), p(strings.Repeat("é", 2000)), p(strings.Repeat("é", 100))
			s.IdempotencyKey = p("Zk3vQ9xT1bLrW7nYp0sEcé")
		}, nil},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				before := b.Figures(t, made.Petition).Total
				err := b.Sign(b.As(t, ""), signing(made.Petition, before, tt.adjust))
				faults(t, err, tt.want...)
				equal(t, "is counted", tt.want == nil, b.Figures(t, made.Petition).Total == before+1)
			})
		}
	})
}

func TestOneAddressCountsOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, other := b.MustPublish(t), b.MustPublish(t)
		for i, address := range []string{
			"ada.obi@gmail.com", "ADA.OBI@GMAIL.COM", "adaobi@gmail.com", "a.d.a.o.b.i+bees@googlemail.com", " Ada.Obi+@Gmail.com",
		} {
			before := b.News(t, made.Petition)
			ok(t, b.Sign(b.As(t, ""), signing(made.Petition, i, func(s *petitioning.Signing) {
				s.Email, s.ShowName, s.Comment = address, i > 0, p("Again and again")
			})))
			if i > 0 {
				equal(t, "news of a repeated signature", before, b.News(t, made.Petition))
			}
		}
		figures := b.Figures(t, made.Petition)
		equal(t, "total, named, comments", []int{1, 0, 1}, []int{figures.Total, figures.Named, figures.Comments})
		b.MustSign(t, made.Petition, 0, func(s *petitioning.Signing) { s.Email = "ada.obi@example.org" })
		b.MustSign(t, made.Petition, 0, func(s *petitioning.Signing) { s.Email = "adaobi@example.org" }) // dots count there
		b.MustSign(t, other.Petition, 0, func(s *petitioning.Signing) { s.Email = "adaobi@gmail.com" })
		equal(t, "total", 3, b.Figures(t, made.Petition).Total)
		equal(t, "total of the other", 1, b.Figures(t, other.Petition).Total)
		digests := value[int](t, b, `SELECT COUNT(DISTINCT digest) FROM signatures`)
		equal(t, "digests, which cannot be linked over petitions", 4, digests)
	})
}

// TestMailGoesWhereItWasChecked signs with addresses around which, or in whose domain, there is what nobody sees.
func TestMailGoesWhereItWasChecked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for typed, want := range map[string]string{
			"ada9@example.org\u200b": "ada9@example.org", "ada@exa\u00admple.org": "ada@example.org", "\u200eada@example.org": "ada@example.org",
			"\ufeffJu\u0308rgen@Bücher.example ": "Jürgen@xn--bcher-kva.example",
		} {
			made := b.MustPublish(t, func(d *petitioning.Draft) { d.PetitionerEmail = &typed })
			b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) { s.Email = typed })
			b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) { s.Email = want })
			equal(t, "signatures of one mailbox", 1, b.Figures(t, made.Petition).Total)
			id := value[uuid.UUID](t, b, `SELECT id FROM signatures WHERE petition_id = $1`, made.Petition)
			sealed := value[[]byte](t, b, `SELECT address FROM signatures WHERE id = $1`, id)
			address, err := b.Keys.Open(secret.AddressSeal, sealed, id[:])
			ok(t, err)
			equal(t, "mail to the signatory goes to", want, string(address))
			sealed = value[[]byte](t, b, `SELECT petitioner_address FROM petitions WHERE id = $1`, made.Petition)
			address, err = b.Keys.Open(secret.AddressSeal, sealed, made.Petition[:])
			ok(t, err)
			equal(t, "mail to the petitioner goes to", want, string(address))
		}
	})
}

// TestBlankFieldsOfASignatureAreAbsent leaves every optional text blank.
func TestBlankFieldsOfASignatureAreAbsent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, blank := range []string{"", "   ", "\n\t", "\u200b\u3164"} {
			made := b.MustPublish(t)
			b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) {
				v := reflect.ValueOf(s).Elem()
				for i := range v.NumField() {
					if field, isText := v.Field(i).Addr().Interface().(**string); isText {
						*field = &blank
					}
				}
				s.IdempotencyKey = nil // is for programs, and one that is blank is a mistake
			})
			figures := b.Figures(t, made.Petition)
			equal(t, "total and comments", []int{1, 0}, []int{figures.Total, figures.Comments})
			equal(t, "rows without them", 1, value[int](t, b, `SELECT COUNT(*) FROM signatures
 WHERE petition_id = $1 AND locale IS NULL AND statement_version IS NULL AND country IS NULL`, made.Petition))
		}
	})
}

// TestFirstSignatureHolds signs again with another wish for the public name, in both directions.
func TestFirstSignatureHolds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, shown := range []bool{true, false} {
			made := b.MustPublish(t)
			sign := func(name string, show bool) {
				b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) { s.Name, s.ShowName = name, show })
			}
			sign("Ada Obi", shown)
			sign("Ada Lovelace", !shown)
			var names []string
			for _, row := range b.signatures(t, b.As(t, ""), made.Petition).Nodes() {
				names = append(names, sitetest.OrEmpty(b.Reading.SignatoryName(t.Context(), row)))
			}
			want := []string(nil)
			if shown {
				want = []string{"Ada Obi"}
			}
			equal(t, "public names", want, names)
			equal(t, "total", 1, b.Figures(t, made.Petition).Total)
		}
	})
}

func TestPrivateDataIsSealed(t *testing.T) {
	t.Parallel()
	const name, address, petitioner = "Xanthippe Quisling", "Xanthippe.Quisling@mail.example.org", "Ostrakon@mail.example.org"
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(d *petitioning.Draft) {
			d.PetitionerEmail, d.IdempotencyKey = p(petitioner), p("ostrakon-5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935")
		})
		b.MustSign(t, made.Petition, 0, func(s *petitioning.Signing) {
			s.Name, s.Email, s.Comment, s.IdempotencyKey = name, address, p("Because"), p("xanthippe-5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935")
		})
		b.MustSign(t, b.MustPublish(t).Petition, 0, func(s *petitioning.Signing) { s.Name, s.Email, s.ShowName = name, address, true })
		canonical := strings.ToLower(address)
		equal(t, "places of what is private", []string(nil),
			b.places(t, name, address, canonical, petitioner, "Xanthippe", "Quisling", "ostrakon"))
		b.MustSign(t, b.MustPublish(t).Petition, 0, func(s *petitioning.Signing) {
			s.Name, s.Email, s.ShowName, s.Comment = name, address, true, p("Because")
		})
		equal(t, "places of a name that is public", []string{"comments.author_name"}, b.places(t, name))
		equal(t, "places of the address", []string(nil), b.places(t, address))
	})
}

func TestSigningComment(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) { s.Comment = p("Unnamed reason") })
		b.MustSign(t, made.Petition, 2, func(s *petitioning.Signing) { s.Comment, s.ShowName = p(" Named  reason\n"), true })
		b.MustSign(t, made.Petition, 3)
		pages, err := b.Reads(b.As(t, "")).Comments(b.As(t, ""), sitetest.ByOrder(reading.Oldest), keyset.Args{}, made.Petition)
		ok(t, err)
		type said struct {
			Author        *string
			Body          string
			FromSignatory bool
		}
		var got []said
		for _, c := range pages[made.Petition].Nodes() {
			got = append(got, said{c.AuthorName, c.Body, c.FromSignatory})
			if c.Signatory != nil {
				t.Error("the row that a list gives links to the signature")
			}
			one, err := b.Reads(b.As(t, "")).CommentsByID(b.As(t, ""), []uuid.UUID{c.ID})
			ok(t, err)
			if one[0].Signatory != nil {
				t.Error("the row that an id gives links to the signature")
			}
		}
		equal(t, "comments", []said{{nil, "Unnamed reason", true}, {p("Person 2"), " Named  reason", true}}, got)
		figures := b.Figures(t, made.Petition)
		equal(t, "threads and comments", []int{2, 2}, []int{figures.Threads, figures.Comments})
	})
}

func TestSignWhereItIsNotPossible(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		const notFound, wrongState = "NOT_FOUND input.petitionId", "WRONG_STATE input.petitionId"
		for state, want := range map[petition.State]string{
			petition.StateDRAFT: notFound, petition.StateIN_REVIEW: notFound, petition.StateREJECTED: notFound,
			petition.StateHIDDEN: notFound, petition.StatePAUSED: wrongState, petition.StateCLOSED: wrongState,
			petition.StateARCHIVED: wrongState,
		} {
			b.Move(t, made.Petition, state)
			faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 1)), want)
			faults(t, b.Sign(b.As(t, made.EditToken), signing(made.Petition, 1)), wrongState)
			faults(t, b.Sign(operator(t), signing(made.Petition, 1)), wrongState)
		}
		faults(t, b.Sign(operator(t), signing(uuid.New(), 1)), notFound)
		faults(t, b.Sign(operator(t), signing(uuid.Nil, 1)), notFound)
		faults(t, b.Sign(b.As(t, ""), signing(b.MustCreate(t).Petition, 1)), notFound)
		equal(t, "signatures", 0, value[int](t, b, `SELECT COUNT(*) FROM signatures`))
	})
}

func TestSignRepeats(t *testing.T) {
	t.Parallel()
	keyed := func(key string) func(*petitioning.Signing) {
		return func(s *petitioning.Signing) { s.IdempotencyKey = &key }
	}
	const key = "5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935"
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		for range 3 {
			b.MustSign(t, made.Petition, 1, keyed(key))
		}
		equal(t, "total", 1, b.Figures(t, made.Petition).Total)
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 2, keyed(key))), "IDEMPOTENCY_MISMATCH input.idempotencyKey")
		ok(t, b.Sign(b.As(t, made.EditToken), signing(made.Petition, 2, keyed(key)))) // another caller
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 3, keyed("Zk3vQ9xT1bLrW7nYp0sEc"))), "INVALID input.idempotencyKey")
		ok(t, b.Sign(b.As(t, made.EditToken), signing(made.Petition, 3, keyed("1"))))
		equal(t, "total", 3, b.Figures(t, made.Petition).Total)
		ok(t, b.Close(operator(t), made.Petition, nil))
		b.MustSign(t, made.Petition, 1, keyed(key)) // answered as the first time, although signing has ended
		faults(t, b.Sign(b.As(t, ""), signing(made.Petition, 4, keyed("c27e90b4-18d3-4f6a-a5b9-0d4e71f8362c"))), "WRONG_STATE input.petitionId")
	})
}

func TestSignAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		var all sync.WaitGroup
		for i := range 60 { // three times each of twenty people
			all.Go(func() {
				ctx := petitioning.WithActor(t.Context(), petitioning.Anonymous())
				if err := b.Sign(ctx, signing(made.Petition, i%20, func(s *petitioning.Signing) { s.ShowName = true })); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		equal(t, "total", 20, b.Figures(t, made.Petition).Total)
		var numbers []int
		for _, row := range b.signatures(t, b.As(t, ""), made.Petition).Nodes() {
			numbers = append(numbers, *row.Number)
		}
		equal(t, "numbers", []int{20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, numbers)
	})
}
