// Package mail writes mails and hands them to a mail server.
//
// A Letter says what a mail is about, in no language. Messages renders it in one, from a single source for text and
// HTML: a file for each language, and two templates that all letters share. A Sender hands the Message that comes of it
// to a server by SMTP, over connections that it keeps for the next one. A Tray keeps messages in memory, for those who
// develop without a mail server.
//
// The package knows nothing of a database and of what petitions may do. Its errors say what a server answered by its
// codes alone: the words of the answer may repeat an address.
package mail
