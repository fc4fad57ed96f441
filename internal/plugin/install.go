package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// Places are the folders that plugins are in.
type Places struct {
	// Own is that of the user, where orch puts itself.
	Own string
	// First are those that docker looks through before: cliPluginsExtraDirs of its
	// configuration.
	First []string
	// System are the others, in the order in which docker looks through them.
	System []string
	// Kept is where the user's own plugin stays while orch is in its place. It is
	// not one of docker's folders, which says of every file there what it is.
	Kept string
}

// PlacesOf are the folders of a docker configuration, which names extra ones.
func PlacesOf(dockerConfig string, extra []string) Places {
	p := Places{First: extra, Own: filepath.Join(dockerConfig, "cli-plugins"), Kept: filepath.Join(dockerConfig, "cli-plugins-kept-by-orch")}
	if runtime.GOOS == "windows" {
		for _, root := range []string{os.Getenv("ProgramData"), os.Getenv("ProgramFiles")} {
			p.System = append(p.System, filepath.Join(root, "Docker", "cli-plugins"))
		}
		return p
	}
	for _, root := range []string{"/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"} {
		p.System = append(p.System, filepath.Join(root, "docker", "cli-plugins"))
	}
	return p
}

func program(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, "docker-"+name)
}

// Installed is the path of orch as a plugin of a name, or "".
func (p Places) Installed(name, self string) string {
	path := program(p.Own, name)
	if isSelf(path, self) {
		return path
	}
	return ""
}

// Install makes orch, whose program is self, a plugin. A plugin of the user that
// is there already is kept, and comes back with Remove.
func (p Places) Install(name, self string) (path string, kept bool, err error) {
	path = program(p.Own, name)
	if err := os.MkdirAll(p.Own, 0o755); err != nil {
		return "", false, err
	}
	_, err = os.Lstat(path)
	switch {
	case err == nil && isSelf(path, self):
		return path, false, nil
	case err == nil && isOrch(path):
		// Another orch, of before: it is nothing that anybody wants back.
	case err == nil:
		if err := p.keep(name); err != nil {
			return "", false, err
		}
		kept = true
	case !errors.Is(err, fs.ErrNotExist):
		return "", false, err
	}
	return path, kept, link(self, path)
}

func (p Places) keep(name string) error {
	if err := os.MkdirAll(p.Kept, 0o755); err != nil {
		return err
	}
	return os.Rename(program(p.Own, name), program(p.Kept, name))
}

// link puts a link to self at path, in one step. Where links may not be made, as
// on Windows, it is a second name of the same file.
func link(self, path string) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(self, next); err != nil {
		if other := os.Link(self, next); other != nil {
			return fmt.Errorf("making a link to %s: %w", self, err)
		}
	}
	return os.Rename(next, path)
}

// ErrOther is of a plugin that is there, and is not orch.
var ErrOther = errors.New("is not orch")

// Remove takes orch out of the plugins, and puts back what was there before.
// It is false if orch was not there.
func (p Places) Remove(name, self string) (removed, restored bool, err error) {
	path := program(p.Own, name)
	_, err = os.Lstat(path)
	switch {
	case err == nil && !isSelf(path, self) && !isOrch(path):
		return false, false, fmt.Errorf("%s %w: it stays", path, ErrOther)
	case err == nil:
		removed = true
	case !errors.Is(err, fs.ErrNotExist):
		return false, false, err
	}
	kept := program(p.Kept, name)
	if _, err := os.Lstat(kept); err == nil {
		if err := os.Rename(kept, path); err != nil {
			return false, false, err
		}
		_ = os.Remove(p.Kept) // if it is empty now
		return removed, true, nil
	}
	if !removed {
		return false, false, nil
	}
	return true, false, os.Remove(path)
}

// Real is the path of the plugin of a name that orch is in place of, or "".
func (p Places) Real(name, self string) string {
	for _, dir := range slices.Concat([]string{p.Kept}, p.First, []string{p.Own}, p.System) {
		path := program(dir, name)
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || isSelf(path, self) || isOrch(path) {
			continue
		}
		return path
	}
	return ""
}

// Before is a plugin of a name that docker finds before orch, or "".
func (p Places) Before(name, self string) string {
	for _, dir := range p.First {
		path := program(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !isSelf(path, self) {
			return path
		}
	}
	return ""
}

// isSelf says whether a path leads to the program that runs now.
func isSelf(path, self string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat(self)
	return err == nil && os.SameFile(a, b)
}

// isOrch says whether a path is a link to a program that is called orch, which
// may be gone.
func isOrch(path string) bool {
	to, err := os.Readlink(path)
	if err != nil {
		return false
	}
	base := filepath.Base(to)
	return base == "orch" || base == "orch.exe"
}
