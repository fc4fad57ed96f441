package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
)

// entries are the lists of exporters and caches of a build's target.
func entries(b *Build) [][]config.Entry {
	return [][]config.Entry{b.Target.Outputs, cacheEntries(b.CacheFrom), cacheEntries(b.CacheTo)}
}

// target prints what one target, or several of the same shape, have beyond
// what is shared.
func (t *text) target(group []*Build) {
	b := group[0]
	var names []string
	for _, g := range group {
		names = append(names, g.Name())
	}
	title := t.names(names, -1)
	if !b.Wanted {
		title += "  (linked only)"
	}
	fmt.Fprintf(t.w, "%s\n", t.paint("1;36", title))
	if len(group) > 1 {
		t.row("for example", 11, b.Name())
	}
	for _, r := range t.facts(b) {
		if r[1] != "" {
			t.row(r[0], 11, r[1])
		}
	}
}

// facts are the rows of a target; those with nothing to say are empty.
func (t *text) facts(b *Build) [][2]string {
	base, own, sources := t.split(b)
	return [][2]string{
		{"shares", strings.Join(t.labels(base), ", ")},
		{"adds", strings.Join(t.labels(own), ", ")},
		{"fetches", strings.Join(t.labels(sources), ", ")},
		{"platforms", strings.Join(b.Platforms, ", ")},
		{"after", inputNames(b)},
		{"reads", strings.Join(t.reads(b), ", ")},
		{"tags", strings.Join(b.Target.Tags, ", ")},
		{"output", entryList(b.Target.Outputs)},
		{"cache from", cacheList(b.CacheFrom)},
		{"cache to", cacheList(t.destinations(b))},
	}
}

// split returns the topmost of the stages that a target shares, the stages
// that it has alone, and the images and remote files that no other fetches.
func (t *text) split(b *Build) (base, own, sources []*Vertex) {
	under := map[*Vertex]bool{}
	for _, v := range t.reach[b.Name()] {
		if runs(v) && v.Shared() {
			for _, e := range v.Inputs {
				under[e.From] = true
			}
		}
	}
	for _, v := range t.reach[b.Name()] {
		switch {
		case v.Kind == Scratch || v.Kind == LocalContext || under[v]:
		case v.Shared():
			base = append(base, v)
		case runs(v):
			own = append(own, v)
		default:
			sources = append(sources, v)
		}
	}
	return base, own, sources
}

func inputNames(b *Build) string {
	var names []string
	for _, in := range b.Inputs {
		names = append(names, in.Name())
	}
	return strings.Join(names, ", ")
}

// reads lists the directories that the stages of a target take files from,
// with the paths in them.
func (t *text) reads(b *Build) []string {
	all := map[string]bool{}
	paths := map[string]map[string]bool{}
	for _, v := range t.reach[b.Name()] {
		for _, e := range v.Inputs {
			if e.From.Kind != LocalContext {
				continue
			}
			dir := e.From.Name
			if paths[dir] == nil {
				paths[dir] = map[string]bool{}
			}
			if e.Paths == nil || slices.Contains(e.Paths, ".") {
				all[dir] = true
			}
			for _, p := range e.Paths {
				paths[dir][p] = true
			}
		}
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(paths)) {
		out = append(out, readText(dir, all[dir], slices.Sorted(maps.Keys(paths[dir]))))
	}
	return out
}

func readText(dir string, all bool, paths []string) string {
	const most = 8
	switch {
	case all:
		return dir + " (all of it)"
	case len(paths) > most:
		return fmt.Sprintf("%s: %s and %d more", dir, strings.Join(paths[:most], " "), len(paths)-most)
	}
	return dir + ": " + strings.Join(paths, " ")
}

// entryList writes exporters and caches as bake files do.
func entryList(list []config.Entry) string {
	var out []string
	for _, e := range list {
		parts := []string{"type=" + e.Type}
		for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
			parts = append(parts, k+"="+e.Attrs[k])
		}
		out = append(out, strings.Join(parts, ","))
	}
	return strings.Join(out, " ")
}
