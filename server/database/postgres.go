package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
)

// oldestPostgres is the oldest release that the driver supports.
const oldestPostgres = 14

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// sessionDefaults apply to every connection unless the address says otherwise. JIT is off because statements are short
// here: compiling one takes longer than running it, a tenth of a second for the first on a connection. The wait for a
// lock is longer than PostgreSQL's deadlock_timeout of one second: otherwise deadlocks would be taken for long waits,
// and their transactions not be repeated.
func sessionDefaults() map[string]string {
	return map[string]string{
		"jit":                                 "off",
		"statement_timeout":                   "3s",
		"lock_timeout":                        "2s",
		"idle_in_transaction_session_timeout": "5s",
	}
}

// sessionRules apply to every connection whatever the address says: the ledger relies on READ COMMITTED, and times are
// written and read in UTC.
func sessionRules() map[string]string {
	return map[string]string{
		"TimeZone":                      "UTC",
		"default_transaction_isolation": "read committed",
	}
}

// ledgerRules add what the ledger needs. An acknowledged signature must be on disk. A batch may wait for a counter row
// as long as a statement may take, longer than readers wait for a lock: only statement_timeout ends that wait.
func ledgerRules() map[string]string {
	return map[string]string{"synchronous_commit": "on", "lock_timeout": "0", "plan_cache_mode": "force_generic_plan"}
}

// lookUpRules have prepared statements planned only once.
func lookUpRules() map[string]string {
	return map[string]string{"plan_cache_mode": "force_generic_plan"}
}

// migrationRules let a migration take as long as it needs, which is why its connections have no limit either. But it
// must not queue for a lock for long, since everybody else would wait behind it. Migrate tries again.
func migrationRules() map[string]string {
	return map[string]string{
		"statement_timeout":                   "0",
		"lock_timeout":                        "2s",
		"idle_in_transaction_session_timeout": "0",
	}
}

// openPostgres opens the pools, and fails unless the server, its settings and its clock are as the program needs them.
// Each pool names its sessions, so that an administrator can tell them apart in pg_stat_activity.
func (o Options) openPostgres(ctx context.Context, address string) (_ *DB, err error) {
	if address, err = PostgresAddress(address); err != nil {
		return nil, err
	}
	db := &DB{Dialect: Postgres, Clock: newClock(o.Wall, nil), reads: o.turns()}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	// Opened when there is something to migrate: it is in use for seconds, and its limits would be wrong for all else.
	db.migrate = func() (*sql.DB, error) {
		return o.postgresPool(address, "petitiond migrate", migrationRules(), 2, inText)
	}
	if db.Write, err = o.postgresPool(address, "petitiond", nil, o.Write, inText); err != nil {
		return nil, err
	}
	if db.Read, err = o.postgresPool(address, "petitiond read", nil, o.Read, inText); err != nil {
		return nil, err
	}
	if db.LookUp, err = o.postgresPool(address, "petitiond", lookUpRules(), o.LookUp, inText); err != nil {
		return nil, err
	}
	if db.Ledger, err = o.postgresPool(address, "petitiond ledger", ledgerRules(), o.Ledger, inBinary); err != nil {
		return nil, err
	}
	if err = checkPostgres(ctx, db.Write); err != nil {
		return nil, err
	}
	db.Clock.source = db.Write
	if err = db.Clock.compare(ctx); err != nil {
		return nil, err
	}
	if err = checkSetting(ctx, db.LookUp, "plan_cache_mode", "force_generic_plan"); err != nil {
		return nil, err
	}
	return db, checkSetting(ctx, db.Ledger, "synchronous_commit", "on")
}

// format says how a pool sends bytes as arguments. Sent in binary they are what the server keeps, whatever their type;
// but JSON is no text there.
type format bool

const (
	inText   format = false
	inBinary format = true
)

