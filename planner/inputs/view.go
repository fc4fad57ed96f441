package inputs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// tree is one directory of this machine, each folder in it listed at most
// once, whichever contexts and instructions look at it.
type tree struct {
	source Tree
	dir    string
	root   folder
}

// folder is what a directory holds, once it was listed.
type folder struct {
	once    sync.Once
	entries []entry
	err     error
}

// entry is one thing in a folder, with what was found out about it.
type entry struct {
	Entry
	folder *folder // of a directory
	sum    *[32]byte
	fault  error // why its content is not known
}

func (t *tree) list(f *folder, path string) ([]entry, error) {
	f.once.Do(func() {
		list, err := t.source.List(filepath.Join(t.dir, filepath.FromSlash(path)))
		if err != nil {
			f.err = err
			return
		}
		f.entries = make([]entry, len(list))
		for i, e := range list {
			f.entries[i].Entry = e
			if e.Mode.IsDir() {
				f.entries[i].folder = &folder{}
			}
		}
	})
	return f.entries, f.err
}

// View is a tree without what an ignore file takes out: what the builder is
// given of a context.
type View struct {
	*tree
	skip *matcher
	root viewed
	busy chan struct{} // limits how many folders are read at a time
	// shallow leaves out what is in directories that are read as a whole.
	shallow bool
}

// viewed is one directory of a view.
type viewed struct {
	folder  *folder
	path    string // slashes, "" for the root
	matched []int  // the patterns that match it or what is above
	ignored bool   // itself, and there for what is in it only
	listed  bool
	items   []item
	err     error // why it could not be listed

	sums *sums
}

// item is one thing in a directory of a view.
type item struct {
	*entry
	dir *viewed // of a directory
}

func newView(t *tree, excludes []string) (*View, error) {
	skip, err := newMatcher(excludes)
	if err != nil {
		return nil, err
	}
	v := &View{tree: t, skip: skip, busy: make(chan struct{}, runtime.GOMAXPROCS(0))}
	v.root.folder = &t.root
	return v, nil
}

// list returns what a directory has that is not ignored, in the order of
// names. A directory that is ignored is there if something in it is not.
func (v *View) list(d *viewed) []item {
	if d.listed {
		return d.items
	}
	d.listed = true
	entries, err := v.tree.list(d.folder, d.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !(d.ignored && errors.Is(err, fs.ErrPermission)) {
			d.err = err
		}
		return nil
	}
	d.items = make([]item, 0, len(entries))
	for i := range entries {
		if it, ok := v.item(d, &entries[i]); ok {
			d.items = append(d.items, it)
		}
	}
	return d.items
}

func (v *View) item(d *viewed, e *entry) (item, bool) {
	if e.folder == nil && len(v.skip.negated) == 0 {
		return item{entry: e}, true
	}
	name := join(d.path, e.Name)
	ignored, matched := v.skip.match(name, d.matched)
	if e.folder == nil {
		return item{entry: e}, !ignored
	}
	if ignored && !v.skip.mayHold(name) {
		return item{}, false
	}
	sub := &viewed{folder: e.folder, path: name, matched: matched, ignored: ignored}
	if ignored && len(v.list(sub)) == 0 && sub.err == nil {
		return item{}, false
	}
	return item{entry: e, dir: sub}, true
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// load lists everything below a directory, several folders at a time.
func (v *View) load(d *viewed) {
	var wait sync.WaitGroup
	v.loadInto(d, &wait)
	wait.Wait()
}

func (v *View) loadInto(d *viewed, wait *sync.WaitGroup) {
	for _, it := range v.list(d) {
		if it.dir == nil {
			continue
		}
		select {
		case v.busy <- struct{}{}:
			wait.Go(func() {
				v.loadInto(it.dir, wait)
				<-v.busy
			})
		default:
			v.loadInto(it.dir, wait)
		}
	}
}

// at returns what is at a clean path without following links; nothing if
// it is not there. The root is a directory without an entry.
func (v *View) at(name string) (item, bool) {
	it := item{dir: &v.root}
	if name == "" {
		return it, true
	}
	for part := range strings.SplitSeq(name, "/") {
		if it.dir == nil {
			return item{}, false
		}
		var ok bool
		if it, ok = findItem(v.list(it.dir), part); !ok {
			return item{}, false
		}
	}
	return it, true
}

// errLinks is what a chain of symbolic links ends in that leads to itself.
var errLinks = errors.New("too many symbolic links")

// Follow returns the path behind a path's links, its last part
// included, as the builder finds it: absolute links and those that lead out
// start from the root of the context. What does not exist is left as it is.
func (v *View) Follow(name string) (string, error) {
	const most = 255 // as containerd's RootPath has it
	name = cleanPath(name)
	for range most {
		next, linked := v.firstLink(name)
		if !linked {
			return name, nil
		}
		name = next
	}
	return "", fmt.Errorf("%w at %q", errLinks, name)
}

// firstLink replaces the first symbolic link in a path by what it points to.
func (v *View) firstLink(name string) (string, bool) {
	dir := &v.root
	for at := 0; at < len(name) && dir != nil; {
		end := len(name)
		if i := strings.IndexByte(name[at:], '/'); i >= 0 {
			end = at + i
		}
		it, ok := findItem(v.list(dir), name[at:end])
		if !ok {
			return name, false
		}
		if it.entry != nil && it.Mode&fs.ModeSymlink != 0 {
			to := it.Link
			if !path.IsAbs(to) {
				to = path.Join("/", name[:at], to)
			}
			return cleanPath(path.Join(to, name[end:])), true
		}
		dir = it.dir
		at = end + 1
	}
	return name, false
}

// cleanPath is a clean path from the root of the context, "" for the root itself.
func cleanPath(name string) string { return path.Join("/", name)[1:] }

func findItem(items []item, name string) (item, bool) {
	i, ok := slices.BinarySearchFunc(items, name, func(it item, name string) int { return strings.Compare(it.Name, name) })
	if !ok {
		return item{}, false
	}
	return items[i], true
}
