package shard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Check says which targets of a shard have other inputs, tests or tags than when the
// plan was made, or are not pushed though they were to be. plan is that of the
// targets now, and digest the sum of a target's inputs and tests.
func (f *File) Check(parts []Part, plan *planner.Plan, digest func(*planner.Build) string) error {
	builds := map[string]*planner.Build{}
	for _, b := range plan.Builds {
		builds[b.Name()] = b
	}
	var changed, renamed, kept []string
	for _, p := range parts {
		t, b := f.Target(p.Target), builds[p.Target]
		switch {
		case t == nil || b == nil || digest(b) != t.Digest:
			changed = append(changed, p.Target)
		case !slices.Equal(slices.Sorted(slices.Values(tagsOf(b))), slices.Sorted(slices.Values(t.Tags))):
			renamed = append(renamed, p.Target)
		case t.Pushed && !pushed(b):
			kept = append(kept, p.Target)
		}
	}
	switch {
	case len(changed) > 0:
		return &StaleError{Targets: changed, what: "inputs or tests"}
	case len(renamed) > 0:
		return &StaleError{Targets: renamed, what: "tags"}
	case len(kept) > 0:
		return &UnpushedError{Targets: kept}
	}
	return nil
}

// StaleError says that a plan was made for other inputs or tags.
type StaleError struct {
	Targets []string
	what    string
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the plan is of another commit or other variables: the %s of %s are not those that it was made for. "+
		"Check out the commit of the plan, with the same variables, or make the plan anew with 'orch plan --shards'", e.what, few(e.Targets))
}

