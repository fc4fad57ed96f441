// Package health reaches the daemons of a fleet before anything is placed on them,
// and says what they are: which answer, which platforms each has without
// emulation, and whether they are of one version. It does not place anything.
package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/place"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders/members"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/fleet"
)

// Member is one daemon of a fleet.
type Member struct {
	members.Member
	// Builder is nil if it does not answer, and Down why.
	Builder *builder.Builder
	Down    error
	// Native are the platforms that it has without emulation, as far as that is
	// known.
	Native []string
}

// Fleet are the daemons.
type Fleet struct {
	Members []*Member
	// same says which were left out because another is the same daemon.
	same  []string
	reach func(context.Context, members.Member) (*builder.Builder, error)
}

// Reach connects to all daemons at the same time. It is an error if none answers.
func Reach(ctx context.Context, list []members.Member, reach func(context.Context, members.Member) (*builder.Builder, error)) (*Fleet, error) {
	f := &Fleet{reach: reach}
	var wg sync.WaitGroup
	for _, m := range list {
		one := &Member{Member: m}
		f.Members = append(f.Members, one)
		wg.Go(func() { one.Builder, one.Down = reach(ctx, m) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		_ = f.Close()
		return nil, ctx.Err()
	}
	if f.first() == nil {
		var lines []string
		for _, m := range f.Members {
			lines = append(lines, m.Name+": "+m.Down.Error())
		}
		return nil, fmt.Errorf("no builder answers:\n  %s", strings.Join(lines, "\n  "))
	}
	f.dropSame()
	f.native()
	return f, nil
}

// dropSame leaves out what is the same daemon as one before it, at another address: it
// would be taken for two.
func (f *Fleet) dropSame() {
	first := map[string]*Member{}
	f.Members = slices.DeleteFunc(f.Members, func(m *Member) bool {
		if m.Builder == nil || m.Builder.ID == "" {
			return false
		}
		other := first[m.Builder.ID]
		if other == nil {
			first[m.Builder.ID] = m
			return false
		}
		_ = m.Builder.Close()
		f.same = append(f.same, fmt.Sprintf("builder %s is left out: it is the same daemon as %s", m.Name, other.Name))
		return true
	})
}

// first is the first that answers.
func (f *Fleet) first() *Member {
	for _, m := range f.Members {
		if m.Builder != nil {
			return m
		}
	}
	return nil
}

// native finds out which platforms each has without emulation: those that are
// written down for it, or else those that it says. What none has in that way
// counts for all that have it at all.
func (f *Fleet) native() {
	surely := map[string]bool{}
	for _, m := range f.Members {
		m.Native = slices.Clone(m.Platforms)
		if len(m.Native) == 0 && m.Builder != nil {
			m.Native = native(m.Builder.Platforms)
		}
		for _, p := range m.Native {
			surely[p] = true
		}
	}
	for _, m := range f.Members {
		if len(m.Platforms) > 0 {
			continue
		}
		if m.Builder == nil {
			m.Native = f.common()
			continue
		}
		for _, p := range m.Builder.Platforms {
			if !surely[p] && !slices.Contains(m.Native, p) {
				m.Native = append(m.Native, p)
			}
		}
	}
}

// common are the platforms that all have which answer: one that does not is taken
// for one of them, so that what the others have stays the same when it is lost.
func (f *Fleet) common() []string {
	var out []string
	for i, p := range f.first().Native {
		all := !slices.ContainsFunc(f.Members, func(m *Member) bool { return m.Builder != nil && !slices.Contains(m.Native, p) })
		if all {
			out = append(out, f.first().Native[i])
		}
	}
	return out
}

// native are the platforms, of those that a daemon says, that it has without
// emulation: those of the family of processors that it says first, its own. One of
// arm64 that says amd64 beside it and nothing else has both: Apple's processors run
// the other as fast.
func native(all []string) []string {
	if len(all) == 0 {
		return nil
	}
	own := family(all[0])
	families := map[string]bool{}
	for _, p := range all {
		families[family(p)] = true
	}
	if own == "arm64" && len(families) == 2 && families["amd64"] {
		return slices.Clone(all)
	}
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return family(p) != own })
}

