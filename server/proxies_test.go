package main

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// proxySample matches the configuration of a proxy in README.md.
var proxySample = regexp.MustCompile("(?ms)^```(nginx|caddy)\n(.*?)^```$")

// Behind each proxy of README.md, configured as it is there but for addresses and certificates, clients sign and watch
// over every protocol, and each address has its own limit.
func TestProxiesOfReadme(t *testing.T) {
	t.Parallel()
	begin := map[string]func(t *testing.T, sample, address, server string) *exec.Cmd{"nginx": nginx, "caddy": caddy}
	samples := proxySample.FindAllStringSubmatch(readText(t, "../README.md"), -1)
	if len(samples) != len(begin) {
		t.Fatalf("README.md has %d samples of proxies, want %d", len(samples), len(begin))
	}
	for _, found := range samples {
		t.Run(found[1], func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(found[1]); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skipf("NOT CHECKED: %v", err)
			}
			s := start(t, append(sqlite(t), "PETITION_DEMO=true", "PETITION_TRUSTED_PROXIES=127.0.0.1",
				"PETITION_MAX_SOCKETS_PER_ADDRESS=10", "PETITION_MAX_INIT_TIME=1m"))
			address := freeAddress(t)
			serveUntilTheEnd(t, begin[found[1]](t, found[2], address, s.url), address)
			s.testProxy(t, address)
		})
	}
}

// With the certificate of the sample, nginx speaks HTTP/2.
func TestNginxOfReadmeSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nginx"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("NOT CHECKED: %v", err)
	}
	other := httptest.NewUnstartedServer(nil) // has a certificate, and a client that trusts it
	other.EnableHTTP2 = true
	other.StartTLS()
	t.Cleanup(other.Close)
	key, err := x509.MarshalPKCS8PrivateKey(other.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := filepath.Join(t.TempDir(), "both.pem")
	put(t, both, append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...))

	s := start(t, append(sqlite(t), "PETITION_TRUSTED_PROXIES=127.0.0.1"))
	plain, encrypted := freeAddress(t), freeAddress(t)
	const listen = "listen 443 ssl http2;"
	for _, found := range proxySample.FindAllStringSubmatch(readText(t, "../README.md"), -1) {
		if found[1] == "nginx" {
			sample := strings.NewReplacer(
				listen, strings.Replace(listen, "443", encrypted, 1)+" "+listen,
				"/etc/ssl/petitions.crt", both, "/etc/ssl/petitions.key", both,
			).Replace(found[2])
			serveUntilTheEnd(t, nginx(t, sample, plain, s.url), plain)
		}
	}
	response, err := other.Client().Get("https://" + encrypted + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("it answers %d by %s, want 200 by HTTP/2", response.StatusCode, response.Proto)
	}
}

// testProxy checks what a proxy at that address passes on.
func (s *site) testProxy(t *testing.T, address string) {
	dir := clientsPage(t, "http://"+address)
	programs := map[string]*watcher{}
	for _, name := range []string{"graphql-ws.mjs", "graphql-sse.mjs", "apollo.mjs"} {
		programs[name] = follow(t, clientCommand(t, dir, "node", name))
	}
	for name, p := range programs {
		p.awaitCounts(t, 0, watchers[name]...)
	}
	signed := s.signPetitionOfPage(t)
	for name, p := range programs {
		p.awaitCounts(t, signed, watchers[name]...)
	}
	for i, want := range []int{101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 503} {
		if got := shakeHands(t, "127.0.0.2", address); got != want {
			t.Errorf("socket %d of an address: %d, want %d", i+1, got, want)
		}
	}
	if got := shakeHands(t, "127.0.0.3", address); got != http.StatusSwitchingProtocols {
		t.Errorf("the first socket of another address: %d", got)
	}
	if strings.Contains(s.log.String(), "no X-Forwarded-For") || strings.Contains(s.log.String(), "does not name") {
		t.Errorf("the server does not know the proxy:\n%s", s.log)
	}
}

// shakeHands asks for a WebSocket from an address of this machine, keeps it open until the test ends, and returns the
// status of the answer.
func shakeHands(t *testing.T, from, address string) (status int) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(upgrade(address))); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// freeAddress returns one at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serveUntilTheEnd starts a proxy and waits until it passes requests on.
func serveUntilTheEnd(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var log safeBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 2000 {
		if response, err := client.Get("http://" + address + "/healthz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // nothing says when it listens
	}
	t.Fatalf("the proxy passes nothing on:\n%s", &log)
}

// nginx returns the command of nginx with a sample in its configuration.
func nginx(t *testing.T, sample, address, server string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	sample = regexp.MustCompile(`(?m)^\s*ssl_.* /etc/ssl/.*\n`).ReplaceAllString(sample, "")
	sample = strings.NewReplacer("listen 443 ssl http2;", "listen "+address+";", "http://127.0.0.1:8080", server).Replace(sample)
	temporary := ""
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += name + "_temp_path " + filepath.Join(dir, name) + "; "
	}
	put(t, filepath.Join(dir, "nginx.conf"), []byte("daemon off; master_process off; pid "+filepath.Join(dir, "pid")+"; error_log stderr;\n"+
		"events {}\nhttp { access_log off; "+temporary+"\n"+sample+"}\n"))
	return exec.CommandContext(t.Context(), "nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
}

// caddy does the same with Caddy.
func caddy(t *testing.T, sample, address, server string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	sample = strings.NewReplacer("petitions.example.org", "http://"+address, "127.0.0.1:8080", strings.TrimPrefix(server, "http://")).Replace(sample)
	put(t, filepath.Join(dir, "Caddyfile"), []byte("{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n"+sample))
	cmd := exec.CommandContext(t.Context(), "caddy", "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
	cmd.Env = append(cmd.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	return cmd
}
