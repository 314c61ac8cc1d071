package settings

import (
	"fmt"
	"slices"
	"time"

	"petitiond/server/transport"
)

// limitSettings returns the limits of the API that an operator may change, each within a range in which the server
// stays safe and useful.
func limitSettings() []setting {
	return slices.Concat(documentLimits(), memoryLimits(), timeLimits(), socketLimits())
}

// documentLimits bound what a request may ask for. They are checked before anything is executed.
func documentLimits() []setting {
	return []setting{
		numberLimit("BODY", "bytes of a request body or a WebSocket message; the default holds the longest petition in any "+
			"script, however it is escaped", 1<<10, 1<<20, func(l *transport.Limits) *int64 { return &l.Body }),
		// Depths are bounded twice, in JSON and in GraphQL: variables are one and arguments the other.
		numberLimit("JSON_DEPTH", "nested objects and lists in a body", 8, 128,
			func(l *transport.Limits) *int { return &l.JSONDepth }),
		numberLimit("DOCUMENT", "bytes of a GraphQL document", 1<<10, 256<<10,
			func(l *transport.Limits) *int { return &l.Document }),
		numberLimit("TOKENS", "tokens in a document", 100, 10_000,
			func(l *transport.Limits) *int { return &l.Tokens }),
		numberLimit("OPERATIONS", "operations in a document, one of which is executed", 1, 100,
			func(l *transport.Limits) *int { return &l.Operations }),
		numberLimit("FRAGMENTS", "fragments in a document", 4, 200,
			func(l *transport.Limits) *int { return &l.Fragments }),
		numberLimit("VARIABLES", "variables of an operation", 1, 500,
			func(l *transport.Limits) *int { return &l.Variables }),
		numberLimit("DIRECTIVES", "directives in a document", 1, 200,
			func(l *transport.Limits) *int { return &l.Directives }),
		numberLimit("ALIASES", "aliases in a document", 1, 200,
			func(l *transport.Limits) *int { return &l.Aliases }),
		numberLimit("ROOT_FIELDS", "top-level fields of a query; a mutation has one", 1, 100,
			func(l *transport.Limits) *int { return &l.RootFields }),
		numberLimit("FIELDS", "fields of an operation; those of a fragment count wherever it is spread", 50, 10_000,
			func(l *transport.Limits) *int { return &l.Fields }),
		numberLimit("DEPTH", "nested selection sets", 4, 50,
			func(l *transport.Limits) *int { return &l.Depth }),
		// Introspection, as tools send it, nests deeper than any question about petitions.
		numberLimit("SCHEMA_DEPTH", "the same in introspection", 14, 50,
			func(l *transport.Limits) *int { return &l.SchemaDepth }),
		numberLimit("VALUE_DEPTH", "nested lists and objects in an argument", 2, 20,
			func(l *transport.Limits) *int { return &l.ValueDepth }),
		numberLimit("COST", "points that an operation costs, by the schema's `@cost` and `@listSize`", 50, 100_000,
			func(l *transport.Limits) *int { return &l.Cost }),
	}
}

// memoryLimits bound what answers take and what is kept between requests, in bytes and not in things: clients decide
// how large those are.
func memoryLimits() []setting {
	return []setting{
		numberLimit("PERSISTED", "bytes of memory for persisted documents, which clients name by their hash", 64<<10, 1<<30,
			func(l *transport.Limits) *int { return &l.Persisted }),
		numberLimit("ANSWER_SIZE", "bytes of an answer or a web page; a quarter of it over a WebSocket or an event stream; less where `PETITION_MEMORY` has no room for it",
			64<<10, 64<<20, func(l *transport.Limits) *int { return &l.AnswerSize }),
		numberLimit("ANSWERS", "bytes of memory for shared answers", 1<<20, 1<<34,
			func(l *transport.Limits) *int { return &l.AnswerBytes }),
		numberLimit("CHECKED_DOCUMENTS", "bytes of memory for documents that were checked before: the next request with one "+
			"skips the checks", 64<<10, 1<<30, func(l *transport.Limits) *int { return &l.DocumentBytes }),
	}
}

