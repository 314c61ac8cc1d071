// Package settings reads the settings from environment, files and flags. They are one table, from which the help text
// and the README's table are made as well.
//
// An entry of the table (table.go, limits.go, mail.go) has the name of a setting, its defaults in development and in
// production, what it means, and the function that checks a value and stores it. [Load] goes through the entries in
// their order, since later ones may depend on earlier ones, and reports everything that is wrong at once. It never
// repeats a value, which may be a secret.
package settings
