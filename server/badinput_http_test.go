package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes on a connection of their own and reads an answer of HTTP.
func raw(name, want string, bytes func(s *stage) string) badInput {
	return badInput{name: name, want: want, send: func(t testing.TB, s *stage) (string, *wire) {
		w := s.wire(t)
		w.wait(20 * time.Second)
		w.say(bytes(s))
		return w.answer(), w
	}}
}

// request returns the bytes of a request with a body.
func request(method, path, body string, headers ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	typed := false
	for _, h := range headers {
		typed = typed || strings.HasPrefix(h, "Content-Type:")
		head += h + "\r\n"
	}
	if !typed {
		head += "Content-Type: application/json\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
}

// post sends a body. PETITION in it stands for the id of the petition, and so do DRAFT, CLOSED and COMMENT.
func post(name, want, body string, headers ...string) badInput {
	return raw(name, want, func(s *stage) string { return request(http.MethodPost, "/graphql", s.fill(body), headers...) })
}

func (s *stage) fill(text string) string {
	return strings.NewReplacer("PETITION", s.petition, "DRAFT", s.draft, "CLOSED", s.closed, "COMMENT", s.comment).Replace(text)
}

// named marks an input whose canary is a name in a document, or could be one.
func named(in badInput) badInput {
	in.asName = true
	return in
}

// document sends a document alone.
func document(name, want, text string, headers ...string) badInput {
	return post(name, want, `{"query":`+quote(text)+`}`, headers...)
}

// variables sends a document with variables, which are JSON.
func variables(name, want, text, values string) badInput {
	return post(name, want, `{"query":`+quote(text)+`,"variables":`+values+`}`)
}

// get asks for a path.
func get(name, want, path string, headers ...string) badInput {
	return raw(name, want, func(*stage) string {
		return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	})
}

const (
	malformed   = "400 BAD_REQUEST"
	wrongType   = "415 UNSUPPORTED_MEDIA_TYPE"
	tooLarge    = "413 PAYLOAD_TOO_LARGE"
	unknown     = "401 UNAUTHENTICATED"
	unparsed    = "200 GRAPHQL_PARSE_FAILED"
	invalid     = "200 GRAPHQL_VALIDATION_FAILED"
	limited     = "200 LIMIT_EXCEEDED"
	badArgument = "200 BAD_USER_INPUT"
)

// badBodies are what a body should not be.
func badBodies() []badInput {
	good := `{"query":"{ __typename }"}`
	hidden := `,"` + canary + `":1`
	list := []badInput{
		post("BodyEmpty", malformed, ""),
		post("BodySpace", malformed, "   "),
		post("BodyText", malformed, canary),
		post("BodyQueryAlone", malformed, "{ "+canary+" }"),
		post("BodyNumber", malformed, "7"),
		post("BodyString", malformed, quote(canary)),
		post("BodyNull", malformed, "null"),
		post("BodyCutShort", malformed, `{"query":"{ `+canary),
		post("BodyTwice", malformed, good+`{"`+canary+`":1}`),
		post("BodyTrailingComma", malformed, `{"query":"{ __typename }",}`),
		post("BodyComment", malformed, `{"query":"{ __typename }"/*`+canary+`*/}`),
		post("BodySingleQuotes", malformed, `{'query':'{ `+canary+` }'}`),
		post("BodyBareWord", malformed, `{query:"{ `+canary+` }"}`),
		post("BodyNaN", malformed, `{"query":"{ __typename }","variables":{"`+canary+`":NaN}}`),
		post("BodyHexNumber", malformed, `{"query":"{ __typename }","variables":{"`+canary+`":0x10}}`),
		post("BodyLineBreakInString", malformed, "{\"query\":\"{ __typename\n"+canary+" }\"}"),
		post("BodyNULInString", malformed, "{\"query\":\"{ __typename\x00"+canary+" }\"}"),
		post("BodyBOM", "200 ok", "\xef\xbb\xbf"+good),
		post("BodyBOMTwice", malformed, "\xef\xbb\xbf\xef\xbb\xbf"+good),
		post("BodyUTF16", malformed, "{\x00\"\x00q\x00\"\x00:\x001\x00}\x00"),
		post("BodyNotUTF8", malformed, "{\"query\":\"{ __typename } #"+canary+"\xff\"}"),
		post("BodyOverlongUTF8", malformed, "{\"query\":\"{ __typename } #"+canary+"\xc0\x80\"}"),
		post("BodySurrogateUTF8", malformed, "{\"query\":\"{ __typename } #"+canary+"\xed\xa0\x80\"}"),
		post("BodyBatch", malformed, "["+good+","+good+"]"),
		post("BodyBatchEmpty", malformed, "[]"),
		post("BodyBatchLong", malformed, "["+strings.Repeat(good+",", 500)+good+"]"),
		post("MemberTwice", malformed, `{"query":"{ `+canary+` }","query":"{ __typename }"}`),
		post("MemberTwiceByEscape", malformed, `{"query":"{ `+canary+` }","qu\u0065ry":"{ __typename }"}`),
		post("VariableTwice", malformed, `{"query":"query($a: Int) { __typename }","variables":{"a":1,"a":"`+canary+`"}}`),
		post("MemberUnknown", "200 ok", `{"query":"{ __typename }"`+hidden+`}`),
		post("MemberUnknownLarge", malformed, `{"query":"{ __typename }","canary":"`+strings.Repeat(canary, 500)+`"}`),
		post("MemberUnknownMany", malformed, `{"query":"{ __typename }",`+manyMembers(999)+`"`+canary+`":1}`),
		post("MemberMisspelt", malformed, `{"query":"{ __typename }","variables_`+canary+`":{}}`),
		post("MemberOtherCase", malformed, `{"Query":"{ `+canary+` }"}`),
		post("MemberProto", "200 ok", `{"query":"{ __typename }","__proto__":{"`+canary+`":1}}`),
		post("QueryMissing", malformed, `{"operationName":"`+canary+`"}`),
		post("QueryNull", malformed, `{"query":null,"operationName":"`+canary+`"}`),
		post("QueryNumber", malformed, `{"query":7,"operationName":"`+canary+`"}`),
		post("QueryList", malformed, `{"query":["`+canary+`"]}`),
		post("OperationNameObject", malformed, `{"query":"{ __typename }","operationName":{"`+canary+`":1}}`),
		post("VariablesString", malformed, `{"query":"{ __typename }","variables":"`+canary+`"}`),
		post("VariablesList", malformed, `{"query":"{ __typename }","variables":["`+canary+`"]}`),
		post("ExtensionsString", malformed, `{"query":"{ __typename }","extensions":"`+canary+`"}`),
		post("BodyDeep", malformed, `{"query":"{ __typename }","variables":{"`+canary+`":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}}`),
		post("BodyVeryDeep", malformed, strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)),
		post("BodyBracketsUnclosed", malformed, strings.Repeat("[", 60_000)),
		post("BodyManyMembers", "200 ok|"+malformed, `{"query":"{ __typename }","variables":{`+manyMembers(6000)+`"z":1}}`),
		post("BodyLong", limited, `{"query":"{ __typename } #`+strings.Repeat(canary, 7000)+`"}`),
		post("BodyLarge", tooLarge, `{"query":"{ __typename } #`+strings.Repeat(canary, 110_000)+`"}`),
		post("BodyManyValues", malformed, `{"query":"{ __typename }","variables":{"`+canary+`":[`+strings.Repeat("0,", 40_000)+`0]}}`),
		post("HashUnknown", "200 PERSISTED_QUERY_NOT_FOUND|200 PERSISTED_QUERY_NOT_SUPPORTED",
			`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"`+strings.Repeat("0f", 32)+`"}}}`),
		post("HashOfAnother", "4xx|200 PERSISTED_QUERY_NOT_SUPPORTED", `{"query":"{ __typename } #`+canary+`","extensions":{"persistedQuery":{"version":1,"sha256Hash":"`+strings.Repeat("0f", 32)+`"}}}`),
		post("HashOfOtherForm", "4xx|200 PERSISTED_QUERY_NOT_SUPPORTED", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"`+canary+`"}}}`),
		post("HashNumber", "4xx|200 PERSISTED_QUERY_NOT_SUPPORTED", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":7}}}`),
		post("HashVersion", "4xx|200 PERSISTED_QUERY_NOT_SUPPORTED", `{"extensions":{"persistedQuery":{"version":9,"sha256Hash":"`+strings.Repeat("0f", 32)+`"}}}`),
		post("HashNotObject", "4xx|200 PERSISTED_QUERY_NOT_SUPPORTED", `{"extensions":{"persistedQuery":"`+canary+`"}}`),
		raw("BodyLargeChunked", tooLarge, func(*stage) string {
			chunk := strings.Repeat(canary, 400)
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
				strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", len(chunk), chunk), 270) + "0\r\n\r\n"
		}),
		raw("BodyChunksMalformed", "400 BAD_REQUEST|400", func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n"
		}),
		raw("BodyPromisedHuge", tooLarge, func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n{"
		}),
		raw("BodyPromisedHugeExpect", tooLarge, func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n"
		}),
		raw("BodyLengthNegative", "400", func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n" + good
		}),
		raw("BodyLengthWord", "400", func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + canary + "\r\n\r\n" + good
		}),
		raw("BodyLengthTwice", "400", func(*stage) string {
			return "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 26\r\nContent-Length: 2\r\n\r\n" + good
		}),
		{name: "BodyCutOff", want: "400 BAD_REQUEST|closed", send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			w.say("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"" + canary)
			_ = w.Conn.(*net.TCPConn).CloseWrite()
			return w.answer(), w
		}},
		{name: "BodySlow", want: "408 BAD_REQUEST", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.say("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
			stop := drip(w, `{"query":"{ `+canary+strings.Repeat(" ", 900))
			defer stop()
			w.wait(20 * time.Second)
			return w.answer(), w
		}},
		{name: "HeaderSlow", want: "closed|408|400", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			stop := drip(w, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-"+strings.Repeat(canary, 90))
			defer stop()
			w.wait(20 * time.Second)
			return w.answer(), w
		}},
		{name: "NothingSaid", want: "closed|408", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			return w.answer(), w
		}},
	}
	for name, typ := range map[string]string{
		"TypeMissing": "", "TypeText": "text/plain", "TypeForm": "application/x-www-form-urlencoded", "TypeXML": "application/xml",
		"TypeGraphQL": "application/graphql", "TypeMultipart": "multipart/form-data; boundary=" + canary, "TypeGarbage": canary,
		"TypeMalformed": "application/json; charset", "TypeLatin1": "application/json; charset=iso-8859-1",
		"TypeUTF16": "application/json; charset=utf-16", "TypeTwo": "application/json, text/plain",
	} {
		list = append(list, post(name, wrongType, good, "Content-Type: "+typ))
	}
	for name, encoding := range map[string]string{"Gzip": "gzip", "Brotli": "br", "Deflate": "deflate", "Unknown": canary, "Two": "identity, gzip"} {
		list = append(list, post("Encoding"+name, wrongType, "\x1f\x8b\x08"+canary, "Content-Encoding: "+encoding))
	}
	form := "query=" + canary
	list = append(list,
		post("FormMutation", wrongType, "query=mutation{"+canary+"}", "Content-Type: application/x-www-form-urlencoded"),
		post("MultipartOperations", wrongType, "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n"+good+"\r\n--x\r\n"+form+"--x--\r\n",
			"Content-Type: multipart/form-data; boundary=x"),
	)
	return list
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%s%d":1,`, "a", i)
	}
	return b.String()
}

