package doctor

import (
	"slices"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
)

// WantedBy is what the targets of a plan need. Names that cannot be read are left
// out: validate reports those.
func WantedBy(plan *planner.Plan) Wanted {
	var w Wanted
	for _, b := range plan.Builds {
		for _, p := range b.Platforms {
			w.Platforms = add(w.Platforms, p)
		}
		for _, out := range b.Target.Outputs {
			if !out.Push {
				continue
			}
			for _, name := range slices.Concat(b.Target.Tags, out.Names) {
				w.Pushes = addRepo(w.Pushes, registry.Name{Text: name, Insecure: out.Insecure})
			}
		}
		w.Reads = addCaches(w.Reads, b.CacheFrom)
		w.Caches = addCaches(w.Caches, b.CacheTo)
	}
	for _, c := range plan.Caches {
		w.Caches = addCaches(w.Caches, []planner.Cache{c.Cache})
	}
	return w
}

func addCaches(repos []registry.Repo, caches []planner.Cache) []registry.Repo {
	for _, c := range caches {
		if c.Type == "registry" {
			repos = addRepo(repos, registry.Name{Text: c.Attrs["ref"], Insecure: c.Insecure})
		}
	}
	return repos
}

func addRepo(repos []registry.Repo, name registry.Name) []registry.Repo {
	ref, err := name.Parse()
	if err != nil {
		return repos
	}
	return add(repos, ref.Repo)
}

func add[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
