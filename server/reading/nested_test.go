package reading_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
	"petitiond/server/text"
)

func tagID(row *ent.Tag) uuid.UUID             { return row.ID }
func commentID(row *ent.Comment) uuid.UUID     { return row.ID }
func signatureID(row *ent.Signature) uuid.UUID { return row.ID }

func TestTagLists(t *testing.T) {
	t.Parallel()
	searches := []*string{
		nil, p(""), p(" \n"), p("b"), p("BEE"), p("#Climate  J"), p("a_"), p("é"), p("水"), p("zz"), p("!!!"), p("%"), p("_"), p("\x00"),
		p("\xff"), p("b\x00ees"),
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		site := siteOf(t, b, 25, 5)
		all, err := b.Reads(operator(t)).Tags(operator(t), nil, keyset.Args{First: p(100)})
		ok(t, err)
		for i, search := range searches {
			for _, admin := range []bool{false, true} {
				ctx := b.As(t, "")
				if admin {
					ctx = operator(t)
				}
				var want []uuid.UUID
				for _, tag := range all.Nodes() {
					borne := slices.ContainsFunc(site, func(k known) bool {
						return (admin || sitetest.IsPublic(k.State)) && slices.Contains(k.keys, tag.Key)
					})
					blank := search == nil || strings.TrimSpace(*search) == ""
					prefix := text.TagKey(sitetest.OrEmpty(search))
					if borne && (blank || prefix != "" && strings.HasPrefix(tag.Key, prefix)) {
						want = append(want, tag.ID)
					}
				}
				read := func(args keyset.Args) (*reading.TagConnection, error) { return b.Reads(ctx).Tags(ctx, search, args) }
				what := fmt.Sprintf("tags for %q, admin %v", sitetest.OrEmpty(search), admin)
				equal(t, what, want, walk(t, i%7+1, false, tagID, read))
				equal(t, what+", backwards", want, walk(t, i%7+1, true, tagID, read))
				page, err := read(keyset.Args{})
				ok(t, err)
				total, err := page.TotalCount(ctx)
				ok(t, err)
				equal(t, what+", total", len(want), *total)
			}
		}
		keys := make([]string, 0, len(all.Edges))
		for _, tag := range all.Nodes() {
			keys = append(keys, tag.Key)
			equal(t, "open petitions with "+tag.Key, len(expected(site, false, &reading.Filter{Tags: []string{tag.Key}}, nil)), tag.OpenPetitions)
		}
		equal(t, "in the order of code points", slices.Sorted(slices.Values(keys)), keys)
	})
}

func TestTagByName(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"Climate Justice"} })
		b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"CLIMATE justice"} })
		for _, name := range []string{"climatejustice", "#Climate Justice!", "ＣＬＩＭＡＴＥ justice", "Climate\x00Justice"} {
			tag, err := b.Reads(b.As(t, "")).TagByName(b.As(t, ""), name)
			ok(t, err)
			if tag == nil {
				t.Fatalf("%q finds no tag", name)
			}
			equal(t, "label, as it was written first of two ways", "Climate Justice", tag.Label)
			equal(t, "open petitions", 2, tag.OpenPetitions)
		}
		for _, name := range []string{"", "climate", "!!!", "\x00", "\xff\xfe", strings.Repeat("é", 100_000)} {
			tag, err := b.Reads(b.As(t, "")).TagByName(b.As(t, ""), name)
			ok(t, err)
			equal(t, "tag", (*ent.Tag)(nil), tag)
		}
	})
}

