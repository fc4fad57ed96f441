package load

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/bundle"
)

// takeLock reads the lock of a definition, if there is one.
func (l *Loader) takeLock(d *Definition, files []File) error {
	if l.URL != "" {
		l.Origin.say(l, d)
		if l.far == nil && l.remote.tree.IsFile {
			return nil // nothing is beside it
		}
	}
	disk, name := l.lockFile(files)
	l.LockName, l.DefinitionName = name, definitionName(name, files)
	if l.far != nil {
		l.DefinitionName = l.Origin.definition(files)
	}
	if l.URL == "" || l.far != nil {
		if err := l.mayRead(name); err != nil {
			return err
		}
	}
	text, err := disk.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && l.Lock != "" {
		text, err = os.ReadFile(name) // outside of the repository, at whichever of its commits
	}
	if errors.Is(err, fs.ErrNotExist) && l.Lock == "" && l.Bundle != "" {
		name = bundle.Lock(l.Bundle)
		text, err = os.ReadFile(name)
	}
	if errors.Is(err, fs.ErrNotExist) && (l.Lock == "" || l.Relock) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return usage.Errorf("reading the lock %s: %w. Run %s, which writes it", name, err, shellquote.InText(shellquote.Command("orch", "lock", "--lock", name)))
	}
	if err != nil {
		return usage.Errorf("reading the lock %s: %w", name, err)
	}
	held, diags := lock.Parse(name, text)
	d.Diags = append(d.Diags, diags...)
	d.Texts[name] = text
	if held != nil {
		held.Definition = l.DefinitionName
	}
	d.Config.Lock = held
	if l.Relock {
		return nil
	}
	return l.lockLayouts(d.Config)
}

// mayRead says whether a lock may be read. One that nobody has named is beside the
// definition, and may be a link.
func (l *Loader) mayRead(name string) error {
	if l.Lock != "" {
		return nil
	}
	guard, err := l.guard()
	if err == nil {
		err = guard.Read(name)
	}
	return usage.Wrap(err)
}

// lockLayouts gives OCI layouts the digests that they are locked to. What the bundle has
// is taken from there.
func (l *Loader) lockLayouts(cfg *config.Config) error {
	var held *bundle.Bundle
	if l.Bundle != "" {
		var err error
		if held, err = bundle.Open(l.Bundle); err != nil {
			return usage.Wrap(err)
		}
	}
	for _, t := range cfg.Targets {
		for key, c := range t.Contexts {
			if c.Kind != config.OCILayout {
				continue
			}
			path, _, digest := ocilayout.Split(c.Value)
			if e := cfg.Lock.Get(lock.Layout, cfg.Lock.LayoutName(c.Value)); digest == "" && e != nil {
				digest = e.Digest
			}
			if digest == "" {
				continue
			}
			if held.Layout(digest) != nil {
				path = filepath.ToSlash(l.Bundle)
			}
			c.Value = path + "@" + digest
			t.Contexts = maps.Clone(t.Contexts)
			t.Contexts[key] = c
		}
	}
	return nil
}

// lockFile is where the lock of a definition is: beside its first file.
func (l *Loader) lockFile(files []File) (config.Files, string) {
	switch {
	case l.Lock != "":
		return l.disk(), l.Lock
	case l.far != nil:
		return l.disk(), l.far.name
	case l.URL != "":
		return remoteFiles{l.remote.tree}, lock.FileName
	}
	return l.disk(), LockName(files)
}

// definitionName tells a definition from others beside the same lock: the names of its
// files that are not the usual ones, seen from the lock; "" if there are none.
func definitionName(lockName string, files []File) string {
	var names []string
	for _, f := range files {
		name, err := filepath.Rel(filepath.Dir(lockName), f.Name)
		switch {
		case f.Name == config.Stdin:
			name = "-"
		case err != nil:
			name = f.Name
		}
		if name = filepath.ToSlash(name); !slices.Contains(UsualFiles(), name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// LockName is the name of the lock beside the first of some files.
func LockName(files []File) string {
	if len(files) == 0 {
		return lock.FileName
	}
	return filepath.Join(filepath.Dir(files[0].Name), lock.FileName)
}
