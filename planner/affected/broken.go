package affected

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Whole returns the part of a definition that can be planned, and why the other
// targets cannot be: one Dockerfile that is not there must not keep the others
// from being compared. A target is left out with those that are linked to it.
func Whole(cfg *config.Config, opt planner.Options, tree Tree) (*config.Config, map[string]string) {
	broken := map[string]string{}
	for _, t := range cfg.Targets {
		one := part(cfg, t)
		if _, diags := planner.New(one, opt); diags.HasErrors() {
			broken[t.Name] = "it cannot be planned: " + diags.Errs()[0].Error()
			for path := range tree.Submodules() {
				if within(filepath.Join(opt.Dir, t.Context.Value), path) || within(filepath.Join(opt.Dir, t.Context.Value, filepath.Dir(t.Dockerfile)), path) {
					rel, _ := filepath.Rel(opt.Dir, path)
					broken[t.Name] = "its Dockerfile is in the submodule " + filepath.ToSlash(cmp.Or(rel, path))
				}
			}
		}
	}
	out := *cfg
	out.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t *config.Target) bool { return broken[t.Name] != "" })
	out.Chosen = slices.DeleteFunc(slices.Clone(cfg.Chosen), func(name string) bool { return broken[name] != "" })
	return &out, broken
}

// part is the definition of one target, with those that it is linked to.
func part(cfg *config.Config, t *config.Target) *config.Config {
	out := *cfg
	out.Targets, out.Chosen = nil, []string{t.Name}
	var add func(t *config.Target)
	add = func(t *config.Target) {
		if t == nil || slices.Contains(out.Targets, t) {
			return
		}
		for _, c := range t.Contexts {
			if c.Kind == config.LinkedTarget {
				add(cfg.Target(c.Value))
			}
		}
		out.Targets = append(out.Targets, t)
	}
	add(t)
	return &out
}
