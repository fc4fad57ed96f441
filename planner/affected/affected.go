// Package affected says which targets differ between two states of a project,
// and by what: the digests decide, and the words are found after that.
//
// It knows nothing of repositories: a state is a plan with its digests. What
// cannot be known is affected.
package affected

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/planner/inputs"
)

// Kind says what of a target counts.
type Kind int

const (
	// Publish counts all that is published, and where.
	Publish Kind = iota
	// Build counts only what makes the images.
	Build
)

// State is one side of a comparison.
type State struct {
	Plan    *planner.Plan
	Digests *digest.Digests
	Files   planner.Files // that the plan was made from
	Root    string        // the folder that paths are shown from

	// submodules are those that the contexts of each target hold, or are in, by
	// path, with what their content is known by.
	submodules map[*planner.Build]map[string]string
}

// Compute makes the state of a plan.
func Compute(ctx context.Context, plan *planner.Plan, read inputs.Options, opt digest.Options, root string) (*State, error) {
	all, err := digest.Compute(ctx, plan, inputs.Contexts(plan, read), opt)
	if err != nil {
		return nil, err
	}
	s := &State{Plan: plan, Digests: all, Files: opt.Files, Root: root}
	if t, ok := read.Tree.(Tree); ok {
		s.submodules = submodulesOf(t, plan.Builds)
	}
	return s, nil
}

// Target is a target that is affected.
type Target struct {
	Name string `json:"target"`
	// Change is changed, published (only what is made of the image differs), new,
	// gone or open.
	Change string `json:"change"`
	// Reason says by what, in a few words.
	Reason string `json:"reason"`
	// Before and After are its digests; "" where it is not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// All returns every target of a state as affected, for one reason, and those that
// cannot be planned, which the state does not have, each for its own.
func All(head *State, broken map[string]string, reason string) []Target {
	var out []Target
	for name, why := range broken {
		out = append(out, Target{Name: name, Change: "open", Reason: why})
	}
	for _, b := range head.Plan.Builds {
		out = append(out, Target{Name: b.Name(), Change: "open", Reason: reason, After: head.Digests.Target(b).Publication})
	}
	return sorted(out)
}

// Compare returns the targets that differ between two states, by name.
func Compare(base, head *State, kind Kind) []Target {
	before := builds(base)
	c := comparing{base: base, head: head, kind: kind, before: before}
	var out []Target
	for _, b := range head.Plan.Builds {
		old := before[b.Name()]
		if old == nil {
			out = append(out, Target{Name: b.Name(), Change: "new", Reason: "new target", After: head.Digests.Target(b).Publication})
			continue
		}
		if t, ok := c.compare(old, b); ok {
			out = append(out, t)
		}
	}
	after := builds(head)
	for name, b := range before {
		if after[name] == nil {
			out = append(out, Target{Name: name, Change: "gone", Reason: "the target is not there any more", Before: base.Digests.Target(b).Publication})
		}
	}
	return sorted(out)
}

// rank is the order in which changes count for more.
var rank = []string{"changed", "new", "published", "open", "gone"}

// Merge joins what is affected since two bases, each target once: with the change
// that counts for more, and the first of equal ones.
func Merge(a, b []Target) []Target {
	out := slices.Clone(a)
	for _, t := range b {
		i := slices.IndexFunc(out, func(o Target) bool { return o.Name == t.Name })
		switch {
		case i < 0:
			out = append(out, t)
		case slices.Index(rank, t.Change) < slices.Index(rank, out[i].Change):
			out[i] = t
		}
	}
	return sorted(out)
}

func sorted(list []Target) []Target {
	slices.SortFunc(list, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func builds(s *State) map[string]*planner.Build {
	out := map[string]*planner.Build{}
	for _, b := range s.Plan.Builds {
		out[b.Name()] = b
	}
	return out
}

type comparing struct {
	base, head *State
	kind       Kind
	before     map[string]*planner.Build
	facts      [2]*facts.Snapshot // of base and head, once they are asked for
}

// compare says whether a target is affected.
func (c *comparing) compare(old, now *planner.Build) (Target, bool) {
	a, b := c.base.Digests.Target(old), c.head.Digests.Target(now)
	t := Target{Name: now.Name(), Before: a.Publication, After: b.Publication}
	switch {
	case a.Image != b.Image:
		t.Change, t.Reason = "changed", c.reason(old, now)
		return t, true
	case c.kind == Publish && (a.Publication != b.Publication || !sameOutputs(old.Target, now.Target)):
		t.Change, t.Reason = "published", c.published(old.Target, now.Target)
		return t, true
	}
	if open := slices.Concat(b.Open, a.Open); len(open) > 0 {
		t.Change, t.Reason = "open", open[0].Text
		return t, true
	}
	if name := c.submodule(old, now); name != "" {
		t.Change, t.Reason = "open", "the submodule "+name+" differs"
		return t, true
	}
	return t, false
}

func sameOutputs(a, b *config.Target) bool {
	return slices.Equal(a.Tags, b.Tags) && outputsText(a) == outputsText(b)
}

func outputsText(t *config.Target) string {
	var b strings.Builder
	for _, o := range t.Outputs {
		fmt.Fprintf(&b, "%q %q\n", o.Type, o.Attrs)
	}
	return b.String()
}

// published names the attribute by which only the publication differs.
func (c *comparing) published(a, b *config.Target) string {
	for _, one := range []struct {
		name string
		same bool
	}{
		{"tags", slices.Equal(a.Tags, b.Tags)},
		{"annotations", slices.Equal(a.Annotations, b.Annotations)},
		{"output", outputsText(a) == outputsText(b)},
		{"attest", fmt.Sprint(a.Attest) == fmt.Sprint(b.Attest)},
		{"cache-to", fmt.Sprint(a.CacheTo) == fmt.Sprint(b.CacheTo)},
	} {
		if !one.same {
			return c.place(b, one.name) + one.name
		}
	}
	return "its output"
}

// place is where an attribute is written, with a space behind it, or "".
func (c *comparing) place(t *config.Target, name string) string {
	at := t.RangeOf(name)
	if at.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d ", filepath.ToSlash(at.Filename), at.Start.Line)
}
