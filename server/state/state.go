// Package state is the table of what may be done with a petition in each of its states. What SQL asks and what the
// program asks are both made from it.
package state

import (
	"strings"
	"time"

	"petitiond/ent/petition"
)

// rights are what a state allows.
type rights struct {
	state       petition.State
	public      bool // everybody sees the petition
	signable    bool // it may be signed, between its start and its end
	closable    bool // the collection of signatures may be ended
	commentable bool // it takes comments
	editable    bool // its petitioner may change it
	linked      bool // its slug is that of its title, and links may bear it
}

// table has every state once.
var table = []rights{
	{state: petition.StateDRAFT, editable: true},
	{state: petition.StateIN_REVIEW, editable: true},
	{state: petition.StateREJECTED, editable: true},
	{state: petition.StateOPEN, public: true, signable: true, closable: true, commentable: true, editable: true, linked: true},
	{state: petition.StatePAUSED, public: true, closable: true, editable: true, linked: true},
	{state: petition.StateCLOSED, public: true, commentable: true, linked: true},
	{state: petition.StateARCHIVED, public: true, linked: true},
	{state: petition.StateHIDDEN, linked: true},
}

// of returns what a state allows: nothing, where there is no such state.
func of(s petition.State) rights {
	for _, r := range table {
		if r.state == s {
			return r
		}
	}
	return rights{}
}

// Public reports whether everybody sees a petition in the state.
func Public(s petition.State) bool { return of(s).public }

// Signable reports whether a petition in the state may be signed, between its start and its end.
func Signable(s petition.State) bool { return of(s).signable }

// Closable reports whether the collection of signatures may be ended.
func Closable(s petition.State) bool { return of(s).closable }

// Commentable reports whether a petition in the state takes comments.
func Commentable(s petition.State) bool { return of(s).commentable }

// Editable reports whether the petitioner may change a petition in the state.
func Editable(s petition.State) bool { return of(s).editable }

// Linked reports whether the petition's slug is that of its title, which links may bear.
func Linked(s petition.State) bool { return of(s).linked }

// SignableAt reports whether a petition may be signed at a moment. The end is exclusive; nil is none.
func SignableAt(s petition.State, starts, ends *time.Time, now time.Time) bool {
	return Signable(s) && !Early(s, starts, now) && (ends == nil || now.Before(*ends))
}

// Early reports whether a petition can be signed later, but not yet.
func Early(s petition.State, starts *time.Time, now time.Time) bool {
	return Signable(s) && starts != nil && now.Before(*starts)
}

// In returns the states that a function of this package reports true of.
func In(allows func(petition.State) bool) []petition.State {
	var out []petition.State
	for _, r := range table {
		if allows(r.state) {
			out = append(out, r.state)
		}
	}
	return out
}

// States as lists of SQL: those in which a petition may be signed, those in which everybody sees it, and those in which
// not everybody does. The last are written out, so that an index finds them.
var (
	SignableSQL = List(In(Signable))
	PublicSQL   = List(In(Public))
	UnseenSQL   = List(In(func(s petition.State) bool { return !Public(s) }))
)

// List writes states as a list of SQL.
func List(states []petition.State) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = `'` + string(s) + `'`
	}
	return `(` + strings.Join(names, `, `) + `)`
}
