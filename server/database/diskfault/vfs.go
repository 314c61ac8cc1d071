//nolint:gosec // the translated library can only be called unsafely: its functions and structures are addresses
package diskfault

import (
	"errors"
	"path/filepath"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// system is the VFS that SQLite comes with. Set once, by register.
var system *sqlite3.Tsqlite3_vfs

// file is an open file on a disk.
type file struct {
	disk    *Disk
	name    string                       // the end of it
	methods *sqlite3.Tsqlite3_io_methods // the system's
}

// files are the open files, and the method tables that wrap those of the system.
var files struct {
	sync.Mutex
	open   map[uintptr]file    // by the address at which SQLite keeps the file
	tables map[uintptr]uintptr // our method tables, by the address of the system's table that each wraps
}

// register registers a VFS that wraps the system's, and makes it the default.
var register = sync.OnceValue(func() error {
	tls := libc.NewTLS() // never closed, like the VFS
	// The default one, which does everything that is not wrapped here.
	found := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if found == 0 {
		return errors.New("diskfault: SQLite has no VFS")
	}
	system = in[sqlite3.Tsqlite3_vfs](found)
	files.open, files.tables = map[uintptr]file{}, map[uintptr]uintptr{}
	name, err := libc.CString("diskfault")
	if err != nil {
		return err
	}
	memory := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(*system)))
	vfs := in[sqlite3.Tsqlite3_vfs](memory)
	*vfs = *system
	// The copy must not bring along its place in the list of all VFS: SQLite links ours in by itself.
	vfs.FpNext, vfs.FzName = 0, name
	vfs.FxOpen, vfs.FxDelete, vfs.FxAccess = pointer(open), pointer(remove), pointer(access)
	if code := sqlite3.Xsqlite3_vfs_register(tls, memory, 1); code != sqlite3.SQLITE_OK {
		return errors.New("diskfault: SQLite does not accept another VFS")
	}
	return nil
})

// pointer returns a function in the form that C has: the translated library calls it by the address of its value. It
// must be a function of the package, not a closure, which would be garbage-collected.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// in returns the value at an address in C's memory.
func in[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// call returns the function behind a pointer of C.
func call[F any](p uintptr) F {
	f := &struct{ p uintptr }{p}
	return *(*F)(unsafe.Pointer(f))
}

// The types of the functions that SQLite calls.
type (
	openFunc   = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc = func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	accessFunc = func(tls *libc.TLS, vfs, name uintptr, flags int32, out uintptr) int32
	plainFunc  = func(tls *libc.TLS, file uintptr) int32
	dataFunc   = func(tls *libc.TLS, file, data uintptr, n int32, at int64) int32
	longFunc   = func(tls *libc.TLS, file uintptr, n int64) int32
	intFunc    = func(tls *libc.TLS, file uintptr, n int32) int32
	outFunc    = func(tls *libc.TLS, file, out uintptr) int32
	mapFunc    = func(tls *libc.TLS, file uintptr, page, size, extend int32, out uintptr) int32
	rangeFunc  = func(tls *libc.TLS, file uintptr, from, n, flags int32) int32
)

// address returns the address of a VFS, as the functions of C expect it.
func address(vfs *sqlite3.Tsqlite3_vfs) uintptr { return uintptr(unsafe.Pointer(vfs)) }

// carry carries out an operation, or fails it with code, as its fate demands.
func carry(fate Fate, code int32, do func() int32) int32 {
	switch fate {
	case FailBefore, FailAmid:
		return code
	case FailAfter:
		if got := do(); got != sqlite3.SQLITE_OK {
			return got
		}
		return code
	case Pass, Full:
	}
	return do()
}

// open replaces xOpen. If it succeeds, it replaces the file's methods by ours, so that every later operation on it asks
// the disk for its fate.
func open(tls *libc.TLS, _, name, at uintptr, flags int32, out uintptr) int32 {
	path := libc.GoString(name)
	disk := diskOf(path)
	do := func() int32 {
		return call[openFunc](system.FxOpen)(tls, address(system), name, at, flags, out)
	}
	if name == 0 || disk == nil {
		return do()
	}
	ending := filepath.Ext(path)
	if fate := disk.fate(Open, ending); fate != Pass && fate != Full {
		methodsOf(at).FpMethods = 0 // tells SQLite that there is nothing to close
		return sqlite3.SQLITE_CANTOPEN
	}
	code := do()
	if opened := methodsOf(at); code == sqlite3.SQLITE_OK && opened.FpMethods != 0 {
		files.Lock()
		defer files.Unlock()
		files.open[at] = file{disk, ending, in[sqlite3.Tsqlite3_io_methods](opened.FpMethods)}
		opened.FpMethods = before(tls, opened.FpMethods)
	}
	return code
}

// methodsOf returns the start of SQLite's file object, which contains the pointer to its methods.
func methodsOf(at uintptr) *sqlite3.Tsqlite3_file {
	return in[sqlite3.Tsqlite3_file](at)
}

// before returns the method table that wraps one of the system's. It needs the lock of files.
func before(tls *libc.TLS, of uintptr) uintptr {
	if table := files.tables[of]; table != 0 {
		return table
	}
	theirs := in[sqlite3.Tsqlite3_io_methods](of)
	table := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(*theirs)))
	ours := in[sqlite3.Tsqlite3_io_methods](table)
	// A whole copy first: what is not wrapped below stays the system's.
	*ours = *theirs
	ours.FxClose, ours.FxRead, ours.FxWrite, ours.FxTruncate = pointer(shut), pointer(read), pointer(write), pointer(truncate)
	ours.FxSync, ours.FxFileSize, ours.FxLock, ours.FxUnlock = pointer(flush), pointer(size), pointer(lock), pointer(unlock)
	ours.FxShmMap, ours.FxShmLock = pointer(shmMap), pointer(shmLock)
	files.tables[of] = table
	return table
}

