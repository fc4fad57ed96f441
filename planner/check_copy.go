package planner

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
)

// checkSources reports what stages take out of local directories and will not
// find there, by the builder's own rules: see Reads.
func (p *planner) checkSources() {
	reads := p.plan.reads(ReadOptions{Tree: treeOf(p.opt.Files)}, true)
	for _, d := range reads.diags {
		if d.Severity == fault.Error {
			p.Diags = append(p.Diags, d)
		}
	}
	c := sourceCheck{planner: p, reads: reads, whole: map[string]*view{}, targets: map[sourceFault][]string{}}
	for _, v := range p.plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			s := reads.of(e)
			if s == nil {
				continue
			}
			for _, src := range s.missing {
				c.missing(v, e, src)
			}
			for _, u := range s.unmatched {
				c.unmatched(v, e, u)
			}
		}
	}
	c.tell()
}

// sourceCheck is the check of sources.
type sourceCheck struct {
	*planner
	reads *Reads
	whole map[string]*view // contexts without their ignore files

	faults  []sourceFault // in their order
	targets map[sourceFault][]string
}

// missing reports a source that makes the build fail.
func (c *sourceCheck) missing(v *Vertex, e *Edge, src string) {
	at := c.place(v, e, src)
	dir, shown := contextText(e.From.Name), fault.Path(dockerfile.ContextPath(src))
	all := c.unfiltered(e.From.local)
	if e.take != nil && e.take.parents {
		if dir, err := all.follow(path.Dir(dockerfile.ContextPath(src))); err == nil && dir != path.Dir(dockerfile.ContextPath(src)) {
			c.note(v, at, fault.Error, "%s goes through a symbolic link, and --parents follows none. The file may be %s: write that path.", shown, fault.Path(path.Join(dir, path.Base(src))))
			return
		}
	}
	if link, to := all.danglingMatch(e.take, src); link != "" {
		c.note(v, at, fault.Error, "%s matches %s in %s, a symbolic link to %s, which is not there: for the builder, links end in the context.", shown, fault.Path(link), dir, fault.Path(to))
		return
	}
	real, err := all.follow(src)
	if err != nil {
		c.note(v, at, fault.Error, "%s in %s is a symbolic link that leads to itself.", shown, dir)
		return
	}
	if _, ok := all.at(real); ok {
		c.note(v, at, fault.Error, "%s is in %s, but its ignore file keeps it from the builder. Take it out of the ignore file, or put !%s below.", shown, dir, fault.Path(real))
		return
	}
	if err := all.unreadable(real); err != nil {
		c.note(v, at, fault.Error, "%s in %s cannot be read: %s.", shown, dir, fault.Reason(err))
		return
	}
	if real != dockerfile.ContextPath(src) {
		c.note(v, at, fault.Error, "%s in %s is behind a symbolic link to %s, which is not there: for the builder, links end in the context.", shown, dir, fault.Path(real))
		return
	}
	into := ""
	if at := slices.IndexFunc(strings.Split(real, "/"), hasWildcard); at > 0 {
		into = ", where " + shown + " looks for files"
		real = strings.Join(strings.Split(real, "/")[:at], "/")
	}
	c.note(v, at, fault.Error, "There is no %s in %s%s.%s", fault.Path(real), dir, into, suggest.Sentence(path.Base(real), all.namesIn(path.Dir(real))))
}

// danglingMatch is a link that a source with wildcards matches and that leads
// nowhere, and where that is; "" if there is none.
func (v *view) danglingMatch(t *take, src string) (link, to string) {
	if !hasWildcard(src) || t != nil && t.parents {
		return "", ""
	}
	s := &selecting{view: v, take: t}
	found, _, err := s.matches(cleanPath(src))
	if err != nil {
		return "", ""
	}
	for _, name := range found {
		real, err := v.follow(name)
		if err != nil {
			continue
		}
		if _, ok := v.at(real); !ok {
			return name, real
		}
	}
	return "", ""
}

