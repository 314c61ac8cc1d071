package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"petitiond/ent/migrate"
	"petitiond/server/database"
)

// diff returns the statements that turn the schema that the migrations in folder create into the one that ent/schema
// describes, or nothing if they agree. db must be empty, and is empty again afterwards.
func diff(ctx context.Context, db *database.DB, folder string) (string, error) {
	temp, err := os.MkdirTemp("", "petitiond-draft-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	dir, err := replica(folder, temp)
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	var plan text
	differ, err := schema.NewMigrate(entsql.OpenDB(string(db.Dialect), db.Write),
		// Replay applies the migrations to the empty database and compares what they made with the model.
		schema.WithDir(dir), schema.WithMigrationMode(schema.ModeReplay), schema.WithFormatter(&plan),
		// Left to itself ent only adds. A draft shows what the model has no longer, and a person decides.
		schema.WithDropColumn(true), schema.WithDropIndex(true), schema.WithIndent("  "), schema.WithErrNoPlan(true))
	if err != nil {
		return "", err
	}
	if err := differ.NamedDiff(ctx, "draft", migrate.Tables...); err != nil && !errors.Is(err, atlas.ErrNoPlan) {
		return "", fmt.Errorf("compare ent's schema with the migrations: %w", err)
	}
	return plan.String(), nil
}

// replica copies the migrations to temp and adds the checksums without which atlas would not replay them. The
// repository does without these.
func replica(folder, temp string) (*sqltool.GooseDir, error) {
	if err := os.CopyFS(temp, os.DirFS(folder)); err != nil {
		return nil, err
	}
	dir, err := sqltool.NewGooseDir(temp)
	if err != nil {
		return nil, err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return nil, err
	}
	return dir, atlas.WriteSumFile(dir, sum)
}

// text is a formatter that keeps the plan as text instead of writing files.
type text struct{ strings.Builder }

// Format implements atlas's Formatter.
func (t *text) Format(plan *atlas.Plan) ([]atlas.File, error) {
	for _, change := range plan.Changes {
		// What atlas says of each statement helps those who edit the draft.
		if change.Comment != "" {
			fmt.Fprintf(t, "-- %s\n", change.Comment)
		}
		fmt.Fprintf(t, "%s;\n", change.Cmd)
	}
	return nil, nil
}
