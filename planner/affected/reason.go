package affected

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
)

// reason says by what two targets differ, the nearest to a line that somebody
// has written first.
func (c *comparing) reason(old, now *planner.Build) string {
	for _, find := range []func(old, now *planner.Build) string{c.file, c.argument, c.instruction, c.image, c.linked, c.attribute} {
		if text := find(old, now); text != "" {
			return text
		}
	}
	return "its definition"
}

// spot is a file in a context, so that a context which has moved has the same ones.
type spot struct{ context, path string }

// file names the first file that differs, and how many more do. Files that came or
// went because the ignore file has changed are put down to that; those of a context
// that is another folder now, to the attribute.
func (c *comparing) file(old, now *planner.Build) string {
	a, b := c.files(c.base, old), c.files(c.head, now)
	ignores := map[string]string{} // what the ignore files are called that have changed, by context
	differ, ignored := map[string]bool{}, map[string]bool{}
	for at := range union(a, b) {
		was, had := a[at]
		is, has := b[at]
		f := is
		if !has {
			f = was
		}
		if had && has && was.Sum == is.Sum || moved(old, now, at.context) {
			continue
		}
		if _, ok := ignores[at.context]; !ok {
			ignores[at.context] = c.ignoreFile(old, now, at.context)
		}
		if name := ignores[at.context]; name != "" && had != has {
			ignored[name] = true
			continue
		}
		differ[c.path(f)] = true
	}
	if len(differ) == 0 {
		differ = ignored
	}
	return first(slices.Sorted(maps.Keys(differ)))
}

// first is the first of some names in order, and how many more there are. A folder
// that came or went with what is in it need not be said again.
func first(names []string) string {
	all := slices.Clone(names)
	names = slices.DeleteFunc(names, func(name string) bool {
		i, _ := slices.BinarySearch(all, name+"\x00")
		return strings.HasSuffix(name, "/") && i < len(all) && strings.HasPrefix(all[i], name)
	})
	if len(names) == 0 {
		return ""
	}
	text := names[0]
	if folder, ok := strings.CutSuffix(text, "/"+gittree.SubmoduleName); ok {
		text = "the submodule " + folder
	}
	if len(names) > 1 {
		text += fmt.Sprintf(" and %d more", len(names)-1)
	}
	return text
}

func union(a, b map[spot]digest.File) map[spot]bool {
	out := map[spot]bool{}
	for at := range a {
		out[at] = true
	}
	for at := range b {
		out[at] = true
	}
	return out
}

// moved says whether a context is another folder than before.
func moved(old, now *planner.Build, context string) bool {
	a, b := contextOf(old, context), contextOf(now, context)
	return a == nil || b == nil || a.Dir != b.Dir
}

func contextOf(b *planner.Build, name string) *planner.Local {
	if name == "" {
		return b.Context
	}
	return b.Contexts[name]
}

// ignoreFile is the ignore file of a context if its patterns have changed, or "".
func (c *comparing) ignoreFile(old, now *planner.Build, context string) string {
	a, b := contextOf(old, context), contextOf(now, context)
	if a == nil || b == nil || slices.Equal(a.Excludes, b.Excludes) {
		return ""
	}
	names := []string{filepath.Join(b.Dir, ".dockerignore")}
	if now.Dockerfile != nil && context == "" {
		names = append([]string{absolute(c.head.Root, now.Dockerfile.Name) + ".dockerignore"}, names...)
	}
	for _, name := range names {
		was, errBefore := c.base.Files.ReadFile(name)
		is, err := c.head.Files.ReadFile(name)
		if (err == nil) != (errBefore == nil) || !bytes.Equal(was, is) {
			return c.relative(name)
		}
	}
	return c.relative(names[len(names)-1])
}

func absolute(root, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(root, name)
}

// relative is a path from the root.
func (c *comparing) relative(path string) string {
	if rel, err := filepath.Rel(c.head.Root, path); err == nil {
		path = rel
	}
	return filepath.ToSlash(path)
}

func (c *comparing) path(f digest.File) string {
	path := c.relative(filepath.Join(f.Dir, filepath.FromSlash(f.Path)))
	if f.Folder {
		path += "/"
	}
	return path
}

// files are what a target reads.
func (c *comparing) files(s *State, b *planner.Build) map[spot]digest.File {
	out := map[spot]digest.File{}
	s.Digests.Files(b, func(f digest.File) { out[spot{f.Context, f.Path}] = f })
	return out
}

