// Package diskfault stands between SQLite and the file system in tests, and fails what SQLite asks of it: opening,
// reading, writing, syncing, truncating, locking and mapping. It is a VFS of SQLite's own kind, and the default one of
// the process once it is used, so that every connection to a file goes through it however it was opened.
package diskfault
