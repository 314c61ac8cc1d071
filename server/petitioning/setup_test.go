package petitioning_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const adminKey = sitetest.AdminKey

// What nearly every test here uses, by a short name.
var (
	monday   = sitetest.Monday
	operator = sitetest.Operator
	draft    = sitetest.Draft
	signing  = sitetest.Signing
	equal    = sitetest.Equal
	faults   = sitetest.Faults
	ok       = sitetest.OK
)

// bundle is a site with what is asked of it here.
type bundle struct{ *sitetest.Site }

func setup(t testing.TB, db *database.DB, adjust ...func(*petitioning.Options)) *bundle {
	t.Helper()
	return &bundle{sitetest.New(t, db, adjust...)}
}

// value reads the one value of the one row of a query.
func value[V any](t testing.TB, b *bundle, query string, args ...any) V {
	t.Helper()
	return sitetest.Value[V](t, b.Site, query, args...)
}

// same reports whether two values are equal.
func same(a, b any) bool { return cmp.Equal(a, b) }

func p[V any](v V) *V { return &v }