// argument names an argument that differs, if anything reads it.
func (c *comparing) argument(old, now *planner.Build) string {
	a, b := old.Target.Args, now.Target.Args
	names := slices.Sorted(maps.Keys(b))
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		was, had := a[name]
		is, has := b[name]
		if (had != has || was != is) && (reads(old, name) || reads(now, name)) {
			return "arg " + name
		}
	}
	return ""
}

// reads says whether a target may depend on an argument: its Dockerfile mentions it,
// or is not known, or the builder itself reads it.
func reads(b *planner.Build, name string) bool {
	if b.Dockerfile == nil || strings.HasPrefix(name, "BUILDKIT_") || name == "SOURCE_DATE_EPOCH" {
		return true
	}
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(b.Dockerfile.Data)
}

// instruction names the first line of the Dockerfile from which on the
// definitions differ.
func (c *comparing) instruction(old, now *planner.Build) string {
	if old.Dockerfile == nil || now.Dockerfile == nil || string(old.Dockerfile.Data) == string(now.Dockerfile.Data) {
		return ""
	}
	before, after := written(old.Dockerfile.Data), written(now.Dockerfile.Data)
	if slices.Equal(texts(before), texts(after)) {
		return "" // only comments differ
	}
	known := map[string]bool{}
	for _, p := range c.base.Digests.Target(old).Platforms {
		for _, s := range p.Steps {
			known[s.Sum] = true
		}
	}
	lines := strings.Split(string(now.Dockerfile.Data), "\n")
	name := filepath.ToSlash(now.Dockerfile.Name)
	for _, p := range c.head.Digests.Target(now).Platforms {
		for _, s := range p.Steps {
			if s.Line > 0 && s.Line <= len(lines) && !known[s.Sum] {
				return fmt.Sprintf("%s:%d %s", name, s.Line, short(lines[s.Line-1]))
			}
		}
	}
	for i, l := range after {
		if i >= len(before) || before[i].text != l.text {
			return fmt.Sprintf("%s:%d %s", name, l.number, short(l.text))
		}
	}
	return name
}

// line is a line of a Dockerfile, counted from 1.
type line struct {
	number int
	text   string
}

// written are the lines that are neither empty nor a comment; directives count.
func written(data []byte) []line {
	var out []line
	for i, text := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimSpace(text)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") && !directive.MatchString(trimmed) {
			continue
		}
		out = append(out, line{i + 1, text})
	}
	return out
}

var directive = lazyregexp.New(`^#\s*(syntax|escape|check)\s*=`)

func texts(lines []line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.text)
	}
	return out
}

// short is a line of a Dockerfile that fits beside a name.
func short(line string) string {
	const most = 60
	line = strings.TrimSpace(line)
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}

func (c *comparing) image(old, now *planner.Build) string {
	a, b := c.base.Digests.Asked(old), c.head.Digests.Asked(now)
	known, knows := c.base.Digests.Images(old), c.head.Digests.Images(now)
	for _, ref := range slices.Sorted(maps.Keys(b)) {
		was, ok := a[ref]
		switch {
		case !ok:
			return "base image " + ref
		case known[ref] != "" && knows[ref] == "":
			return "base image " + ref + " is not locked any more"
		case known[ref] == "" && knows[ref] != "":
			return "base image " + ref + " is locked now"
		case was != b[ref]:
			return "base image " + ref + " moved"
		}
	}
	return ""
}

func (c *comparing) linked(_, now *planner.Build) string {
	for _, other := range now.Inputs {
		old := c.before[other.Name()]
		if old == nil || c.base.Digests.Target(old).Image != c.head.Digests.Target(other).Image {
			return "target " + other.Name()
		}
	}
	return ""
}

// attribute names the attribute that differs, with its line.
func (c *comparing) attribute(_, now *planner.Build) string {
	if c.facts[0] == nil {
		c.facts[0], c.facts[1] = c.base.snapshot(), c.head.snapshot()
	}
	for _, t := range explain.Compare(c.facts[0], c.facts[1], explain.Against{}, []string{now.Name()}, nil) {
		for _, cause := range t.Causes {
			return cause.Brief()
		}
	}
	return ""
}

// snapshot is what the targets are made of.
func (s *State) snapshot() *facts.Snapshot {
	return facts.Take(s.Plan, s.Digests, nil, facts.Options{Dir: s.Root})
}
