// Package diskfault sits between SQLite and the file system in tests and makes operations fail: opening, reading,
// writing, syncing, truncating, locking and mapping. It is a VFS, the interface that SQLite has for file systems. Once
// it is used, it is the default VFS of the process: every connection goes through it, however it was opened.
package diskfault
