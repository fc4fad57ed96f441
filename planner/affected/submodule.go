package affected

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
)

// submodulesOf finds the submodules that targets may read from: those that a
// local context of theirs, or of a target that they are linked to, holds or is
// in. Which files of a submodule are read is not known, since the tree does not
// have them.
func submodulesOf(tree Tree, all []*planner.Build) map[*planner.Build]map[string]string {
	list := tree.Submodules()
	out := map[*planner.Build]map[string]string{}
	if len(list) == 0 {
		return out
	}
	for _, b := range all { // each after those that it is linked to
		mine := map[string]string{}
		for _, l := range append(slices.Collect(maps.Values(b.Contexts)), b.Context) {
			if l == nil {
				continue
			}
			real, err := tree.RealPath(l.Dir)
			if err != nil {
				real = l.Dir
			}
			for path, content := range list {
				if within(path, real) || within(real, path) {
					mine[path] = content
				}
			}
		}
		for _, other := range b.Inputs {
			maps.Copy(mine, out[other])
		}
		out[b] = mine
	}
	return out
}

// within is true for a folder and what is in it.
func within(path, dir string) bool {
	sep := string(filepath.Separator)
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, sep)+sep)
}

// submodule names the first submodule of a target that differs, or is "".
func (c *comparing) submodule(old, now *planner.Build) string {
	a, b := c.base.submodules[old], c.head.submodules[now]
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if b[path] != a[path] {
			return c.shown(path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if a[path] != b[path] {
			return c.shown(path)
		}
	}
	return ""
}

func (c *comparing) shown(path string) string {
	rel, _ := filepath.Rel(c.head.Root, path)
	return filepath.ToSlash(cmp.Or(rel, path))
}
