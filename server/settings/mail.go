package settings

import (
	"errors"
	"io/fs"
	netmail "net/mail"
	"os"

	"petitiond/server/mail"
	"petitiond/server/text"
)

// mailSettings say by which server mail is sent, and how.
func mailSettings() []setting {
	return []setting{
		{
			// A secret, since it contains a password.
			name: "SMTP_URL", secret: true,
			meaning: "[mail server](#mail), such as `smtp://user:password@host:587` or `smtps://user:password@host:465`; if unset, " +
				"no mail is sent, and in development it is shown at `/outbox`. Production needs one if `PETITION_CONFIRMATION` is `email`",
			set: setSMTP,
		},
		{
			// Behind PETITION_SMTP_URL, without which nobody needs it.
			name: "MAIL_FROM", hash: true,
			meaning: "sender of all mail, such as `Petitions <petitions@example.org>`; must be set with `PETITION_SMTP_URL`",
			set:     setMailFrom,
		},
		{
			name:    "MAIL_BOUNCE",
			meaning: "address to which mail servers report what they cannot deliver; if unset, that of `PETITION_MAIL_FROM`",
			set:     setMailBounce,
		},
		{
			name: "MAIL_PACE", development: "50", production: "50",
			meaning: "mails a second that all servers on one database send together, at most (1 to 10000)",
			set:     numberSetter(func(c *Config) *int { return &c.MailPace }, 1, 10_000),
		},
		{
			name: "MESSAGES",
			meaning: "folder with [words of mails](#mail) of your own, a file `LANGUAGE.json` for each language; of the others, and if " +
				"unset, those of the program are used",
			set: setMessages,
		},
	}
}

// setSMTP takes the address of a mail server.
func setSMTP(c *Config, v string) error {
	if v == "" {
		return nil
	}
	s, err := mail.ParseServer(v)
	if err == nil {
		c.SMTP = &s
	}
	return err
}

// setMailFrom relies on the mail server being set before.
func setMailFrom(c *Config, v string) error {
	const form = "such as Petitions <petitions@example.org>"
	if v == "" {
		if c.SMTP != nil {
			return errors.New("must be set with PETITION_SMTP_URL, " + form)
		}
		return nil
	}
	from, err := netmail.ParseAddress(v)
	if err != nil {
		return errors.New("must be one address, with or without a name, " + form)
	}
	if from.Address, err = mailbox(from.Address); err == nil {
		c.MailFrom = from
	}
	return err
}

// setMailBounce takes an address without a name.
func setMailBounce(c *Config, v string) (err error) {
	if v == "" {
		return nil
	}
	c.MailBounce, err = mailbox(v)
	return err
}

// mailbox returns an address as it is sent, or says what is wrong with it.
func mailbox(v string) (string, error) {
	a, fault := text.ParseAddress(v)
	if fault != "" {
		return "", errors.New("must be an address such as petitions@example.org")
	}
	return a.Kept, nil
}

// setMessages reads the words of the program, and those in a folder of the operator if there is one.
func setMessages(c *Config, v string) (err error) {
	var folder fs.FS
	if v != "" {
		if info, err := os.Stat(v); err != nil || !info.IsDir() {
			return errors.New("must be a folder that can be read")
		}
		folder = os.DirFS(v)
	}
	c.Messages, err = mail.LoadMessages(folder, "en")
	return err
}

// Sender is whom readers of mails see. Development without a mail server need not have one.
func (c Config) Sender() netmail.Address {
	if c.MailFrom != nil {
		return *c.MailFrom
	}
	return netmail.Address{Name: "Petitions", Address: "petitions@localhost"}
}
