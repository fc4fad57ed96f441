package explain

import (
	"fmt"
	"maps"
	"slices"

	"github.com/orch-build/orch/planner/facts"
)

// Record is what somebody else keeps of a build: its digests, and some of what they
// were made of.
type Record struct {
	Against            Against
	Image, Publication string
	Bases              map[string]string // digests of base images, by name
	// Commit is the one that was built, and Dirty is true if there was more than that.
	Commit string
	Dirty  bool
}

// Explain says by what a target differs from the build of a record. The target has
// what differs from the record's commit, if that is known here: its Against says so.
func (r *Record) Explain(t *Target, now *facts.Target) {
	known := t.Against.Commit != "" && t.Against.Kind == ""
	with := r.Against
	if known {
		with.Commit = t.Against.Commit
	}
	t.Against, t.Before, t.After = with, r.Publication, now.Publication
	if !known {
		t.Causes, t.With, t.WithMore = nil, nil, 0
	}
	switch {
	case r.Publication == now.Publication:
		t.Change, t.Causes, t.With, t.WithMore = Same, nil, nil, 0
		return
	case r.Image == now.Image:
		t.Change = Published
	default:
		t.Change = Changed
		t.Causes = append(r.images(now), t.Causes...)
	}
	if len(t.Causes) > 0 && !r.Dirty {
		return
	}
	switch {
	case r.Commit == "":
		t.Causes = append(t.Causes, &Cause{Kind: Operation, Name: "the record names no commit, so that nothing more is known"})
	case r.Dirty:
		t.Causes = append(t.Causes, &Cause{Kind: Operation, Name: "what was built was not all committed: there may be more than what has changed since " + r.Commit})
	case !known:
		t.Causes = append(t.Causes, &Cause{Kind: Operation, Name: fmt.Sprintf("its commit %s is not here, so that nothing more is known", r.Commit)})
	default:
		t.Causes = append(t.Causes, &Cause{Kind: Operation, Name: "what git does not know: a value from the environment, a file that is ignored, or a mode"})
	}
}

// images are the base images that are other ones now.
func (r *Record) images(now *facts.Target) []*Cause {
	var out []*Cause
	for _, ref := range slices.Sorted(maps.Keys(now.Images)) {
		was, is := r.Bases[ref], now.Images[ref]
		if was != "" && is.Digest != "" && was != is.Digest {
			out = append(out, &Cause{Kind: Image, Name: ref, Old: was, New: dated(is)})
		}
	}
	return out
}