// drip says a text one byte after another until it is stopped: slowly, by the clock of the server's own deadlines.
func drip(w *wire, text string) (stop func()) {
	done := make(chan struct{})
	go func() {
		for i := range len(text) {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
				w.say(text[i : i+1])
			}
		}
	}()
	return func() { close(done) }
}

// badHeaders are methods, paths and headers that are not for us.
func badHeaders() []badInput {
	good := `{"query":"{ __typename }"}`
	query := "/graphql?query=%7B__typename%7D"
	long := strings.Repeat(canary, 2000)
	return []badInput{
		get("GetNothing", malformed, "/graphql"),
		get("GetMutation", "405 METHOD_NOT_ALLOWED", "/graphql?query=mutation%7BpublishPetition(id:%22"+canary+"%22)%7BuserErrors%7Bcode%7D%7D%7D"),
		get("GetSubscription", "406 BAD_REQUEST", "/graphql?query=subscription%7Bstatistics%7BpetitionCount%7D%7D"),
		get("GetTwice", malformed, query+"&query="+canary),
		get("GetBadEscape", "4xx", "/graphql?query=%zz"+canary),
		get("GetSemicolon", malformed, query+";x="+canary),
		get("GetVariablesNotJSON", malformed, query+"&variables="+canary),
		get("GetVariablesList", malformed, query+"&variables=%5B%22"+canary+"%22%5D"),
		get("GetNotUTF8", "4xx|"+unparsed, "/graphql?query=%7B%ff"+canary+"%7D"),
		get("GetNUL", unparsed, "/graphql?query=%7B%00"+canary+"%7D"),
		get("GetMegabyte", "431|414|413 PAYLOAD_TOO_LARGE", "/graphql?query="+strings.Repeat(canary, 100_000)),
		get("AcceptImage", "406 BAD_REQUEST", query, "Accept: image/png;"+canary+"=1"),
		get("AcceptNothing", "406 BAD_REQUEST", query, "Accept: */*;q=0"),
		get("AcceptUTF16", "406 BAD_REQUEST", query, "Accept: application/json;charset=utf-16"),
		get("AcceptGarbage", "406 BAD_REQUEST", query, "Accept: ;;;"+canary),
		post("PostSubscription", "406 BAD_REQUEST", `{"query":"subscription { statistics { petitionCount } }"}`),
		post("StreamOfNothing", "200 GRAPHQL_PARSE_FAILED", `{"query":"subscription { `+canary+`"}`, "Accept: text/event-stream"),
		post("StreamOfUnknown", "200 NOT_FOUND", `{"query":"subscription { signatureCount(petitionId: \"`+canary+`\") { total } }"}`, "Accept: text/event-stream"),
		post("StreamOfTwo", "200 GRAPHQL_VALIDATION_FAILED|400 LIMIT_EXCEEDED", `{"query":"subscription { a: statistics { petitionCount } b: statistics { petitionCount } }"}`, "Accept: text/event-stream"),
		post("StreamToken", "4xx", `{"query":"subscription { statistics { petitionCount } }"}`, "Accept: text/event-stream", "X-GraphQL-Event-Stream-Token: "+canary),
		raw("StreamEnded", "4xx", func(*stage) string {
			return "DELETE /graphql?operationId=" + canary + " HTTP/1.1\r\nHost: localhost\r\nX-GraphQL-Event-Stream-Token: " + canary + "\r\n\r\n"
		}),
		raw("MethodPatch", "405 METHOD_NOT_ALLOWED", func(*stage) string { return request(http.MethodPatch, "/graphql", good) }),
		raw("MethodTrace", "405 METHOD_NOT_ALLOWED", func(*stage) string {
			return "TRACE /graphql HTTP/1.1\r\nHost: localhost\r\nX-Secret: " + canary + "\r\n\r\n"
		}),
		raw("MethodOfOurOwn", "405 METHOD_NOT_ALLOWED", func(*stage) string { return request("CANARY7F3X", "/graphql", good) }),
		raw("MethodMalformed", "400", func(*stage) string { return "GE(T /graphql HTTP/1.1\r\nHost: localhost\r\n\r\n" }),
		raw("LineMalformed", "400", func(*stage) string { return canary + "\r\n\r\n" }),
		raw("HostMissing", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\n\r\n" }),
		raw("HostTwice", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\nHost: a\r\nHost: " + canary + "\r\n\r\n" }),
		raw("HostMalformed", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\nHost: a b" + canary + "\r\n\r\n" }),
		raw("HeaderWithoutColon", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\nHost: a\r\n" + canary + "\r\n\r\n" }),
		raw("HeaderWithSpace", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\nHost: a\r\nX Y: " + canary + "\r\n\r\n" }),
		raw("HeaderWithNUL", "400", func(*stage) string { return "GET " + query + " HTTP/1.1\r\nHost: a\r\nX: \x00" + canary + "\r\n\r\n" }),
		get("HeaderLarge", "431", query, "X-Long: "+long+long),
		get("HeaderFlood", "431", query, strings.Repeat("X-"+canary+": 1\r\n", 3000)+"X: 1"),
		post("CredentialUnknown", unknown, good, "Authorization: Bearer pe_"+canary),
		post("CredentialEmpty", unknown, good, "Authorization: Bearer "),
		post("CredentialBasic", unknown, good, "Authorization: Basic "+canary),
		post("CredentialTwice", unknown, good, "Authorization: Bearer pe_"+canary, "Authorization: Bearer pk_"+canary),
		post("CredentialBare", unknown, good, "Authorization: "+canary),
		post("CredentialLong", unknown, good, "Authorization: Bearer ps_"+strings.Repeat(canary, 800)),
		post("CredentialNotASCII", unknown, good, "Authorization: Bearer \xff\xfe"+canary),
		post("RequestIDHostile", "200 ok", good, "X-Request-ID: <script>"+canary),
		post("OriginHostile", "200 ok", good, "Origin: https://<script>"+canary),
		get("CredentialInAddress", malformed, query+"&access_token="+canary),
		raw("CredentialInAddressOfPost", malformed, func(*stage) string { return request(http.MethodPost, "/graphql?api_key="+canary, good) }),
		get("PathUnknown", "404", "/"+canary),
		get("PathUnknownPetition", "404", "/petitions/"+canary),
		get("PathEscaping", "4xx|301|307", "/static/..%2f..%2f..%2fetc%2fpasswd"+canary),
		get("PathNUL", "4xx", "/petitions/%00"+canary),
	}
}

// badDocuments are what a document should not be.
func badDocuments() []badInput {
	repeat := strings.Repeat
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	bomb := func(n, times int) string { // fragments that each multiply the next one
		text := "{...a}"
		for i := range n {
			text += fmt.Sprintf("fragment %c on Query{%s}", 'a'+i, repeat(fmt.Sprintf("...%c ", 'b'+i), times))
		}
		return text + fmt.Sprintf("fragment %c on Query{__typename}", 'a'+n)
	}
	return []badInput{
		document("DocumentEmpty", "400 BAD_REQUEST|"+unparsed, ""),
		document("DocumentSpace", unparsed, " \n"),
		document("DocumentComment", unparsed, "# "+canary),
		document("DocumentWord", unparsed, canary),
		document("DocumentUnclosed", unparsed, "{ "+canary),
		document("DocumentString", unparsed, `{ `+canary+`(a: "`+canary),
		document("DocumentBlockString", unparsed, `{ a(a: """`+canary+`) }`),
		document("DocumentEscape", unparsed, `{ petition(id: "\q`+canary+`") { id } }`),
		document("DocumentNUL", unparsed, "{ __typename \x00"+canary+" }"),
		document("DocumentBidi", unparsed, "{ __typename \u202e"+canary+" }"),
		document("DocumentEmptySelection", unparsed, `{ petition(id: "`+canary+`") { } }`),
		document("DocumentFragmentsAlone", unparsed, "fragment "+canary+" on Query { __typename }"),
		document("DocumentOfSchema", unparsed, "type "+canary+" { a: Int }"),
		document("DocumentExtension", unparsed, "extend type Query { "+canary+": Int }"),
		document("DocumentLong", limited, "{ __typename #"+repeat(canary, 1700)+"\n}"),
		document("Tokens", limited, "{"+repeat(" __typename", 1100)+"}"),
		document("Depth", limited, repeat("{ petitions { nodes ", 8)+"{ id }"+repeat("} }", 8)),
		document("DepthHuge", limited, repeat("{a", 900)+repeat("}", 900)),
		document("DepthInline", limited, "{"+repeat("... on Query {", 13)+"__typename"+repeat("}", 13)+"}"),
		document("Aliases", limited, "{"+list(16, " a%d: __typename")+"}"),
		document("Aliases2000", "413 PAYLOAD_TOO_LARGE|"+limited, "{"+list(2000, " a%d: __typename")+"}"),
		document("RootFields", limited, "{ "+repeat("statistics { petitionCount } ", 11)+"}"),
		document("Directives", limited, "{ __typename"+repeat(" @include(if: true)", 21)+" }"),
		document("DirectivesMany", limited, "{ __typename"+repeat(" @a", 900)+" }"),
		document("Directives20000", limited, "{ __typename"+repeat(" @include(if:true)", 20_000)+" }"),
		document("Operations", limited, list(11, " query q%d { __typename }")),
		document("Fragments", limited, "{ __typename } "+list(21, " fragment f%d on Query { __typename }")),
		document("FragmentBomb", limited, bomb(18, 2)),
		document("FragmentBombShort", limited, bomb(19, 5)), // of 961 bytes
		document("FragmentBombLong", limited, bomb(24, 2)),
		document("FragmentCycle", invalid, "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }"),
		document("FragmentOfItself", invalid, "{ ...f } fragment f on Query { ...f }"),
		named(document("FragmentUnknown", invalid, "{ ..."+canary+" }")),
		named(document("FragmentUnused", invalid, "{ __typename } fragment "+canary+" on Query { __typename }")),
		named(document("FragmentOnUnknown", invalid, "{ ... on "+canary+" { __typename } }")),
		named(document("FragmentOnScalar", invalid, "{ ... on Int { "+canary+" } }")),
		document("Variables", limited, "query("+list(51, " $a%d: Int")+") { __typename }"),
		document("VariableDefaultDeep", limited, "query($a: Int = "+repeat("[", 6)+"1"+repeat("]", 6)+") { __typename }"),
		document("ValueDeep", limited, "{ petition(id: "+repeat("[", 6)+quote(canary)+repeat("]", 6)+") { id } }"),
		document("ValueVeryDeep", limited, "{ petition(id: "+repeat("[", 400)+"1"+repeat("]", 400)+") { id } }"),
		document("Fields20000", limited, "{ statistics {"+repeat(" petitionCount", 20_000)+"} }"),
		document("Fields800", limited, "{ statistics {"+repeat(" petitionCount", 800)+"} }"),
		document("FieldsDiffering", limited, "{"+list(250, ` a: tag(name: "%d") { id }`)+"}"),
		document("FieldsConflicting", invalid, `{ tag(name: "`+canary+`") { id } tag(name: "b") { id } }`),
		document("Cost", limited, "{ petitions(first: 100) { nodes { signatures(first: 100) { nodes { id } } } } }"),
		document("CostByVariable", limited, "query($n: Int = 100) { petitions(first: $n) { nodes { comments(first: $n) { nodes { replies(first: $n) { nodes { id } } } } } } }"),
		document("CostManyHistories", limited, `{ petitions(first: 100) { nodes { signatureHistory(interval: HOUR) { at } } } }`),
		document("IntrospectionNested", limited, "{ __schema { types { fields { "+repeat("type { fields { ", 12)+"name"+repeat(" } }", 12)+" } } } }"),
		document("MutationOfTwo", limited, "mutation { a: publishPetition(id: \""+canary+"\") { petition { id } } b: publishPetition(id: \"2\") { petition { id } } }"),
		document("MutationOfNone", unparsed, "mutation { }"),
		named(document("FieldUnknown", invalid, "{ "+canary+" }")),
		named(document("FieldNearMiss", invalid, "{ petitionz { "+canary+" } }")),
		document("FieldWithoutSelection", invalid, `{ petition(id: "`+canary+`") }`),
		named(document("SelectionOfScalar", invalid, "{ __typename { "+canary+" } }")),
		named(document("ArgumentUnknown", invalid, "{ statistics("+canary+": 1) { petitionCount } }")),
		document("ArgumentTwice", invalid, `{ tag(name: "`+canary+`", name: "b") { id } }`),
		document("ArgumentMissing", invalid, "{ node { id } }"),
		named(document("DirectiveUnknown", invalid, "{ __typename @"+canary+" }")),
		document("DirectiveMisplaced", invalid, "query @include(if: true) { __typename }"),
		named(document("VariableUndefined", invalid, "{ node(id: $"+canary+") { id } }")),
		named(document("VariableUnused", invalid, "query($"+canary+": Int) { __typename }")),
		document("VariableTwice2", invalid, "query($a: Int, $a: Int) { petitions(first: $a) { nodes { id } } }"),
		named(document("VariableOfUnknownType", invalid, "query($a: "+canary+") { __typename }")),
		document("VariableOfOutputType", invalid, "query($a: Petition) { petitions(first: $a) { nodes { id } } }"),
		document("VariableOfOtherType", invalid, "query($a: String) { petitions(first: $a) { nodes { id } } }"),
		document("OperationsUnnamed", invalid, "{ __typename } { __typename }"),
		named(document("OperationsOfOneName", invalid, "query "+canary+" { __typename } query "+canary+" { __typename }")),
		post("OperationUnknown", invalid, `{"query":"query a { __typename }","operationName":"`+canary+`"}`),
		post("OperationNotNamed", invalid, `{"query":"query a { __typename } query b { __typename }"}`),
		named(document("ModernStatus", "400 GRAPHQL_VALIDATION_FAILED", "{ "+canary+" }", "Accept: application/graphql-response+json")),
		document("ManyErrors", invalid, "{ statistics {"+list(300, " x%d")+"} }"),
		document("LongNames", invalid, "{ "+repeat("x", 15_000)+" }"),
	}
}
