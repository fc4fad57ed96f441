package planner

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// checkSources reports what a stage takes out of a local directory and is not
// there, or is kept from the builder by the ignore file.
func (p *planner) checkSources(v *Vertex) {
	for _, e := range v.Inputs {
		n := p.nodes[e.From.ID]
		if e.From.Kind != LocalContext || n == nil || n.local == nil {
			continue
		}
		for _, src := range e.Paths {
			if src != "." {
				p.checkSource(v, e, n.local, src)
			}
		}
	}
}

func (p *planner) checkSource(v *Vertex, e Edge, l *local, src string) {
	at := p.sourceOf(v.Dockerfile).word(e.Range.Start.Line, e.Range.End.Line, src)
	dir := contextText(e.From.Name)
	if strings.ContainsAny(src, `*?[\`) {
		if found, ok := p.glob(l.Dir, src); ok && !found {
			p.warn(at, "Nothing to copy", "Nothing in %s matches %s.", dir, src)
		}
		return
	}
	info, err := p.opt.Files.Stat(filepath.Join(l.Dir, filepath.FromSlash(src)))
	if errors.Is(err, fs.ErrNotExist) {
		names := p.namesBeside(l.Dir, src)
		if !p.throughLink(l.Dir, src) {
			p.fail(at, "Nothing to copy", "There is no %s in %s.%s", src, dir, suggestion(path.Base(src), names))
		}
		return
	}
	if err != nil || len(l.Excludes) == 0 {
		return
	}
	pm := p.matcherOf(l)
	if pm == nil || info.IsDir() && pm.Exclusions() {
		return
	}
	if ignored, err := pm.MatchesOrParentMatches(src); err == nil && ignored {
		p.fail(at, "Nothing to copy", "%s is in %s, but its ignore file keeps it from the builder. Take it out of the ignore file, or put !%s below.", src, dir, src)
	}
}

// throughLink says whether a path goes through a symbolic link, or ends in one.
// The builder follows links inside the context, where "/" is its root: what
// this machine finds there says nothing.
func (p *planner) throughLink(dir, src string) bool {
	for name := range strings.SplitSeq(src, "/") {
		entries, err := p.opt.Files.ReadDir(dir)
		if err != nil {
			return false
		}
		i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
		if i < 0 {
			return false
		}
		if entries[i].Type()&fs.ModeSymlink != 0 {
			return true
		}
		dir = filepath.Join(dir, name)
	}
	return false
}

// sourceOf finds the lines of a Dockerfile once.
func (p *planner) sourceOf(d *Dockerfile) *source {
	if p.lineSources[d] == nil {
		p.lineSources[d] = newSource(d.Name, d.Data)
	}
	return p.lineSources[d]
}

// matcherOf compiles the patterns of an ignore file once; nil if they are
// faulty.
func (p *planner) matcherOf(l *local) *patternmatcher.PatternMatcher {
	pm, ok := p.matchers[l]
	if !ok {
		pm, _ = patternmatcher.New(l.Excludes)
		p.matchers[l] = pm
	}
	return pm
}

// contextText names a context in a sentence.
func contextText(dir string) string {
	if dir == "." {
		return "the context"
	}
	return dir
}

// namesBeside lists the folder that a missing path should be in.
func (p *planner) namesBeside(dir, src string) []string {
	entries, err := p.opt.Files.ReadDir(filepath.Join(dir, filepath.FromSlash(path.Dir(src))))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// glob says whether anything below a directory matches a pattern; ok is false
// if that cannot be told.
func (p *planner) glob(dir, pattern string) (found, ok bool) {
	head, rest, more := strings.Cut(pattern, "/")
	if head == "**" || strings.Contains(head, `\`) {
		return false, false
	}
	entries, err := p.opt.Files.ReadDir(dir)
	if err != nil {
		return false, errors.Is(err, fs.ErrNotExist)
	}
	for _, e := range entries {
		match, err := path.Match(head, e.Name())
		if err != nil {
			return false, false
		}
		if !match {
			continue
		}
		if !more {
			return true, true
		}
		if found, ok := p.glob(filepath.Join(dir, e.Name()), rest); found || !ok {
			return found, ok
		}
	}
	return false, true
}
