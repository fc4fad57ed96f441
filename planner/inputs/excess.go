package inputs

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
)

// Amount is how much there is of something.
type Amount struct {
	Files int
	Bytes int64
}

// Add adds another amount.
func (a *Amount) Add(b Amount) { a.Files, a.Bytes = a.Files+b.Files, a.Bytes+b.Bytes }

// Excess is a context whose ignore file lets through much more than any stage
// reads.
type Excess struct {
	Local *planner.Local
	// Name is the directory of the context as written.
	Name string
	Read Amount
	// Unread is what nobody reads, at least.
	Unread Amount
	// Culprits are the largest files and folders of which nothing is read,
	// the largest first; each is a good part of it.
	Culprits []Culprit
}

// Culprit is a file or folder of which nothing is read.
type Culprit struct {
	Path   string
	Dir    bool
	Amount Amount
}

// Ignore is the line of an ignore file that takes a culprit out, or "" if
// there is none.
func (c Culprit) Ignore() string {
	if fault.Path(c.Path) != c.Path || strings.TrimSpace(c.Path) != c.Path {
		return ""
	}
	line := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(c.Path)
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "!") {
		line = "/" + line
	}
	return line
}

// What counts as much more: that many bytes or files, and that many times what
// is read.
const (
	excessBytes, timesBytes = 10 << 20, 2
	excessFiles, timesFiles = 10_000, 10
	mostCulprits            = 5
	// share is how many times a culprit makes up what is unread, at most. Small
	// things are often read by targets that were not asked for.
	share = 20
)

// Excess returns the contexts that let through much more than is read, in the
// order of the plan. It looks at all of them if ReadOptions.All said so.
func (r *Reads) Excess() []Excess {
	var out []Excess
	if !r.opt.All {
		return nil
	}
	for _, v := range r.Plan.Graph.Vertices {
		if r.views[v.Local] == nil {
			continue
		}
		w := r.waste(v.Local)
		w.walk(&w.view.root)
		e := Excess{Local: v.Local, Name: v.Name, Read: w.read, Unread: w.unread}
		if w.unsure || e.Unread.Bytes < max(excessBytes, timesBytes*e.Read.Bytes) && e.Unread.Files < max(excessFiles, timesFiles*e.Read.Files) {
			continue
		}
		slices.SortStableFunc(w.culprits, func(a, b Culprit) int {
			return cmp.Or(cmp.Compare(b.Amount.Bytes, a.Amount.Bytes), cmp.Compare(b.Amount.Files, a.Amount.Files), cmp.Compare(a.Path, b.Path))
		})
		small := slices.IndexFunc(w.culprits, func(c Culprit) bool {
			return share*c.Amount.Bytes < e.Unread.Bytes && (e.Unread.Files < excessFiles || share*c.Amount.Files < e.Unread.Files)
		})
		if small < 0 {
			small = len(w.culprits)
		}
		e.Culprits = w.culprits[:min(small, mostCulprits)]
		out = append(out, e)
	}
	return out
}

// waste looks for what nobody reads in a view.
type waste struct {
	view     *View
	whole    map[string]bool // directories that are read with all in them
	some     map[string]bool // files that are read
	left     int             // how many more entries may be looked at
	read     Amount
	unread   Amount
	culprits []Culprit
	// unsure is true if there may be more that is read.
	unsure bool
}

func (r *Reads) waste(l *planner.Local) *waste {
	w := &waste{view: r.views[l], whole: map[string]bool{}, some: map[string]bool{}, left: r.opt.Most}
	if w.left <= 0 {
		w.left = 1 << 62
	}
	for key, s := range r.found {
		if key.local != l {
			continue
		}
		for i := range s.roots {
			t := &s.roots[i]
			if t.item.dir != nil && !t.partial {
				w.whole[t.path] = true
			} else {
				w.some[t.path] = true
			}
			for _, p := range t.some {
				w.some[p.path] = true
			}
		}
	}
	return w
}

// ours are files that describe the build itself; they are not waste.
func ours(name string) bool {
	name = strings.ToLower(path.Base(name))
	return strings.Contains(name, "dockerfile") || name == ".dockerignore"
}

// walk adds up a directory, and returns what of it nobody reads. A directory
// of which nothing is read takes the place of what is in it.
func (w *waste) walk(d *viewed) (unread Amount) {
	if w.whole[d.path] {
		w.readAll(d)
		return Amount{}
	}
	before, readBefore := len(w.culprits), w.read
	for _, it := range w.list(d) {
		name := join(d.path, it.Name)
		switch {
		case it.dir != nil:
			unread.Add(w.walk(it.dir))
		case w.some[name]:
			w.read.Add(Amount{1, it.Stamp.Size})
		case !ours(name):
			one := Amount{1, it.Stamp.Size}
			w.unread.Add(one)
			unread.Add(one)
			w.culprits = append(w.culprits, Culprit{Path: name, Amount: one})
		}
	}
	if w.read == readBefore && unread.Files > 0 && d.path != "" {
		w.culprits = append(w.culprits[:before], Culprit{Path: d.path, Dir: true, Amount: unread})
	}
	return unread
}

// readAll adds up a directory of which everything is read.
func (w *waste) readAll(d *viewed) {
	for _, it := range w.list(d) {
		if it.dir != nil {
			w.readAll(it.dir)
			continue
		}
		w.read.Add(Amount{1, it.Stamp.Size})
	}
	w.unsure = w.unsure || w.left <= 0
}

// list lists a directory as long as there may be more.
func (w *waste) list(d *viewed) []item {
	if !d.listed && w.left <= 0 {
		return nil
	}
	items := w.view.list(d)
	w.left -= len(items)
	return items
}
