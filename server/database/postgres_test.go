package database_test

import (
	"database/sql"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// with adds parameters to a PostgreSQL address.
func with(t *testing.T, address string, parameters map[string]string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	for name, value := range parameters {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// settings reads the settings of a session of pool.
func settings(t *testing.T, pool *sql.DB, names ...string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for _, name := range names {
		got[name] = scan[string](t, pool, "SELECT current_setting($1)", name)
	}
	return got
}

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	general := map[string]string{
		"statement_timeout": "3s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "5s",
		"TimeZone": "UTC", "transaction_isolation": "read committed", "application_name": "petitiond", "jit": "off",
	}
	ledger := map[string]string{
		"statement_timeout": "3s", "lock_timeout": "0", "idle_in_transaction_session_timeout": "5s",
		"TimeZone": "UTC", "transaction_isolation": "read committed", "application_name": "petitiond ledger", "jit": "off",
		"synchronous_commit": "on",
	}
	check := func(t *testing.T, pool *sql.DB, want map[string]string) {
		t.Helper()
		var names []string
		for name := range want {
			names = append(names, name)
		}
		if diff := cmp.Diff(want, settings(t, pool, names...)); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	}
	t.Run("Default", func(t *testing.T) {
		t.Parallel()
		db := dbtest.New(t, database.Postgres)
		check(t, db.Write, general)
		check(t, db.Ledger, ledger)
	})
	t.Run("AddressSaysOtherwise", func(t *testing.T) {
		t.Parallel()
		db := opened(t, database.Options{}, with(t, dbtest.URL(t, database.Postgres), map[string]string{
			"statement_timeout": "7s", "work_mem": "5MB", "application_name": "mine", // may be chosen
			"synchronous_commit": "off", "TimeZone": "Asia/Tokyo", "lock_timeout": "3s", // some may not
			"default_transaction_isolation": "serializable",
		}))
		general, ledger := maps.Clone(general), maps.Clone(ledger)
		for _, want := range []map[string]string{general, ledger} {
			want["statement_timeout"], want["work_mem"], want["application_name"] = "7s", "5MB", "mine"
		}
		general["lock_timeout"], general["synchronous_commit"] = "3s", "off"
		check(t, db.Write, general)
		check(t, db.Ledger, ledger)
	})
}

func TestPostgresWithoutUTF8IsRefused(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t, database.Postgres)
	db := opened(t, database.Options{}, address)
	name := scan[string](t, db.Read, "SELECT current_database()")
	ascii := name + "_ascii"
	exec(t, db.Write, "CREATE DATABASE "+ascii+" TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
	defer exec(t, db.Write, "DROP DATABASE "+ascii)
	other, err := database.Open(t.Context(), strings.Replace(address, name, ascii, 1))
	if err == nil {
		t.Fatal("the database was taken", other.Close())
	}
	if !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("got %v, want an error that asks for UTF8", err)
	}
}

// unset removes variables from the environment until the test ends.
func unset(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Setenv(name, "") // restores it when the test ends
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostgresAddress(t *testing.T) {
	const remote, none = "require", "disable"
	tests := map[string]struct{ address, want string }{
		"NoHost":          {"postgres:///db", none},
		"Localhost":       {"postgres://localhost/db", none},
		"Loopback":        {"postgresql://ann@127.0.0.1:5433/db", none},
		"Loopback6":       {"postgres://[::1]/db", none},
		"Socket":          {"postgres:///db?host=/run/postgresql", none},
		"AbstractSocket":  {"postgres:///db?host=%40sock", none},
		"Name":            {"postgres://db.example.org/db", remote},
		"Address":         {"postgres://10.0.0.7/db", remote},
		"HostAddress":     {"postgres://localhost/db?hostaddr=10.0.0.7", remote},
		"LooksLocal":      {"postgres://localhost.example.org/db", remote},
		"AllLocal":        {"postgres://localhost,127.0.0.1/db", none},
		"OneRemote":       {"postgres://localhost,db2.example.org/db", remote},
		"SaidPrefer":      {"postgres://db.example.org/db?sslmode=prefer", "prefer"},
		"SaidVerify":      {"postgres://localhost/db?sslmode=verify-full", "verify-full"},
		"SaidDisable":     {"postgres://db.example.org/db?sslmode=disable", none},
		"PasswordAndMore": {"postgres://ann:s%40me@db.example.org:6000/db?x=y", remote},
	}
	unset(t, "PGHOST", "PGHOSTADDR", "PGSSLMODE")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := database.PostgresAddress(test.address)
			if err != nil {
				t.Fatal(err)
			}
			was, _ := url.Parse(test.address)
			is, err := url.Parse(got)
			if err != nil || is.Query().Get("sslmode") != test.want {
				t.Errorf("got %s (error %v), want sslmode %s", got, err, test.want)
			}
			if is.Host != was.Host || is.User.String() != was.User.String() || is.Path != was.Path {
				t.Errorf("%s became %s", test.address, got)
			}
		})
	}
	t.Run("Environment", func(t *testing.T) {
		t.Setenv("PGSSLMODE", "verify-ca")
		if got, err := database.PostgresAddress("postgres://db.example.org/db"); err != nil || strings.Contains(got, "sslmode") {
			t.Errorf("got %s, error %v; want PGSSLMODE to decide", got, err)
		}
	})
	t.Run("HostOfEnvironment", func(t *testing.T) {
		t.Setenv("PGHOST", "db.example.org")
		if got, err := database.PostgresAddress("postgres:///db"); err != nil || !strings.Contains(got, "sslmode=require") {
			t.Errorf("got %s, error %v; want TLS demanded", got, err)
		}
	})
	t.Run("HostAddressOfEnvironment", func(t *testing.T) {
		t.Setenv("PGHOSTADDR", "10.0.0.7")
		got, err := database.PostgresAddress("postgres://localhost/db")
		if err != nil || !strings.Contains(got, "sslmode=require") {
			t.Errorf("got %s, error %v; want TLS demanded", got, err)
		}
	})
	t.Run("OtherKind", func(t *testing.T) {
		if _, err := database.PostgresAddress("sqlite:x.db"); err == nil {
			t.Error("an SQLite address was taken")
		}
	})
}

func TestIsVerified(t *testing.T) {
	unset(t, "PGHOST", "PGHOSTADDR", "PGSSLMODE")
	for address, want := range map[string]bool{
		"postgres://db.example.org/db":                                        false,
		"postgres://db.example.org/db?sslmode=require":                        false,
		"postgres://db.example.org/db?sslmode=prefer":                         false,
		"postgres://db.example.org/db?sslmode=disable":                        false,
		"postgres://db.example.org/db?sslmode=verify-ca":                      true,
		"postgres://db.example.org/db?sslmode=verify-full":                    true,
		"postgres://db.example.org/db?sslrootcert=system&sslmode=verify-full": true,
		"postgres://localhost,db.example.org/db":                              false,
		"postgres://localhost/db?hostaddr=10.0.0.7":                           false,
		"postgres://localhost/db":                                             true,
		"postgres://127.0.0.1/db?sslmode=require":                             true,
		"postgres://[::1]/db":                                                 true,
		"postgres:///db?host=/run/postgresql":                                 true,
		"postgres://db.example.org/db?sslmode=nonsense":                       false,
	} {
		if got := database.IsVerified(address); got != want {
			t.Errorf("%s: got %t, want %t", address, got, want)
		}
	}
	t.Setenv("PGSSLMODE", "verify-full")
	if !database.IsVerified("postgres://db.example.org/db") {
		t.Error("the environment demands a certificate, but is ignored")
	}
}
