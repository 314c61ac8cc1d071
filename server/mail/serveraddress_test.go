package mail_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"petitiond/server/mail"
)

func TestParseServer(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]mail.Server{
		"smtp://mail.example.org":                   {Host: "mail.example.org", Port: "587"},
		"smtp://ada:s%40%2F@mail.example.org:2525/": {Host: "mail.example.org", Port: "2525", User: "ada", Password: "s@/"},
		"smtps://ada:x@mail.example.org":            {Host: "mail.example.org", Port: "465", User: "ada", Password: "x", Security: mail.TLS},
		"smtp://10.0.0.3:25?tls=none":               {Host: "10.0.0.3", Port: "25", Security: mail.Unprotected},
		"smtp://localhost:1025":                     {Host: "localhost", Port: "1025", Security: mail.Unprotected},
		"smtp://ada:x@[::1]:1025":                   {Host: "::1", Port: "1025", User: "ada", Password: "x", Security: mail.Unprotected},
		"smtp://localhost?tls=starttls":             {Host: "localhost", Port: "587"},
	} {
		if got, err := mail.ParseServer(address); err != nil || got.Address() != want.Address() || got != want {
			t.Errorf("%s: got %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{
		"", "mail.example.org:25", "http://mail.example.org", "smtp://", "smtp://ada:can/ary@mail.example.org", "smtp://mail.example.org/x",
		"smtp://ada:canary@mail.example.org?tls=none", "smtps://mail.example.org?tls=none", "smtp://mail.example.org?tls=maybe",
		"smtp://mail.example.org?timeout=1", "smtp://ada:canary%zz@mail.example.org",
	} {
		if got, err := mail.ParseServer(address); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, %v", address, got, err)
		}
	}
	s, err := mail.ParseServer("smtp://ada:canary@mail.example.org")
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, &s); err != nil || strings.Contains(text, "canary") {
		t.Errorf("%s, %v", text, err)
	}
}

// A tray keeps the latest mails, each once.
func TestTray(t *testing.T) {
	t.Parallel()
	var tray mail.Tray
	for i := range mail.TraySize + 5 {
		tray.Put(mail.Message{ID: fmt.Sprint(i)}, time.Unix(int64(i), 0))
	}
	tray.Put(mail.Message{ID: "100", Subject: "again"}, time.Unix(1000, 0))
	got := tray.All()
	if len(got) != mail.TraySize || got[0].Subject != "again" || got[1].ID != "204" || got[mail.TraySize-1].ID != "5" {
		t.Errorf("%d mails, from %+v to %+v", len(got), got[0], got[len(got)-1])
	}
}
