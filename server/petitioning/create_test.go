package petitioning_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fields"
	"petitiond/server/figures"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
)

func TestCreateKeepsEveryField(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		start, end := monday.Add(time.Hour), monday.Add(48*time.Hour+time.Microsecond)
		made := b.MustCreate(t, func(d *petitioning.Draft) {
			d.Title, d.Summary, d.Body = "  More   trees ", p("In every street.\r\n"), "# Why\n\nShade.\n"
			d.Language, d.Goal, d.StartsAt, d.EndsAt = p("pt-br"), p(5000), &start, &end
			d.Addressees, d.Tags = []string{" The  mayor", "The council"}, []string{"#City Trees", "citytrees", "Shade"}
			d.Petitioner, d.PetitionerEmail = "Rua Viva", p("rua@example.org")
			d.ImageURL = p("https://example.org/trees.jpg?w=800")
		})
		row := b.Row(t, made.Petition)
		equal(t, "petition", petitionOf(&ent.Petition{
			ID: made.Petition, Slug: row.Slug, Title: "More trees", Summary: "In every street.", Language: "pt-BR",
			Addressees: []string{"The mayor", "The council"}, State: petition.StateDRAFT, Petitioner: "Rua Viva",
			ImageURL: p("https://example.org/trees.jpg?w=800"), StartsAt: &start, EndsAt: &end, CreatedAt: monday, UpdatedAt: monday, Version: 1,
		}), petitionOf(row))
		bodies, err := b.Reads(operator(t)).Bodies(operator(t), []uuid.UUID{made.Petition})
		ok(t, err)
		equal(t, "body", "# Why\n\nShade.", bodies[made.Petition])
		equal(t, "tags", []string{"citytrees=City Trees", "shade=Shade"}, b.tags(t, made.Petition))
		count := b.Figures(t, made.Petition)
		equal(t, "count", figures.Value{Petition: made.Petition, Goal: 5000, AsOf: monday}, count.Value)
		sealed := value[[]byte](t, b, `SELECT petitioner_address FROM petitions WHERE id = $1`, made.Petition)
		address, err := b.Keys.Open(secret.AddressSeal, sealed, made.Petition[:])
		equal(t, "address", "rua@example.org", string(address))
		ok(t, err)
	})
}

// petitionOf returns what a row has in the fields that lists read, by their names.
func petitionOf(row *ent.Petition) map[string]any {
	out := map[string]any{}
	for _, f := range fields.All {
		if !f.Wide && !f.Sealed {
			out[f.Name] = f.Value(row)
		}
	}
	return out
}

// tags returns the tags of a petition as key=label.
func (b *bundle) tags(t testing.TB, id uuid.UUID) []string {
	t.Helper()
	found, err := b.Reads(operator(t)).TagsOf(operator(t), []uuid.UUID{id})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, tag := range found[id] {
		out = append(out, tag.Key+"="+tag.Label)
	}
	return out
}

func TestCreateDefaults(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		row := b.Row(t, b.MustCreate(t).Petition)
		equal(t, "petition", petitionOf(&ent.Petition{
			ID: row.ID, Slug: row.Slug, Title: "Save the bees", Language: "und", Addressees: []string{}, State: petition.StateDRAFT,
			Petitioner: "Ada Obi", CreatedAt: monday, UpdatedAt: monday, Version: 1,
		}), petitionOf(row))
		equal(t, "goal", 100, b.Figures(t, row.ID).Goal)
		if !strings.HasPrefix(row.Slug, "save-the-bees-") {
			t.Errorf("the slug of a draft is %q, want one with a suffix", row.Slug)
		}
	})
}

