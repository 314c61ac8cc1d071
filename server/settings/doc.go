// Package settings reads the settings from environment, files and flags. They are one table, from which the help text
// and the README's table are made as well.
package settings
