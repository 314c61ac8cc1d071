package connection

// A multipart response as Apollo's clients read it ("Multipart HTTP protocol for GraphQL subscriptions", version 1.0).
// They take a part only when they see the boundary behind it, so every part is sent with its closing boundary, and the
// first boundary stands in the head. Line breaks within JSON are escaped, so no answer contains a boundary.
const (
	PartsType = `multipart/mixed;boundary="graphql";subscriptionSpec="1.0"` // the Content-Type
	PartsHead = "\r\n--graphql"                                             // what comes before the first part

	partHead  = "\r\nContent-Type: application/json\r\n\r\n"
	heartbeat = partHead + "{}" + PartsHead
)

// AppendPart appends the part that carries an answer. After the last part, the response is complete.
func AppendPart(out, body []byte, last bool) []byte {
	out = append(append(out, partHead+`{"payload":`...), body...)
	out = append(out, "}"+PartsHead...)
	if last {
		out = append(out, "--\r\n"...)
	}
	return out
}
