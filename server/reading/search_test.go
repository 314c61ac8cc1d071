package reading_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

func TestSearchFinds(t *testing.T) {
	t.Parallel()
	corpus := []petitioning.Draft{
		{Title: "Größere Bäume für Zürich", Body: "Schatten und Ruhe.", Tags: []string{"Stadtgrün"}},
		{Title: "Café on the square", Body: "Naïve façade, ŒUVRE.", Summary: p("A coffeehouse")},
		{Title: "月見沢駅の西口にエレベーターを", Body: "駅の階段は長い。"},
		{Title: "请为滨河步道装上灯", Body: "夜里很黑。ABC公司负责。"},
		{Title: "مكتبة متنقلة", Body: "كِتَابٌ لِكُلِّ بَيْتٍ"},
		{Title: "İstanbul sokakları", Body: "Çınarlar kesilmesin, ıhlamur da."},
		{Title: "심야 버스를", Body: "주말에도 운행해 주세요."},
		{Title: "Route 66 and B2B", Body: "x^2 + y_2 = 3.14; don't."},
	}
	tests := []struct {
		search string
		want   []int
	}{
		{"grossere", []int{0}},
		{"GRÖSSERE BÄUME", []int{0}},
		{"größer", []int{0}},
		{"baume zurich", []int{0}},
		{"baum zurich", nil}, // only the last word is a beginning
		{"zurich baum", []int{0}},
		{"stadtgrun", []int{0}},
		{"#Stadtgrün", []int{0}},
		{"schatten cafe", nil},
		{"cafe", []int{1}},
		{"CAFÉ facade", []int{1}},
		{"coffee", []int{1}},
		{"naive", []int{1}},
		{"oeuvre", []int{1}},
		{"ŒUVRE", []int{1}},
		{"西口", []int{2}},
		{"エレベーター", []int{2}},
		{"ｴﾚﾍﾞｰﾀｰ", []int{2}},
		{"駅の階段", []int{2}},
		{"階段 西口", []int{2}},
		{"滨河步道", []int{3}},
		{"步道滨河", nil},
		{"公司 abc", []int{3}},
		{"ａｂｃ", []int{3}},
		{"مكتبة", []int{4}},
		{"مكت", []int{4}},
		{"كتاب", []int{4}},
		{"istanbul", []int{5}},
		{"ISTANBUL SOKAK", []int{5}},
		{"cınarlar", []int{5}},
		{"cinarlar", []int{5}},
		{"IHLAMUR", []int{5}},
		{"심야", []int{6}},
		{"버스", []int{6}},
		{"66", []int{7}},
		{"b2b", []int{7}},
		{"route 6", []int{7}},
		{"don't", []int{7}},
		{"dont", []int{7}},
		{"-b2b", []int{7}}, // there are no operators
		{"cafe -square", []int{1}},
		{"cafe or b2b", nil},
		{"groessere", nil},
		{`"66 and b2b"`, []int{7}},
		{"3.14", []int{7}},
		{"petition", nil},
		{"-- ; '", nil},
		{"AND OR NOT", nil},
		{"", []int{7, 6, 5, 4, 3, 2, 1, 0}}, // no search
		{" \t\n", []int{7, 6, 5, 4, 3, 2, 1, 0}},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, d := range corpus {
			d.Petitioner = "Ada"
			b.MustPublish(t, func(to *petitioning.Draft) { *to = d })
		}
		for _, tt := range tests {
			var want []string
			for _, i := range tt.want {
				want = append(want, corpus[i].Title)
			}
			equal(t, fmt.Sprintf("what %q finds", tt.search), want, b.Titles(t, reading.PetitionQuery{Search: &tt.search}))
		}
	})
}

