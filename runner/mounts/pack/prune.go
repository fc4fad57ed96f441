//go:build linux

package pack

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"
)

// times are a file's times, in nanoseconds.
type times struct{ read, written, changed int64 }

func timesOf(st *syscall.Stat_t) times {
	return times{read: st.Atim.Nano(), written: st.Mtim.Nano(), changed: st.Ctim.Nano()}
}

// used is when something last used the file. When it was changed tells of files that
// came with old times, but not where that was the restoring itself: it counts only
// after a time.
func (t times) used(after time.Time) int64 {
	latest := max(t.read, t.written)
	if after.IsZero() || t.changed > after.UnixNano() {
		latest = max(latest, t.changed)
	}
	return latest
}

// pruning decides what is left out of a tree.
type pruning struct {
	tree  *tree
	fixed map[string]bool // what the mount began with stays
	gone  map[string]bool
}

// prune leaves out the files that nothing has used for a time, then those used
// least recently until the rest is within the limit; and with them the links to
// them and the folders that hold nothing else. The order is by use.
func (t *tree) prune(opt SaveOptions, base *tree, now time.Time) *pruning {
	p := &pruning{tree: t, fixed: map[string]bool{}, gone: map[string]bool{}}
	for _, e := range base.entries {
		p.fixed[e.name] = true
	}
	oldest, left := now.Add(-opt.Unused).UnixNano(), t.bytes
	for _, names := range p.byUse(opt.Since) {
		if names[0].used >= oldest && (opt.Limit <= 0 || left <= opt.Limit) {
			break
		}
		for _, e := range names {
			p.gone[e.name] = true
			left -= e.size
		}
	}
	for p.links() || p.folders() {
	}
	p.apply(t)
	return p
}

// byUse are the files that may go, the least recently used first. The names of one
// file go together.
func (p *pruning) byUse(since time.Time) [][]*entry {
	files, fixed := map[node][]*entry{}, map[node]bool{}
	for _, e := range p.tree.entries {
		if e.mode.IsRegular() {
			e.used = e.times.used(since)
			files[e.node] = append(files[e.node], e)
			fixed[e.node] = fixed[e.node] || p.fixed[e.name]
		}
	}
	maps.DeleteFunc(files, func(n node, _ []*entry) bool { return fixed[n] })
	return slices.SortedFunc(maps.Values(files), func(a, b []*entry) int {
		return cmp.Or(cmp.Compare(a[0].used, b[0].used), cmp.Compare(a[0].name, b[0].name))
	})
}

// links leaves out links to what is left out, and says whether there were any. That
// a link is read says nothing: listing the tree reads it.
func (p *pruning) links() bool {
	found := false
	for _, e := range p.tree.entries {
		if e.mode&fs.ModeSymlink == 0 || p.gone[e.name] || p.fixed[e.name] || path.IsAbs(e.link) {
			continue
		}
		if p.gone[path.Join(path.Dir(e.name), e.link)] {
			p.gone[e.name], found = true, true
		}
	}
	return found
}

// folders leaves out those of which all is left out, and says whether there were
// any. One that was empty before stays.
func (p *pruning) folders() bool {
	left, lost := map[string]int{}, map[string]bool{}
	for _, e := range p.tree.entries {
		if p.gone[e.name] {
			lost[path.Dir(e.name)] = true
		} else {
			left[path.Dir(e.name)]++
		}
	}
	found := false
	for _, e := range slices.Backward(p.tree.entries) { // what is in a folder comes behind it
		if !e.mode.IsDir() || e.name == "." || p.gone[e.name] || p.fixed[e.name] || left[e.name] > 0 || !lost[e.name] {
			continue
		}
		p.gone[e.name], found = true, true
		lost[path.Dir(e.name)] = true
		left[path.Dir(e.name)]--
	}
	return found
}

// apply takes what is left out from a tree, which may be a later listing.
func (p *pruning) apply(t *tree) {
	t.entries = slices.DeleteFunc(t.entries, func(e *entry) bool {
		if !p.gone[e.name] {
			return false
		}
		if e.mode.IsRegular() {
			t.bytes -= e.size
			t.files--
		}
		return true
	})
}
