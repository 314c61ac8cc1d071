package transport_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const altered = `{"errors":[{"message":"The rights of the credential have changed. Send it again to continue with its new rights.",` +
	`"extensions":{"code":"UNAUTHENTICATED"}}]}`

// What is open under a credential ends when that has other rights, and begins again with those.
func TestWhatIsOpenEndsWithItsRights(t *testing.T) {
	t.Parallel()
	for way, shared := range waysToRun {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			k, s := newKeyring(), newStation()
			tr, server := serve(t, expiring(k, s, shared))
			socket, other := open(t, server, `{"authorization":"Bearer less"}`), open(t, server, `{"authorization":"Bearer good"}`)
			tell(t, socket, subscribe("1", watchA))
			lines := listen(t, t.Context(), server, watchA, "Authorization: Bearer less")
			token := ask(t, http.MethodPut, server, "").body
			several := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events))
			if got := beside(t, server, token, "1", watchA, "Authorization: Bearer less"); got.status != http.StatusAccepted {
				t.Fatalf("%d %s", got.status, got.body)
			}
			s.begun(t, map[bool]int64{true: 1, false: 3}[shared])
			k.grant("less", "nothing")
			if got := parting(t, socket); got != 4403 {
				t.Errorf("closed with %d, want 4403", got)
			}
			skim(t, lines, `data: `+altered)
			skim(t, lines, `event: complete`)
			skim(t, several, `data: {"id":"1","payload":`+altered+`}`)
			eventually(t, "one credential is left", func() bool { return tr.Credentials() == 1 })
			again := open(t, server, `{"authorization":"Bearer less"}`)
			for _, conn := range []*websocket.Conn{again, other} {
				asked := k.count("less") + k.count("good")
				eventually(t, "they are asked again", func() bool { return k.count("less")+k.count("good") > asked+2 })
				tell(t, conn, subscribe("2", "{ hello }"))
				if m := hear(t, conn); m.Type != "next" {
					t.Errorf("got %s, want an answer", m.Type)
				}
			}
		})
	}
}

// What has waited does not run with rights that were found before.
func TestRightsChangeBeforeTheOperationRuns(t *testing.T) {
	t.Parallel()
	k, s := newKeyring(), newStation()
	o := expiring(k, s, false)
	o.Authenticate = func(ctx context.Context, bearer string) (context.Context, error) {
		defer k.grant(bearer, time.Now().String()) // while it waits
		return k.authenticate(ctx, bearer)
	}
	_, server := serve(t, o)
	for _, document := range []string{"{ hello }", "mutation { touch }"} {
		got := ask(t, http.MethodPost, server, query(document), "Authorization: Bearer less")
		if got.status != http.StatusUnauthorized || got.body != altered {
			t.Errorf("%s: %d %s, want 401", document, got.status, got.body)
		}
	}
}
