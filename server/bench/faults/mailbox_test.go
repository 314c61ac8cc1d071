package faults

import (
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/mail/smtptest"
)

// mailboxes are those of people who confirm whatever they are asked to.
type mailboxes struct {
	t      *testing.T
	server *smtptest.Server
	at     *program

	mu        sync.Mutex // guards what follows
	asked     map[string]int
	confirmed map[string]bool
}

// byMail starts a server at which mailboxes confirm.
func (on ground) byMail(t *testing.T) (*program, *mailboxes) {
	t.Helper()
	server, err := smtptest.Start(smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p := on.serveIn(t, func(c *exec.Cmd) {
		c.Env = append(c.Env, "PETITION_CONFIRMATION=email", "PETITION_SMTP_URL=smtp://127.0.0.1:"+server.Port(),
			"PETITION_MAIL_FROM=petitions@example.org", "PETITION_MAIL_PACE=10000")
	})
	return p, &mailboxes{t: t, server: server, at: p, asked: map[string]int{}, confirmed: map[string]bool{}}
}

var mailedToken = regexp.MustCompile(`/confirm\?token=(sg_[A-Za-z0-9_-]{43})`)

// read confirms by all mails that come, until the function that it returns is called.
func (m *mailboxes) read() (rest func()) {
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for seen := 0; ; {
			for _, mail := range m.server.Mails()[seen:] {
				seen++
				text := strings.ReplaceAll(strings.ReplaceAll(string(mail.Content), "=\r\n", ""), "=3D", "=")
				if found := mailedToken.FindStringSubmatch(text); found != nil {
					m.note(m.asked, mail.To)
					reading.Go(func() { m.confirm(mail.To, found[1]) })
				}
			}
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	rest = sync.OnceFunc(func() {
		close(done)
		reading.Wait()
	})
	m.t.Cleanup(rest)
	return rest
}

func (m *mailboxes) note(in map[string]int, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in[address]++
}

// confirm asks until there is an answer, and then once more.
func (m *mailboxes) confirm(address, token string) {
	body := request(`mutation($token: String!) { confirmSignature(token: $token) { signature { number } userErrors { code } } }`, map[string]any{"token": token})
	numbers := map[int]bool{}
	for began, answers := time.Now(), 0; answers < 2 && m.t.Context().Err() == nil; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			m.t.Errorf("%s could not confirm for a minute", address)
			return
		}
		var a answer
		var data struct {
			ConfirmSignature struct {
				Signature  struct{ Number int }
				UserErrors []struct{ Code string }
			}
		}
		_, raw, err := send(m.t.Context(), m.at.address, "", body)
		if err != nil || json.Unmarshal(raw, &a) != nil || len(a.Errors) > 0 || json.Unmarshal(a.Data, &data) != nil {
			continue
		}
		if faults := data.ConfirmSignature.UserErrors; len(faults) > 0 {
			if code := faults[0].Code; code != "UNAVAILABLE" && code != "OUTCOME_UNKNOWN" {
				m.t.Errorf("%s was answered %s", address, code)
				return
			}
			continue
		}
		answers++
		numbers[data.ConfirmSignature.Signature.Number] = true
	}
	if len(numbers) != 1 || numbers[0] {
		m.t.Errorf("%s has got the numbers %v", address, numbers)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.confirmed[address] = true
}

// await waits until everybody who was acknowledged has confirmed. What a worker had leased when it was killed is taken
// up after a minute, and so is what has failed.
func (m *mailboxes) await(people *crowd) {
	m.t.Helper()
	people.mu.Lock()
	defer people.mu.Unlock()
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		missing := 0
		m.mu.Lock()
		for address := range people.acknowledged {
			if !m.confirmed[address] {
				missing++
			}
		}
		m.mu.Unlock()
		if missing == 0 {
			break
		}
		if time.Now().After(until) {
			m.t.Fatalf("%d of %d who were acknowledged could not confirm", missing, len(people.acknowledged))
		}
	}
	for address, mails := range m.asked {
		if mails > 2 {
			m.t.Errorf("%s was asked by %d mails", address, mails)
		}
	}
}

// confirmThrough has people sign and confirm while something is killed again and again.
func confirmThrough(t *testing.T, on ground, kill func(server *program)) {
	t.Helper()
	server, boxes := on.byMail(t)
	people := gather(t, server.open(), server)
	people.acknowledges = "CONFIRMATION_SENT"
	rest, read := people.work(8), boxes.read()
	for range of(3, 20) {
		people.await(50, time.Minute)
		kill(server)
	}
	people.await(50, time.Minute)
	rest()
	boxes.await(people)
	read()
	audit(t, on, people)
}

// TestServerIsKilledBetweenMails ends the server between row, mail and confirmation: every acknowledged signature can
// be confirmed, by two mails at most, and counts once.
func TestServerIsKilledBetweenMails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, on ground) {
		confirmThrough(t, on, func(server *program) {
			server.kill9()
			server.start()
		})
	})
}

// TestPostgresIsKilledBetweenMails does so with PostgreSQL.
func TestPostgresIsKilledBetweenMails(t *testing.T) {
	t.Parallel()
	postgres := durable(t)
	confirmThrough(t, onServer(t, postgres), func(*program) {
		if err := errors.Join(postgres.Kill(t.Context()), postgres.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	})
}