// at returns the file at an address, and the fate of an operation on it.
func at(address uintptr, kind Kind) (file, Fate) {
	files.Lock()
	f := files.open[address]
	files.Unlock()
	return f, f.disk.fate(kind, f.name)
}

// remove replaces xDelete, which deletes a file by its name.
func remove(tls *libc.TLS, _, name uintptr, sync int32) int32 {
	fate, path := Pass, libc.GoString(name)
	if disk := diskOf(path); disk != nil {
		fate = disk.fate(Delete, filepath.Ext(path))
	}
	return carry(fate, sqlite3.SQLITE_IOERR_DELETE, func() int32 {
		return call[deleteFunc](system.FxDelete)(tls, address(system), name, sync)
	})
}

// access replaces xAccess, which checks whether a file exists.
func access(tls *libc.TLS, _, name uintptr, flags int32, out uintptr) int32 {
	fate, path := Pass, libc.GoString(name)
	if disk := diskOf(path); disk != nil {
		fate = disk.fate(Access, filepath.Ext(path))
	}
	return carry(fate, sqlite3.SQLITE_IOERR_ACCESS, func() int32 {
		return call[accessFunc](system.FxAccess)(tls, address(system), name, flags, out)
	})
}

// shut always closes the file, even if it then reports a failure: SQLite does not try again.
func shut(tls *libc.TLS, address uintptr) int32 {
	f, fate := at(address, Close)
	files.Lock()
	delete(files.open, address)
	files.Unlock()
	methodsOf(address).FpMethods = uintptr(unsafe.Pointer(f.methods))
	code := call[plainFunc](f.methods.FxClose)(tls, address)
	return carry(fate, sqlite3.SQLITE_IOERR_CLOSE, func() int32 { return code })
}

// read replaces xRead.
func read(tls *libc.TLS, address, data uintptr, n int32, from int64) int32 {
	f, fate := at(address, Read)
	return carry(fate, sqlite3.SQLITE_IOERR_READ, func() int32 {
		return call[dataFunc](f.methods.FxRead)(tls, address, data, n, from)
	})
}