// few names the first of some targets.
func few(targets []string) string {
	shown := targets[:min(5, len(targets))]
	text := strings.Join(shown, ", ")
	if n := len(targets) - len(shown); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// UnpushedError says that a shard would not push what the plan says is pushed, so
// that there is nothing to put together afterwards.
type UnpushedError struct {
	Targets []string
}

func (e *UnpushedError) Error() string {
	return fmt.Sprintf("the plan was made to push %s, and this run does not: leave out what changes the outputs, or make the plan anew with 'orch plan --shards'", few(e.Targets))
}

// Narrow returns a definition that has of its targets only the parts of a shard.
// plan is the plan of the whole targets: a target that is only linked to is built for
// the platforms that the parts use of it.
func Narrow(cfg *config.Config, plan *planner.Plan, parts []Part) *config.Config {
	byName := map[string]Part{}
	for _, p := range parts {
		byName[p.Target] = p
	}
	used := usedPlatforms(plan, byName)
	out := *cfg
	out.Targets = nil
	for _, t := range cfg.Targets {
		one := *t
		p, mine := byName[t.Name]
		keep := used[t.Name]
		if mine {
			keep = p.Platforms
			if !p.Tests {
				one.Tests = nil
			}
		}
		if len(t.Platforms) > 0 && len(keep) > 0 {
			narrowPlatforms(&one, plan, keep)
		}
		out.Targets = append(out.Targets, &one)
	}
	return &out
}

// Take returns a definition that has nothing but the parts of a shard, and what
// these link to. plan is the plan of the whole.
func Take(cfg *config.Config, plan *planner.Plan, parts []Part) *config.Config {
	mine := *cfg
	mine.Targets, mine.Chosen = nil, nil
	chosen := map[string]bool{}
	for _, p := range parts {
		if t := cfg.Target(p.Target); t != nil {
			chosen[p.Target] = true
			mine.Targets, mine.Chosen = append(mine.Targets, t), append(mine.Chosen, p.Target)
		}
	}
	for _, t := range linkedTargets(cfg, mine.Targets) {
		if !chosen[t.Name] {
			mine.Targets = append(mine.Targets, t)
		}
	}
	slices.Sort(mine.Chosen)
	slices.SortFunc(mine.Targets, func(a, b *config.Target) int { return strings.Compare(a.Name, b.Name) })
	return Narrow(&mine, plan, parts)
}

// narrowPlatforms takes from a target what is for other platforms than those
// that are kept.
func narrowPlatforms(t *config.Target, plan *planner.Plan, keep []string) {
	i := slices.IndexFunc(plan.Builds, func(b *planner.Build) bool { return b.Name() == t.Name })
	if i < 0 {
		return
	}
	all := plan.Builds[i].Platforms
	if len(keep) == len(all) {
		return
	}
	t.Platforms = nil
	for n, pl := range plan.Builds[i].Specs {
		if slices.Contains(keep, all[n]) {
			t.Platforms = append(t.Platforms, config.Platform{Platform: pl})
		}
	}
	t.Part = true
	t.Annotations = slices.DeleteFunc(slices.Clone(t.Annotations), func(a string) bool {
		return slices.ContainsFunc(all, func(pl string) bool {
			return !slices.Contains(keep, pl) && strings.Contains(kindsOf(a), "["+pl+"]")
		})
	})
}

// kindsOf is what is written before the key of an annotation, with its platforms.
func kindsOf(annotation string) string {
	key, _, _ := strings.Cut(annotation, "=")
	kinds, _, _ := strings.Cut(key, ":")
	return kinds
}

// usedPlatforms are the platforms of linked targets that the parts use; the first one of
// a target of which nothing is used.
func usedPlatforms(plan *planner.Plan, parts map[string]Part) map[string][]string {
	reached := map[*planner.Vertex]bool{}
	for _, b := range plan.Builds {
		p, ok := parts[b.Name()]
		if !ok {
			continue
		}
		for i, v := range b.Stages {
			if len(b.Platforms) == 0 || slices.Contains(p.Platforms, b.Platforms[i]) {
				for _, r := range reach(v) {
					reached[r] = true
				}
			}
		}
	}
	out := map[string][]string{}
	for _, b := range plan.Builds {
		if _, ok := parts[b.Name()]; ok || len(b.Platforms) == 0 {
			continue
		}
		for i, v := range b.Stages {
			if reached[v] {
				out[b.Name()] = append(out[b.Name()], b.Platforms[i])
			}
		}
		if len(out[b.Name()]) == 0 {
			out[b.Name()] = b.Platforms[:1]
		}
	}
	return out
}

// Waves returns a definition whose targets are the stages of a wave. Each takes
// the place of the target that the stage is written in, and goes nowhere but into
// the cache.
func Waves(cfg *config.Config, wave *Wave) *config.Config {
	out := *cfg
	out.Targets, out.Chosen = nil, nil
	names := map[string]bool{}
	for _, s := range wave.Stages {
		t := cfg.Target(s.Target)
		if t == nil {
			continue
		}
		one := *t
		one.Name = s.Name()
		for names[one.Name] {
			one.Name += "-2"
		}
		names[one.Name] = true
		if !s.unnamed() { // or else the target ends in it
			one.Stage = s.Stage
		}
		one.Tags, one.Outputs, one.Tests, one.Attest, one.Annotations = nil, nil, nil, nil, nil
		// The error cannot be: the file of the plan was checked.
		if own, _ := s.platforms(); own != nil {
			one.Platforms = own
		}
		out.Targets = append(out.Targets, &one)
		out.Chosen = append(out.Chosen, one.Name)
	}
	out.Targets = append(out.Targets, linkedTargets(cfg, out.Targets)...)
	slices.Sort(out.Chosen)
	slices.SortFunc(out.Targets, func(a, b *config.Target) int { return strings.Compare(a.Name, b.Name) })
	return &out
}

// Needed leaves out of a wave the stages that nobody needs but targets that are done.
// plan is the plan of all targets.
func (w *Wave) Needed(plan *planner.Plan, done map[string]bool) *Wave {
	left := map[string]bool{}
	builds := map[string]*planner.Build{}
	for _, b := range plan.Builds {
		builds[b.Name()] = b
		left[b.Name()] = b.Wanted && !done[b.Name()]
	}
	needed := func(s WaveStage) bool {
		b := builds[s.Target]
		if b == nil {
			return true // what is wrong is found where it is built
		}
		end := b.Stages[max(0, slices.Index(b.Platforms, s.Platform))]
		v := s.of(b, end)
		return v == nil || slices.ContainsFunc(v.Targets, func(name string) bool { return left[name] })
	}
	out := *w
	out.Stages = slices.DeleteFunc(slices.Clone(w.Stages), func(s WaveStage) bool { return !needed(s) })
	return &out
}

// unnamed says whether the stage has only a number.
func (s WaveStage) unnamed() bool { return strings.Trim(s.Stage, "0123456789") == "" }

// of finds the stage in what a build ends in, or nil: rather that of the build itself
// than one of the same name in a target that it links to.
func (s WaveStage) of(b *planner.Build, end *planner.Vertex) *planner.Vertex {
	if s.unnamed() {
		return end
	}
	for _, list := range [][]*planner.Vertex{within(b, end), reach(end)} {
		for _, v := range list {
			if v.Name == s.Stage && v.Runs() {
				return v
			}
		}
	}
	return nil
}

// linkedTargets are those that targets link to, also through others.
func linkedTargets(cfg *config.Config, from []*config.Target) []*config.Target {
	var out []*config.Target
	seen := map[string]bool{}
	var visit func(*config.Target)
	visit = func(t *config.Target) {
		for _, c := range t.Contexts {
			if c.Kind != config.LinkedTarget || seen[c.Value] {
				continue
			}
			seen[c.Value] = true
			if in := cfg.Target(c.Value); in != nil {
				one := *in
				one.Tags, one.Outputs, one.Tests = nil, nil, nil
				out = append(out, &one)
				visit(in)
			}
		}
	}
	for _, t := range from {
		visit(t)
	}
	return out
}

// Name is what the target of a stage is called: only letters that a target's
// name may have.
func (s WaveStage) Name() string {
	name := s.Target + "-stage-" + s.Stage
	if s.Platform != "" {
		name += "-" + s.Platform
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '.' || r == ':' {
			return '-'
		}
		return r
	}, name)
}
