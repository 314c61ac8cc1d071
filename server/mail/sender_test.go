package mail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/server/mail"
	"petitiond/server/mail/smtptest"
)

// Connections are encrypted and signed in as the settings say, or nothing is sent.
func TestProtection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server   smtptest.Options
		security mail.Security
		user     string
		distrust bool
		failsAt  mail.Step
	}{
		"InTheClear":    {security: mail.Unprotected},
		"STARTTLS":      {server: smtptest.Options{STARTTLS: true}, security: mail.StartTLS},
		"TLS":           {server: smtptest.Options{TLS: true}, security: mail.TLS},
		"Plain":         {server: smtptest.Options{STARTTLS: true, User: "ada"}, security: mail.StartTLS, user: "ada"},
		"Login":         {server: smtptest.Options{STARTTLS: true, User: "ada", Login: true}, security: mail.StartTLS, user: "ada"},
		"Loopback":      {server: smtptest.Options{User: "ada"}, security: mail.Unprotected, user: "ada"},
		"NoSTARTTLS":    {security: mail.StartTLS, failsAt: mail.Encrypting},
		"NoTLS":         {security: mail.TLS, failsAt: mail.Encrypting},
		"Distrusted":    {server: smtptest.Options{STARTTLS: true}, security: mail.StartTLS, distrust: true, failsAt: mail.Encrypting},
		"DistrustedTLS": {server: smtptest.Options{TLS: true}, security: mail.TLS, distrust: true, failsAt: mail.Encrypting},
		"WrongName":     {server: smtptest.Options{STARTTLS: true, User: "ada"}, security: mail.StartTLS, user: "eve", failsAt: mail.SigningIn},
		"NotSignedIn":   {server: smtptest.Options{STARTTLS: true, User: "ada"}, security: mail.StartTLS, failsAt: mail.NamingFrom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.server.User != "" {
				test.server.Password = "canary/@:"
			}
			s := served(t, test.server)
			var steps []mail.Step
			out := sender(t, s, func(o *mail.Options) {
				o.Server.Security, o.Server.User, o.Server.Password = test.security, test.user, test.server.Password
				o.Trace = func(step mail.Step, _ string) { steps = append(steps, step) }
				o.Dial = 2 * time.Second
				if test.distrust {
					o.TLS = nil
				}
			})
			err := out.Send(t.Context(), letter(t, "ada@example.org"))
			if test.failsAt == "" {
				if err != nil || len(s.Mails()) != 1 {
					t.Fatalf("%v after %v", err, steps)
				}
				if got := s.Mails()[0].Encrypted; got != (test.security != mail.Unprotected) {
					t.Errorf("encrypted: %t", got)
				}
				return
			}
			f, ok := errors.AsType[*mail.Failure](err)
			if !ok || f.Step != test.failsAt || mail.Permanent(err) || s.Taken() != 0 {
				t.Errorf("got %v after %v, permanent %t; want it to fail at %s", err, steps, mail.Permanent(err), test.failsAt)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("the error has the password")
			}
		})
	}
}

