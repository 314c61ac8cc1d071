package graph_test

import (
	"testing"

	"petitiond/server/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
