package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// line is something that a line of the definition gives to a target, or to all
// that inherit the line: an argument, a context, a secret or an SSH key.
type line struct {
	attr, name string
	at         fault.Range // zero for what is not in the files
}

// uses collects which of the targets of each line use what it gives. What one
// of them uses is not wasted in the others.
type uses struct {
	used   map[line]bool
	unused map[line][]*planner.Build
}

func newUses() uses { return uses{used: map[line]bool{}, unused: map[line][]*planner.Build{}} }

// note says whether a target uses what it was given.
func (l *uses) note(b *planner.Build, attr, name string, used bool) {
	key, at := attr+"."+name, fault.Range{}
	if _, ok := b.Target.Ranges[key]; !ok {
		key = attr
	}
	if r, ok := b.Target.Ranges[key]; ok {
		at = r
	}
	of := line{attr, name, at}
	if used || b.Target.Shared[key] {
		l.used[of] = true
		return
	}
	l.unused[of] = append(l.unused[of], b)
}

// checkUnused warns of what no target of its line uses, once for each.
func (ck *checker) checkUnused() {
	for _, of := range slices.SortedFunc(maps.Keys(ck.uses.unused), func(a, b line) int {
		return cmp.Or(strings.Compare(a.attr, b.attr), strings.Compare(a.name, b.name), cmp.Compare(a.at.Start.Byte, b.at.Start.Byte))
	}) {
		if ck.uses.used[of] {
			continue
		}
		builds := ck.uses.unused[of]
		who, s, its := fmt.Sprintf("Target %q", builds[0].Name()), "s", "its"
		if len(builds) > 1 {
			names := make([]string, len(builds))
			for i, b := range builds {
				names[i] = b.Name()
			}
			who, s, its = "Targets "+fault.Names(unique(names)), "", "their"
		}
		at := planner.ContextRange(builds[0].Target, of.attr+"."+of.name)
		if of.attr == "contexts" {
			ck.report.Warn(at, "Unused context", "%s name%s the context %q, which no FROM and no --from of %s stages takes.", who, s, of.name, its)
			continue
		}
		if of.attr != "args" {
			kind := credentialName(of.attr)
			ck.report.Warn(at, "Unused "+kind, "%s provide%s the %s %q, which no step of %s stages mounts.", who, s, kind, of.name, its)
			continue
		}
		where, known := ck.declarations(builds)
		ck.report.Warn(at, "Unused argument", "%s set%s the argument %q, which no ARG in %s declares.%s", who, s, of.name, where, argSuggestion(of.name, known))
	}
}

// declarations names the Dockerfiles of targets, and lists the arguments that
// these declare.
func (ck *checker) declarations(builds []*planner.Build) (where string, args []string) {
	var files []string
	found := map[string]bool{}
	for _, b := range builds {
		files = append(files, b.Dockerfile.Name)
		maps.Copy(found, ck.argsOf(b.Parsed.File).declared)
	}
	if files = unique(files); len(files) > 3 {
		return "their Dockerfiles", slices.Sorted(maps.Keys(found))
	}
	return strings.Join(files, " and "), slices.Sorted(maps.Keys(found))
}

// argSuggestion is a suggestion for the name of an argument. Names of arguments
// are made of the same few words, so that only a slip of the finger counts.
func argSuggestion(given string, known []string) string {
	return suggest.Sentence(given, suggest.Near(given, known, max(1, len(given)/3)))
}

// unique sorts names, each once.
func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
