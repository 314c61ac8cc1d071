package main

import (
	"slices"
	"strings"
	"testing"
)

// badReads are arguments of queries that should not be.
func badReads() []badInput {
	first := func(name, want, value string) badInput {
		return variables("First"+name, want, `query($n: Int) { petitions(first: $n) { nodes { id } } }`, `{"n":`+value+`}`)
	}
	return []badInput{
		first("Zero", badArgument, "0"),
		first("101", badArgument, "101"),
		first("Negative", badArgument, "-1"),
		first("TooLong", invalid, "4294967297"),
		first("Huge", invalid, "1"+strings.Repeat("0", 400)),
		first("Exponent", invalid, "1e999"),
		first("Fraction", invalid, "1.5"),
		first("String", invalid, `"`+canary+`"`),
		first("Digits", invalid, `"10"`),
		first("List", invalid, `["`+canary+`"]`),
		first("Object", invalid, `{"`+canary+`":1}`),
		first("Bool", invalid, "true"),
		document("FirstAndLast", badArgument, "{ petitions(first: 1, last: 1) { nodes { id } } }"),
		document("FirstLiteralTooLong", invalid+"|"+badArgument, "{ petitions(first: 4294967297) { nodes { id } } }"),
		document("FirstLiteralString", invalid, `{ petitions(first: "`+canary+`") { nodes { id } } }`),
		document("CursorGarbage", badArgument, `{ petitions(after: "`+canary+`") { nodes { id } } }`),
		document("CursorEmpty", badArgument+"|200 ok", `{ petitions(after: "") { nodes { id } } }`),
		document("CursorNUL", badArgument, `{ petitions(after: "\u0000`+canary+`") { nodes { id } } }`),
		document("CursorLong", badArgument, `{ petitions(after: "`+strings.Repeat(canary, 1000)+`") { nodes { id } } }`),
		document("SearchLong", badArgument, `{ petitions(search: "`+strings.Repeat("canary7f3x ", 20)+`") { nodes { id } } }`),
		document("SearchNUL", badArgument+"|200 ok", `{ petitions(search: "\u0000`+canary+`") { nodes { id } } }`),
		document("SearchOperators", "200 ok", `{ petitions(search: "`+canary+` & | ! ( ) : * \" ' -- ; DROP NEAR/3 ^") { nodes { id } } }`),
		document("SearchMarks", "200 ok", `{ petitions(search: "%_[]\\\"'") { nodes { id } } }`),
		document("RelevanceWithoutSearch", badArgument, `{ petitions(orderBy: {field: RELEVANCE}) { nodes { id } } }`),
		document("OrderUnknown", invalid, `{ petitions(orderBy: {field: `+strings.ToUpper(canary)+`}) { nodes { id } } }`),
		document("OrderString", invalid, `{ petitions(orderBy: {field: "CREATED_AT"}) { nodes { id } } }`),
		named(document("FilterUnknown", invalid, `{ petitions(filter: {`+canary+`: 1}) { nodes { id } } }`)),
		document("FilterDate", badArgument+"|"+invalid, `{ petitions(filter: {startedAfter: "`+canary+`"}) { nodes { id } } }`),
		document("FilterDateNoZone", badArgument+"|"+invalid, `{ petitions(filter: {startedAfter: "2022-08-28T15:21:28"}) { nodes { id } } }`),
		document("FilterLanguage", badArgument, `{ petitions(filter: {language: "`+canary+`_"}) { nodes { id } } }`),
		document("FilterTagNUL", badArgument+"|200 ok", `{ petitions(filter: {tags: ["\u0000`+canary+`"]}) { nodes { id } } }`),
		document("NodesMany", badArgument+"|"+limited, `{ nodes(ids: [`+strings.Repeat(`"a" `, 101)+`]) { id } }`),
		document("NodeOfNothing", "200 ok", `{ node(id: "`+canary+`") { id } }`),
		document("NodeNumber", "200 ok", `{ node(id: 99999999999999999) { id } }`),
		document("NodeHuge", "200 ok|"+invalid+"|"+badArgument, `{ node(id: 99999999999999999999999) { id } }`),
		document("NodeFloat", invalid, `{ node(id: 1.5) { id } }`),
		document("PetitionByNothing", badArgument, `{ petition { id } }`),
		document("PetitionByBoth", badArgument, `{ petition(id: "`+canary+`", slug: "b") { id } }`),
		document("PetitionSlugNUL", "200 ok|"+badArgument, `{ petition(slug: "\u0000`+canary+`") { id } }`),
		document("TagNUL", "200 ok|"+badArgument, `{ tag(name: "\u0000`+canary+`") { id } }`),
		document("TrendingZero", badArgument, `{ trendingTags(first: 0) { signaturesLastDay } }`),
		post("HistoryLong", badArgument, `{"query":"{ petition(id: \"PETITION\") { signatureHistory(interval: MINUTE, from: \"2001-01-01T00:00:00Z\") { total } } }"}`),
		post("HistoryBackwards", badArgument, `{"query":"{ petition(id: \"PETITION\") { signatureHistory(interval: DAY, from: \"2022-01-02T00:00:00Z\", to: \"2022-01-01T00:00:00Z\") { total } } }"}`),
		post("HistoryYearZero", badArgument+"|"+invalid, `{"query":"{ petition(id: \"PETITION\") { signatureHistory(interval: WEEK, from: \"0000-01-01T00:00:00Z\") { total } } }"}`),
		post("HistoryInterval", invalid, `{"query":"query($i: Interval!) { petition(id: \"PETITION\") { signatureHistory(interval: $i) { total } } }","variables":{"i":"minute"}}`),
		post("CursorOfAnotherList", badArgument, `{"query":"{ petition(id: \"PETITION\") { signatures(after: \"UAGTDV5_Cnw7ih0BI0Vnias\") { nodes { id } } } }"}`),
	}
}

