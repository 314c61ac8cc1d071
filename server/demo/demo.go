package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"
)

// files contains one petition per file, and the names of signatories.
//
//go:embed content/*.md names.yaml
var files embed.FS

// Petition is one petition with its comments and signatures. State and Outcome have the names that the API gives them;
// Outcome is empty if there is none.
type Petition struct {
	Title      string
	Summary    string
	Body       string `yaml:"-"` // Markdown
	Language   string // BCP 47
	Petitioner string
	Addressees []string
	Tags       []string // labels, as people write them
	Goal       int
	State      string
	Outcome    string
	CreatedAt  time.Time  `yaml:"created"`
	StartsAt   time.Time  `yaml:"starts"` // zero if it was never published
	EndsAt     *time.Time `yaml:"ends"`
	ClosedAt   *time.Time `yaml:"closed"`
	Comments   []Comment
	Signatures []Signature `yaml:"-"`
}

// Comment is a comment, or a reply to one; replies have none of their own.
type Comment struct {
	Author        string // empty if anonymous
	FromSignatory bool   `yaml:"signatory"`
	Body          string
	At            time.Time
	Replies       []Comment
}

// Signature is one invented signature. Its address is in a domain reserved for examples, and unique within the
// petition.
type Signature struct {
	Name     string
	Address  string
	Country  string // empty if it is not stated
	ShowName bool
	At       time.Time
}

// Petitions returns the whole content as it looks at a certain time, ordered by CreatedAt, and the signatures of each
// by At. For the same time it is always the same.
func Petitions(now time.Time) ([]Petition, error) {
	now = now.UTC().Truncate(time.Microsecond)
	people, err := readRegister()
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "content/*.md")
	if err != nil {
		return nil, fmt.Errorf("list the demo content: %w", err)
	}
	petitions := make([]Petition, 0, len(names))
	for _, name := range names {
		p, err := load(name, now, people)
		if err != nil {
			return nil, fmt.Errorf("demo content %s: %w", path.Base(name), err)
		}
		petitions = append(petitions, p)
	}
	slices.SortStableFunc(petitions, func(a, b Petition) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return petitions, nil
}

// load reads the petition in a file and invents its signatures.
func load(name string, now time.Time, people register) (Petition, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return Petition{}, fmt.Errorf("read: %w", err)
	}
	d, err := parse(text, now)
	if err != nil {
		return Petition{}, err
	}
	if d.Signatures, err = d.gather(now, people, source(name)); err != nil {
		return Petition{}, fmt.Errorf("signatures: %w", err)
	}
	return d.Petition, nil
}
