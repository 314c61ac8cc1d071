package fields_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/fields"
)

// TestEveryColumnIsDeclaredOnce compares the table with ent's columns.
func TestEveryColumnIsDeclaredOnce(t *testing.T) {
	t.Parallel()
	var declared []string
	for _, f := range fields.All {
		declared = append(declared, f.Column)
	}
	all := slices.Clone(petition.Columns)
	slices.Sort(declared)
	slices.Sort(all)
	if !slices.Equal(declared, all) {
		t.Errorf("declared are %v,\nthe columns are %v", declared, all)
	}
}

// TestEveryFieldStandsElsewhere gives each field a value in turn: a field that points to another's place would change
// it.
func TestEveryFieldStandsElsewhere(t *testing.T) {
	t.Parallel()
	for i, f := range fields.All {
		row, empty := &ent.Petition{}, &ent.Petition{}
		f.Set(row, sample(f))
		for k, other := range fields.All {
			if same := other.Same(row, empty); same != (i != k) {
				t.Errorf("%s was given a value, and %s is the same: %v", f.Column, other.Column, same)
			}
			if !other.Same(row, row) {
				t.Errorf("%s is not what it is", other.Column)
			}
		}
		f.Set(row, nil)
		if !f.Same(row, empty) {
			t.Errorf("%s was taken away and is %v", f.Column, f.Value(row))
		}
	}
}

// sample is a value that no empty row has.
func sample(f fields.Field) any {
	switch f.In(&ent.Petition{}).(type) {
	case *string, **string:
		return "x"
	case *int:
		return 7
	case **[]byte:
		return []byte{7}
	case *[]string:
		return []string{"x"}
	case *time.Time, **time.Time:
		return time.Unix(7, 0)
	case *petition.State:
		return petition.StateOPEN
	case **petition.Outcome:
		return petition.OutcomeVICTORY
	}
	return [16]byte{7} // an id
}

func TestImageAddresses(t *testing.T) {
	t.Parallel()
	check := named(t, "imageUrl").Check
	for _, fine := range []string{
		"https://example.org/a.jpg", "https://example.org", "https://example.org:8443/a%20b?w=1&h=2#top", "https://[2001:db8::1]/a",
		"https://example.org/" + strings.Repeat("x", 1980),
	} {
		if clean, faults := check(fine); clean != fine || faults != nil {
			t.Errorf("%q becomes %q, faults %v", fine, clean, faults)
		}
	}
	for _, wrong := range []string{
		"", "example.org/a.jpg", "//example.org/a.jpg", "http://example.org/a.jpg", "https:/a.jpg", "https:///a.jpg", "https://:443/a",
		"https://ada@example.org/a.jpg", "https://ada:pw@example.org/a.jpg", "https://@example.org/a.jpg", "javascript:alert(1)",
		"data:image/png;base64,AAAA", " https://example.org/a", "https://example.org/a b", "https://example.org/\x00", "https://example.org/\n",
		`https://example.org/"onload="x`, `https://example.org\@evil.example/a`, "https://example.org/%zz", "https://example.org/\xff",
		"https://example.org/" + strings.Repeat("x", 1981), "https://example.org/a<b>",
	} {
		if clean, faults := check(wrong); len(faults) != 1 || !strings.HasSuffix(faults[0].Message, ".") {
			t.Errorf("%q becomes %q, faults %v", wrong, clean, faults)
		}
	}
}

func named(t *testing.T, name string) fields.Field {
	t.Helper()
	for _, f := range fields.All {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no field %s", name)
	return fields.Field{}
}

func TestSameMoments(t *testing.T) {
	t.Parallel()
	ends := named(t, "endsAt")
	at := time.Unix(7, 0)
	a, b, none := &ent.Petition{}, &ent.Petition{}, &ent.Petition{}
	ends.Set(a, at.UTC())
	ends.Set(b, at.In(time.FixedZone("", 3600)))
	if !ends.Same(a, b) || ends.Same(a, none) || ends.Same(none, a) || !ends.Same(none, none) {
		t.Error("times are compared by something else than their moment")
	}
}

// TestGiven reads the fields of an input in each of their forms.
func TestGiven(t *testing.T) {
	t.Parallel()
	word := "x"
	one, none := &word, (*string)(nil)
	type input struct {
		Plain, Empty     string
		Maybe, Left      *string
		Null, Full, Gone **string
		Many, Missing    []string
	}
	in := input{Plain: "x", Maybe: &word, Null: &none, Full: &one, Many: []string{}}
	for name, want := range map[string]struct {
		value any
		given bool
	}{
		"plain": {"x", true}, "empty": {"", true}, "maybe": {"x", true}, "left": {nil, false}, "null": {nil, true},
		"full": {"x", true}, "gone": {nil, false},
	} {
		value, given := fields.Field{Name: name}.Given(in)
		if value != want.value || given != want.given {
			t.Errorf("%s: %v, given %v; want %v", name, value, given, want)
		}
	}
	if _, given := (fields.Field{Name: "many"}).Given(in); !given {
		t.Error("an empty list is not given")
	}
	if _, given := (fields.Field{Name: "missing"}).Given(in); given {
		t.Error("a list that is missing is given")
	}
}