// unmatched reports a source with wildcards that matches nothing. That fails
// the build only if the folder that it looks into is not sent for another.
func (c *sourceCheck) unmatched(v *Vertex, e *Edge, u unmatched) {
	at := c.place(v, e, u.source)
	dir := contextText(e.From.Name)
	if _, err := filepath.Match(u.source, ""); err != nil {
		c.note(v, at, fault.Error, "%s is not a pattern: the brackets in it are not in order. Write \\[ and \\] for brackets of a name.", fault.Path(u.source))
		return
	}
	if c.reads.sent(e.From.local, u.dir) {
		c.note(v, at, fault.Warning, "Nothing in %s matches %s.", dir, fault.Path(u.source))
		return
	}
	c.note(v, at, fault.Error, "Nothing in %s matches %s, and the build fails for it, as no stage takes anything else from %s.", dir, fault.Path(u.source), fault.Path(u.dir))
}

// sourceFault is what is wrong with a source, for whichever targets it is.
type sourceFault struct {
	at       fault.Range
	severity fault.Severity
	text     string
}

// note keeps a fault until the targets that have it are all known.
func (c *sourceCheck) note(v *Vertex, at fault.Range, severity fault.Severity, format string, args ...any) {
	f := sourceFault{at, severity, fmt.Sprintf(format, args...)}
	if _, ok := c.targets[f]; !ok {
		c.faults = append(c.faults, f)
	}
	c.targets[f] = append(c.targets[f], v.Targets...)
}

// tell reports the faults, each with its targets.
func (c *sourceCheck) tell() {
	for _, f := range c.faults {
		names := sortedUnique(c.targets[f])
		who := "target"
		if len(names) > 1 {
			who = "targets"
		}
		report := c.Fail
		if f.severity == fault.Warning {
			report = c.Warn
		}
		report(f.at, "Nothing to copy", "%s This is for %s %s.", f.text, who, fault.Names(names))
	}
}

func (c *sourceCheck) place(v *Vertex, e *Edge, src string) fault.Range {
	return c.sourceOf(v.Dockerfile).Word(e.Range.Start.Line, e.Range.End.Line, src)
}

// unfiltered is a context as it is on the disk.
func (c *sourceCheck) unfiltered(l *Local) *view {
	v := c.whole[l.Dir]
	if v == nil {
		v, _ = newView(c.reads.trees[l.Dir], nil) // without patterns none is faulty
		c.whole[l.Dir] = v
	}
	return v
}

// unreadable says why a directory on the way to a path could not be listed.
func (v *view) unreadable(name string) error {
	d := &v.root
	for part := range strings.SplitSeq(name, "/") {
		it, ok := findItem(v.list(d), part)
		if !ok || it.dir == nil {
			break
		}
		d = it.dir
	}
	return d.err
}

// namesIn lists a directory of a view, links on the way followed.
func (v *view) namesIn(dir string) []string {
	real, err := v.follow(dir)
	if err != nil {
		return nil
	}
	it, ok := v.at(real)
	if !ok || it.dir == nil {
		return nil
	}
	var out []string
	for _, e := range v.list(it.dir) {
		out = append(out, e.Name)
	}
	return out
}

// sourceOf finds the lines of a Dockerfile once.
func (p *planner) sourceOf(d *Dockerfile) *dockerfile.Source {
	if p.lineSources[d] == nil {
		p.lineSources[d] = dockerfile.NewSource(d.Name, d.Data)
	}
	return p.lineSources[d]
}

// contextText names a context in a sentence.
func contextText(dir string) string {
	if dir == "." {
		return "the context"
	}
	return dir
}

// treeOf is what the checks see of contexts. Files that are no Tree, as in
// memory, have no symbolic links.
func treeOf(f Files) Tree {
	if t, ok := f.(Tree); ok {
		return t
	}
	return plainTree{f}
}

type plainTree struct{ Files }

func (t plainTree) List(dir string) ([]Entry, error) {
	list, err := t.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(list))
	for _, e := range list {
		if e.Type()&fs.ModeSymlink == 0 {
			out = append(out, Entry{Name: e.Name(), Mode: e.Type()})
		}
	}
	sortEntries(out)
	return out, nil
}

func (t plainTree) Open(path string) (Content, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
}