// timeLimits bound how long a request may take, and how many may run at once.
func timeLimits() []setting {
	return []setting{
		timeLimit("OPERATION_TIME", "time that a query, a mutation or a web page may take", 100*time.Millisecond, time.Minute,
			func(l *transport.Limits) *time.Duration { return &l.Operation }),
		timeLimit("BODY_TIME", "time in which a body must arrive, or each 64 KiB of a longer one", time.Second, time.Minute,
			func(l *transport.Limits) *time.Duration { return &l.Read }),
		timeLimit("ANSWER_TIME", "time in which an answer must be sent", time.Second, time.Minute,
			func(l *transport.Limits) *time.Duration { return &l.Write }),
		timeLimit("EVENT_TIME", "time in which an event of a subscription must be sent", time.Second, time.Minute,
			func(l *transport.Limits) *time.Duration { return &l.Event }),
		timeLimit("INIT_TIME", "time in which `connection_init` must arrive", time.Second, time.Minute,
			func(l *transport.Limits) *time.Duration { return &l.Init }),
		// More than wait would wait longer than their clients do: they are refused at once.
		numberLimit("IN_FLIGHT", "queries, mutations and web pages that run at once; four times as many wait, any more are "+
			"answered `UNAVAILABLE`; an address takes another of either only while it has fewer than are free, unless "+
			"`PETITION_RATE_LIMITS` is off", 1, 10_000, func(l *transport.Limits) *int { return &l.InFlight }),
		timeLimit("WAIT", "longest time that they wait", time.Millisecond, 10*time.Second,
			func(l *transport.Limits) *time.Duration { return &l.Wait }),
	}
}

// socketLimits bound the WebSockets and event streams.
func socketLimits() []setting {
	return []setting{
		numberLimit("SOCKETS", "open WebSockets and event streams; never more than the file descriptors that the system "+
			"allows, less 500 and `PETITION_MAX_CONNECTIONS`", 1, 1_000_000,
			func(l *transport.Limits) *int { return &l.Sockets }),
		numberLimit("SOCKETS_PER_ADDRESS", "the same for one IPv4 address or one IPv6 /64; no limit if "+
			"`PETITION_RATE_LIMITS` is off", 1, 1_000_000,
			func(l *transport.Limits) *int { return &l.SocketsPerAddress }),
		numberLimit("SOCKET_OPERATIONS", "operations on one of them at once", 1, 1000,
			func(l *transport.Limits) *int { return &l.SocketOperations }),
		timeLimit("SOCKET_AGE", "time after which one of them is closed, roughly, and its client connects again",
			time.Minute, 24*time.Hour, func(l *transport.Limits) *time.Duration { return &l.Age }),
		// A rate and a burst: a page that is opened sends all its operations at once, and hardly anything afterwards.
		numberLimit("MESSAGES", "messages per second that a client may send on a WebSocket", 1, 10_000,
			func(l *transport.Limits) *int { return &l.Messages }),
		numberLimit("EVENT_COST", "points a second that events of one address may cost, if they read more than their counts; "+
			"what exceeds it is sent later; no limit if `PETITION_RATE_LIMITS` is off", 10, 1_000_000,
			func(l *transport.Limits) *int { return &l.EventCost }),
		numberLimit("MESSAGE_BURST", "messages that may arrive at once", 2, 10_000,
			func(l *transport.Limits) *int { return &l.MessageBurst }),
		numberLimit("INIT_PAYLOAD", "bytes of the payload of `connection_init`", 256, 64<<10,
			func(l *transport.Limits) *int { return &l.InitPayload }),
	}
}

// numberLimit is a limit that is a whole number. Its default is the transport's, in development and production.
func numberLimit[T int | int64](name, meaning string, least, most T, field func(*transport.Limits) *T) setting {
	// The transport knows what it can bear; no number stands here a second time.
	defaults := transport.DefaultLimits()
	value := fmt.Sprint(*field(&defaults))
	return setting{
		name: "MAX_" + name, development: value, production: value,
		meaning: fmt.Sprintf("%s (%d to %d)", meaning, least, most),
		set:     numberSetter(func(c *Config) *T { return field(&c.Limits) }, least, most),
	}
}

// timeLimit is a limit that is a time, with the transport's default as well.
func timeLimit(name, meaning string, least, most time.Duration, field func(*transport.Limits) *time.Duration) setting {
	defaults := transport.DefaultLimits()
	value := shortDuration(*field(&defaults))
	return setting{
		name: "MAX_" + name, development: value, production: value,
		meaning: fmt.Sprintf("%s (%s to %s)", meaning, shortDuration(least), shortDuration(most)),
		set:     durationSetter(func(c *Config) *time.Duration { return field(&c.Limits) }, least, most),
	}
}
