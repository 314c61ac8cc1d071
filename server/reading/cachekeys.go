package reading

import (
	"context"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/figures"
	"petitiond/server/responsecache"
)

// What answers depend on, by the kinds of their topics. Every read names them, before or after it looks, so that an
// answer that is kept for everybody goes when one of them changes. See [CacheKeys] for the other side.
const (
	aboutWords    uint8 = iota + 1 // a petition's text, state, terms and tags
	aboutNumbers                   // its figures, signatures and history
	aboutComments                  // its comments
	aboutLists                     // which petitions and tags there are
	aboutSite                      // the figures of all petitions together
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

// dependOn says that the answer under ctx depends on a kind of topic of each petition.
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

// dependOnLists says that the answer under ctx shows which petitions or tags there are. Their order moves with the
// ranks, and what a search or a filter finds with the time: nobody tells of that, so that it is kept for a moment only.
func dependOnLists(ctx context.Context) {
	responsecache.On(ctx, responsecache.Topic{Kind: aboutLists})
	responsecache.Briefly(ctx)
}

// dependOnTags says that the answer under ctx shows a tag: whether a petition bears it, and how many open ones do.
func dependOnTags(ctx context.Context) { responsecache.On(ctx, responsecache.Topic{Kind: aboutLists}) }

// dependOnFigures says that the answer under ctx shows the figures of petitions.
func dependOnFigures(ctx context.Context, figures map[uuid.UUID]*Figures) {
	for id := range figures {
		dependOn(ctx, numbersOf, id)
	}
}

// OpenPetitions gives how many open petitions bear a tag that was read.
func OpenPetitions(ctx context.Context, tag *ent.Tag) int {
	dependOnTags(ctx)
	return tag.OpenPetitions
}

// dependOnSite says that the answer under ctx sums all petitions.
func dependOnSite(ctx context.Context) { responsecache.On(ctx, responsecache.Topic{Kind: aboutSite}) }

// CacheKeys are what answers depend on that show what has changed.
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