func TestCreateNamesEveryFault(t *testing.T) {
	t.Parallel()
	past, soon, later := monday.Add(-91*time.Second), monday.Add(time.Hour), monday.Add(2*time.Hour)
	tests := []struct {
		name   string
		adjust func(*petitioning.Draft)
		want   []string
	}{
		{"Everything", func(d *petitioning.Draft) {
			*d = petitioning.Draft{
				IdempotencyKey: p("short"), Title: "ab", Summary: p(strings.Repeat("x", 501)), Body: strings.Repeat("x", 50_001),
				Language: p("tlhingan-Hol!"), Addressees: []string{"fine", "\x00", strings.Repeat("x", 201)},
				Tags: []string{"fine", "!!!", strings.Repeat("x", 51)}, Goal: p(0), StartsAt: &past, EndsAt: &past,
				Petitioner: "buy at https://example.org", PetitionerEmail: p("nobody"),
			}
		}, []string{
			"INVALID input.idempotencyKey", "INVALID input.title", "INVALID input.summary", "INVALID input.body",
			"INVALID input.language", "INVALID input.addressees.1", "INVALID input.addressees.2", "INVALID input.tags.1",
			"INVALID input.tags.2", "INVALID input.goal", "INVALID input.startsAt", "INVALID input.endsAt",
			"INVALID input.petitioner", "INVALID input.petitionerEmail",
		}},
		{"UpperLimits", func(d *petitioning.Draft) {
			d.Title, d.Summary, d.Body = strings.Repeat("é", 150), p(strings.Repeat("é", 500)), strings.Repeat("é", 50_000)
			d.Addressees = slices.Repeat([]string{strings.Repeat("é", 200)}, 10)
			d.Tags = strings.Fields("a b c d e f g h i j")
			d.Goal, d.StartsAt, d.EndsAt, d.Petitioner = p(100_000_000), p(monday), p(monday.Add(time.Microsecond)), strings.Repeat("é", 100)
		}, nil},
		{"LowerLimits", func(d *petitioning.Draft) {
			d.Title, d.Summary, d.Body, d.Goal, d.Petitioner = "abc", p(""), "b", p(1), "A"
			d.Addressees, d.Tags = []string{"M"}, []string{"t"}
		}, nil},
		{"TooLong", func(d *petitioning.Draft) {
			d.Title, d.Goal, d.Petitioner = strings.Repeat("é", 151), p(100_000_001), strings.Repeat("é", 101)
			d.Addressees, d.Tags = slices.Repeat([]string{"M"}, 11), strings.Fields("a b c d e f g h i j k")
		}, []string{
			"INVALID input.title", "INVALID input.goal", "INVALID input.petitioner", "INVALID input.addressees", "INVALID input.tags",
		}},
		{"EndBeforeStart", func(d *petitioning.Draft) { d.StartsAt, d.EndsAt = &later, &soon }, []string{"INVALID input.endsAt"}},
		{"EndAtStart", func(d *petitioning.Draft) { d.StartsAt, d.EndsAt = &soon, &soon }, []string{"INVALID input.endsAt"}},
		{"EndNow", func(d *petitioning.Draft) { d.EndsAt = p(monday) }, []string{"INVALID input.endsAt"}},
		{"NothingToSee", func(d *petitioning.Draft) {
			d.Title, d.Body, d.Petitioner = "\u200b\u200b\u200b\u200b", " \n ", "\u3164"
		}, []string{"INVALID input.title", "INVALID input.body", "INVALID input.petitioner"}},
		{"NulAndBrokenText", func(d *petitioning.Draft) {
			d.Title, d.Summary, d.Body, d.Petitioner = "nul \x00 nul", p("broken \xff"), "nul\x00", "broken \xc3"
			d.Addressees, d.Tags = []string{"\x00a"}, []string{"b\xff"}
			d.Language, d.PetitionerEmail, d.IdempotencyKey = p("e\x00n"), p("a\x00@example.org"), p(strings.Repeat("\xff", 20))
		}, []string{
			"INVALID input.title", "INVALID input.summary", "INVALID input.body", "INVALID input.petitioner", "INVALID input.addressees.0",
			"INVALID input.tags.0", "INVALID input.language", "INVALID input.petitionerEmail", "INVALID input.idempotencyKey",
		}},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				before := value[int](t, b, `SELECT COUNT(*) FROM petitions`)
				_, err := b.Create(b.As(t, ""), draft(tt.adjust))
				faults(t, err, tt.want...)
				wrote := value[int](t, b, `SELECT COUNT(*) FROM petitions`) - before
				equal(t, "is written", tt.want == nil, wrote == 1)
			})
		}
	})
}

