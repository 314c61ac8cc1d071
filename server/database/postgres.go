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

// sessionDefaults hold on every connection unless the address says otherwise. Statements here are short: compiling one takes
// longer than running it, and a tenth of a second for the first on a connection.
func sessionDefaults() map[string]string {
	return map[string]string{
		"jit":                                 "off",
		"statement_timeout":                   "3s",
		"lock_timeout":                        "1s",
		"idle_in_transaction_session_timeout": "5s",
	}
}

// sessionRules hold on every connection whatever the address says: the ledger counts on READ COMMITTED,
// and rows come and go in UTC.
func sessionRules() map[string]string {
	return map[string]string{
		"TimeZone":                      "UTC",
		"default_transaction_isolation": "read committed",
	}
}

// ledgerRules add what the ledger needs: an acknowledged signature is on disk, and a batch waits for a
// counter row as long as any statement may take, longer than a reader would. It is statement_timeout that
// ends the wait, whatever lock_timeout beyond it would say.
func ledgerRules() map[string]string {
	return map[string]string{"synchronous_commit": "on", "lock_timeout": "0"}
}

// lookUpRules let statements that are prepared keep the plan of their first runs.
func lookUpRules() map[string]string {
	return map[string]string{"plan_cache_mode": "force_generic_plan"}
}

// migrationRules let a migration take its time, so that its connections have no limit either, but never queue
// for a lock for long: everybody else would wait behind it. Migrate tries again.
func migrationRules() map[string]string {
	return map[string]string{
		"statement_timeout":                   "0",
		"lock_timeout":                        "2s",
		"idle_in_transaction_session_timeout": "0",
	}
}

func (o Options) openPostgres(ctx context.Context, address string) (_ *DB, err error) {
	if address, err = PostgresAddress(address); err != nil {
		return nil, err
	}
	db := &DB{Dialect: Postgres, Clock: newClock(o.Wall, nil)}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	db.migrate = func() (*sql.DB, error) { return o.postgresPool(address, "petitiond migrate", migrationRules(), 2) }
	if db.Write, err = o.postgresPool(address, "petitiond", nil, o.Write); err != nil {
		return nil, err
	}
	db.Read = db.Write
	if db.LookUp, err = o.postgresPool(address, "petitiond", lookUpRules(), o.LookUp); err != nil {
		return nil, err
	}
	if db.Ledger, err = o.postgresPool(address, "petitiond ledger", ledgerRules(), o.Ledger); err != nil {
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

// postgresPool makes a pool whose sessions bear name and start with the rules that hold for all and with
// those given.
func (o Options) postgresPool(address, name string, rules map[string]string, size int) (*sql.DB, error) {
	config, err := pq.NewConfig(address)
	if err != nil {
		return nil, badAddress()
	}
	if config.BinaryParameters {
		return nil, errors.New("remove binary_parameters from the PostgreSQL address: JSON columns cannot be written with it")
	}
	settings := sessionDefaults()
	for _, more := range []map[string]string{config.Runtime, sessionRules(), rules} {
		maps.Copy(settings, more)
	}
	config.Runtime = settings
	config.ApplicationName = cmp.Or(config.ApplicationName, name)
	config.ConnectTimeout = cmp.Or(max(config.ConnectTimeout, 0), 5*time.Second) // for the handshake, and for a cancel request
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

// checkPostgres refuses a server on which the program would go wrong later.
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
		return fmt.Errorf("PostgreSQL is of version %d; version %d is the oldest that will do", version, oldestPostgres)
	case encoding != "UTF8":
		return fmt.Errorf("the PostgreSQL database has the encoding %s; make one with the encoding UTF8", encoding)
	case isolation != "read committed":
		return refusedSettings()
	}
	return nil
}

// checkSetting makes sure that no pooler between here and the server dropped the settings. Each pool has a connection
// then, so that who comes first does not wait for one.
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

func refusedSettings() error {
	return errors.New("PostgreSQL does not take the settings of its sessions; connect without a pooler in between")
}

// badAddress stands for errors of the driver that would quote the address, and with it the password.
func badAddress() error {
	return fmt.Errorf("%w; the PostgreSQL address cannot be read", ErrURL)
}

// PostgresAddress gives address as the pools use it, with sslmode said, for connections that need the
// driver alone, such as those that LISTEN.
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

// IsVerified reports whether nobody on the way to PostgreSQL can pretend to be it: it is on this machine, or has to show
// a certificate that is checked.
func IsVerified(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	config, err := pq.NewConfig(address) // also knows the environment
	verifies := err == nil && (config.SSLMode == pq.SSLModeVerifyCA || config.SSLMode == pq.SSLModeVerifyFull)
	return verifies || isNear(u)
}

// isLocal says whether host is this machine: nothing, a socket, or the loopback.
func isLocal(host string) bool {
	if host == "" || host == "localhost" || host[0] == '/' || host[0] == '@' {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