// badSignatures are values of every argument of signPetition.
func badSignatures() []badInput {
	list := []badInput{
		signedAs("WholeNull", invalid, `null`),
		signedAs("WholeString", invalid, `"`+canary+`"`),
		signedAs("WholeList", invalid, `["`+canary+`"]`),
		signedAs("WholeEmpty", invalid, `{}`),
		named(signedAs("FieldUnknown", invalid, `{"petitionId":"PETITION","name":"Ann","email":"a@example.org","`+canary+`":1}`)),
		signedAs("FieldWithoutAName", invalid, `{"petitionId":"PETITION","name":"Ann","email":"a@example.org","`+canary+`@example.org":1}`),
		signedAs("EverythingAtOnce", "200 INVALID input.name, INVALID input.email, INVALID input.country",
			`{"petitionId":"PETITION","name":"","email":"`+canary+`","country":"XX"}`),
		variables("SignWithoutInput", invalid, signMutation, `{"`+canary+`":1}`),
		document("SignLiteral", invalid, `mutation { signPetition(input: {petitionId: 5, name: 7, email: `+canary+`}) { status } }`),
	}
	// Each by name, then what is wrong with it as JSON, and what comes back instead of a fault of the field.
	fields := map[string][][3]string{
		"name": {
			{"Empty", `""`},
			{"Blank", `" \t "`},
			{"101", quote(strings.Repeat("a", 101))},
			{"Endless", quote(strings.Repeat("ä", 20_000))},
			{"NUL", `"Ann\u0000` + canary + `"`},
			{"NULAlone", `"\u0000"`},
			{"Bell", `"Ann\u0007` + canary + `"`},
			{"Escape", `"\u001b[31m` + canary + `"`},
			{"LineBreak", `"Ann\n` + canary + `"`},
			{"NextLine", `"Ann\u0085` + canary + `"`},
			{"Delete", `"Ann\u007f` + canary + `"`},
			{"BidiOverride", `"Ann\u202e` + canary + `"`},
			{"BidiIsolate", `"Ann\u2066` + canary + `"`},
			{"ZeroWidth", `"Ann\u200b` + canary + `"`},
			{"ZeroWidthAlone", `"\u200b\u200b"`},
			{"JoinerBetweenLatin", `"Ann\u200d` + canary + `"`},
			{"WordJoiner", `"Ann\u2060` + canary + `"`},
			{"HangulFiller", `"\u3164"`},
			{"BrailleBlank", `"\u2800\u2800"`},
			{"TagCharacters", `"Ann\udb40\udc61` + canary + `"`},
			{"LoneSurrogate", `"Ann\ud800` + canary + `"`, "200 INVALID input.name|" + malformed},
			{"LoneLowSurrogate", `"Ann\udc00` + canary + `"`, "200 INVALID input.name|" + malformed},
			{"Marks", `"A\u0301\u0301\u0301\u0301\u0301` + canary + `"`},
			{"Zalgo", quote(canary + strings.Repeat("\u0336", 60))},
			{"Link", `"https://` + canary + `.example"`},
			{"LinkBare", `"` + canary + `.com"`},
			{"LinkWide", `"ｗｗｗ．` + canary + `．ｃｏｍ"`},
			{"LinkMail", `"mailto:` + canary + `"`},
			{"Mailbox", `"` + canary + `@example.org"`},
			{"MailboxShort", `"` + canary + `@gmx.de"`},
			{"MailboxLocal", `"` + canary + `@localhost"`},
			{"Markup", `"<b>` + canary + `"`},
			{"MarkupEnd", `"` + canary + `>"`},
			{"Replacement", `"Ann\ufffd` + canary + `"`},
			{"JoinersAlone", `"\u200d\u200c"`},
			{"MarksOfDirectionAlone", `"\u200e\u200f"`},
			{"Formula", `"=` + canary + `()"`},
			{"FormulaAt", `"@` + canary + `"`},
			{"FormulaWide", `"＝` + canary + `"`},
			{"Punctuation", `"!!!"`},
			{"Number", `7`, invalid},
			{"Bool", `true`, invalid},
			{"Null", `null`, invalid},
			{"List", `["` + canary + `"]`, invalid},
			{"Object", `{"` + canary + `":{"a":{"b":1}}}`, invalid},
		},
		"email": {
			{"Empty", `""`},
			{"Blank", `"  "`},
			{"Word", `"` + canary + `"`},
			{"NoDomain", `"` + canary + `@"`},
			{"NoLocal", `"@` + canary + `.org"`},
			{"TwoAt", `"` + canary + `@a@example.org"`},
			{"OneLabel", `"` + canary + `@example"`},
			{"Localhost", `"` + canary + `@localhost"`},
			{"Local", `"` + canary + `@printer.local"`},
			{"Internal", `"` + canary + `@mail.internal"`},
			{"IPv4", `"` + canary + `@127.0.0.1"`},
			{"IPLiteral", `"` + canary + `@[127.0.0.1]"`},
			{"IPv6Literal", `"` + canary + `@[IPv6:::1]"`},
			{"TrailingDot", `"` + canary + `@example.org."`},
			{"LeadingDot", `".` + canary + `@example.org"`},
			{"DotBeforeAt", `"` + canary + `.@example.org"`},
			{"TwoDots", `"` + canary + `..a@example.org"`},
			{"DomainDots", `"` + canary + `@example..org"`},
			{"DomainLeadingDot", `"` + canary + `@.example.org"`},
			{"DomainHyphen", `"` + canary + `@-example.org"`},
			{"DomainHyphenEnd", `"` + canary + `@example-.org"`},
			{"DomainUnderscore", `"` + canary + `@exa_mple.org"`},
			{"DomainSpace", `"` + canary + `@exa mple.org"`},
			{"DomainNumber", `"` + canary + `@example.123"`},
			{"Quoted", `"\"` + canary + `\"@example.org"`},
			{"Space", `"` + canary + ` b@example.org"`},
			{"Brackets", `"<` + canary + `@example.org>"`},
			{"WithName", `"Ann <` + canary + `@example.org>"`},
			{"Two", `"` + canary + `@example.org,b@example.org"`},
			{"Comment", `"` + canary + `(a)@example.org"`},
			{"Mailto", `"mailto:` + canary + `@example.org"`},
			{"HeaderInjection", `"` + canary + `@example.org\r\nBcc: b@example.org"`},
			{"NUL", `"` + canary + `@example.org\u0000"`},
			{"NULWithin", `"can\u0000` + canary + `@example.org"`},
			{"Bidi", `"` + canary + `\u202e@example.org"`},
			{"ZeroWidth", `"` + canary + `@exam\u200bple.org\u200b."`},
			{"LocalHyphen", `"-` + canary + `@example.org"`},
			{"LocalBang", `"host!` + canary + `@example.org"`},
			{"LocalPercent", `"` + canary + `%example.com@example.org"`},
			{"LocalPipe", `"|` + canary + `@example.org"`},
			{"LocalEmoji", `"😀` + canary + `@example.org"`},
			{"LocalLongInBytes", quote(strings.Repeat("é", 33) + "@example.org")},
			{"LocalLong", quote(strings.Repeat("a", 65) + "@example.org")},
			{"LabelLong", quote("a@" + strings.Repeat("a", 64) + ".org")},
			{"Long", quote("a@" + strings.Repeat("a.", 130) + "org")},
			{"Endless", quote(strings.Repeat(canary, 5000) + "@example.org")},
			{"LoneSurrogate", `"\ud800` + canary + `@example.org"`, "200 INVALID input.email|" + malformed},
			{"Number", `7`, invalid + "|200 INVALID input.email|" + badArgument},
			{"Null", `null`, invalid},
			{"Object", `{"` + canary + `":1}`, invalid + "|" + badArgument},
			{"List", `["` + canary + `"]`, invalid + "|" + badArgument},
		},
		"country": {
			{"Unknown", `"XX"`},
			{"NotOfficial", `"UK"`},
			{"Union", `"EU"`},
			{"ThreeLetters", `"DEU"`},
			{"Name", `"` + canary + `"`},
			{"Space", `"D "`},
			{"LineBreak", `"A\n"`},
			{"NUL", `"D\u0000"`},
			{"Cyrillic", `"ДЕ"`},
			{"Wide", `"ＤＥ"`},
			{"Digits", `"276"`},
			{"Number", `276`, invalid + "|200 INVALID input.country|" + badArgument},
			{"Object", `{"` + canary + `":1}`, invalid + "|" + badArgument},
		},
		"locale": {
			{"Underscore", `"en_US"`},
			{"Word", `"` + canary + `-"`},
			{"OneLetter", `"x"`},
			{"Private", `"x-` + canary[:8] + `"`},
			{"Long", quote("en-" + strings.Repeat("aaaaaaaa-", 5) + "a")},
			{"Space", `"en "`},
			{"NUL", `"en\u0000"`},
			{"LineBreak", `"en\nX: ` + canary + `"`},
			{"Number", `7`, invalid + "|200 INVALID input.locale|" + badArgument},
			{"List", `["` + canary + `"]`, invalid + "|" + badArgument},
		},
		"showName": {
			{"String", `"true"`, invalid},
			{"Number", `1`, invalid},
			{"Object", `{"` + canary + `":1}`, invalid},
		},
		"comment": {
			{"2001", quote(strings.Repeat("a", 2001))},
			{"NUL", `"a\u0000` + canary + `"`},
			{"Escape", `"\u001b]0;` + canary + `"`},
			{"BidiOverride", `"a\u202e` + canary + `"`},
			{"LoneSurrogate", `"a\udfff` + canary + `"`, "200 INVALID input.comment|" + malformed},
			{"Number", `7`, invalid},
			{"List", `["` + canary + `"]`, invalid},
		},
		"statementVersion": {
			{"101", quote(strings.Repeat("1", 101))},
			{"NUL", `"1\u0000` + canary + `"`},
			{"Bidi", `"1\u202e` + canary + `"`},
			{"Number", `1`, invalid},
		},
		"idempotencyKey": {
			{"Empty", `""`},
			{"Blank", `" "`},
			{"Short", `"` + canary + `12345"`},
			{"21", quote("Zk3vQ9xT1bLrW7nYp0sEc")},
			{"Repeated", quote(strings.Repeat("k", 30))},
			{"Sequence", `"0123456789abcdef0123456789abcdef"`},
			{"256", quote(strings.Repeat("Zk3vQ9xT", 32))},
			{"NUL", `"` + canary + `-5f0c1d8e-93b7-4a26\u0000"`},
			{"Number", `1234567890123456`, invalid},
			{"Object", `{"` + canary + `":1}`, invalid},
		},
		"petitionId": {
			{"Empty", `""`, missing},
			{"Word", `"` + canary + `"`, missing},
			{"NUL", `"PETITION\u0000"`, missing},
			{"Endless", quote(strings.Repeat(canary, 5000)), missing},
			{"SQL", `"' OR 1=1 --` + canary + `"`, missing},
			{"UUID", `"01930d5e-7f0a-7c3b-8a1d-0123456789ab"`, missing},
			{"Unknown", `"UAGTDV5_Cnw7ih0BI0Vnias"`, missing},
			{"OtherType", `"COMMENT"`, missing},
			{"Draft", `"DRAFT"`, missing},
			{"Closed", `"CLOSED"`, "200 WRONG_STATE input.petitionId"},
			{"Padded", `"PETITION="`, missing},
			{"Number", `5`, missing},
			{"Huge", `99999999999999999999999999`, invalid + "|" + missing},
			{"Fraction", `1.5`, invalid},
			{"Bool", `true`, invalid},
			{"Null", `null`, invalid},
			{"List", `["PETITION"]`, invalid},
			{"Object", `{"` + canary + `":{"a":{"b":{"c":1}}}}`, invalid},
		},
	}
	for field, values := range fields {
		for _, v := range values {
			want := v[2]
			if want == "" {
				want = "200 INVALID input." + field
			}
			list = append(list, signedAs(strings.ToUpper(field[:1])+field[1:]+v[0], want, signature(field, v[1])))
		}
	}
	list = append(list,
		badInput{name: "SignKeyReused", want: "200 IDEMPOTENCY_MISMATCH input.idempotencyKey", send: func(t testing.TB, s *stage) (string, *wire) {
			key := `"random-key-of-` + canary + `"`
			input := strings.Replace(signature("idempotencyKey", key), "good@", "keys@", 1)
			if said, w := signedAs("", "", input).send(t, s); said != "200 ok" {
				return "the first one was answered " + said, w
			}
			s.signed++
			return signedAs("", "", strings.Replace(input, `"Ann"`, `"Bob"`, 1)).send(t, s)
		}},
		signedAs("SignNotUTF8", malformed, "{\"petitionId\":\"PETITION\",\"email\":\"a@example.org\",\"name\":\""+canary+"\xff\"}"),
	)
	slices.SortFunc(list, func(a, b badInput) int { return strings.Compare(a.name, b.name) })
	return list
}

const missing = "200 NOT_FOUND input.petitionId"

// signedAs sends a signature, whose input is JSON.
func signedAs(name, want, input string) badInput {
	return variables("Sign"+strings.TrimPrefix(name, "Sign"), want, signFields, `{"input":`+input+`}`)
}

// signFields also asks for the field.
const signFields = `mutation($input: SignPetitionInput!) { signPetition(input: $input) { status userErrors { code message field } } }`

// signature returns a good input but for one field.
func signature(field, value string) string {
	fields := map[string]string{"petitionId": `"PETITION"`, "name": `"Ann"`, "email": `"good@example.org"`}
	fields[field] = value
	var out []string
	for name, v := range fields {
		out = append(out, quote(name)+":"+v)
	}
	slices.Sort(out)
	return "{" + strings.Join(out, ",") + "}"
}
