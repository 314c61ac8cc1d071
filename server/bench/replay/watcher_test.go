package main

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWatcher(t *testing.T) {
	t.Parallel()
	value := func(total, version int) string {
		return fmt.Sprintf("event: next\ndata: {\"data\":{\"signatureCount\":{\"total\":%d,\"version\":%d}}}\n\n", total, version)
	}
	tests := map[string]struct{ stream, fault string }{
		"Exact":        {value(0, 0) + ":\n\n" + value(4, 2) + value(9, 3), ""},
		"SameAgain":    {value(0, 0) + value(9, 3) + value(9, 3), ""},
		"WentDown":     {value(0, 0) + value(4, 2) + value(3, 3), "decreased"},
		"DownAtTheEnd": {value(0, 0) + value(9, 2) + value(8, 3), "decreased"},
		"OldVersion":   {value(0, 0) + value(4, 2) + value(4, 1), "decreased"},
		"TooMany":      {value(0, 0) + value(10, 2), "fewer addresses"},
		"Error":        {value(0, 0) + "data: {\"errors\":[{\"message\":\"gone\"}]}\n\n", "not a value"},
		"EndedEarly":   {value(0, 0) + value(8, 2), "ended early"},
		"Empty":        {"", "ended early"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &watcher{last: 9, lines: bufio.NewScanner(strings.NewReader(test.stream)), there: make(chan struct{}), ended: make(chan struct{})}
			w.follow(make(chan struct{}))
			close(w.ended)
			if got := fmt.Sprint(w.fault); test.fault == "" && w.fault != nil || !strings.Contains(got, test.fault) && test.fault != "" {
				t.Errorf("want the fault %q, got %q", test.fault, got)
			}
			r := &report{}
			judge([]*watcher{w}, time.Second, r)
			if exact := len(r.faults) == 0; exact != (test.fault == "") {
				t.Errorf("want the report to hold a fault of %q, got %q", test.fault, r.faults)
			}
		})
	}
}
