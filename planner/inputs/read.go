// Package inputs finds what goes into the stages and targets of a plan: the files
// that they read from local contexts, by the builder's own rules, and the digests
// of everything that can change their results.
//
// It knows finished plans and a Tree of files. It builds nothing, asks nobody on
// a network, and prints nothing.
package inputs

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
)

// Options are what Plan.Reads and Plan.Inputs need besides the plan.
type Options struct {
	// Tree is what contexts are read through; nil is this machine.
	Tree Tree
	// All has Reads look at all that the ignore files let through, and not
	// only at what the stages read, so that Reads.Excess can tell them apart.
	All bool
	// Most ends the look that All asks for after so many files of a context,
	// and then what the stages read is not looked into either: it is for
	// Reads.Excess alone. 0 has no limit.
	Most int
	// Shallow leaves out what is in directories that are read as a whole.
	Shallow bool
	// Files is what the indexes of OCI layouts are read through; nil is this
	// machine.
	Files planner.Files
	// Memory keeps the sums of files from one call of Inputs to the next; nil
	// reads every file.
	Memory Memory
	// Now is the time at which the call starts, by which Memory knows the
	// files that are too young to be remembered.
	Now time.Time
}

// Reads is what the stages of a plan read from the local contexts: the files
// that COPY, ADD and bind mounts match in what the ignore files let through.
// It follows the builder's own rules, and each folder is listed at most once
// for all contexts and stages.
type Reads struct {
	Plan  *planner.Plan
	trees map[string]*tree
	views map[*planner.Local]*View
	found map[foundKey]*selection
	// queried holds what Select found, and extra its parts by directory.
	queried map[foundKey]*Selection
	extra   map[string][]*selection
	opt     Options
	// shallow leaves out what is in directories that are read as a whole.
	shallow bool
	whole   map[string]*View // contexts without their ignore files
	diags   fault.Diagnostics
	seen    map[string]bool
}

type foundKey struct {
	local *planner.Local
	take  string
}

// File is one thing that a stage reads.
type File struct {
	// Path is where it is in the context: slashes, links followed.
	Path string
	// Mode is its type, and for a regular file its permissions.
	Mode fs.FileMode
	Size int64  // of a regular file
	Link string // where a symbolic link points to
}

// VertexReads is what one vertex reads of one context.
type VertexReads struct {
	Local *planner.Local
	// Name is the directory of the context as written.
	Name string
	// Files holds every file, link and special file once, in order.
	// Directories are left out unless nothing in them is read.
	Files []File
	// Bytes is the size of all files.
	Bytes int64
}

// Unmatched is a source in a Dockerfile that matches nothing.
type Unmatched struct {
	Vertex *planner.Vertex
	Range  fault.Range
	Source string
	// Fails says that the build fails for it. A source with wildcards that
	// matches nothing is none to the builder, and copies nothing.
	Fails bool
}

// Read finds what every stage of the plan reads from local contexts. What
// cannot be read is reported as a warning, since it may be no part of the build
// that comes.
func Read(p *planner.Plan, opt Options) (*Reads, fault.Diagnostics) {
	r := newReads(p, opt)
	r.shallow = opt.Shallow || opt.Most > 0
	for _, v := range p.Graph.Vertices {
		if v.Local != nil {
			r.open(v)
		}
	}
	for _, v := range p.Graph.Vertices {
		for i := range v.Inputs {
			r.find(&v.Inputs[i])
		}
	}
	for _, b := range p.Builds {
		for _, v := range b.Stages {
			if v.Kind == planner.LocalContext {
				all := wholeOf(v)
				r.find(&all)
			}
		}
	}
	return r, r.diags
}

func newReads(p *planner.Plan, opt Options) *Reads {
	if opt.Tree == nil {
		opt.Tree = Disk{}
	}
	if opt.Files == nil {
		opt.Files = planner.Disk{}
	}
	return &Reads{
		Plan: p, opt: opt, trees: map[string]*tree{}, whole: map[string]*View{}, views: map[*planner.Local]*View{}, found: map[foundKey]*selection{},
		queried: map[foundKey]*Selection{}, extra: map[string][]*selection{}, seen: map[string]bool{},
	}
}

// wholeOf is an edge that takes all of a local context: that of a target which
// ends in it.
func wholeOf(v *planner.Vertex) planner.Edge {
	return planner.Edge{From: v, Why: planner.Context, Range: v.Range}
}

// open makes the view of a context.
func (r *Reads) open(v *planner.Vertex) {
	if _, err := r.view(v.Local); err != nil {
		r.report(fault.Error, v.Range, "Invalid ignore file", "The ignore file of context %s has a pattern that cannot be read: %s.", v.Name, err)
	}
}

// view makes the view of a directory with ignore patterns.
func (r *Reads) view(l *planner.Local) (*View, error) {
	t, ok := r.trees[l.Dir]
	if !ok {
		t = &tree{source: r.opt.Tree, dir: l.Dir}
		r.trees[l.Dir] = t
	}
	view, err := newView(t, l.Excludes)
	if err != nil {
		return nil, err
	}
	view.shallow = r.shallow
	r.views[l] = view
	return view, nil
}

// find selects what an edge takes from a local context.
func (r *Reads) find(e *planner.Edge) {
	v := r.views[e.From.Local]
	if v == nil {
		return
	}
	key := foundKey{e.From.Local, takeKey(e.Take)}
	if r.found[key] != nil {
		return
	}
	s := v.selects(e.Take)
	s.each(func(dir string, it item) { r.fault(e, dir, it) })
	r.found[key] = s
}

// of returns the selection of an edge; nil if it takes nothing from a local
// context.
func (r *Reads) of(e *planner.Edge) *selection {
	if e.From.Local == nil {
		return nil
	}
	return r.found[foundKey{e.From.Local, takeKey(e.Take)}]
}

