package rego

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/config"
)

// files is what a policy can import and read: the files of the target's
// context, and behind "cwd://" those of the working directory. No name and no
// link leads out of these.
type files struct {
	context config.Context
	tree    func(config.Context) (fs.StatFS, error)

	here, inContext fs.StatFS
	opened          []*os.Root
}

// open is a view of the files, and what closes it.
func (f *files) open() (fs.StatFS, func() error, error) {
	view := &files{context: f.context, tree: f.tree}
	return view, view.close, nil
}

func (f *files) Open(name string) (fs.File, error) {
	in, name, err := f.locate(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return in.Open(name)
}

func (f *files) Stat(name string) (fs.FileInfo, error) {
	in, name, err := f.locate(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return in.Stat(name)
}

func (f *files) close() error {
	var errs []error
	for _, r := range f.opened {
		errs = append(errs, r.Close())
	}
	f.opened, f.here, f.inContext = nil, nil, nil
	return errors.Join(errs...)
}

// locate returns the file system that a file is in, and its name there.
func (f *files) locate(name string) (fs.StatFS, string, error) {
	if rest, ok := strings.CutPrefix(name, "cwd://"); ok {
		in, err := f.folder(&f.here, ".")
		return in, path.Clean(filepath.ToSlash(rest)), err
	}
	switch f.context.Kind {
	case config.Git, config.HTTP, config.Archive:
		in, err := f.remote()
		return in, strings.TrimPrefix(path.Join("/", filepath.ToSlash(name)), "/"), err
	}
	dir := f.context.Value
	if dir == "" {
		dir = "."
	}
	in, err := f.folder(&f.inContext, dir)
	return in, within(dir, name), err
}

// within is a name as seen from a folder, if it is absolute and leads there.
func within(dir, name string) string {
	if filepath.IsAbs(name) {
		if abs, err := filepath.Abs(dir); err == nil {
			if rel, err := filepath.Rel(abs, name); err == nil {
				name = rel
			}
		}
	}
	return path.Clean(filepath.ToSlash(name))
}

func (f *files) remote() (fs.StatFS, error) {
	if f.inContext != nil {
		return f.inContext, nil
	}
	if f.tree == nil {
		return nil, fmt.Errorf("%s is not at hand", config.Redacted(f.context.Value))
	}
	var err error
	f.inContext, err = f.tree(f.context)
	return f.inContext, err
}

// folder opens a folder once.
func (f *files) folder(in *fs.StatFS, dir string) (fs.StatFS, error) {
	if *in != nil {
		return *in, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f.opened = append(f.opened, root)
	*in = root.FS().(fs.StatFS)
	return *in, nil
}
