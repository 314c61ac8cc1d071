package reading_test

import (
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/sitetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const adminKey = sitetest.AdminKey

// What nearly every test here uses, by a short name.
var (
	monday   = sitetest.Monday
	operator = sitetest.Operator
	equal    = sitetest.Equal
	ok       = sitetest.OK
)

// bundle is a site with what is asked of it here.
type bundle struct{ *sitetest.Site }

func setup(t testing.TB, db *database.DB) *bundle {
	t.Helper()
	return &bundle{sitetest.New(t, db)}
}

// value reads the one value of the one row of a query.
func value[V any](t testing.TB, b *bundle, query string, args ...any) V {
	t.Helper()
	return sitetest.Value[V](t, b.Site, query, args...)
}

func p[V any](v V) *V { return &v }