// TestBlankFieldsOfADraftAreAbsent leaves every optional text and time blank, as a form sends it. A key is for
// programs, and one that is blank is a mistake.
func TestBlankFieldsOfADraftAreAbsent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		plain := petitionOf(b.Row(t, b.MustCreate(t).Petition))
		for _, blank := range []string{"", " \u3000", "\t\r\n", "\u200b\u200e"} {
			first := b.MustCreate(t, blankened(blank))
			got := petitionOf(b.Row(t, first.Petition))
			for _, ownField := range []string{"id", "slug"} {
				got[ownField] = plain[ownField]
			}
			equal(t, "petition", plain, got)
			equal(t, "tags", []string(nil), b.tags(t, first.Petition))
			equal(t, "without an address", 1, value[int](t, b,
				`SELECT COUNT(*) FROM petitions WHERE id = $1 AND petitioner_address IS NULL`, first.Petition))
		}
		made := b.MustCreate(t, func(d *petitioning.Draft) {
			d.Addressees, d.Tags = []string{"", "The mayor", " ", "The council"}, []string{" ", "Shade", ""}
		})
		equal(t, "addressees", []string{"The mayor", "The council"}, b.Row(t, made.Petition).Addressees)
		equal(t, "tags", []string{"shade=Shade"}, b.tags(t, made.Petition))
		_, err := b.Create(b.As(t, ""), draft(func(d *petitioning.Draft) {
			d.Addressees = append(slices.Repeat([]string{""}, 20), "\x00")
			d.Tags = []string{"", "!"}
		}))
		faults(t, err, "INVALID input.addressees.20", "INVALID input.tags.1")
		b.MustCreate(t, func(d *petitioning.Draft) { d.Addressees = append(slices.Repeat([]string{"M"}, 10), "", " ") })
	})
}

// blankened leaves each field of a draft blank that may be left out, except for the key.
func blankened(blank string) func(*petitioning.Draft) {
	return func(d *petitioning.Draft) {
		v := reflect.ValueOf(d).Elem()
		for i := range v.NumField() {
			switch field := v.Field(i).Addr().Interface().(type) {
			case **string:
				*field = &blank
			case **time.Time:
				*field = &time.Time{}
			case *[]string:
				*field = []string{blank, blank}
			}
		}
		d.IdempotencyKey = nil
	}
}

// TestStartsNow has clients that say when it is now, by clocks that differ and requests that take their time.
func TestStartsNow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, late := range []time.Duration{0, time.Microsecond, time.Second, 30 * time.Second, time.Minute, 90 * time.Second} {
			start, end := b.Clock.Now().Add(-late), b.Clock.Now().Add(time.Second)
			made := b.MustCreate(t, func(d *petitioning.Draft) { d.StartsAt, d.EndsAt = &start, &end })
			equal(t, "startsAt", b.Clock.Now(), *b.Row(t, made.Petition).StartsAt)
			ok(t, b.Publish(b.As(t, made.EditToken), made.Petition))
			b.MustSign(t, made.Petition, 1)
		}
		for _, late := range []time.Duration{90*time.Second + time.Microsecond, time.Hour} {
			start := b.Clock.Now().Add(-late)
			_, err := b.Create(b.As(t, ""), draft(func(d *petitioning.Draft) { d.StartsAt = &start }))
			faults(t, err, "INVALID input.startsAt")
		}
	})
}

// TestSlugsSpeakTheLanguage also changes the title, which makes another slug.
func TestSlugsSpeakTheLanguage(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Title, d.Language = "Grüne Höfe & Gärten", p("de-CH") })
		equal(t, "slug", "gruene-hoefe-und-gaerten", b.Row(t, made.Petition).Slug)
		ok(t, b.Update(b.As(t, made.EditToken), b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Title = p("Grüne Straßen") })))
		equal(t, "slug", "gruene-strassen", b.Row(t, made.Petition).Slug)
		made = b.MustPublish(t, func(d *petitioning.Draft) { d.Title = "Grüne Höfe & Gärten" })
		equal(t, "slug", "grune-hofe-and-garten", b.Row(t, made.Petition).Slug)
	})
}

func TestFaultsEchoNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		const canary = "Xylophonist"
		long := strings.Repeat(canary, 5000)
		_, err := b.Create(b.As(t, ""), petitioning.Draft{
			IdempotencyKey: p(canary), Title: long, Summary: &long, Body: long, Language: p(canary), Addressees: []string{long},
			Tags: []string{long}, Petitioner: long, PetitionerEmail: p(canary),
		})
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("the faults are %v, want some that repeat nothing", err)
		}
	})
}

func TestEditTokenIsACredential(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, other := b.MustCreate(t), b.MustCreate(t)
		key, err := b.CreateAPIKey(t.Context(), "Partner", []petitioning.Scope{petitioning.ScopeSign})
		ok(t, err)
		tests := []struct {
			name string
			ctx  context.Context
			sees bool
		}{
			{"Token", b.As(t, made.EditToken), true},
			{"AdminKey", b.As(t, adminKey), true},
			{"Nobody", b.As(t, ""), false},
			{"NoActor", t.Context(), false},
			{"TokenOfAnother", b.As(t, other.EditToken), false},
			{"ApiKey", b.As(t, key), false},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				sees, err := b.Reads(tt.ctx).Sees(tt.ctx, made.Petition)
				ok(t, err)
				equal(t, "sees the draft", tt.sees, sees)
			})
		}
		stored := value[[]byte](t, b, `SELECT hash FROM tokens WHERE petition_id = $1`, made.Petition)
		if !bytes.Equal(stored, secret.Hash(made.EditToken)) {
			t.Error("what is stored of the token is not its hash")
		}
		equal(t, "places of the token", []string(nil), b.places(t, strings.TrimPrefix(made.EditToken, "pe_")))
	})
}

