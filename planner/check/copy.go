package check

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/planner/inputs"
)

// sources reports what stages take out of local directories and will not find
// there, by the builder's own rules: see package inputs.
func (ck *checker) sources() {
	reads, diags := inputs.Read(ck.plan, inputs.Options{Tree: inputs.TreeOf(ck.opt.Files), Shallow: true})
	for _, d := range diags {
		if d.Severity == fault.Error {
			ck.report.Diags = append(ck.report.Diags, d)
		}
	}
	s := sourceCheck{report: &ck.report, lines: ck.lines, reads: reads, targets: map[sourceFault][]string{}}
	for _, v := range ck.plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			taken := reads.Taken(e)
			patterns := readAsPatterns(e, taken)
			if s.badPatterns(v, e, patterns) || taken == nil {
				continue
			}
			for _, src := range taken.Missing() {
				s.missing(v, e, src)
			}
			for _, u := range taken.Unmatched() {
				s.unmatched(v, e, u)
			}
		}
	}
	s.finish()
}

// sourceCheck is the check of sources.
type sourceCheck struct {
	report *fault.Report
	lines  sourceLines
	reads  *inputs.Reads

	faults  []sourceFault // in their order
	targets map[sourceFault][]string
}

// readAsPatterns are the words of an edge that the builder reads as patterns of files.
// The sources of a stage it reads in another way.
func readAsPatterns(e *planner.Edge, local *inputs.Selection) []string {
	switch {
	case e.Take == nil || e.Take.Mount:
		return nil
	case local == nil:
		return e.Take.Exclude
	}
	return slices.Concat(e.Take.Exclude, e.Take.Sources)
}

// badPatterns reports what the builder cannot read: it fails when it comes to the step,
// or sends nothing of the context.
func (c *sourceCheck) badPatterns(v *planner.Vertex, e *planner.Edge, patterns []string) bool {
	found := false
	for _, p := range patterns {
		_, err := filepath.Match(p, "")
		if err == nil && inputs.IsPattern(p) {
			continue
		}
		found = true
		c.add(v, sourceFault{
			c.place(v, e, p), fault.Error, "Invalid pattern",
			fault.Path(p) + " is not a pattern: the brackets or backslashes in it are not in order. Write \\[, \\] and \\\\ for those of a name.",
			e.Trigger,
		})
	}
	return found
}

// missing reports a source that makes the build fail.
func (c *sourceCheck) missing(v *planner.Vertex, e *planner.Edge, src string) {
	dir, shown := planner.ContextText(e.From.Name), fault.Path(dockerfile.ContextPath(src))
	all := c.reads.Unfiltered(e.From.Local)
	if e.Take != nil && e.Take.Parents {
		folder := path.Dir(dockerfile.ContextPath(src))
		if dir, err := all.Follow(folder); err == nil && path.Clean(dir) != folder {
			c.note(v, e, src, fault.Error, "%s goes through a symbolic link, and --parents follows none. The file may be %s: write that path.", shown, fault.Path(path.Join(dir, path.Base(src))))
			return
		}
	}
	if link, to := all.Dangling(e.Take, src); link == dockerfile.ContextPath(src) && link != "" {
		c.note(v, e, src, fault.Error, "%s in %s is a symbolic link to %s, which is not there: for the builder, links end in the context.", shown, dir, fault.Path(to))
		return
	} else if link != "" {
		c.note(v, e, src, fault.Error, "%s matches %s in %s, a symbolic link to %s, which is not there: for the builder, links end in the context.", shown, fault.Path(link), dir, fault.Path(to))
		return
	}
	real, err := all.Follow(src)
	if err != nil {
		c.note(v, e, src, fault.Error, "%s in %s is a symbolic link that leads to itself.", shown, dir)
		return
	}
	if all.Has(real) {
		c.note(v, e, src, fault.Error, "%s is in %s, but its ignore file keeps it from the builder. Take it out of the ignore file, or put !%s below.", shown, dir, fault.Path(real))
		return
	}
	if err := all.Unreadable(real); err != nil {
		c.note(v, e, src, fault.Error, "%s in %s cannot be read: %s.", shown, dir, fault.Reason(err))
		return
	}
	if real != dockerfile.ContextPath(src) {
		c.note(v, e, src, fault.Error, "%s in %s is behind a symbolic link to %s, which is not there: for the builder, links end in the context.", shown, dir, fault.Path(real))
		return
	}
	into := ""
	if at := slices.IndexFunc(strings.Split(real, "/"), inputs.HasWildcard); at > 0 {
		into = ", where " + shown + " looks for files"
		real = strings.Join(strings.Split(real, "/")[:at], "/")
	}
	c.note(v, e, src, fault.Error, "There is no %s in %s%s.%s", fault.Path(real), dir, into, suggest.Sentence(path.Base(real), all.Names(path.Dir(real))))
}

// unmatched reports a source with wildcards that matches nothing. That fails
// the build only if the folder that it looks into is not sent for another.
func (c *sourceCheck) unmatched(v *planner.Vertex, e *planner.Edge, u inputs.Pattern) {
	dir := planner.ContextText(e.From.Name)
	if c.reads.Sent(e.From.Local, u.Dir) {
		c.note(v, e, u.Source, fault.Warning, "Nothing in %s matches %s.", dir, fault.Path(u.Source))
		return
	}
	c.note(v, e, u.Source, fault.Error, "Nothing in %s matches %s, and the build fails for it, as no stage takes anything else from %s.", dir, fault.Path(u.Source), fault.Path(u.Dir))
}

// sourceFault is what is wrong with a source, for whichever targets it is.
type sourceFault struct {
	at       fault.Range
	severity fault.Severity
	summary  string
	text     string
	trigger  string
}

// note keeps a fault until the targets that have it are all known.
func (c *sourceCheck) note(v *planner.Vertex, e *planner.Edge, src string, severity fault.Severity, format string, args ...any) {
	c.add(v, sourceFault{c.place(v, e, src), severity, "Nothing to copy", fmt.Sprintf(format, args...), e.Trigger})
}

func (c *sourceCheck) add(v *planner.Vertex, f sourceFault) {
	if _, ok := c.targets[f]; !ok {
		c.faults = append(c.faults, f)
	}
	c.targets[f] = append(c.targets[f], v.Targets...)
}

// finish reports the faults, each with its targets.
func (c *sourceCheck) finish() {
	for _, f := range c.faults {
		names := unique(c.targets[f])
		who := "target"
		if len(names) > 1 {
			who = "targets"
		}
		report := c.report.Fail
		if f.severity == fault.Warning {
			report = c.report.Warn
		}
		behind := ""
		if f.trigger != "" {
			behind = fmt.Sprintf(", in %q of the base", f.trigger)
		}
		report(f.at, f.summary, "%s This is for %s %s%s.", f.text, who, fault.Names(names), behind)
	}
}

func (c *sourceCheck) place(v *planner.Vertex, e *planner.Edge, src string) fault.Range {
	if e.Trigger != "" {
		return e.Range // where the source itself is not written
	}
	return c.lines.of(v.Dockerfile).Word(e.Range.Start.Line, e.Range.End.Line, src)
}

// sourceLines finds the lines of each Dockerfile once.
type sourceLines map[*planner.Dockerfile]*dockerfile.Source

func (l sourceLines) of(d *planner.Dockerfile) *dockerfile.Source {
	if l[d] == nil {
		l[d] = dockerfile.NewSource(d.Name, d.Data)
	}
	return l[d]
}
