package database

import (
	"database/sql"

	"github.com/google/uuid"
)

// Scanner is a row, or what scans one.
type Scanner interface{ Scan(dest ...any) error }

// Each calls scan for each row of a result until it returns an error, and closes the result.
func Each(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	// A connection that is lost between two rows ends the loop without another sign.
	return rows.Err()
}

// IDs returns the ids that are the only column of a result, and closes it.
func IDs(rows *sql.Rows) (ids []uuid.UUID, err error) {
	err = Each(rows, func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}