// TestSearchFindsInEveryScript has titles, and searches by which each of them is found, and by which none is.
func TestSearchFindsInEveryScript(t *testing.T) {
	t.Parallel()
	corpus := []struct{ title, found, missed string }{
		{"ขอให้ยกเลิกโครงการสร้างเขื่อน", "เขื่อน|ยกเลิก|โครงการ|ขอให้|เขื่อน โครงการ", "ช้างป่า"},
		{"สนับสนุนมาตรา ๑๑๒", "112|มาตรา", "๑๑๓"},
		{"សូមបញ្ឈប់ការកាប់ព្រៃឈើ", "ព្រៃឈើ|ការកាប់|ឈើ", "ដំរី"},
		{"ကျောင်းအသစ်ဆောက်ပေးပါ", "ဆောက်ပေးပါ|အသစ်|ကျောင်း", "မြစ်"},
		{"ຂໍໃຫ້ຮັກສາປ່າໄມ້", "ປ່າໄມ້|ຮັກສາ|ປ່າ", "ເຂື່ອນ"},
		{"安全な飲料水", "水|飲 水|飲料|全|飲料水|安全 水", "料飲|火"},
		{"保護老樹", "樹|老|保護 樹|老樹", "護保"},
		{"消費税をゼロに", "税|消費|ゼロ|に", "費消"},
		{"Sauvons le cœur de la ville d’Orléans", "coeur|cœur|CŒUR|orleans|d'orleans|dorleans|ville|coe", "couer"},
		{"Rettet Łódź und Wrocław", "Lodz|Wroclaw|łódź|LODZ wroc", "lodzi"},
		{"Cầu Đà Nẵng an toàn", "Da Nang|đà nẵng|cau", "ta nang"},
		{"Rød grød på Ærø", "grod|rod|aero|ÆRØ|Ærø", "groed"},
		{"Þingvellir og Ísafjörður, Ħamrun", "thingvellir|isafjordur|hamrun", "pingvellir"},
		{"Antwort per e-mail", "e-mail|mail|E Mail", "email"},
		{"Weißer Großraum", "weisser|WEISSER|weiß|grossraum", "weiszer"},
		{"KADIKÖY SAHİLİ HALKINDIR", "Kadıköy|kadikoy|sahili|halkındır|HALKINDIR", "kadykoy"},
		{"Iğdır Ağrı dağı", "IĞDIR|igdir|ığdır|AĞRI|agri dagi", "ogri"},
		{"Azərbaycan məktəbləri", "azerbaycan|AZƏRBAYCAN|mektebleri", "azarbaycan"},
		{"ʻŌlelo Hawaiʻi schools", "Hawaii|Hawai'i|hawai‘i|olelo|ʻōlelo", "hawaiki"},
		{"Oʻzbekiston va qoraqalpogʻiston", "O'zbekiston|ozbekiston|Oʼzbekiston|o’zbekiston|qoraqalpog'iston", "uzbekiston"},
		{"Збережімо п'ять парків", "пʼять|п’ять|пять", "пьять"},
		{"Escola al col·legi", "collegi|col·legi|col.legi", "colegi"},
		{"مـحـمـد والقدس", "محمد|والقدس|مـحـمـد", "محمود"},
		{"کتابخانه می\u200cخواهیم", "كتابخانه|کتابخانه|میخواهیم|می\u200cخواهیم", "کتابها"},
		{"صفحة ٢٠٢٦ عن المدرسة", "2026|۲۰۲۶|صفحه", "2025"},
		{"हिंदी में शिक्षा", "हिन्दी|हिंदी|शिक्षा", "न्याय"},
		{"ইংরেজি শিক্ষা সম্পর্কে", "শিক্ষা|ইংরেজি", "বিদ্যালয়"},
		{"അനിൽ കുമാർ", "അനില്\u200d|കുമാര്\u200d", "സുനിൽ"},
		{"ענייני צה״ל", "צהל|צה\"ל|צה״ל", "צבא"},
		{"Bürger\u00adentscheid für alle", "bürgerentscheid|burgerentscheid", "buerger"},
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, c := range corpus {
			b.MustPublish(t, func(d *petitioning.Draft) { d.Title = c.title })
		}
		for _, c := range corpus {
			for search := range strings.SplitSeq(c.found, "|") {
				if found := b.Titles(t, reading.PetitionQuery{Search: &search}); !slices.Contains(found, c.title) {
					t.Errorf("%q does not find %q, but %q", search, c.title, found)
				}
			}
			for search := range strings.SplitSeq(c.missed, "|") {
				if found := b.Titles(t, reading.PetitionQuery{Search: &search}); len(found) > 0 {
					t.Errorf("%q finds %q", search, found)
				}
			}
		}
	})
}

func TestSearchFollowsEdits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Tags = []string{"Gone"} })
		b.MustCreate(t, func(d *petitioning.Draft) { d.Title = "Bees in secret" })
		finds := func(search string) []string { return b.Titles(t, reading.PetitionQuery{Search: &search}) }
		equal(t, "by the tag", []string{"Save the bees"}, finds("gone"))
		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) {
			u.Title, u.Body, u.Tags = p("Save the wasps"), p("New words"), &[]string{"Come"}
		})))
		for _, old := range []string{"bees", "few", "gone"} {
			equal(t, "by what it was", []string(nil), finds(old))
		}
		for _, now := range []string{"wasps", "new words", "come"} {
			equal(t, "by what it is", []string{"Save the wasps"}, finds(now))
		}
		ok(t, b.Hide(operator(t), made.Petition))
		equal(t, "hidden", []string(nil), finds("wasps"))
	})
}

