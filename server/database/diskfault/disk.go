package diskfault

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Kind is what SQLite asks of a file.
type Kind string

// What SQLite asks. What it asks of the file system itself, as for the full name of a path, never fails here.
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

// Operation is one thing that SQLite asks.
type Operation struct {
	Kind Kind
	File string // how the name ends: .db, .db-wal or .db-journal
}

// Fate is what befalls an operation.
type Fate int

// What may befall an operation.
const (
	Pass       Fate = iota
	FailBefore      // it is not carried out
	FailAmid        // of what is to be written half is; everything else is not carried out
	FailAfter       // it is carried out, and said to have failed; not a lock, which nobody would ever give back
	Full            // there is no room for what is to be written; everything else passes
)

// Disk is where the files of a folder are.
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

// New takes over a folder until the test ends. Files in it must be opened after that.
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

// Judge has every operation judged before it is carried out. The function is called by several goroutines at once; nil
// lets everything pass.
func (d *Disk) Judge(judge func(Operation) Fate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.judge = judge
}

// fate judges an operation on a file.
func (d *Disk) fate(kind Kind, file string) Fate {
	d.mu.Lock()
	judge := d.judge
	d.mu.Unlock()
	if judge == nil {
		return Pass
	}
	return judge(Operation{kind, file})
}

// diskOf gives the disk on which a file is, or nil where nothing is to fail.
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
