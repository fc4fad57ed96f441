package permission

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/orch-build/orch/config"
)

// Guard lets a definition read only what is granted, while it is evaluated:
// the files that it imports, and what Compose files refer to. There is nobody
// to ask at that time, so that the rest is refused.
type Guard struct {
	granted *Set // nil allows everything
	wd      string
}

// NewGuard returns a guard for a working directory.
func NewGuard(granted *Set, wd string) *Guard { return &Guard{granted, wd} }

// NoGuard returns a guard that refuses nothing.
func NoGuard() *Guard { return &Guard{} }

// Open says whether the guard refuses nothing.
func (g *Guard) Open() bool { return g.granted == nil }

// deniedError says that a file may not be read.
type deniedError struct {
	name string // as it is written
	need Need
	wd   string
}

func (e *deniedError) Error() string {
	at := shortPath(e.need.Value, e.wd)
	if lexical, err := filepath.Abs(e.name); err == nil && lexical != e.need.Value {
		at = fmt.Sprintf("%s, which leads to %s,", e.name, at)
	}
	return fmt.Sprintf("reading %s is not allowed, because it is outside of what the definition may touch; the flag --allow=%s allows it",
		at, e.need.flag(e.wd))
}

// Is makes the error one that package config knows.
func (e *deniedError) Is(target error) bool { return target == config.ErrNotGranted }

// Read returns an error if a file or folder may not be read.
func (g *Guard) Read(name string) error {
	if g.granted == nil {
		return nil
	}
	real, err := RealPath(name)
	if err != nil {
		return err
	}
	need := Need{Key: Read, Value: real}
	if g.granted.allows(need) {
		return nil
	}
	return &deniedError{name, need, g.wd}
}

// Files guards the files of import blocks.
func (g *Guard) Files(files config.Files) config.Files { return guardedFiles{g, files} }

// Host guards the files that are looked at. Whether one is there may always be
// known, because each need is judged before it is used.
func (g *Guard) Host(host config.Host) config.Host { return guardedHost{g, host} }

type guardedFiles struct {
	guard *Guard
	files config.Files
}

func (g guardedFiles) ReadFile(name string) ([]byte, error) {
	if err := g.guard.Read(name); err != nil {
		return nil, err
	}
	return g.files.ReadFile(name)
}

func (g guardedFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := g.guard.Read(name); err != nil {
		return nil, err
	}
	return g.files.ReadDir(name)
}

func (g guardedFiles) Stat(name string) (fs.FileInfo, error) {
	if err := g.guard.Read(name); err != nil {
		return nil, err
	}
	return g.files.Stat(name)
}

func (g guardedFiles) RealPath(name string) (string, error) { return g.files.RealPath(name) }

type guardedHost struct {
	guard *Guard
	host  config.Host
}

func (g guardedHost) Stat(name string) (fs.FileInfo, error) { return g.host.Stat(name) }

func (g guardedHost) ReadFile(name string) ([]byte, error) {
	if err := g.guard.Read(name); err != nil {
		return nil, err
	}
	return g.host.ReadFile(name)
}
