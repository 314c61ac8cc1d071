package pages

import "regexp"

// document finds a GraphQL document in a script. Ours hold them as plain strings.
var document = regexp.MustCompile("(?:'|`)((?:query|mutation|subscription) [^'`]*)(?:'|`)")

// Documents returns the GraphQL documents that the pages send, letter by letter,
// so that a site that serves trusted documents only can trust them. Those of
// GraphiQL are its user's.
func Documents() []string {
	var found []string
	for _, name := range []string{"static/live.js", "static/sign.js"} {
		script, err := written.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		for _, match := range document.FindAllSubmatch(script, -1) {
			found = append(found, string(match[1]))
		}
	}
	return found
}
