package connection

// A multipart response as Apollo's clients read it ("Multipart HTTP protocol for GraphQL subscriptions", version 1.0).
// They take a part only when they see the boundary behind it, so every part is sent with its closing boundary, and the
// first boundary stands in the head. Line breaks within JSON are escaped, so no answer contains a boundary.
const (
	// PartsType is the Content-Type.
	PartsType = `multipart/mixed;boundary="graphql";subscriptionSpec="1.0"`

	partsHead = "\r\n--graphql" // what comes before the first part
	partsEnd  = "--\r\n"        // what comes after the last, and completes the response
	partHead  = "\r\nContent-Type: application/json\r\n\r\n"
	heartbeat = partHead + "{}" + partsHead
)

// appendPart appends the part that carries an answer.
func appendPart(out, body []byte) []byte {
	out = append(append(out, partHead+`{"payload":`...), body...)
	return append(out, "}"+partsHead...)
}
