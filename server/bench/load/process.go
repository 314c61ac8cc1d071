package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"

	"petitiond/server/database"
)

// hertz is the unit in which the kernel reports processor time: ticks per second.
const hertz = 100

var errUnread = errors.New("the kernel reports it in an unknown form")

// Resident returns the resident memory of a process in bytes.
func Resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			blocks, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return 1024 * blocks, err
		}
	}
	return 0, errUnread
}

// Allocated returns how many objects a server has allocated since it began, from its metrics.
func (s *Server) Allocated(ctx context.Context) (objects float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.New("the server's metrics have no allocations")
}

// Work is processor time in seconds.
type Work struct{ Program, Database float64 }

// Spent returns the processor time so far of a server, or of this process if there is none, and of all processes of
// PostgreSQL. SQLite's is part of the program's.
func Spent(ctx context.Context, db *database.DB, s *Server) (w Work, err error) {
	pid := os.Getpid()
	if s != nil {
		pid = s.PID()
	}
	if w.Program, err = Processor(pid); err != nil || db.Dialect == database.SQLite {
		return w, err
	}
	rows, err := db.Read.QueryContext(ctx, `SELECT pid FROM pg_stat_activity`)
	if err != nil {
		return w, err
	}
	defer rows.Close()
	var pids []int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return w, err
		}
		pids = append(pids, pid)
	}
	w.Database, err = Family(pids)
	return w, errors.Join(err, rows.Err())
}

// Processor returns the processor time of a process in seconds, its own and the kernel's on its behalf.
func Processor(pid int) (float64, error) {
	own, _, err := taken(pid)
	return own, err
}

// Family returns the processor time of some processes with one parent, together with that of the parent's children that
// have ended. The sum never decreases as long as pids are all children that are alive.
func Family(pids []int) (seconds float64, err error) {
	parent := 0
	for _, pid := range pids {
		fields, err := status(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return 0, err
		}
		own, _, err := parseTimes(fields)
		if err != nil {
			return 0, err
		}
		if parent, err = strconv.Atoi(fields[1]); err != nil {
			return 0, errUnread
		}
		seconds += own
	}
	if parent == 0 {
		return 0, errors.New("none of the processes is alive")
	}
	_, ended, err := taken(parent)
	return seconds + ended, err
}

// taken returns the processor time of a process, and that of its children that have ended.
func taken(pid int) (own, ended float64, err error) {
	fields, err := status(pid)
	if err != nil {
		return 0, 0, err
	}
	return parseTimes(fields)
}

// parseTimes parses the result of taken from the kernel's fields.
func parseTimes(fields []string) (own, ended float64, err error) {
	var ticks [4]float64
	for i := range ticks {
		if ticks[i], err = strconv.ParseFloat(fields[11+i], 64); err != nil {
			return 0, 0, errUnread
		}
	}
	return (ticks[0] + ticks[1]) / hertz, (ticks[2] + ticks[3]) / hertz, nil
}

// status returns the kernel's fields for a process that follow its name: its state, its parent, and so on.
func status(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name before the bracket may contain anything, also brackets and spaces.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return nil, errUnread
	}
	return fields, nil
}
