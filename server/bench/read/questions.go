//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// operation is a kind of request.
type operation struct {
	name   string
	bodies [][]byte // of different requests
	draws  []int    // the order in which they are sent, as indexes
}

const (
	pageDocument = `query Page($slug: String!) { petition(slug: $slug) { id slug title summary body state language petitioner addressees createdAt commentCount
 tags { name label } count { total goal version }
 comments(first: 10) { nodes { id body authorName fromSignatory likeCount createdAt } }
 signatures(first: 10) { nodes { id name country number signedAt } } } }`
	listDocument = `query List($field: PetitionOrderField!, $after: String) { petitions(first: 20, after: $after, orderBy: {field: $field, direction: DESC}) {
 edges { cursor node { id slug title summary signatureCount goal tags { name label } } } pageInfo { hasNextPage endCursor } } }`
	countDocument = `query Count($id: ID!) { petition(id: $id) { count { total goal version } } }`

	draws     = 8192
	listPages = 10 // of each order
)

// questions draws requests by Zipf's law: pages and counts of petitions, most often of those with the most signatures,
// and the first pages of the newest, the most signed and the trending petitions. Their cursors come from the server.
func questions(ctx context.Context, db *database.DB, ids []uuid.UUID, server *load.Server) ([]operation, error) {
	slugs, err := slugsOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	pages, counts, lists := operation{name: "Page"}, operation{name: "Count"}, operation{name: "List"}
	for _, id := range ids {
		pages.bodies = append(pages.bodies, request("Page", pageDocument, map[string]any{"slug": slugs[id]}))
		counts.bodies = append(counts.bodies, request("Count", countDocument, map[string]any{"id": publicID(id)}))
	}
	orders := []string{"CREATED_AT", "SIGNATURE_COUNT", "TRENDING"}
	for _, field := range orders {
		if lists.bodies, err = walk(ctx, server, field, lists.bodies); err != nil {
			return nil, err
		}
	}
	petition, page := zipfOver(len(ids)), zipfOver(listPages)
	for i := range draws {
		n := petition()
		pages.draws, counts.draws = append(pages.draws, n), append(counts.draws, n)
		lists.draws = append(lists.draws, i%len(orders)*listPages+page())
	}
	return []operation{pages, lists, counts}, nil
}

// walk appends the requests for the first pages of a list in one order.
func walk(ctx context.Context, server *load.Server, field string, bodies [][]byte) ([][]byte, error) {
	client := server.Client()
	defer client.Close()
	variables := map[string]any{"field": field}
	for range listPages {
		body := request("List", listDocument, variables)
		answer, _, err := client.Ask(ctx, body)
		if err != nil {
			return nil, err
		}
		var told struct {
			Data struct {
				Petitions struct{ PageInfo struct{ EndCursor string } }
			}
		}
		if err := json.Unmarshal(answer, &told); err != nil {
			return nil, fmt.Errorf("a list returns %.200s: %w", answer, err)
		}
		bodies = append(bodies, body)
		variables["after"] = told.Data.Petitions.PageInfo.EndCursor
	}
	return bodies, nil
}

func request(name, document string, variables map[string]any) []byte {
	body, _ := json.Marshal(map[string]any{"operationName": name, "query": document, "variables": variables}) //nolint:errchkjson // only strings
	return slices.Clip(body)
}