// postgresPool returns a pool whose sessions have this name, the rules for all sessions, and the given ones.
func (o Options) postgresPool(address, name string, rules map[string]string, size int, bytes format) (*sql.DB, error) {
	config, err := pq.NewConfig(address)
	if err != nil {
		return nil, badAddress()
	}
	if config.BinaryParameters {
		return nil, errors.New("remove binary_parameters from the PostgreSQL address: JSON columns cannot be written with it")
	}
	config.BinaryParameters = bool(bytes)
	settings := sessionDefaults()
	for _, more := range []map[string]string{config.Runtime, sessionRules(), rules} {
		maps.Copy(settings, more)
	}
	config.Runtime = settings
	config.ApplicationName = cmp.Or(config.ApplicationName, name)
	config.ConnectTimeout = cmp.Or(max(config.ConnectTimeout, 0), 5*time.Second) // of a handshake and of a cancel request
	limit, err := answerLimit(settings)
	if err != nil {
		return nil, err
	}
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, badAddress()
	}
	connector.Dialer(&dialer{limit: limit})
	return o.pool(connector, Postgres, size), nil
}

// checkPostgres refuses a server that would make the program fail later.
func checkPostgres(ctx context.Context, pool *sql.DB) error {
	var version int
	var encoding, isolation string
	const ask = `SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
		current_setting('transaction_isolation')`
	if err := pool.QueryRowContext(ctx, ask).Scan(&version, &encoding, &isolation); err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	switch {
	case version < oldestPostgres:
		return fmt.Errorf("PostgreSQL has version %d; at least version %d is needed", version, oldestPostgres)
	case encoding != "UTF8":
		return fmt.Errorf("the PostgreSQL database has the encoding %s; create one with the encoding UTF8", encoding)
	case isolation != "read committed":
		return refusedSettings()
	}
	return nil
}

// checkSetting makes sure that no pooler between here and the server has dropped the settings. It also opens the pool's
// first connection, so the first request need not wait for one.
func checkSetting(ctx context.Context, pool *sql.DB, name, want string) error {
	var got string
	if err := pool.QueryRowContext(ctx, "SHOW "+name).Scan(&got); err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	if got != want {
		return refusedSettings()
	}
	return nil
}

// refusedSettings is returned where a session does not have the settings that it was opened with, as behind a pooler
// that shares sessions among clients.
func refusedSettings() error {
	return errors.New("PostgreSQL does not apply the settings of its sessions; connect to it without a pooler in between")
}

// badAddress replaces errors of the driver that would contain the address, and with it the password.
func badAddress() error {
	return fmt.Errorf("%w; the PostgreSQL address cannot be read", ErrURL)
}

// PostgresAddress returns address as the pools use it, with an explicit sslmode, for connections that are made directly
// with the driver, such as those that LISTEN.
func PostgresAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || !isPostgres(address) {
		return "", badAddress()
	}
	query := u.Query()
	if query.Has("sslmode") || os.Getenv("PGSSLMODE") != "" {
		return address, nil
	}
	query.Set("sslmode", "require")
	if isNear(u) {
		query.Set("sslmode", "disable")
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// isNear reports whether every host of an address is this machine.
func isNear(u *url.URL) bool {
	query := u.Query()
	host := cmp.Or(query.Get("hostaddr"), os.Getenv("PGHOSTADDR"), query.Get("host"), u.Hostname(), os.Getenv("PGHOST"))
	for h := range strings.SplitSeq(host, ",") {
		if !isLocal(h) {
			return false
		}
	}
	return true
}

// IsVerified reports whether nobody between here and PostgreSQL can impersonate it: it is on this machine, or has to
// present a certificate that is checked.
func IsVerified(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	config, err := pq.NewConfig(address) // takes the environment into account
	verifies := err == nil && (config.SSLMode == pq.SSLModeVerifyCA || config.SSLMode == pq.SSLModeVerifyFull)
	return verifies || isNear(u)
}

// isLocal reports whether host is this machine: empty, a socket, or loopback.
func isLocal(host string) bool {
	if host == "" || host == "localhost" || host[0] == '/' || host[0] == '@' {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
