package print

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
)

// maxGroups is how many targets, or shapes of targets, are printed in full.
const maxGroups = 40

// targets prints each target, several of the same shape together when they are
// many, and in a line each when there are as many shapes.
func (t *text) targets() {
	t.heading("Targets")
	groups := t.groups()
	if t.opt.Fold >= 0 && len(groups) > maxGroups {
		t.brief(groups)
		return
	}
	for _, group := range groups {
		t.target(group)
	}
}

// brief prints a line for each shape.
func (t *text) brief(groups [][]*planner.Build) {
	var rows [][2]string
	for _, g := range groups {
		base, own, _ := t.split(g[0])
		var facts []string
		if len(base) > 0 {
			facts = append(facts, "shares "+strings.Join(t.labels(base, green), ", "))
		}
		facts = append(facts, "adds "+termtext.Count(len(own), "stage"))
		rows = append(rows, [2]string{t.paint(cyan, t.names(buildNames(g), -1)), strings.Join(facts, ", ")})
	}
	t.table(rows)
	fmt.Fprintf(t.w, "\nName targets to see them in full: orch plan %s\n", groups[0][0].Name())
}

func buildNames(group []*planner.Build) []string {
	var names []string
	for _, b := range group {
		names = append(names, b.Name())
	}
	return names
}

// groups puts builds of the same shape together, in the order of the plan.
func (t *text) groups() [][]*planner.Build {
	fold := t.opt.Fold >= 0 && len(t.Builds) > t.opt.Fold
	place := map[string]int{}
	var out [][]*planner.Build
	for _, b := range t.Builds {
		key := b.Name()
		if fold {
			key = shape(b, t.reach[b.Name()])
		}
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], b)
	}
	return out
}

// shape is equal for targets that differ in names and texts only: the same
// shared vertices, as many own stages with as many steps, the same platforms,
// kinds of outputs and caches, and the same plain attributes.
func shape(b *planner.Build, reached []*planner.Vertex) string {
	var s []string
	for _, v := range reached {
		if v.Shared() {
			s = append(s, v.ID)
		} else {
			s = append(s, fmt.Sprint(v.Kind, len(v.Steps), v.Platform))
		}
	}
	slices.Sort(s)
	s = append(s, fmt.Sprint(b.Wanted, b.Platforms, len(b.Target.Tags) > 0), policies(b.Policies), fmt.Sprint(plainRows(b)))
	for _, in := range b.Inputs {
		s = append(s, in.Name())
	}
	for _, list := range [][]config.Entry{outputEntries(b.Target.Outputs), cacheEntries(b.CacheFrom), cacheEntries(b.CacheTo)} {
		for _, e := range list {
			s = append(s, e.Type)
		}
		s = append(s, "")
	}
	return strings.Join(s, "\n")
}

// target prints what one target, or several of the same shape, have beyond
// what is shared.
func (t *text) target(group []*planner.Build) {
	b := group[0]
	title := t.names(buildNames(group), -1)
	if !b.Wanted {
		title += "  (linked only)"
	}
	for _, line := range wrap(title, t.opt.Width) {
		fmt.Fprintf(t.w, "%s\n", t.paint(cyan, line))
	}
	if len(group) > 1 {
		t.row(t.paint(dim, "for example"), 11, b.Name())
	}
	for _, r := range t.facts(b) {
		if r[1] != "" {
			t.row(t.paint(dim, r[0]), 11, r[1])
		}
	}
}

// facts are the rows of a target; those with nothing to say are empty.
func (t *text) facts(b *planner.Build) [][2]string {
	base, own, sources := t.split(b)
	rows := [][2]string{
		{"shares", strings.Join(t.labels(base, green, b.Platforms...), ", ")},
		{"adds", strings.Join(t.labels(own, "", b.Platforms...), ", ")},
		{"fetches", strings.Join(t.labels(sources, "", b.Platforms...), ", ")},
		{"times", times(b)},
		{"platforms", strings.Join(b.Platforms, ", ")},
		{"after", strings.Join(buildNames(b.Inputs), ", ")},
		{"reads", strings.Join(t.reads(b), ", ")},
		{"mounts", t.printable(strings.Join(mountUses(t.reach[b.Name()], b), ", "))},
		{"policies", t.printable(policies(b.Policies))},
		{"tags", t.printable(strings.Join(b.Target.Tags, ", "))},
		{"output", t.printable(planner.EntryList(outputEntries(b.Target.Outputs)))},
		{"cache from", t.printable(cacheList(b.CacheFrom))},
		{"cache to", t.printable(cacheList(destinations(t.Plan, b)))},
	}
	for _, row := range plainRows(b) {
		rows = append(rows, [2]string{row[0], t.printable(row[1])})
	}
	return rows
}

// times says which time the images of a reproducible target bear.
func times(b *planner.Build) string {
	if !b.Target.Reproducible {
		return ""
	}
	seconds, err := strconv.ParseInt(b.Target.Args["SOURCE_DATE_EPOCH"], 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339) + " (reproducible)"
}

// split returns the topmost of the stages that a target shares, the stages
// that it has alone, and the images and remote files that no other fetches.
func (t *text) split(b *planner.Build) (base, own, sources []*planner.Vertex) {
	under := map[*planner.Vertex]bool{}
	for _, v := range t.reach[b.Name()] {
		if v.Runs() && v.Shared() {
			for _, e := range v.Inputs {
				under[e.From] = true
			}
		}
	}
	for _, v := range t.reach[b.Name()] {
		switch {
		case v.Kind == planner.Scratch || v.Kind == planner.LocalContext || under[v]:
		case v.Shared():
			base = append(base, v)
		case v.Runs():
			own = append(own, v)
		default:
			sources = append(sources, v)
		}
	}
	return base, own, sources
}

// reads lists the directories that the stages of a target take files from,
// with the paths in them.
func (t *text) reads(b *planner.Build) []string {
	const most = 8
	var out []string
	for _, r := range readsOf(t.reach[b.Name()]) {
		s := r.Directory + ": " + strings.Join(r.Paths, " ")
		switch {
		case r.All:
			s = r.Directory + " (all of it)"
		case len(r.Paths) > most:
			s = fmt.Sprintf("%s: %s and %d more", r.Directory, strings.Join(r.Paths[:most], " "), len(r.Paths)-most)
		}
		out = append(out, t.printable(s))
	}
	return out
}

// mountUses are the kept cache mounts of a target, each with the steps that have
// it.
func mountUses(reached []*planner.Vertex, b *planner.Build) []string {
	if b.Target.Cache == nil {
		return nil
	}
	places := map[string][]string{}
	for _, v := range reached {
		for _, m := range v.Mounts {
			if b.Target.Cache.Mounts.Has(m.ID) {
				place := fmt.Sprintf("%s %s:%d", v.Name, m.Range.Filename, m.Range.Start.Line)
				if !slices.Contains(places[m.ID], place) {
					places[m.ID] = append(places[m.ID], place)
				}
			}
		}
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(places)) {
		out = append(out, id+" ("+strings.Join(places[id], ", ")+")")
	}
	return out
}

// outputEntries are outputs as they are written.
func outputEntries(list []config.Output) []config.Entry {
	out := make([]config.Entry, len(list))
	for i, o := range list {
		out[i] = o.Entry
	}
	return out
}