// What a server says decides whether a mail is tried again. Its words, in which the address stands, are in no error.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const words = "no mail for <ada@example.org>"
	always := func(code int, class, subject, detail int) func(string) error {
		return func(string) error { return smtptest.Refuse(code, [3]int{class, subject, detail}, words) }
	}
	for name, test := range map[string]struct {
		server    smtptest.Options
		want      string
		permanent bool
	}{
		"NoSuchMailbox": {smtptest.Options{To: always(550, 5, 1, 1)}, "mail: naming the recipient failed: 550 5.1.1", true},
		"Greylisted":    {smtptest.Options{To: always(451, 4, 7, 1)}, "mail: naming the recipient failed: 451 4.7.1", false},
		"FullMailbox":   {smtptest.Options{To: always(452, 4, 2, 2)}, "mail: naming the recipient failed: 452 4.2.2", false},
		"WrongSender":   {smtptest.Options{From: always(553, 5, 7, 1)}, "mail: naming the sender failed: 553 5.7.1", false},
		"Spam": {
			smtptest.Options{Data: func(smtptest.Mail) error { return smtptest.Refuse(554, [3]int{5, 7, 1}, words) }},
			"mail: handing over the mail failed: 554 5.7.1", true,
		},
		"Closing": {smtptest.Options{To: always(421, 4, 3, 2)}, "mail: naming the recipient failed: 421 4.3.2", false},
		"DropsAtSender": {
			smtptest.Options{From: func(string) error { return smtptest.ErrDrop }}, "mail: naming the sender failed", false,
		},
		"DropsAtRecipient": {
			smtptest.Options{To: func(string) error { return smtptest.ErrDrop }}, "mail: naming the recipient failed", false,
		},
		"DropsAfterTheMail": {
			smtptest.Options{Data: func(smtptest.Mail) error { return smtptest.ErrDrop }}, "mail: handing over the mail failed", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := served(t, test.server)
			err := sender(t, s, nil).Send(t.Context(), letter(t, "ada@example.org"))
			f, ok := errors.AsType[*mail.Failure](err)
			if !ok || err.Error() != test.want || mail.Permanent(err) != test.permanent {
				t.Fatalf("got %v, permanent %t", err, mail.Permanent(err))
			}
			if f.LogValue().String() != test.want || strings.Contains(err.Error(), "ada@") {
				t.Errorf("logged as %s", f.LogValue())
			}
			if f.Code != 0 && f.Answer() == "" {
				t.Error("an operator would not see what the server says")
			}
		})
	}
}

// A greylist is passed by the second try, over the same connection.
func TestGreylist(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := served(t, smtptest.Options{To: func(string) error {
		if asked.Add(1) == 1 {
			return smtptest.Refuse(451, [3]int{4, 7, 1}, "come back later")
		}
		return nil
	}})
	out := sender(t, s, nil)
	if err := out.Send(t.Context(), letter(t, "ada@example.org")); err == nil {
		t.Fatal("it was not greylisted")
	}
	if err := out.Send(t.Context(), letter(t, "ada@example.org")); err != nil || s.Connections() != 1 {
		t.Errorf("%v over %d connections", err, s.Connections())
	}
}