func TestTagPetitions(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		site := siteOf(t, b, 30, 6)
		all, err := b.Reads(operator(t)).Tags(operator(t), nil, keyset.Args{First: p(100)})
		ok(t, err)
		var ids []uuid.UUID
		for _, tag := range all.Nodes() {
			ids = append(ids, tag.ID)
		}
		for i, o := range orders()[1:] {
			for _, bearer := range []string{"", adminKey} {
				ctx := b.As(t, bearer)
				counter.Reset()
				pages, err := b.Reads(ctx).TagPetitions(ctx, *o, reading.Selection{}, keyset.Args{First: p(3)}, ids...)
				ok(t, err)
				equal(t, "statements", 1, counter.Count())
				for _, tag := range all.Nodes() {
					want := expected(site, false, &reading.Filter{Tags: []string{tag.Key}}, o)
					first := []uuid.UUID(nil)
					for _, row := range pages[tag.ID].Nodes() {
						first = append(first, row.ID)
					}
					equal(t, "first of "+tag.Key, want[:min(3, len(want))], first)
					equal(t, "more of "+tag.Key, len(want) > 3, pages[tag.ID].PageInfo.HasNextPage)
					got := walk(t, i%4+1, i%2 == 0, petitionID, func(args keyset.Args) (*reading.PetitionConnection, error) {
						pages, err := b.Reads(ctx).TagPetitions(ctx, *o, reading.Selection{}, args, tag.ID)
						return pages[tag.ID], err
					})
					equal(t, fmt.Sprintf("petitions of %s by %v", tag.Key, o), want, got)
				}
			}
		}
	})
}

