package reading

import (
	"fmt"

	"petitiond/server/keyset"
)

const (
	// CommentsATick is how many new comments are told at once: of more than that the newest, so that those who fall behind
	// skip to the present.
	CommentsATick = 50
	// idsMost is how many ids one argument may name.
	idsMost = 100
	// trendingFirst is how many tags are shown where nobody said how many.
	trendingFirst = 10
)

// CheckIDs refuses an argument that names too few ids, or too many.
func CheckIDs(argument string, least, n int) error {
	if n >= least && n <= idsMost {
		return nil
	}
	return &keyset.ArgumentError{Argument: argument, Message: fmt.Sprintf("Give %d to %d ids.", least, idsMost)}
}

// CommentsBy is the order of comments, where nobody said one the newest first.
func CommentsBy(o *CommentOrder) CommentOrder { return or(o, Newest) }

// TagPetitionsBy is the order of a tag's petitions, where nobody said one the newest first.
func TagPetitionsBy(o *Order) Order { return or(o, newestFirst) }

// TrendingFirst is how many trending tags are asked for.
func TrendingFirst(first *int) int { return or(first, trendingFirst) }

// newestFirst is the order of petitions where nobody said one.
var newestFirst = Order{Field: ByCreatedAt, Direction: Desc}

func or[V any](p *V, otherwise V) V {
	if p == nil {
		return otherwise
	}
	return *p
}
