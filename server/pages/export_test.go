package pages

import "io/fs"

// Build is New with other files in the place of what the build fetched.
var Build = build

// Fetched is what the build took from npm, if it did.
var Fetched fs.FS = fetched

// Number, Direction and Outcome are what templates write with.
var (
	Number    = number
	Direction = direction
	Outcome   = outcome
)

// Checksums returns the checksums of GraphiQL's files by their names.
func Checksums() map[string]string {
	sums := map[string]string{}
	for _, p := range append(graphiqlScripts(), graphiqlStyle()) {
		sums[p.name] = p.integrity
	}
	return sums
}

// Packages returns the npm packages of the addresses at the CDN, such as react@18.3.1/umd/react.production.min.js.
func Packages() []string {
	var paths []string
	for _, p := range append(graphiqlScripts(), graphiqlStyle()) {
		paths = append(paths, p.path)
	}
	return paths
}