// Of returns what a vertex itself reads, one element for each context, in the
// order in which the vertex first reads them.
func (r *Reads) Of(v *planner.Vertex) []VertexReads {
	var out []VertexReads
	for i := range v.Inputs {
		e := &v.Inputs[i]
		s := r.of(e)
		if s == nil {
			continue
		}
		at := slices.IndexFunc(out, func(o VertexReads) bool { return o.Local == e.From.Local })
		if at < 0 {
			at = len(out)
			out = append(out, VertexReads{Local: e.From.Local, Name: e.From.Name})
		}
		s.each(func(dir string, it item) { out[at].add(it.path(dir), it) })
	}
	for i := range out {
		out[i].finish()
	}
	return out
}

func (o *VertexReads) add(path string, it item) {
	f := File{Path: path, Mode: fs.ModeDir}
	if it.entry != nil {
		f.Mode, f.Link = it.Mode, it.Link
		if it.Mode.IsRegular() {
			f.Size = it.Stamp.Size
		}
	}
	o.Files = append(o.Files, f)
}

// finish sorts the files, each once, and drops directories that hold some.
func (o *VertexReads) finish() {
	slices.SortFunc(o.Files, func(a, b File) int { return pathOrder(a.Path, b.Path) })
	o.Files = slices.CompactFunc(o.Files, func(a, b File) bool { return a.Path == b.Path })
	kept := o.Files[:0]
	for i, f := range o.Files {
		if f.Mode.IsDir() && i+1 < len(o.Files) && (f.Path == "" || strings.HasPrefix(o.Files[i+1].Path, f.Path+"/")) {
			continue
		}
		o.Bytes += f.Size
		kept = append(kept, f)
	}
	o.Files = kept
}

// pathOrder orders paths as a walk meets them: what is in a directory
// follows it directly.
func pathOrder(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			switch {
			case a[i] == '/':
				return -1
			case b[i] == '/':
				return 1
			}
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

// each calls f for everything that is selected with the directory that it is
// in, directories before what is in them; the root of the context has no name.
func (s *selection) each(f func(dir string, it item)) {
	for i := range s.roots {
		t := &s.roots[i]
		f(parent(t.path), t.item)
		switch {
		case t.partial:
			for _, p := range t.some {
				f(parent(p.path), p.item)
			}
		case t.item.dir != nil:
			t.item.dir.each(f)
		}
	}
}

// each calls f for all that was loaded below a directory.
func (d *viewed) each(f func(dir string, it item)) {
	for _, it := range d.items {
		f(d.path, it)
		if it.dir != nil {
			it.dir.each(f)
		}
	}
}

// path is where an item of a directory is in the context.
func (it item) path(dir string) string {
	if it.entry == nil {
		return ""
	}
	return join(dir, it.Name)
}

func parent(name string) string {
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}

// Unmatched returns the sources that match nothing, in the order of the plan.
func (r *Reads) Unmatched() []Unmatched {
	var out []Unmatched
	for _, v := range r.Plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			s := r.of(e)
			if s == nil {
				continue
			}
			for _, src := range s.missing {
				out = append(out, Unmatched{Vertex: v, Range: e.Range, Source: src, Fails: true})
			}
			for _, u := range s.unmatched {
				out = append(out, Unmatched{Vertex: v, Range: e.Range, Source: u.Source, Fails: !r.Sent(e.From.Local, u.Dir)})
			}
		}
	}
	return out
}

// Sent says whether the builder gets a directory because something in it is
// read, or all that is around it.
func (r *Reads) Sent(l *planner.Local, dir string) bool {
	for key, s := range r.found {
		if key.local != l {
			continue
		}
		for i := range s.roots {
			path := s.roots[i].path
			if dir == "" || path == "" || strings.HasPrefix(path+"/", dir+"/") || strings.HasPrefix(dir+"/", path+"/") {
				return true
			}
		}
	}
	return dir == ""
}

// fault reports what could not be listed, or has a name that makes trouble.
func (r *Reads) fault(e *planner.Edge, dir string, it item) {
	if it.dir != nil && it.dir.err != nil {
		r.report(fault.Warning, e.Range, "Unreadable directory", "Context %s: reading %s: %s. The build fails on it, unless the ignore file takes it out.",
			e.From.Name, fault.Path(it.path(dir)), fault.Reason(it.dir.err))
	}
	if it.dir != nil && r.opt.All {
		r.sameInCase(e, it.dir)
	}
	if it.entry != nil && !utf8.ValidString(it.Name) {
		r.report(fault.Warning, e.Range, "Name is not UTF-8", "Context %s has a file named %s. The builder takes it along with its folder, but other systems and tools may not. Rename it, or take it out with the ignore file.",
			e.From.Name, fault.Path(it.path(dir)))
	}
}

// sameInCase warns of names in a directory that some file systems take for one.
func (r *Reads) sameInCase(e *planner.Edge, d *viewed) {
	seen := make(map[string]string, len(d.items))
	for _, it := range d.items {
		lower := strings.ToLower(it.Name)
		if other, ok := seen[lower]; ok {
			r.report(fault.Warning, e.Range, "Names differ only in case", "Context %s has %s and %s. A checkout on a file system that does not tell them apart has one of them only, and another digest.",
				e.From.Name, fault.Path(join(d.path, other)), fault.Path(join(d.path, it.Name)))
		}
		seen[lower] = it.Name
	}
}

// report adds a diagnostic, each once.
func (r *Reads) report(severity fault.Severity, at fault.Range, summary, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	if key := summary + "\x00" + detail; !r.seen[key] {
		r.seen[key] = true
		r.diags = append(r.diags, &fault.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Subject: &at})
	}
}
