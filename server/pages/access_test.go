package pages_test

import (
	"strings"
	"testing"
)

// TestNames checks that what people fill in has a label, and that everything that points at an element of the page
// finds it.
func TestNames(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range append(targets(), letters()...) {
		checkNames(t, target, get(t, h, target).Body.String())
	}
	checkNames(t, preview, get(t, serve(t, draft("DRAFT").options(), bundle()), preview).Body.String())
}

func checkNames(t *testing.T, target, body string) {
	t.Helper()
	all := elements(t, body)
	ids, labels := map[string]int{}, map[string]bool{}
	for _, e := range all {
		ids[e["id"]]++
		if e[""] == "label" {
			labels[e["for"]] = true
		}
	}
	for _, e := range all {
		checkReferences(t, target, e, ids)
		switch e[""] {
		case "input", "select", "textarea":
			if !labels[e["id"]] && e["type"] != "hidden" {
				t.Errorf("GET %s: <%s id=%q> has no label", target, e[""], e["id"])
			}
		case "progress", "nav":
			if e["aria-label"]+e["aria-labelledby"] == "" {
				t.Errorf("GET %s: <%s> has no name", target, e[""])
			}
		case "img":
			if _, told := e["alt"]; !told {
				t.Errorf("GET %s: an image has no alt", target)
			}
		}
	}
	for id, n := range ids {
		if id != "" && n > 1 {
			t.Errorf("GET %s: %d elements have the id %s", target, n, id)
		}
	}
}

func checkReferences(t *testing.T, target string, e map[string]string, ids map[string]int) {
	t.Helper()
	references := e["aria-labelledby"] + " " + e["aria-describedby"] + " " + e["for"] + " " + e["data-spoken"]
	if fragment, ok := strings.CutPrefix(e["href"], "#"); ok {
		references += " " + fragment
	}
	for id := range strings.FieldsSeq(references) {
		if ids[id] == 0 {
			t.Errorf("GET %s: <%s> points at %s, which is not there", target, e[""], id)
		}
	}
}

// TestLandmarks checks the outline that people who do not see a page move by.
func TestLandmarks(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	for _, target := range append(letters(), "/", "/p/night-bus", "/p/none") {
		checkLandmarks(t, target, get(t, h, target).Body.String())
	}
	checkLandmarks(t, preview, get(t, serve(t, draft("DRAFT").options(), bundle()), preview).Body.String())
}

func checkLandmarks(t *testing.T, target, body string) {
	t.Helper()
	count := map[string]int{}
	level := 0
	for _, e := range elements(t, body) {
		count[e[""]]++
		if name := e[""]; len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' {
			if next := int(name[1] - '0'); next > level+1 {
				t.Errorf("GET %s: <%s> follows a heading of level %d", target, name, level)
			} else {
				level = next
			}
		}
	}
	if count["main"] != 1 || count["h1"] != 1 || count["nav"] != 1 || count["footer"] != 1 {
		t.Errorf("GET %s: want one each of main, h1, nav and footer; got %v", target, count)
	}
}