// TestSearchTakesAnything gives searches that mean something to one of the databases, or to nobody.
func TestSearchTakesAnything(t *testing.T) {
	t.Parallel()
	inputs := []string{
		`"`, `""`, `'`, `''`, `"bees`, `bees"`, `'bees`, `bees*`, `*`, `bees:*`, `:*`, `bees & few`, `bees | few`, `!bees`, `bees <-> few`,
		`(bees`, `bees)`, `()`, `bees AND`, `OR`, `NOT bees`, `NEAR(bees few)`, `NEAR`, `title:bees`, `title : bees`, `{title}: bees`,
		`^bees`, `bees + few`, `-bees`, `bees \`, `\'`, `\"`, `$1`, `?`, `%`, `_`, `; DROP TABLE petitions`, `bees/*`, `--`, `<b>bees</b>`,
		"bees\x00few", "\x00", "\xff", "bees\xff", "\xc3\x28", "\u202ebees", "\u200b", "\ufffd", "🐝", "🐝🐝 bees", "①", "½", "e\u0301", "\u0301",
		"ﷺ", "ﬃ", "ß", "İ", "ŉ", "\U0002A6D6", "\U000E0041", "ⅷ", "a\u0300\u0301\u0302\u0303", strings.Repeat("é", 200),
		strings.Repeat("水", 200), strings.Repeat("b ", 100), strings.Repeat("ﷺ", 200), strings.Repeat("'", 200), "1e5", "1e999 x", "0x1F",
		"a.b.c/d?e=f", "/etc/passwd", "user@example.org", "2026-03-02T10:00:00Z", "ꭰ", "𖹠", "ა", "Ა",
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		b.MustPublish(t)
		b.MustPublish(t, func(d *petitioning.Draft) { d.Body = strings.Join(inputs[:40], "\n") })
		for _, input := range inputs {
			for _, o := range []*reading.Order{nil, {Field: reading.ByEndsAt, Direction: reading.Asc}} {
				page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: &input, Order: o}, keyset.Args{})
				if err != nil {
					t.Fatalf("searching %q by %v: %v", input, o, err)
				}
				if _, err := page.TotalCount(b.As(t, "")); err != nil {
					t.Fatalf("counting %q by %v: %v", input, o, err)
				}
			}
		}
	})
}

func TestSearchRanks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, d := range []petitioning.Draft{
			{Title: "In the body", Summary: p("Some few words"), Body: "About otters and more", Tags: []string{"Three"}},
			{Title: "In the summary", Summary: p("Some few otters"), Body: "About rivers and more", Tags: []string{"Three"}},
			{Title: "Among the tags", Summary: p("Some few words"), Body: "About rivers and more", Tags: []string{"Otters"}},
			{Title: "In the otters", Summary: p("Some few words"), Body: "About rivers and more", Tags: []string{"Three"}},
			{Title: "Nowhere at all", Summary: p("Some few words"), Body: "About rivers and more", Tags: []string{"Three"}},
		} {
			d.Petitioner = "Ada"
			b.MustPublish(t, func(to *petitioning.Draft) { *to = d })
		}
		want := []string{"In the otters", "Among the tags", "In the summary", "In the body"}
		q := reading.PetitionQuery{Search: p("OTTERS")}
		equal(t, "the best first", want, b.Titles(t, q))
		slices.Reverse(want)
		q.Order = &reading.Order{Field: reading.ByRelevance, Direction: reading.Asc}
		equal(t, "the best last", want, b.Titles(t, q))
		q.Order = &reading.Order{Field: reading.ByCreatedAt, Direction: reading.Asc}
		equal(t, "the oldest first", []string{"In the body", "In the summary", "Among the tags", "In the otters"}, b.Titles(t, q))
	})
}