// write replaces xWrite, the only operation that can be done by half or find the disk full.
func write(tls *libc.TLS, address, data uintptr, n int32, to int64) int32 {
	f, fate := at(address, Write)
	do := call[dataFunc](f.methods.FxWrite)
	switch fate {
	// Half of it stays on the disk, as after a power loss.
	case FailAmid:
		if code := do(tls, address, data, n/2, to); code != sqlite3.SQLITE_OK {
			return code
		}
	case Full:
		return sqlite3.SQLITE_FULL
	case Pass, FailBefore, FailAfter:
	}
	return carry(fate, sqlite3.SQLITE_IOERR_WRITE, func() int32 { return do(tls, address, data, n, to) })
}

// truncate replaces xTruncate.
func truncate(tls *libc.TLS, address uintptr, n int64) int32 {
	f, fate := at(address, Truncate)
	return carry(fate, sqlite3.SQLITE_IOERR_TRUNCATE, func() int32 {
		return call[longFunc](f.methods.FxTruncate)(tls, address, n)
	})
}

// flush replaces xSync, whose failure SQLite must not ignore: what was written may not be on the disk.
func flush(tls *libc.TLS, address uintptr, flags int32) int32 {
	f, fate := at(address, Sync)
	return carry(fate, sqlite3.SQLITE_IOERR_FSYNC, func() int32 {
		return call[intFunc](f.methods.FxSync)(tls, address, flags)
	})
}

// size replaces xFileSize.
func size(tls *libc.TLS, address, out uintptr) int32 {
	f, fate := at(address, Size)
	return carry(fate, sqlite3.SQLITE_IOERR_FSTAT, func() int32 {
		return call[outFunc](f.methods.FxFileSize)(tls, address, out)
	})
}

// lock replaces xLock. A lock that was taken is never reported as failed, since SQLite would not release it.
func lock(tls *libc.TLS, address uintptr, level int32) int32 {
	f, fate := at(address, Lock)
	if fate == FailAfter {
		fate = FailBefore
	}
	return carry(fate, sqlite3.SQLITE_IOERR_LOCK, func() int32 {
		return call[intFunc](f.methods.FxLock)(tls, address, level)
	})
}

// unlock always releases the lock, even if it then reports a failure: so does the system's.
func unlock(tls *libc.TLS, address uintptr, level int32) int32 {
	f, fate := at(address, Unlock)
	if fate == FailBefore || fate == FailAmid {
		fate = FailAfter
	}
	return carry(fate, sqlite3.SQLITE_IOERR_UNLOCK, func() int32 {
		return call[intFunc](f.methods.FxUnlock)(tls, address, level)
	})
}

// shmMap replaces xShmMap, which maps the index of the write-ahead log. A mapping that succeeded is never reported as
// failed, as with locks.
func shmMap(tls *libc.TLS, address uintptr, page, size, extend int32, out uintptr) int32 {
	f, fate := at(address, ShmMap)
	if fate == FailAfter {
		fate = FailBefore
	}
	return carry(fate, sqlite3.SQLITE_IOERR_SHMMAP, func() int32 {
		return call[mapFunc](f.methods.FxShmMap)(tls, address, page, size, extend, out)
	})
}

// shmLock can only fail to lock. Unlocking just changes the memory of the process, which cannot fail.
func shmLock(tls *libc.TLS, address uintptr, from, n, flags int32) int32 {
	f, fate := at(address, ShmLock)
	switch {
	case flags&sqlite3.SQLITE_SHM_UNLOCK != 0:
		fate = Pass
	case fate == FailAfter:
		fate = FailBefore
	}
	return carry(fate, sqlite3.SQLITE_IOERR_SHMLOCK, func() int32 {
		return call[rangeFunc](f.methods.FxShmLock)(tls, address, from, n, flags)
	})
}
