package main

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// example matches a command of the README and the answer below it.
var example = regexp.MustCompile("(?s)```sh\ncurl ([^`]*?) -d '([^']*)'\n```\n\n```[a-z]+\n(.*?)```")

// The README's examples, sent one after another to a new server with demo content, have the answers that it shows.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := example.FindAllStringSubmatch(string(readme), -1)
	if len(examples) < 3 {
		t.Fatalf("want three examples in the README, found %d", len(examples))
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_DEMO=true"))
		for _, e := range examples {
			want := strings.TrimSpace(e[3])
			if got := s.curl(t, e[1], e[2], strings.Count(want, "\n")+1); got != want {
				t.Errorf("the README's example gives another answer\nwant %s\ngot  %s", want, got)
			}
		}
	})
}

// curl sends a body with the headers of a command line, and returns the first lines of the answer that are not empty.
func (s *site) curl(t *testing.T, command, body string, lines int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range regexp.MustCompile(`-H '([^:]+): ([^']+)'`).FindAllStringSubmatch(command, -1) {
		request.Header.Set(header[1], header[2])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out []string
	for scanner := bufio.NewScanner(response.Body); len(out) < lines && scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" && line != ":" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
