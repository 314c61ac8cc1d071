package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

// TestPlans asks for the plans that PostgreSQL keeps for the statements while the tables are still empty. They
// stay until the next ANALYZE, by when there may be a million rows: none may read a whole table.
func TestPlans(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	conn, err := db.Ledger.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	for i, text := range ledger.PostgresSQL {
		plan, err := planOf(t.Context(), conn, fmt.Sprintf("s%d", i), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s\nreads a table:\n%s", text, plan)
		}
		if strings.Contains(text, "FROM signatures WHERE digest") && !strings.Contains(plan, "using signature_digest") {
			t.Errorf("%s\ndoes not look addresses up by their index:\n%s", text, plan)
		}
	}
}

func planOf(ctx context.Context, conn *sql.Conn, name, text string) (string, error) {
	if _, err := conn.ExecContext(ctx, `PREPARE `+name+` AS `+text); err != nil {
		return "", err
	}
	var nulls string
	err := conn.QueryRowContext(ctx, `SELECT array_to_string(array_fill('NULL'::text, array[cardinality(parameter_types)]), ', ')
 FROM pg_prepared_statements WHERE name = $1`, name).Scan(&nulls)
	if err != nil {
		return "", err
	}
	rows, err := conn.QueryContext(ctx, `EXPLAIN EXECUTE `+name+`(`+nulls+`)`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		plan.WriteString(line + "\n")
	}
	return plan.String(), rows.Err()
}
