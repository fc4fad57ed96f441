package builders

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/runner/builders/address"
	"github.com/orch-build/orch/runner/builders/contexts"
	"github.com/orch-build/orch/runner/builders/hclfile"
)

// Find returns the builder of a name or an address. A name of the project's own
// file counts last: what a stranger's repository says must not stand in front
// of what the user has.
func (c *Catalog) Find(name string) (*Builder, error) {
	if address.Is(name) {
		return c.atAddress(name)
	}
	if name == EmbeddedName {
		return embedded(), nil
	}
	user, err := c.user()
	if err != nil {
		return nil, err
	}
	if b := user.Builder(name); b != nil {
		return c.ofBlock(b)
	}
	in, err := c.buildx.Instance(name)
	if err != nil {
		return nil, err
	}
	if in != nil {
		return c.ofInstance(in)
	}
	if name == contexts.Default {
		return c.ofContext(c.contexts.Current().Name)
	}
	if c.contexts.Has(name) {
		return c.ofContext(name)
	}
	project, err := c.project()
	if err != nil {
		return nil, err
	}
	if b := project.Builder(name); b != nil {
		return c.ofBlock(b)
	}
	known, _ := c.List()
	return nil, &UnknownError{Name: name, Known: known}
}

// List returns all builders, those that count first in front, and what is wrong
// with others. One that is hidden by another of its name is left out.
func (c *Catalog) List() ([]*Builder, []error) {
	l := &listing{seen: map[string]bool{}}
	l.add(embedded(), nil)
	user, err := c.user()
	l.fault(err)
	for _, b := range user.Builders {
		l.add(c.ofBlock(b))
	}
	instances, faults := c.buildx.Instances()
	l.faults = append(l.faults, faults...)
	for _, in := range instances {
		l.add(c.ofInstance(in))
	}
	l.faults = append(l.faults, c.contexts.Faults()...)
	for _, name := range c.contexts.Names() {
		l.add(c.ofContext(name))
	}
	project, err := c.project()
	l.fault(err)
	for _, b := range project.Builders {
		l.add(c.ofBlock(b))
	}
	return l.all, l.faults
}

type listing struct {
	all    []*Builder
	faults []error
	seen   map[string]bool
}

func (l *listing) fault(err error) {
	if err != nil {
		l.faults = append(l.faults, err)
	}
}

func (l *listing) add(b *Builder, err error) {
	l.fault(err)
	if b != nil && !l.seen[b.Name] {
		l.seen[b.Name] = true
		l.all = append(l.all, b)
	}
}

// user is the user's own file.
func (c *Catalog) user() (*hclfile.File, error) { return read(c.userPath()) }

func (c *Catalog) userPath() string { return UserPath(c.opt.Getenv) }

// UserPath is where the user's builders.hcl is.
func UserPath(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "orch", hclfile.Name)
	}
	if dir := getenv("AppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "orch", hclfile.Name)
	}
	home := getenv("HOME")
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".config", "orch", hclfile.Name)
}

// project is the file of the project, which may name builders, but not choose
// one.
func (c *Catalog) project() (*hclfile.File, error) {
	path := ProjectPath(c.opt.Dir)
	if path == "" || path == c.userPath() {
		return &hclfile.File{}, nil
	}
	f, err := read(path)
	if err == nil && f.Use != "" {
		return &hclfile.File{}, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "The project chooses a builder",
			Detail:  fmt.Sprintf("A project names builders, and its user chooses one: write it into %s with %s.", c.userPath(), shellquote.InText(shellquote.Command("orch", "builder", "use", f.Use))),
			Subject: f.UseRange.Ptr(),
		}}
	}
	return f, err
}

// ProjectPath finds the builders.hcl of the project that dir is in; "" if there is
// none.
func ProjectPath(dir string) string {
	for dir != "" {
		path := filepath.Join(dir, hclfile.Name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && inside(path, dir) {
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return ""
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
	return ""
}

// inside says whether a file of a project is in its folder too when links are
// followed: a project does not say what else of this machine is read.
func inside(path, dir string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, real)
	return err == nil && filepath.IsLocal(rel)
}

// maxFile bounds the size of a builders.hcl.
const maxFile = 1 << 20

// read reads a file; one that is not there is empty, and so is what is returned
// beside an error.
func read(path string) (*hclfile.File, error) {
	if path == "" {
		return &hclfile.File{}, nil
	}
	src, err := regular.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &hclfile.File{}, nil
	}
	if err != nil {
		return &hclfile.File{}, fmt.Errorf("reading builders: %w", err)
	}
	f, diags := hclfile.Parse(src, path)
	if diags.HasErrors() {
		return &hclfile.File{}, diags
	}
	return f, nil
}
