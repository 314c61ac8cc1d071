package transport_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"petitiond/server/transport"
	"petitiond/server/transport/nodetest"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Introspection: true}) // the audits ask for __type
	if out, ok := node(t, nil, "audit.mjs", server); !ok || !strings.Contains(out, "61 ok") {
		t.Errorf("the audit objects:\n%s", out)
	}
}

// The clients that most people use must understand what is sent.
func TestClients(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.sources["signatureCount"] = func(_ context.Context, args map[string]any) (<-chan any, error) {
		count := func(total int) any {
			return map[string]any{"petitionId": args["petitionId"], "total": total, "version": total}
		}
		return sent(count(1), count(2), count(3)), nil
	}
	_, server := serve(t, transport.Options{Schema: schema})
	for _, program := range []string{"subscribe-sse.mjs", "subscribe-ws.mjs"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			out := watch(t, program, server, "abc")
			for total := 1; total <= 3; total++ {
				if want := fmt.Sprintf(`"petitionId":"abc","total":%d`, total); !strings.Contains(out, want) {
					t.Errorf("want %s in:\n%s", want, out)
				}
			}
		})
	}
}

// A socket on which nothing happens lives as long as somebody is there.
func TestClientsArePinged(t *testing.T) {
	t.Parallel()
	schema := newStub()
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { return make(chan any), nil }
	limits := transport.DefaultLimits()
	limits.Ping, limits.Pong = 200*time.Millisecond, 2*time.Second
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	nodetest.Run(t, nil, "clients/ping.mjs", server)
}

// watch runs a client until the stream ends. The client would leave at once if
// it were not given a standard input.
func watch(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{program}, args...)...)
	cmd.Dir = nodeDir(t)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s is not content: %v\n%s", program, err, out)
	}
	return string(out)
}
