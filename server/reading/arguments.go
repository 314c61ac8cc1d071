package reading

import (
	"fmt"

	"petitiond/server/keyset"
)

const (
	// idsMost is how many ids one argument may name.
	idsMost = 100
	// trendingFirst is the default of first in trendingTags.
	trendingFirst = 10
)

// CheckIDs refuses an argument that names too few ids, or too many.
func CheckIDs(argument string, least, n int) error {
	if n >= least && n <= idsMost {
		return nil
	}
	return &keyset.ArgumentError{Argument: argument, Message: fmt.Sprintf("Give %d to %d ids.", least, idsMost)}
}

// CommentsBy returns the order of comments, by default the newest first.
func CommentsBy(o *CommentOrder) CommentOrder { return or(o, Newest) }

// TrendingFirst returns how many trending tags to read.
func TrendingFirst(first *int) int { return or(first, trendingFirst) }

// or returns an argument, or its default.
func or[V any](p *V, otherwise V) V {
	if p == nil {
		return otherwise
	}
	return *p
}
