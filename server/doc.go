// Petitiond is a self-hosted GraphQL API for petitions: people open a petition, sign it, discuss it, and watch its
// count live. See README.md for how to run it and server/doc/design.md for how it is built.
//
// Package main wires the packages together: commands, routes, start and stop. Nobody imports it.
//
// The command line is read in commandline.go, and what the commands do is in commands.go, apikeycmd.go and mailcmd.go.
// For all of them open.go puts the domain on a database. wiring.go adds what a server has besides, in the order in
// which the parts need each other, and run.go ends them in the opposite one: those who write last are stopped last.
// What was committed, here or on another replica, reaches those who show it by committed.go.
package main
