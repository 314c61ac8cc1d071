// Package reading reads what may be seen: lists, look-ups, figures, histories and searches. [Service.As] returns a
// reader for a viewer; every statement of that reader carries the condition under which the viewer sees a petition. The
// package knows neither who may do what, nor over which protocol a request came.
//
// A list of petitions is read in steps, each of which takes what the one before has made and changes nothing of it. The
// query is checked (conditions.go). If few petitions meet one of its conditions they are chosen by that (narrowing.go).
// The order decides which index gives a page (order.go), and one statement reads it (list.go, petitions.go). Relevance
// is ranked apart (search.go), and totals are counted for those who ask (total.go).
//
// What an answer was made of is noted while it is read (cachekeys.go), so that it can be dropped when that changes.
package reading