func TestMakerSeesTheDraftInTheSameRequest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		ctx := b.As(t, "")
		made, err := b.Create(ctx, draft())
		ok(t, err)
		found, err := b.Reads(ctx).PetitionsByID(ctx, []uuid.UUID{made.Petition}, reading.Selection{})
		ok(t, err)
		equal(t, "rows", 1, len(found.Rows))
	})
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustCreate(t)
		key, err := b.CreateAPIKey(t.Context(), "Partner", []petitioning.Scope{petitioning.ScopeAdmin})
		ok(t, err)
		equal(t, "API key with ADMIN is the operator's", true, petitioning.ActorFrom(b.As(t, key)).IsAdmin())
		b.Exec(t, `UPDATE tokens SET expires_at = $1`, monday.Add(time.Hour))
		b.Exec(t, `UPDATE api_keys SET expires_at = $1`, monday.Add(time.Hour))
		b.As(t, made.EditToken)
		b.Clock.Advance(time.Hour)
		for _, bearer := range []string{
			"", "pe_", "pk_", "ps_x", "pe_" + strings.Repeat("A", 43), made.EditToken, made.EditToken + "A", key, adminKey + " ",
			"\x00", "pe_\xff\x00",
		} {
			if _, err := b.Authenticate(t.Context(), bearer); !errors.Is(err, petitioning.ErrUnauthenticated) {
				t.Errorf("Authenticate(%q) gives %v, want %v", bearer, err, petitioning.ErrUnauthenticated)
			}
		}
	})
}

func TestCreateRepeats(t *testing.T) {
	t.Parallel()
	key := func(v string) func(*petitioning.Draft) {
		return func(d *petitioning.Draft) { d.IdempotencyKey = &v }
	}
	const long = "5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935"
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		first := b.MustCreate(t, key(long))
		t.Run("SameAnswer", func(t *testing.T) {
			ctx := b.As(t, "")
			again, err := b.Create(ctx, draft(key(long)))
			ok(t, err)
			equal(t, "answer", first, again)
			sees, err := b.Reads(ctx).Sees(ctx, again.Petition)
			ok(t, err)
			equal(t, "its caller sees it", true, sees)
		})
		t.Run("AfterTheWorldMovedOn", func(t *testing.T) {
			ok(t, b.Hide(operator(t), first.Petition))
			equal(t, "petition", first.Petition, b.MustCreate(t, key(long)).Petition)
		})
		t.Run("OtherInput", func(t *testing.T) {
			_, err := b.Create(b.As(t, ""), draft(key(long), func(d *petitioning.Draft) { d.Title = "Save the wasps" }))
			faults(t, err, "IDEMPOTENCY_MISMATCH input.idempotencyKey")
		})
		t.Run("OtherCaller", func(t *testing.T) {
			made, err := b.Create(b.As(t, adminKey), draft(key(long)))
			ok(t, err)
			equal(t, "is another petition", true, made.Petition != first.Petition)
		})
		t.Run("ShortKeyOfACaller", func(t *testing.T) {
			ctx := b.As(t, first.EditToken)
			one, err := b.Create(ctx, draft(key("1")))
			ok(t, err)
			two, err := b.Create(ctx, draft(key("1")))
			ok(t, err)
			equal(t, "answer", one, two)
		})
		t.Run("FaultsAreNotKept", func(t *testing.T) {
			const other = "e8a3b5d1-6c42-4907-b17f-92d0c8e4f65a"
			_, err := b.Create(b.As(t, ""), draft(key(other), func(d *petitioning.Draft) { d.Title = "" }))
			faults(t, err, "INVALID input.title")
			b.MustCreate(t, key(other))
		})
		t.Run("WithoutKey", func(t *testing.T) {
			one, two := b.MustCreate(t), b.MustCreate(t)
			equal(t, "is another petition", true, one.Petition != two.Petition)
		})
		t.Run("ForgottenAfterTwoDays", func(t *testing.T) {
			b.Clock.Advance(48 * time.Hour)
			ok(t, b.SweepKeys(t.Context()))
			equal(t, "petition", first.Petition, b.MustCreate(t, key(long)).Petition)
			b.Clock.Advance(time.Second)
			equal(t, "petition", first.Petition, b.MustCreate(t, key(long)).Petition)
			ok(t, b.SweepKeys(t.Context()))
			equal(t, "is another petition", true, b.MustCreate(t, key(long)).Petition != first.Petition)
		})
	})
}

