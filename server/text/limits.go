package text

// Limits of what people write, in characters (code points) after normalisation. They are part of the public contract.
const (
	TitleMin      = 3
	TitleMax      = 150
	SummaryMax    = 500
	BodyMin       = 1
	BodyMax       = 50_000
	CommentMin    = 1
	CommentMax    = 2_000
	AddresseeMin  = 1
	AddresseeMax  = 200
	AddresseesMax = 10
)
