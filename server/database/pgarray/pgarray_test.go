package pgarray_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgarray"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// TestArrays has PostgreSQL compare arrays of each type with literals of its own, also where they are empty.
func TestArrays(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	at := time.Date(1969, time.December, 31, 23, 59, 59, 123_456_789, time.FixedZone("", 3600))
	id := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	tests := map[string]struct {
		array, none any
	}{
		`ARRAY['', 'ä"\,{}']::text[]`: {pgarray.Texts([]string{"", `ä"\,{}`}, pgarray.Same), pgarray.Texts(nil, pgarray.Same[string])},
		`ARRAY['\x00ff', '']::bytea[]`: {
			pgarray.Blobs([][]byte{{0, 255}, nil}, pgarray.Same), pgarray.Blobs(nil, pgarray.Same[[]byte]),
		},
		`ARRAY['` + id.String() + `']::uuid[]`: {pgarray.UUIDs([]uuid.UUID{id}, pgarray.Same), pgarray.UUIDs(nil, pgarray.Same[uuid.UUID])},
		`ARRAY[true, false]::boolean[]`:        {pgarray.Bools([]bool{true, false}, pgarray.Same), pgarray.Bools(nil, pgarray.Same[bool])},
		`ARRAY[-1, 4294967296]::bigint[]`:      {pgarray.Ints([]int{-1, 1 << 32}, pgarray.Same), pgarray.Ints(nil, pgarray.Same[int])},
		`ARRAY[0.5, -1e300]::float8[]`:         {pgarray.Floats([]float64{0.5, -1e300}, pgarray.Same), pgarray.Floats(nil, pgarray.Same[float64])},
		`ARRAY['1969-12-31 22:59:59.123456Z']::timestamptz[]`: {
			pgarray.Times([]time.Time{at}, pgarray.Same), pgarray.Times(nil, pgarray.Same[time.Time]),
		},
	}
	for literal, tt := range tests {
		kind := literal[strings.LastIndex(literal, ":")+1:]
		var same, none bool
		err := db.Ledger.QueryRowContext(t.Context(), `SELECT $1::`+kind+` = `+literal+`, cardinality($2::`+kind+`) = 0`, tt.array, tt.none).
			Scan(&same, &none)
		if err != nil || !same || !none {
			t.Errorf("%s: the same: %v, empty: %v, error %v", literal, same, none, err)
		}
	}
}