// Addresses beyond ASCII go to servers that take them, and are refused for good by others.
func TestInternationalAddresses(t *testing.T) {
	t.Parallel()
	const address = "käthe@exämple.org"
	s := served(t, smtptest.Options{UTF8: true})
	if err := sender(t, s, nil).Send(t.Context(), letter(t, address)); err != nil {
		t.Fatal(err)
	}
	got := s.Mails()[0]
	if got.To != "käthe@xn--exmple-cua.org" || !got.UTF8 {
		t.Errorf("to %s, UTF8 %t", got.To, got.UTF8)
	}
	if to := parse(t, got.Content).Get("To"); to != "<käthe@xn--exmple-cua.org>" {
		t.Errorf("the header says %q", to)
	}
	if err := sender(t, s, nil).Send(t.Context(), letter(t, "ada@example.org")); err != nil || s.Mails()[1].UTF8 {
		t.Errorf("%v; it was asked for without need", err)
	}
	old := served(t, smtptest.Options{})
	if err := sender(t, old, nil).Send(t.Context(), letter(t, address)); !mail.Permanent(err) {
		t.Errorf("got %v", err)
	}
	for _, address := range []string{"", "ada", "@example.org", "ada@", "ada@example.org\r\nRCPT TO:<eve@example.org>", "ada@x>", "a b@example.org"} {
		if err := sender(t, old, nil).Send(t.Context(), letter(t, address)); !mail.Permanent(err) {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

// Connections are used again, and never more at once than are allowed.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	s := served(t, smtptest.Options{})
	out := sender(t, s, func(o *mail.Options) { o.Connections, o.PerOne = 3, 10 })
	for range 25 {
		if err := out.Send(t.Context(), letter(t, "ada@example.org")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Connections(); n != 3 { // 10, 10 and 5 mails
		t.Errorf("%d connections for one after the other, want 3", n)
	}
	many := served(t, smtptest.Options{})
	out = sender(t, many, func(o *mail.Options) { o.Connections = 3 })
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if err := out.Send(t.Context(), letter(t, "ada@example.org")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := many.Connections(); n > 3 || many.Taken() != 60 {
		t.Errorf("%d mails over %d connections", many.Taken(), n)
	}
}

// A connection that the server has closed while nobody used it costs no try.
func TestClosedConnection(t *testing.T) {
	t.Parallel()
	var drop atomic.Bool
	s := served(t, smtptest.Options{From: func(string) error {
		if drop.CompareAndSwap(true, false) {
			return smtptest.ErrDrop
		}
		return nil
	}})
	out := sender(t, s, nil)
	for i := range 3 {
		drop.Store(i == 1)
		if err := out.Send(t.Context(), letter(t, "ada@example.org")); err != nil {
			t.Fatal(err)
		}
	}
	if s.Connections() != 2 || s.Taken() != 3 {
		t.Errorf("%d mails over %d connections", s.Taken(), s.Connections())
	}
}

// An idle connection is closed by itself.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	at, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	s := served(t, smtptest.Options{})
	go func() { // in between, so that the end is seen
		defer close(gone)
		here, err := at.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", "127.0.0.1:"+s.Port())
		if err != nil {
			return
		}
		back := make(chan struct{})
		go func() { defer close(back); _, _ = io.Copy(here, there) }()
		_, _ = io.Copy(there, here)
		_, _ = here.Close(), there.Close()
		<-back
	}()
	_, port, _ := net.SplitHostPort(at.Addr().String())
	out := sender(t, s, func(o *mail.Options) { o.Server.Port, o.Idle = port, time.Millisecond })
	if err := out.Send(t.Context(), letter(t, "ada@example.org")); err != nil {
		t.Fatal(err)
	}
	<-gone
}

// A server that stalls at any step holds a mail for its time and no longer, and one that is given up at once.
func TestStalls(t *testing.T) {
	t.Parallel()
	stall := make(chan struct{})
	t.Cleanup(func() { close(stall) })
	wait := func(string) error { <-stall; return nil }
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	for step, o := range map[mail.Step]smtptest.Options{
		mail.Greeting: {}, mail.NamingFrom: {From: wait}, mail.NamingTo: {To: wait},
		mail.HandingOver: {Data: func(smtptest.Mail) error { return wait("") }},
	} {
		for _, how := range []string{"Time", "Context"} {
			t.Run(fmt.Sprintf("%s/%s", step, how), func(t *testing.T) {
				s := served(t, o)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				out := sender(t, s, func(o *mail.Options) {
					if step == mail.Greeting {
						o.Server.Port = port
					}
					if how == "Time" {
						o.Dial, o.Time = 20*time.Millisecond, 20*time.Millisecond
						if step != mail.Greeting {
							o.Dial = 10 * time.Second
						}
					} else {
						time.AfterFunc(20*time.Millisecond, cancel)
					}
				})
				err := out.Send(ctx, letter(t, "ada@example.org"))
				f, ok := errors.AsType[*mail.Failure](err)
				if !ok || mail.Permanent(err) || how == "Time" && f.Step != step {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	s := served(t, smtptest.Options{})
	at, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(at.Addr().String())
	_ = at.Close()
	err = sender(t, s, func(o *mail.Options) { o.Server.Port = port }).Send(t.Context(), letter(t, "ada@example.org"))
	if f, ok := errors.AsType[*mail.Failure](err); !ok || f.Step != mail.Connecting || mail.Permanent(err) {
		t.Errorf("got %v", err)
	}
}