func TestSignatureLists(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		site := siteOf(t, b, 12, 7)
		var ids []uuid.UUID
		for _, k := range site {
			ids = append(ids, k.id)
		}
		invalidated := value[uuid.UUID](t, b, `SELECT MIN(CAST(id AS text)) FROM signatures WHERE show_name`)
		b.Exec(t, `UPDATE signatures SET state = 'INVALIDATED' WHERE id = $1`, invalidated)
		counter.Reset()
		pages, err := b.Reads(b.As(t, "")).Signatures(b.As(t, ""), keyset.Args{First: p(2)}, ids...)
		ok(t, err)
		equal(t, "statements", 1, counter.Count())
		for i, k := range site {
			var want []int // numbers of those that are named, newest first
			for n, s := range k.Signatures {
				row := []any{k.id, n + 1}
				counted := value[int](t, b, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND number = $2 AND state = 'COUNTED'`, row...)
				if s.ShowName && sitetest.IsPublic(k.State) && counted == 1 {
					want = append([]int{n + 1}, want...)
				}
			}
			var numbers []int
			for _, row := range pages[k.id].Nodes() {
				numbers = append(numbers, *row.Number)
			}
			equal(t, "first signatures", append([]int(nil), want[:min(2, len(want))]...), numbers)
			for size := 1; size <= 3; size++ {
				seen := walk(t, size, i%2 == 0, signatureID, func(args keyset.Args) (*reading.SignatureConnection, error) {
					pages, err := b.Reads(b.As(t, "")).Signatures(b.As(t, ""), args, k.id)
					return pages[k.id], err
				})
				equal(t, "signatures", len(want), len(seen))
			}
		}
	})
}

// thread is a comment with the numbers of its replies.
type thread struct {
	id      uuid.UUID
	likes   int
	replies []uuid.UUID
}

// talk writes n threads with up to four replies each, and likes some.
func talk(t testing.TB, b *bundle, id uuid.UUID, n int) []thread {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 1))
	threads := make([]thread, n)
	for i := range threads {
		threads[i] = thread{id: b.MustComment(t, petitioning.Remark{Petition: id, Body: "Thread"}), likes: random.IntN(4)}
		b.Exec(t, `UPDATE comments SET likes = $2 WHERE id = $1`, threads[i].id, threads[i].likes)
	}
	for range 2 * n {
		at := &threads[random.IntN(n)]
		at.replies = append(at.replies, b.MustComment(t, petitioning.Remark{Petition: id, Parent: &at.id, Body: "Reply"}))
	}
	return threads
}

func TestCommentLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, other := b.MustPublish(t), b.MustPublish(t)
		threads := talk(t, b, made.Petition, 12)
		talk(t, b, other.Petition, 3)
		ids := func(sorted []thread) []uuid.UUID {
			var out []uuid.UUID
			for _, c := range sorted {
				out = append(out, c.id)
			}
			return out
		}
		oldest := ids(threads)
		newest := slices.Clone(oldest)
		slices.Reverse(newest)
		liked := slices.Clone(threads)
		slices.Reverse(liked)
		slices.SortStableFunc(liked, func(a, b thread) int { return cmp.Compare(b.likes, a.likes) })
		for order, want := range map[reading.CommentOrder][]uuid.UUID{
			reading.Newest: newest, reading.Oldest: oldest, reading.MostLiked: ids(liked),
		} {
			for size := 1; size <= 7; size++ {
				for _, backwards := range []bool{false, true} {
					got := walk(t, size, backwards, commentID, func(args keyset.Args) (*reading.CommentConnection, error) {
						pages, err := b.Reads(b.As(t, "")).Comments(b.As(t, ""), sitetest.ByOrder(order), args, made.Petition)
						return pages[made.Petition], err
					})
					equal(t, fmt.Sprintf("%s in pages of %d, backwards %v", order, size, backwards), want, got)
				}
			}
		}
		for i, c := range threads {
			got := walk(t, i%3+1, i%2 == 0, commentID, func(args keyset.Args) (*reading.CommentConnection, error) {
				pages, err := b.Reads(b.As(t, "")).Replies(b.As(t, ""), reading.WithBodies, args, c.id)
				return pages[c.id], err
			})
			equal(t, "replies", c.replies, got)
		}
	})
}

// TestManyParentsAtOnce reads the lists of more parents than SQLite joins selects.
func TestManyParentsAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		made := b.MustPublish(t)
		threads := talk(t, b, made.Petition, 30)
		parents := make([]uuid.UUID, 0, 530)
		for range 250 {
			parents = append(parents, uuid.New())
		}
		for _, c := range threads {
			parents = append(parents, c.id)
		}
		for range 250 {
			parents = append(parents, uuid.New())
		}
		counter.Reset()
		pages, err := b.Reads(b.As(t, "")).Replies(b.As(t, ""), reading.WithBodies, keyset.Args{First: p(1)}, parents...)
		ok(t, err)
		if n := counter.Count(); n > 2 {
			t.Errorf("%d parents took %d statements, want at most 2", len(parents), n)
		}
		equal(t, "pages", len(parents), len(pages))
		for _, c := range threads {
			equal(t, "first reply and whether there are more", fmt.Sprint(c.replies[:min(1, len(c.replies))], len(c.replies) > 1),
				fmt.Sprint(replyIDs(pages[c.id]), pages[c.id].PageInfo.HasNextPage))
		}
		counter.Reset()
		_, err = b.Reads(b.As(t, "")).Replies(b.As(t, ""), reading.WithBodies, keyset.Args{}, parents[240:340]...)
		ok(t, err)
		equal(t, "statements for a hundred parents", 1, counter.Count())
		if cursor := pages[threads[0].id].PageInfo.EndCursor(); cursor != nil {
			_, err = b.Reads(b.As(t, "")).Replies(b.As(t, ""), reading.WithBodies, keyset.Args{After: cursor}, parents[250:252]...)
			refused(t, err, "a cursor with several parents", "after")
		}
	})
}

func replyIDs(c *reading.CommentConnection) []uuid.UUID {
	out := []uuid.UUID{}
	for _, row := range c.Nodes() {
		out = append(out, row.ID)
	}
	return out
}

// TestTagsOfManyPetitions keeps the order in which tags were written, in one statement.
func TestTagsOfManyPetitions(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		site := siteOf(t, b, 10, 8)
		ids := make([]uuid.UUID, 0, len(site))
		want := map[uuid.UUID][]string{}
		for _, k := range site {
			ids = append(ids, k.id)
			if len(k.keys) > 0 && k.State != petition.StateHIDDEN {
				want[k.id] = k.keys
			}
		}
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(b[:], a[:]) })
		b.Exec(t, `UPDATE petitions SET state = 'OPEN' WHERE state <> 'HIDDEN'`)
		counter.Reset()
		found, err := b.Reads(b.As(t, "")).TagsOf(b.As(t, ""), ids)
		ok(t, err)
		equal(t, "statements", 1, counter.Count())
		got := map[uuid.UUID][]string{}
		for id, tags := range found {
			for _, tag := range tags {
				got[id] = append(got[id], tag.Key)
			}
		}
		equal(t, "tags", want, got)
	})
}
