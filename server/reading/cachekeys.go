package reading

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/figures"
	"petitiond/server/responsecache"
)

// The kinds of topics that answers can depend on. Every read records the topics that it depends on, and a shared answer
// is dropped when one of them changes. [CacheKeys] is the counterpart for writes.
const (
	aboutWords    uint8 = iota + 1 // a petition's text, state, terms and tags
	aboutNumbers                   // its figures, signatures and history
	aboutComments                  // its comments
	aboutLists                     // which petitions and tags there are
	aboutSite                      // the figures of all petitions together
	aboutMinute                    // last hours, which fall as time passes
)

func wordsOf(petition uuid.UUID) responsecache.Topic {
	return responsecache.Topic{Kind: aboutWords, ID: petition}
}

func numbersOf(petition uuid.UUID) responsecache.Topic {
	return responsecache.Topic{Kind: aboutNumbers, ID: petition}
}

func commentsOf(petition uuid.UUID) responsecache.Topic {
	return responsecache.Topic{Kind: aboutComments, ID: petition}
}

// dependOn records that the answer under ctx depends on a kind of topic of each petition.
func dependOn(ctx context.Context, topic func(uuid.UUID) responsecache.Topic, petitions ...uuid.UUID) {
	if !responsecache.Recorded(ctx) {
		return
	}
	topics := make([]responsecache.Topic, len(petitions))
	for i, id := range petitions {
		topics[i] = topic(id)
	}
	responsecache.On(ctx, topics...)
}

// dependOnLists records that the answer under ctx shows which petitions or tags there are. Their order changes with the
// ranks, and what a search or a filter finds changes with time. Neither is announced, so the answer is kept only for a
// moment.
func dependOnLists(ctx context.Context) {
	responsecache.On(ctx, responsecache.Topic{Kind: aboutLists})
	responsecache.Briefly(ctx)
}

// dependOnTags records that the answer under ctx shows a tag: whether a petition has it, and how many open ones do.
func dependOnTags(ctx context.Context) { responsecache.On(ctx, responsecache.Topic{Kind: aboutLists}) }

// dependOnFigures records that the answer under ctx shows the figures of petitions.
func dependOnFigures(ctx context.Context, figures map[uuid.UUID]*Figures) {
	for id := range figures {
		dependOn(ctx, numbersOf, id)
	}
}

// OpenPetitions returns how many open petitions have a tag that was read.
func OpenPetitions(ctx context.Context, tag *ent.Tag) int {
	dependOnTags(ctx)
	return tag.OpenPetitions
}

// dependOnSite records that the answer under ctx shows sums over all petitions, and their last hour.
func dependOnSite(ctx context.Context) {
	responsecache.On(ctx, responsecache.Topic{Kind: aboutSite})
	dependOnMinute(ctx)
}

// dependOnMinute records that the answer under ctx shows a last hour.
func dependOnMinute(ctx context.Context) {
	responsecache.On(ctx, responsecache.Topic{Kind: aboutMinute})
}

// MinuteKey returns the topic that changes at the beginning of each minute, without a new value.
func MinuteKey() responsecache.Topic { return responsecache.Topic{Kind: aboutMinute} }

// CacheKeys returns the topics that have changed with a new value: answers that depend on one of them are out of date.
func CacheKeys(v figures.Value) []responsecache.Topic {
	topics := []responsecache.Topic{numbersOf(v.Petition)}
	if v.Comment > 0 {
		topics = append(topics, commentsOf(v.Petition))
	}
	if v.Edition > 0 {
		topics = append(topics, wordsOf(v.Petition), responsecache.Topic{Kind: aboutLists})
	}
	if v.Version > 0 || v.Edition > 0 {
		topics = append(topics, responsecache.Topic{Kind: aboutSite})
	}
	return topics
}