func TestRelevancePages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		siteOf(t, b, 16, 9)
		for _, direction := range []reading.Direction{reading.Asc, reading.Desc} {
			for _, f := range []*reading.Filter{{States: sitetest.States}, {States: sitetest.States, Tags: []string{"bees", "zebra", "ab"}}} {
				read := func(args keyset.Args) (*reading.PetitionConnection, error) {
					return b.Reads(operator(t)).Petitions(operator(t), reading.PetitionQuery{
						Search: p("something pet"), Filter: f, Order: &reading.Order{Field: reading.ByRelevance, Direction: direction},
					}, args)
				}
				whole, err := read(keyset.Args{First: p(100)})
				ok(t, err)
				want := idsOf(whole)
				if len(want) < 3 {
					t.Fatalf("the search finds %d, want enough to page through", len(want))
				}
				for _, size := range []int{2, 7} {
					equal(t, "forwards", want, walk(t, size, false, petitionID, read))
					equal(t, "backwards", want, walk(t, size, true, petitionID, read))
				}
				between, err := read(keyset.Args{After: p(whole.Edges[0].Cursor()), Before: p(whole.Edges[len(want)-1].Cursor())})
				ok(t, err)
				equal(t, "between the ends", want[1:min(len(want)-1, 21)], idsOf(between))
				crossed, err := read(keyset.Args{After: p(whole.Edges[2].Cursor()), Before: p(whole.Edges[0].Cursor())})
				ok(t, err)
				equal(t, "between crossed ends", []uuid.UUID(nil), idsOf(crossed))
			}
		}
	})
}

func idsOf(c *reading.PetitionConnection) []uuid.UUID {
	var out []uuid.UUID
	for _, row := range c.Nodes() {
		out = append(out, petitionID(row))
	}
	return out
}

// TestLongestBody makes sure that the index takes whatever the limits let through.
func TestLongestBody(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	rare := make([]rune, 50_000) // as many different pairs as there can be, of four bytes a character
	for i := range rare {
		rare[i] = rune(0x20000 + i*7919%40_000)
	}
	short := make([]string, 0, 16_000) // as many different words of two characters as there is room for
	for i := range cap(short) {
		short = append(short, string([]rune{rune(0x1D2C + i%100), rune('a' + i/100%26)}))
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		for _, body := range []string{string(rare), strings.Join(short, " "), strings.Repeat("\ufdfa", 50_000), strings.Repeat("㌔", 50_000)} {
			b.MustPublish(t, func(d *petitioning.Draft) { d.Body = body })
		}
		b.IndexAll(t)
		equal(t, "found", 4, len(b.Titles(t, reading.PetitionQuery{Search: p("bees")})))
		page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: p(string(rare[40_000:40_003]))}, keyset.Args{})
		ok(t, err)
		equal(t, "found by the end of the text", 1, len(page.Edges))
	})
}

// TestCrowdedBeginnings has more words that begin alike than SQLite merges lists for: a search for their beginning asks
// the list of a shorter one, and finds the same.
func TestCrowdedBeginnings(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		crowd, other := b.MustPublish(t).Petition, b.MustPublish(t).Petition
		words := make([]string, 2001)
		for i := range words {
			words[i] = fmt.Sprintf("qwxyz%da", i)
		}
		b.Exec(t, `UPDATE search_documents SET body = $2 WHERE petition_id = $1`, crowd, strings.Join(words, " "))
		b.Exec(t, `UPDATE search_documents SET body = 'qwxyab qwxyz' WHERE petition_id = $1`, other)
		b.IndexAll(t)
		for _, c := range []struct {
			search, asks string
			want         []uuid.UUID
		}{
			{"qwxyz", `"qwxy" *`, []uuid.UUID{crowd, other}},
			{"qwxyz2", `"qwxyz2" *`, []uuid.UUID{crowd}},
			{"qwxyz qwxyz", `"qwxyz" AND "qwxy" *`, []uuid.UUID{other}},
			{"qwxy", `"qwxy" *`, []uuid.UUID{crowd, other}},
			{"qwxya", `"qwxya" *`, []uuid.UUID{other}},
		} {
			counter.Reset()
			page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{Search: &c.search}, keyset.Args{})
			ok(t, err)
			total, err := page.TotalCount(b.As(t, ""))
			ok(t, err)
			equal(t, c.search+": total", len(c.want), *total)
			var got []uuid.UUID
			for _, row := range page.Nodes() {
				got = append(got, row.ID)
			}
			slices.SortFunc(got, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
			equal(t, c.search, c.want, got)
			if asked := fmt.Sprint(counter.Calls()); db.Dialect == database.SQLite && !strings.Contains(asked, `AND `+c.asks) {
				t.Errorf("%s: the index is not asked for %s: %s", c.search, c.asks, asked)
			}
		}
	})
}
