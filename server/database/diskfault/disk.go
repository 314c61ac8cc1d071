package diskfault

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Kind is a kind of operation on a file.
type Kind string

// The operations of SQLite that can fail. Those on the file system itself, such as resolving a path, never fail here.
const (
	Open     Kind = "open"
	Delete   Kind = "delete"
	Access   Kind = "access"
	Close    Kind = "close"
	Read     Kind = "read"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	Size     Kind = "size"
	Lock     Kind = "lock"
	Unlock   Kind = "unlock"
	ShmMap   Kind = "map shared memory"
	ShmLock  Kind = "lock shared memory"
)

// Operation is one operation that SQLite wants to carry out.
type Operation struct {
	Kind Kind
	File string // the end of its name: .db, .db-wal or .db-journal
}

// Fate is what happens to an operation.
type Fate int

// What can happen to an operation.
const (
	Pass       Fate = iota
	FailBefore      // it fails and is not carried out
	FailAmid        // it fails after half of the bytes are written; anything but a write is not carried out
	FailAfter       // it is carried out, but reported as failed; not for locks, which would never be released
	Full            // it fails if it writes, since the disk is full
)

// Disk decides the fate of operations on the files in a folder.
type Disk struct {
	folder string

	mu    sync.Mutex // guards what follows
	judge func(Operation) Fate
}

// The disks of the process.
var disks struct {
	sync.Mutex
	list []*Disk
}

// New makes a Disk of a folder until the test ends. It only affects files that are opened later.
func New(t testing.TB, folder string) *Disk {
	t.Helper()
	if err := register(); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{folder: folder + string(filepath.Separator)}
	disks.Lock()
	defer disks.Unlock()
	disks.list = append(disks.list, d)
	return d
}

// Judge sets the function that decides the fate of each operation before it is carried out. It is called by several
// goroutines at once. Without one, everything passes.
func (d *Disk) Judge(judge func(Operation) Fate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.judge = judge
}

// fate returns the fate of an operation on a file.
func (d *Disk) fate(kind Kind, file string) Fate {
	d.mu.Lock()
	judge := d.judge
	d.mu.Unlock()
	if judge == nil {
		return Pass
	}
	return judge(Operation{kind, file})
}

// diskOf returns the disk on which a file is, or nil if it is on none.
func diskOf(path string) *Disk {
	disks.Lock()
	defer disks.Unlock()
	for _, d := range disks.list {
		if strings.HasPrefix(path, d.folder) {
			return d
		}
	}
	return nil
}
