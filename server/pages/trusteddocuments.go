package pages

import "regexp"

// document matches a GraphQL document in a script. Ours contain them as plain strings.
var document = regexp.MustCompile("(?:'|`)((?:query|mutation|subscription) [^'`]*)(?:'|`)")

// Documents returns the GraphQL documents that the pages send, exactly as they send them: a site that only serves
// trusted documents has to trust these too. GraphiQL is left out, since its documents are the user's.
func Documents() []string {
	var found []string
	for _, name := range []string{"static/live.js", "static/sign.js"} {
		script, err := written.ReadFile(name)
		if err != nil {
			panic(err) // cannot happen: the file is part of the program
		}
		for _, match := range document.FindAllSubmatch(script, -1) {
			found = append(found, string(match[1]))
		}
	}
	return found
}
