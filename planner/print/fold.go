package print

import (
	"cmp"
	"container/heap"
	"strconv"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner/inputs"
)

// fold finds the folders that are shown as one line each, so that a list of
// files has at most so many lines: the fullest one is folded first, and counts
// as a line of the folder that it is in.
func fold(files []inputs.File, most int) map[string]inputs.Amount {
	folded := map[string]inputs.Amount{}
	t := newFoldDirs(files)
	for t.lines > most && len(t.queue) > 0 {
		e := heap.Pop(&t.queue).(queued)
		if e.folder.folded || e.lines != e.folder.lines {
			continue // there is a newer entry
		}
		d := e.folder
		t.lines -= d.close(folded) - 1
		folded[d.path] = d.amount
		d.parent.lines++
		if d.parent.parent != nil { // the top is never folded
			heap.Push(&t.queue, queued{d.parent, d.parent.lines})
		}
	}
	return folded
}

// foldDirs are the folders of a list of files.
type foldDirs struct {
	lines int // of the whole list
	queue foldQueue
}

// foldDir is one of them.
type foldDir struct {
	path   string
	parent *foldDir
	inner  []*foldDir
	lines  int // files and folded folders directly in it
	amount inputs.Amount
	folded bool // it, or a folder around it
}

func newFoldDirs(files []inputs.File) *foldDirs {
	root := &foldDir{}
	all := map[string]*foldDir{"": root}
	var at func(path string) *foldDir
	at = func(path string) *foldDir {
		if f := all[path]; f != nil {
			return f
		}
		outer := ""
		if i := strings.LastIndexByte(path, '/'); i > 0 {
			outer = path[:i]
		}
		f := &foldDir{path: path, parent: at(outer)}
		f.parent.inner = append(f.parent.inner, f)
		all[path] = f
		return f
	}
	t := &foldDirs{lines: len(files)}
	for _, file := range files {
		f := root
		if i := strings.LastIndexByte(file.Path, '/'); i > 0 {
			f = at(file.Path[:i])
		}
		f.lines++
		f.amount.Add(inputs.Amount{Files: 1, Bytes: file.Size})
	}
	for path, f := range all {
		if path != "" && f.lines > 0 {
			t.queue = append(t.queue, queued{f, f.lines})
		}
	}
	heap.Init(&t.queue)
	return t
}

// close folds a folder and all in it, and returns how many lines they had.
func (f *foldDir) close(folded map[string]inputs.Amount) int {
	lines := f.lines
	for _, in := range f.inner {
		if in.folded {
			delete(folded, in.path) // one of the lines of f
		} else {
			lines += in.close(folded)
		}
		f.amount.Add(in.amount)
	}
	f.folded, f.inner = true, nil
	return lines
}

// queued is a folder with the lines that it had when it was queued.
type queued struct {
	folder *foldDir
	lines  int
}

// foldQueue has the fullest folder first, of equally full ones the first by
// name.
type foldQueue []queued

func (q foldQueue) Len() int { return len(q) }
func (q foldQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].lines, q[i].lines), strings.Compare(q[i].folder.path, q[j].folder.path)) < 0
}
func (q foldQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *foldQueue) Push(x any)   { *q = append(*q, x.(queued)) }
func (q *foldQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// amountText is the number of files and their size.
func amountText(a inputs.Amount) string {
	return termtext.Count(a.Files, "file") + ", " + sizeText(a.Bytes)
}

// sizeText is a size in bytes for people, in powers of 1000.
func sizeText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n), 0
	for size >= 999.5 && unit < 5 {
		size /= 1000
		unit++
	}
	return strconv.FormatFloat(size, 'g', 3, 64) + " " + []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit]
}
