package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/bench/load"
	"petitiond/server/database"
)

// recounts records the differences that the running server has found. It has corrected them, so they would not be
// noticed afterwards.
func recounts(ctx context.Context, address string, rep *report) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	values := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			values[name], _ = strconv.ParseFloat(value, 64) // comments have none
		}
	}
	done, known := values["petitiond_recounts_total"]
	differences, ok := values["petitiond_recount_differences_total"]
	if !known || !ok {
		return errors.New("the server does not report what its recounts have found")
	}
	rep.add("recounts by the running server meanwhile", "%.0f, %.0f differences", done, differences)
	if differences > 0 {
		rep.fault("the running server has corrected %.0f differences", differences)
	}
	return nil
}

// figure is a number that must equal the number of signatures.
type figure struct {
	name, query string
	want        int64
}

// figures are all stored figures of the petition, and its rows, which are counted without using any counter.
func (r *replay) figures() []figure {
	all, attempts := r.signatures, r.signatures+r.signatures/group
	const of = ` WHERE petition_id = $1`
	// Besides those, a few signatures may be in no sum yet.
	const sum = `SELECT (SELECT unsummed_to - unsummed_after FROM counters` + of + `) + COALESCE(SUM(added - removed), 0) FROM `
	return []figure{
		{"rows", `SELECT COUNT(*) FROM signatures` + of, all},
		{"counted rows", `SELECT COUNT(*) FROM signatures` + of + ` AND state = 'COUNTED'`, all},
		{"different addresses", `SELECT COUNT(*) FROM (SELECT DISTINCT digest FROM signatures` + of + ` AND digest IS NOT NULL) AS d`, all},
		{"different numbers", `SELECT COUNT(*) FROM (SELECT DISTINCT number FROM signatures` + of + ` AND number IS NOT NULL) AS n`, all},
		{"first number", `SELECT COALESCE(MIN(number), 0) FROM signatures` + of, 1},
		{"last number", `SELECT COALESCE(MAX(number), 0) FROM signatures` + of, all},
		{"answers kept by key", `SELECT COUNT(*) FROM idempotency_keys WHERE answer = $1`, attempts},
		{"counter", `SELECT total FROM counters` + of, all},
		{"last number given", `SELECT issued FROM counters` + of, all},
		{"public signatures", `SELECT named FROM counters` + of, all},
		{"sum of minutes and hours", sum + `signature_buckets` + of, all},
		{"sum of days", sum + `signature_days` + of, all},
		{"sum of countries", sum + `signature_country_buckets` + of, all},
	}
}

// audit compares every figure with the rows when the server has ended, first by SQL and then by the program.
func (r *replay) audit(ctx context.Context, at load.Database, petition uuid.UUID, rep *report) error {
	db, err := at.Open(ctx, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	data, log, err := at.Size(ctx, db)
	if err != nil {
		return err
	}
	rep.add("size on disk", "%s, %d bytes a signature", bytes(data), data/r.signatures)
	rep.add("– write-ahead log beside", "%s", bytes(log))
	if err := r.compare(ctx, db, petition, rep); err != nil {
		return err
	}
	return r.recount(ctx, at, rep)
}

func (r *replay) compare(ctx context.Context, db *database.DB, petition uuid.UUID, rep *report) error {
	began, wrong := time.Now(), 0
	for _, f := range r.figures() {
		var got int64
		if err := db.Read.QueryRowContext(ctx, f.query, petition).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if got != f.want {
			wrong++
			rep.fault("%s: %d, want %d", f.name, got, f.want)
		}
	}
	rep.add("figures against rows, by SQL", "%d figures, %d differences, %s", len(r.figures()), wrong, seconds(time.Since(began)))
	return nil
}

// recount has the program compare. Exit code 0 means that nothing differed.
func (r *replay) recount(ctx context.Context, at load.Database, rep *report) error {
	began := time.Now()
	out, err := r.program.Command(ctx, at, "recount").Output()
	took, said := time.Since(began), strings.TrimSpace(string(out))
	var failed *exec.ExitError
	if errors.As(err, &failed) && ctx.Err() == nil {
		rep.add("`petitiond recount`", "FAILED after %s", seconds(took))
		rep.fault("petitiond recount: %s\n%s", said, failed.Stderr)
		return nil
	}
	rep.add("`petitiond recount`", "%s, %s", said, seconds(took))
	return err
}
