package nodetest

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// longest is how long a program may take; each of its tests has a shorter limit of its own.
const longest = 5 * time.Minute

// verdict matches the line in which Node's test runner reports how a test ended; the details follow it.
var verdict = regexp.MustCompile(`(?m)^(ok|not ok) \d+ - (.*)$`)

// directive follows the name of a test that was skipped. A # in the name itself is written \#.
var directive = regexp.MustCompile(` # (SKIP|TODO).*$`)

// Run runs a program that contains tests for Node's own test runner, and makes a subtest of each. Meanwhile it calls
// the functions that arrive on orders, which may be nil: they need the goroutine of the test, since no other may call
// t.Fatal.
func Run(t *testing.T, orders <-chan func(), program string, args ...string) {
	t.Helper()
	dir := Dir(t)
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	// What a client leaves open must not keep the program alive.
	args = append([]string{"--test-reporter=tap", "--test-force-exit", program}, args...)
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = dir
	var output []byte
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		output, err = cmd.CombinedOutput()
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case order := <-orders:
			order()
		}
	}
	outcomes := read(string(output))
	if len(outcomes) == 0 {
		t.Fatalf("%s ended with %v and holds no test:\n%s", program, err, output)
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			if !o.passed {
				t.Error(o.details)
			}
		})
	}
	if err != nil {
		t.Errorf("%s ended with %v", program, err)
	}
}

// outcome is how one test ended.
type outcome struct {
	name    string
	passed  bool
	details string
}

// read finds the outcomes in the output of a program. A skipped test has not passed.
func read(output string) []outcome {
	var list []outcome
	places := verdict.FindAllStringSubmatchIndex(output, -1)
	for i, place := range places {
		end := len(output)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		name := output[place[4]:place[5]]
		left := directive.FindString(name)
		list = append(list, outcome{
			name:    strings.TrimSuffix(name, left),
			passed:  output[place[2]:place[3]] == "ok" && left == "",
			details: left + output[place[1]:end],
		})
	}
	return list
}
