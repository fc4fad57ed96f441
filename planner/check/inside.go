package check

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// checkInside warns of a folder or file that a target writes into a context, where
// a step takes it from in the next build: the image grows with each run, and
// nothing is ever cached. An output over a whole context is meant to replace files.
func (ck *checker) checkInside(b *planner.Build, o config.Output) {
	if o.Dest == "" || o.Dest == "-" {
		return
	}
	dest := filepath.FromSlash(o.Dest)
	if !filepath.IsAbs(dest) {
		dest = filepath.Join(ck.opt.Dir, dest)
	}
	dest = filepath.Clean(dest)
	for _, l := range ck.plan.Locals {
		rel, ok := below(l.Dir, dest)
		if !ok || inputs.Ignored(l.Excludes, rel) {
			continue
		}
		if e := ck.taking(l, rel); e != nil {
			ck.report.Warn(b.Target.RangeOf("output"), "Output in a context",
				"Target %q writes %s into %s, and %s takes it from there: the next build has what this one wrote. Write it elsewhere, or name %s in the ignore file.",
				b.Name(), o.Dest, planner.ContextText(e.From.Name), fault.Place(e.Range), rel)
			return
		}
	}
}

// below returns a path from a folder that it is in, with slashes.
func below(dir, file string) (string, bool) {
	const separator = string(filepath.Separator)
	rest, ok := strings.CutPrefix(file, strings.TrimSuffix(dir, separator))
	if !ok || len(rest) < 2 || rest[:1] != separator {
		return "", false
	}
	return filepath.ToSlash(rest[1:]), true
}

// taking is a step that takes a path of a context, or nil.
func (ck *checker) taking(l *planner.Local, rel string) *planner.Edge {
	if ck.readers == nil {
		ck.readers = map[*planner.Local][]*planner.Edge{}
		for _, v := range ck.plan.Graph.Vertices {
			for i := range v.Inputs {
				if e := &v.Inputs[i]; e.From.Local != nil && (e.Take == nil || len(e.Take.Exclude) == 0) {
					ck.readers[e.From.Local] = append(ck.readers[e.From.Local], e)
				}
			}
		}
	}
	for _, e := range ck.readers[l] {
		if takes(e.Paths, rel) {
			return e
		}
	}
	return nil
}

// takes says whether one of the sources of a step is a path or a folder above it.
func takes(sources []string, rel string) bool {
	for _, src := range sources {
		if src = strings.Trim(path.Clean("/"+src), "/"); src == "" {
			return true
		}
		want, have := strings.Split(src, "/"), strings.Split(rel, "/")
		if len(want) > len(have) {
			continue
		}
		all := true
		for i, pattern := range want {
			if ok, err := path.Match(pattern, have[i]); err != nil || !ok {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}