// TestTokenIsRepeatedForAShortTime repeats createPetition as somebody does who came to know the key.
func TestTokenIsRepeatedForAShortTime(t *testing.T) {
	t.Parallel()
	key := func(d *petitioning.Draft) { d.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") }
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for name, bearer := range map[string]string{"Anonymous": "", "Credential": adminKey} {
			t.Run(name, func(t *testing.T) {
				create := func() petitioning.Created {
					made, err := b.Create(b.As(t, bearer), draft(key))
					ok(t, err)
					return made
				}
				first := create()
				b.Clock.Advance(10*time.Minute - time.Microsecond)
				equal(t, "answer within ten minutes", first, create())
				b.Clock.Advance(time.Microsecond)
				equal(t, "answer after ten minutes", petitioning.Created{Petition: first.Petition}, create())
			})
		}
	})
}

// A token whose age nobody knows is not repeated, and neither is one that was taken away.
func TestTokenThatIsNotRepeated(t *testing.T) {
	t.Parallel()
	key := func(d *petitioning.Draft) { d.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") }
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		first := b.MustCreate(t, key)
		b.Exec(t, `UPDATE tokens SET created_at = $1`, b.Clock.Now().Add(48*time.Hour))
		equal(t, "answer with a token from the future", petitioning.Created{Petition: first.Petition}, b.MustCreate(t, key))
		b.Exec(t, `DELETE FROM tokens`)
		equal(t, "answer without a token", petitioning.Created{Petition: first.Petition}, b.MustCreate(t, key))
	})
}

func TestTokenIsNotRepeatedOncePublished(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		key := func(d *petitioning.Draft) { d.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") }
		first := b.MustPublish(t, key)
		for _, state := range []petition.State{
			petition.StateOPEN, petition.StateIN_REVIEW, petition.StateREJECTED, petition.StatePAUSED, petition.StateCLOSED, petition.StateARCHIVED,
			petition.StateHIDDEN,
		} {
			b.Move(t, first.Petition, state)
			equal(t, "answer when "+string(state), petitioning.Created{Petition: first.Petition}, b.MustCreate(t, key))
		}
	})
}

// TestARepeatedCreateMayNotAct goes on with the actor of a repeated request: it sees the draft, and that is all.
func TestARepeatedCreateMayNotAct(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		key := func(d *petitioning.Draft) { d.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") }
		b.MustCreate(t, key)
		ctx := b.As(t, "")
		again, err := b.Create(ctx, draft(key))
		ok(t, err)
		sees, err := b.Reads(ctx).Sees(ctx, again.Petition)
		ok(t, err)
		equal(t, "it sees the draft", true, sees)
		const none = "NOT_FOUND input.id"
		faults(t, b.Publish(ctx, again.Petition), "NOT_FOUND id")
		faults(t, b.Close(ctx, again.Petition, nil), none)
		faults(t, b.Update(ctx, b.Edit(t, again.Petition, func(u *petitioning.Update) { u.Title = p("Another") })), none)
		equal(t, "state", petition.StateDRAFT, b.Row(t, again.Petition).State)
		ok(t, b.Publish(b.As(t, again.EditToken), again.Petition))
	})
}

func TestCreateAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, errs := make([]petitioning.Created, 20), make([]error, 20)
		var all sync.WaitGroup
		for i := range made {
			all.Go(func() {
				d := draft(func(d *petitioning.Draft) { d.IdempotencyKey = p("Zk3vQ9xT1bLrW7nYp0sEcA") })
				made[i], errs[i] = b.Create(petitioning.WithActor(t.Context(), petitioning.Anonymous()), d)
			})
		}
		all.Wait()
		for i := range made {
			equal(t, "error", nil, errs[i])
			equal(t, "answer", made[0], made[i])
		}
		equal(t, "petitions", 1, value[int](t, b, `SELECT COUNT(*) FROM petitions`))
		equal(t, "tokens", 1, value[int](t, b, `SELECT COUNT(*) FROM tokens`))
	})
}