// family is the family of processors of a platform.
func family(platform string) string {
	parts := strings.Split(platform, "/")
	arch := parts[min(1, len(parts)-1)]
	switch arch {
	case "386":
		return "amd64"
	case "arm":
		return "arm64"
	}
	return arch
}

// Name is what reports call the fleet: those that answer.
func (f *Fleet) Name() string {
	var names []string
	for _, m := range f.Members {
		if m.Builder != nil {
			names = append(names, m.Name)
		}
	}
	return fmt.Sprintf("%s (%s)", termtext.Count(len(names), "builder"), strings.Join(names, ", "))
}

// Own is the platform of what names none: this machine's, if any daemon has
// it, or else the first one's, which is the first that is written down for it.
func (f *Fleet) Own(local string) string {
	for _, m := range f.Members {
		if slices.Contains(m.Native, local) {
			return local
		}
	}
	m := f.first()
	switch {
	case m == nil:
		return local
	case len(m.Native) > 0 && !slices.Contains(m.Native, m.Builder.Platform):
		return m.Native[0]
	}
	return m.Builder.Platform
}

// Warnings say which daemons are left out, and whether they are of several
// versions.
func (f *Fleet) Warnings() []string {
	out := slices.Clone(f.same)
	versions := map[string][]string{}
	var order []string
	for _, m := range f.Members {
		if m.Builder == nil {
			out = append(out, fmt.Sprintf("builder %s is left out: %v", m.Name, m.Down))
			continue
		}
		v := m.Builder.Version
		if versions[v] == nil {
			order = append(order, v)
		}
		versions[v] = append(versions[v], m.Name)
	}
	if len(order) > 1 {
		var text []string
		for _, v := range order {
			name := v
			if name == "" {
				name = "an unknown version"
			}
			text = append(text, fmt.Sprintf("%s on %s", name, strings.Join(versions[v], ", ")))
		}
		out = append(out, "the builders are of several versions of BuildKit, so that images may differ by where they are built: "+strings.Join(text, "; "))
	}
	return out
}

// Idle names those of whose platforms nothing is built.
func (f *Fleet) Idle(plan *planner.Plan) []string {
	var out []string
	for _, m := range f.Members {
		asked := func(b *planner.Build) bool {
			return b.Wanted && (len(b.Platforms) == 0 || slices.ContainsFunc(b.Platforms, func(p string) bool { return slices.Contains(m.Native, p) }))
		}
		if m.Builder != nil && !slices.ContainsFunc(plan.Builds, asked) {
			out = append(out, fmt.Sprintf("%s (%s)", m.Name, strings.Join(m.Native, ", ")))
		}
	}
	return out
}

// Nodes are the daemons as a solver needs them. solver makes what builds on one.
func (f *Fleet) Nodes(solver func(m *Member, name string) (runner.Solver, error)) []*fleet.Node {
	var out []*fleet.Node
	for _, m := range f.Members {
		n := &fleet.Node{
			Builder: place.Builder{Name: m.Name, Platforms: m.Native, Weight: m.Weight}, Down: m.Down, Limit: m.Limit,
			Solver:  func(name string) (runner.Solver, error) { return solver(m, name) },
			Answers: func(ctx context.Context) bool { return f.answers(ctx, m) },
		}
		if m.Builder != nil {
			n.Platform = m.Builder.Platform
		}
		out = append(out, n)
	}
	return out
}

// answers says whether a daemon is there, and reaches it anew if it was lost.
func (f *Fleet) answers(ctx context.Context, m *Member) bool {
	if m.Builder != nil && m.Builder.Answers(ctx) {
		return true
	}
	found, err := f.reach(ctx, m.Member)
	switch {
	case err != nil:
		return false
	case m.Builder == nil:
		m.Builder = found
	default:
		m.Builder.Replace(found)
	}
	return true
}

// Close ends all connections.
func (f *Fleet) Close() error {
	var errs []error
	for _, m := range f.Members {
		if m.Builder != nil {
			errs = append(errs, m.Builder.Close())
		}
	}
	return errors.Join(errs...)
}
