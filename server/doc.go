// Petitiond is a self-hosted GraphQL API for petitions: people open a petition, sign it, discuss it, and watch its
// count live. See README.md for how to run it and server/doc/design.md for how it is built.
//
// Package main wires the packages together: commands, routes, start and stop. Nobody imports it.
package main
