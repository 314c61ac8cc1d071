package demo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// errFrontMatter is returned for a file that does not begin with front matter between two lines of three hyphens.
var errFrontMatter = errors.New("the file has no front matter")

// document is one file: front matter in YAML between two lines of three hyphens, which also describes the crowd that
// signed, and then the body. The keys are the names of the fields in lower case, unless a tag says otherwise.
type document struct {
	Petition `yaml:",inline"`
	Crowd    crowd `yaml:"signatures"`
}

// parse parses a file. Unknown keys are refused: they would be typing errors.
func parse(text []byte, now time.Time) (document, error) {
	front, body, err := split(text)
	if err != nil {
		return document{}, err
	}
	var d document
	if err := yaml.UnmarshalWithOptions(front, &d, yaml.Strict(), moments(now)); err != nil {
		return document{}, fmt.Errorf("front matter: %w", err)
	}
	d.Body = string(bytes.Trim(body, "\n"))
	return d, nil
}

// split separates the front matter from the body.
func split(text []byte) (front, body []byte, err error) {
	rest, opened := bytes.CutPrefix(text, []byte("---\n"))
	front, body, closed := bytes.Cut(rest, []byte("\n---\n"))
	if !opened || !closed {
		return nil, nil, errFrontMatter
	}
	return front, body, nil
}

// moments allows times in YAML to be relative to now.
func moments(now time.Time) yaml.DecodeOption {
	return yaml.CustomUnmarshaler(func(t *time.Time, text []byte) (err error) {
		*t, err = moment(strings.TrimSpace(string(text)), now)
		return err
	})
}

// moment parses a time in the format of RFC 3339, or a distance from now with a sign: -23d, +14d, -3h, -1d6h30m.
func moment(text string, now time.Time) (time.Time, error) {
	if !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "+") {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}, fmt.Errorf("time: %w", err)
		}
		return at.UTC(), nil
	}
	away, err := distance(text[1:])
	if err != nil {
		return time.Time{}, err
	}
	if text[0] == '-' {
		away = -away
	}
	return now.Add(away), nil
}

// distance parses a number of days, which time.ParseDuration does not know, and the hours and minutes that follow.
func distance(text string) (time.Duration, error) {
	days, clock, found := strings.Cut(text, "d")
	if !found {
		days, clock = "0", text
	} else if clock == "" {
		clock = "0s"
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("days: %w", err)
	}
	d, err := time.ParseDuration(clock)
	if err != nil {
		return 0, fmt.Errorf("distance in time: %w", err)
	}
	return time.Duration(n)*24*time.Hour + d, nil
}
