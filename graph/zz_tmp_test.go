package graph_test

import (
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestZZ(t *testing.T) {
	s := newSite(t, dbtest.New(t, database.SQLite))
	t.Log(s.ask(t, "", `subscription { statistics @skip(if: true) { petitionCount } }`, nil).body)
	t.Log(s.ask(t, "", `subscription { statistics { petitionCount } a: statistics { petitionCount } }`, nil).body)
	t.Log(s.ask(t, "", `mutation { publishPetition(id: "x") @skip(if: true) { petition { id } } }`, nil).body)
	t.Log(s.log.String())
}
