// Uses what genqlient generates as a person would: go run . SITE
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/coder/websocket"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1]+"/graphql"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("genqlient ok")
}

func run(ctx context.Context, url string) error {
	id, err := open(ctx, url)
	if err != nil {
		return err
	}
	counts, again, err := watch(ctx, url, id)
	if err != nil {
		return err
	}
	if err := expect(ctx, counts, 0); err != nil {
		return err
	}
	if err := sign(ctx, url, id); err != nil {
		return err
	}
	if err := expect(ctx, counts, 1); err != nil {
		return err
	}
	if counts, err = again(); err != nil {
		return err
	}
	if err := expect(ctx, counts, 1); err != nil {
		return fmt.Errorf("on the same socket again: %w", err)
	}
	return read(ctx, url, id)
}

// bearer adds a credential to what it sends.
type bearer string

func (b bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultClient.Do(r)
}

// open makes a petition that can be signed.
func open(ctx context.Context, url string) (string, error) {
	input := CreatePetitionInput{Title: "More trees", Body: "Plant them.", Petitioner: "Ann", Tags: []string{"Trees"}}
	made, err := Create(ctx, graphql.NewClient(url, http.DefaultClient), input)
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	id := made.CreatePetition.Petition.Id
	published, err := Publish(ctx, graphql.NewClient(url, bearer(*made.CreatePetition.EditToken)), id)
	if err != nil {
		return "", fmt.Errorf("publish: %w", err)
	}
	if state := published.PublishPetition.Petition.State; state != PetitionStateOpen {
		return "", fmt.Errorf("the petition is %s", state)
	}
	return id, nil
}

func sign(ctx context.Context, url, id string) error {
	input := SignPetitionInput{PetitionId: id, Name: "Ann", Email: "ann@example.org"}
	client := graphql.NewClient(url, http.DefaultClient)
	signed, err := Sign(ctx, client, input)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	if status := signed.SignPetition.Status; status == nil || *status != SigningStatusCounted {
		return fmt.Errorf("not counted: %+v", signed.SignPetition)
	}
	if n := signed.SignPetition.Petition.SignatureCount; n != 1 {
		return fmt.Errorf("the mutation tells %d signatures", n)
	}
	input.Email = "nobody"
	signed, err = Sign(ctx, client, input)
	if err != nil {
		return fmt.Errorf("sign wrongly: %w", err)
	}
	if faults := signed.SignPetition.UserErrors; len(faults) != 1 || faults[0].Code != UserErrorCodeInvalid {
		return fmt.Errorf("the fault of a signature: %+v", faults)
	}
	return nil
}

// read asks by POST and by GET.
func read(ctx context.Context, url, id string) error {
	for _, client := range []graphql.Client{graphql.NewClient(url, http.DefaultClient), graphql.NewClientUsingGet(url, http.DefaultClient)} {
		front, err := Front(ctx, client, nil, nil, &PetitionOrder{Field: PetitionOrderFieldCreatedAt, Direction: new(OrderDirectionDesc)})
		if err != nil {
			return fmt.Errorf("front: %w", err)
		}
		if got := front.Petitions.Nodes; len(got) != 1 || got[0].Id != id || got[0].SignatureCount != 1 || got[0].CreatedAt.IsZero() {
			return fmt.Errorf("front: %+v", got)
		}
		anything, err := Any(ctx, client, id)
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		if p, ok := (*anything.Node).(*AnyNodePetition); !ok || p.Title != "More trees" {
			return fmt.Errorf("node: %+v", anything.Node)
		}
	}
	return nil
}

// watch subscribes to a count. What it returns in addition ends that and subscribes again on the same socket.
func watch(ctx context.Context, url, id string) (<-chan CountWsResponse, func() (<-chan CountWsResponse, error), error) {
	client := graphql.NewClientUsingWebSocket("ws"+strings.TrimPrefix(url, "http"), dialer{})
	if _, err := client.Start(ctx); err != nil {
		return nil, nil, fmt.Errorf("start: %w", err)
	}
	counts, subscription, err := Count(ctx, client, id)
	if err != nil {
		return nil, nil, fmt.Errorf("subscribe: %w", err)
	}
	return counts, func() (<-chan CountWsResponse, error) {
		if err := client.Unsubscribe(subscription); err != nil {
			return nil, fmt.Errorf("unsubscribe: %w", err)
		}
		counts, _, err := Count(ctx, client, id)
		return counts, err
	}, nil
}

func expect(ctx context.Context, counts <-chan CountWsResponse, want int) error {
	select {
	case count := <-counts:
		if count.Data == nil || count.Data.SignatureCount.Total != want {
			return fmt.Errorf("want a count of %d, got %+v, %w", want, count.Data, count.Errors)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no count of %d: %w", want, ctx.Err())
	}
}

// dialer gives genqlient a WebSocket.
type dialer struct{}

func (dialer) DialContext(ctx context.Context, url string, header http.Header) (graphql.WSConn, error) {
	protocol := header.Get("Sec-WebSocket-Protocol")
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{protocol}})
	return socket{ctx, conn}, err
}

type socket struct {
	ctx  context.Context
	conn *websocket.Conn
}

func (s socket) ReadMessage() (int, []byte, error) {
	kind, text, err := s.conn.Read(s.ctx)
	return int(kind), text, err
}

func (s socket) WriteMessage(kind int, text []byte) error {
	return s.conn.Write(s.ctx, websocket.MessageType(kind), text)
}

func (s socket) Close() error { return s.conn.CloseNow() }
