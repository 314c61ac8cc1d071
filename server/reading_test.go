package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"petitiond/server/database"
)

// BenchmarkReading measures what one answer costs, database included, when it is computed for every request. Compare
// server/bench/read, which measures the program under a crowd.
func BenchmarkReading(b *testing.B) {
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		b.Run(dialect.String(), func(b *testing.B) {
			s := start(b, append(fresh(b, dialect), "PETITION_SHARED_ANSWERS=off"))
			ids := make([]string, 25)
			for i := range ids {
				ids[i], _ = s.openTagged(b, fmt.Sprintf("tag%d", i%3))
			}
			for i := range 30 {
				s.ask(b, "", signMutation, map[string]any{"input": map[string]any{
					"petitionId": ids[0], "name": fmt.Sprintf("Signatory %d", i), "email": fmt.Sprintf("s%d@example.org", i), "showName": true, "comment": "Trees are tall, and we need them.",
				}}, &struct{}{})
			}
			for name, document := range map[string]string{
				"Page": `query($id: ID!) { petition(id: $id) { id title summary body state addressees petitioner tags { name label } count { total goal progress version }
 comments(first: 10) { totalCount pageInfo { hasNextPage endCursor } nodes { id body authorName fromSignatory likeCount createdAt } }
 signatures(first: 10) { totalCount nodes { id name country number signedAt } } } }`,
				"List":  `query { petitions(first: 20) { pageInfo { hasNextPage endCursor } edges { cursor node { id slug title summary signatureCount goal tags { name label } } } } }`,
				"Count": `query($id: ID!) { petition(id: $id) { count { total version } } }`,
			} {
				b.Run(name, func(b *testing.B) {
					variables := ""
					if strings.Contains(document, "$id") {
						variables = `{"id":"` + ids[0] + `"}`
					}
					body := jsonBody(b, document, variables)
					b.ReportAllocs()
					for b.Loop() {
						request := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
						request.Header.Set("Content-Type", "application/json")
						answer := httptest.NewRecorder()
						s.transport.ServeHTTP(answer, request)
						if answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), `"errors"`) {
							text, _ := io.ReadAll(answer.Body)
							b.Fatalf("%d: %s", answer.Code, text)
						}
					}
				})
			}
		})
	}
}

func jsonBody(t testing.TB, document, variables string) string {
	t.Helper()
	request := map[string]any{"query": document}
	if variables != "" {
		request["variables"] = json.RawMessage(variables)
	}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
