package affected

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/planner"
)

// Outside has a plan read what is outside of the repository from the disk,
// so that it can be made: no revision has it.
type Outside struct {
	*gittree.Tree
	// May returns an error for what may not be read there; nil allows all.
	May func(name string) error
}

// ReadFile returns the bytes of a file.
func (o Outside) ReadFile(name string) ([]byte, error) {
	data, err := o.Tree.ReadFile(name)
	if o.outside(name, err) {
		if err := o.may(name); err != nil {
			return nil, err
		}
		return planner.Disk{}.ReadFile(name)
	}
	return data, err
}

// Stat says what a path is, links followed.
func (o Outside) Stat(name string) (fs.FileInfo, error) {
	info, err := o.Tree.Stat(name)
	if o.outside(name, err) {
		return planner.Disk{}.Stat(name)
	}
	return info, err
}

// ReadDir lists a folder.
func (o Outside) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := o.Tree.ReadDir(name)
	if o.outside(name, err) {
		if err := o.may(name); err != nil {
			return nil, err
		}
		return planner.Disk{}.ReadDir(name)
	}
	return list, err
}

func (o Outside) may(name string) error {
	if o.May == nil {
		return nil
	}
	return o.May(name)
}

// outside reports whether a path that could not be read is outside of the
// repository, or is a link to there.
func (o Outside) outside(name string, err error) bool {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if _, in := o.Inside(name); !in {
		return true
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return false
	}
	_, in := o.Inside(real)
	return !in
}

// Open finds the targets that read a context outside of the repository, or are
// linked to one that does, by their names, with the reason.
func (o Outside) Open(plan *planner.Plan) map[string]string {
	out := map[string]string{}
	var visit func(b *planner.Build) string
	visit = func(b *planner.Build) string {
		if reason, done := out[b.Name()]; done {
			return reason
		}
		reason := o.contextOutside(b)
		out[b.Name()] = reason
		for _, other := range b.Inputs {
			if reason = cmp.Or(reason, visit(other)); reason != "" {
				break
			}
		}
		out[b.Name()] = reason
		return reason
	}
	for _, b := range plan.Builds {
		visit(b)
	}
	maps.DeleteFunc(out, func(_, reason string) bool { return reason == "" })
	return out
}

// contextOutside says which context of a target is outside, or "".
func (o Outside) contextOutside(b *planner.Build) string {
	contexts := []*planner.Local{b.Context}
	for _, name := range slices.Sorted(maps.Keys(b.Contexts)) {
		contexts = append(contexts, b.Contexts[name])
	}
	for _, c := range contexts {
		if c == nil {
			continue
		}
		if _, in := o.Inside(c.Dir); in {
			real, err := filepath.EvalSymlinks(c.Dir)
			if err != nil {
				continue
			}
			if _, in = o.Inside(real); in {
				continue
			}
		}
		return fmt.Sprintf("the context %s is outside of the repository", filepath.ToSlash(shown(c.Dir)))
	}
	return ""
}

// shown is a folder from the working directory.
func shown(dir string) string {
	from, err := WorkingFolder()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(from, dir)
	if err != nil {
		return dir
	}
	return rel
}

// WorkingFolder is the working directory without symbolic links.
func WorkingFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
