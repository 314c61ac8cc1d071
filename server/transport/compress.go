package transport

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// Compress compresses what next answers, where it is text of some length and
// the client takes gzip. It leaves event streams alone, and whatever else is
// not on its list.
//
// Compression tells by its length whether a guess is like a secret beside it
// (BREACH). So nothing may go through here that holds both a credential and
// words of somebody else. Of the API, what holds a credential is the answer of
// the mutation that makes it: mutations are answered as they are. Pages hold
// none. And nobody can make another's browser ask in his name, since cookies
// do not authorise.
func Compress(next http.Handler) http.Handler { return compressing(next) }

// shortest is how long an answer is at least that is worth compressing: below
// it fits one packet either way.
const shortest = 1 << 10

var compressing = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(shortest),
		gzhttp.CompressionLevel(gzip.BestSpeed), // answers are made anew each time
		gzhttp.EnableZstd(false),                // whose encoders hold more memory than our answers
		gzhttp.SetContentType(false),
		gzhttp.ContentTypes([]string{
			string(mediaJSON), string(mediaGraphQL), "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml",
		}),
	)
	if err != nil {
		panic(err) // one of the options makes no sense
	}
	return wrap
}()
