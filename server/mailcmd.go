package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"

	"petitiond/server/mail"
	"petitiond/server/settings"
	"petitiond/server/text"
)

// testMail sends a mail to show whether mail works: mail test ADDRESS.
func testMail(ctx context.Context, in invocation) error {
	if in.args[0] != "test" {
		return commands()["mail"].misused(fmt.Sprintf("there is no command %q", "mail "+in.args[0]))
	}
	address, fault := text.ParseAddress(in.args[1])
	if fault != "" {
		return errors.New(fault)
	}
	if in.config.PublicURL == "" {
		_, port, _ := net.SplitHostPort(in.config.Listen) // a server in development is found there
		in.config.PublicURL = localURL(in.config.Listen, port)
	}
	// A letter like any other, so that the test goes all the way that mails go.
	order := mail.Order{To: address.Kept, Letter: mail.Test{Link: in.config.PublicURL + "/"}}
	switch {
	case in.config.SMTP != nil:
		return sendTest(ctx, in, order)
	case in.config.Env == settings.Production:
		return errors.New("there is no mail server: set PETITION_SMTP_URL")
	}
	return withCore(ctx, in, func(ctx context.Context, c *core) error {
		if err := c.enqueue(ctx, order); err != nil {
			return err
		}
		fmt.Fprintln(in.out, "PETITION_SMTP_URL is not set, so nothing was sent: a server that runs on this database shows the mail at /outbox.")
		return nil
	})
}

// sendTest hands the mail to the server at once, and prints how far it came.
func sendTest(ctx context.Context, in invocation, order mail.Order) error {
	message, err := in.config.Messages.Render(order, in.config.PublicURL)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	message.ID = id.String()
	sender := mail.NewSender(mailOptions(in.config, func(step mail.Step, detail string) {
		fmt.Fprintf(in.out, "ok      %s %s\n", step, detail)
	}))
	defer sender.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = sender.Send(ctx, message)
	failure, ok := errors.AsType[*mail.Failure](err)
	if !ok {
		if err == nil {
			fmt.Fprintln(in.out, "The mail server has taken the mail. Check that it arrives in the mailbox, or in its spam folder.")
		}
		return err
	}
	fmt.Fprintf(in.out, "failed  %s\n", failure.Step)
	return refusedMail(failure)
}

// refusedMail says what to do about a failure. It has the words of the server, which the one who asked for the test may
// read: they are not logged.
func refusedMail(f *mail.Failure) error {
	said := ""
	if answer := f.Answer(); answer != "" {
		said = fmt.Sprintf("; the server says: %q", answer)
	} else if cause := f.Unwrap(); cause != nil {
		said = "; the cause: " + cause.Error()
	}
	return fmt.Errorf("%w%s\n%s", f, said, mailAdvice[f.Step])
}

// mailAdvice says for each step which setting to look at if it fails.
var mailAdvice = map[mail.Step]string{
	mail.Connecting: "Are host and port in PETITION_SMTP_URL right, and may this machine connect to them? " +
		"Many networks block port 25; to send mail, use 587 (smtp://) or 465 (smtps://).",
	mail.Greeting: "What answers there may be no mail server, or want another way: " +
		"in PETITION_SMTP_URL, smtps:// is for port 465 and smtp:// for all others.",
	mail.Encrypting: "The server must offer encryption, with a certificate that is valid for the host in PETITION_SMTP_URL. " +
		"A server without it on a network that you trust needs ?tls=none there, without a password.",
	mail.SigningIn: "Name and password in PETITION_SMTP_URL are not what the server wants. Write @ as %40 and / as %2F in them; " +
		"some providers want a password for programs alone.",
	mail.NamingFrom: "The server does not take mail from this sender: see PETITION_MAIL_FROM and PETITION_MAIL_BOUNCE. " +
		"Most take only addresses of domains that were set up there, and some only after signing in (PETITION_SMTP_URL).",
	mail.NamingTo: "The server does not take mail for this address. If it is right, the server may want a name and a password " +
		"in PETITION_SMTP_URL before it takes mail for other domains.",
	mail.HandingOver: "The server has refused the mail itself. Its answer says why; the sender (PETITION_MAIL_FROM) is a common reason.",
}
