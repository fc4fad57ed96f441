package planner

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
)

// ContextName returns the form in which BuildKit looks a named context up:
// "alpine" for "docker.io/library/alpine:latest". A name that no stage or
// image can have is returned as it is.
func ContextName(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(ref), ":latest")
}

// ContextKey is ContextName for a key of contexts, which may end in
// "::PLATFORM".
func ContextKey(key string) string {
	name, platform, on := strings.Cut(key, "::")
	if !on {
		return ContextName(key)
	}
	return ContextName(name) + "::" + platform
}

// withContextNames gives a target's contexts the names by which BuildKit looks
// for them, so that each way to write the name of an image means that image.
// Of two that mean the same, the one that is written so already counts.
func withContextNames(t *config.Target) *config.Target {
	out := *t
	out.Contexts = map[string]config.Context{}
	same := true
	for _, key := range slices.Sorted(maps.Keys(t.Contexts)) {
		name := ContextKey(key)
		_, taken := out.Contexts[name]
		if _, exact := t.Contexts[name]; name != key && (exact || taken) {
			name = key
		}
		out.Contexts[name] = t.Contexts[key]
		if name == key {
			continue
		}
		if same {
			same, out.Ranges = false, maps.Clone(t.Ranges)
		}
		if at, ok := t.Ranges["contexts."+key]; ok {
			out.Ranges["contexts."+name] = at
		}
	}
	if same {
		return t
	}
	return &out
}

// local is a directory with what the stages read of it.
type local struct {
	*Local
	paths map[string]bool
	all   bool
	node  *node
}

// read notes that a stage reads these paths, as BuildKit's FollowPaths has
// them; none of them means all.
func (l *local) read(paths []string) {
	for _, p := range paths {
		l.paths[p] = true
		if p == "" {
			l.all = true
		}
	}
}

func (l *local) readAll() { l.all = true }

// A request for a directory carries patterns and paths in its headers, of which
// gRPC takes no more than maxHeaders bytes in the sum of RFC 7540, 6.5.2: names,
// values, and 32 for each. Some room is left for the others.
const (
	maxHeaders  = 1<<20 - 64<<10
	headerExtra = 32 + len("exclude-patterns")
)

func headerSize(values []string) int {
	n := 0
	for _, s := range values {
		n += len(s) + headerExtra
	}
	return n
}

// finish fills Paths once every stage has been met. Where there are too many to
// ask for, all is asked for.
func (l *local) finish() {
	paths := 0
	for p := range l.paths {
		paths += len(p) + headerExtra
	}
	if paths > 0 && paths+headerSize(l.Excludes) > maxHeaders {
		l.all = true
	}
	if !l.all {
		l.Paths = slices.Sorted(maps.Keys(l.paths))
		if l.Paths == nil {
			l.Paths = []string{}
		}
	}
}

// localKey is what a context and its ignore file follow from.
type localKey struct {
	dir      string
	d        *file
	gitModes bool
}

// folders are the local folders of a plan, each once.
type folders struct {
	faults   *fault.Report
	reading  *reading
	vertices *vertices
	dir      string            // the working directory
	byID     map[string]*local // by the IDs of their vertices
	byKey    map[localKey]*local
}

func newFolders(dir string, faults *fault.Report, r *reading, vs *vertices) *folders {
	return &folders{faults: faults, reading: r, vertices: vs, dir: dir, byID: map[string]*local{}, byKey: map[localKey]*local{}}
}

// finished returns the folders once every stage has been met, in a stable order.
func (f *folders) finished() []*Local {
	var out []*Local
	for _, l := range f.byID {
		l.finish()
		out = append(out, l.Local)
	}
	slices.SortFunc(out, func(a, b *Local) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Name, b.Name))
	})
	return out
}

// local returns the one Local of a directory and ignore patterns.
func (f *folders) local(key localKey, at fault.Range) *local {
	l, ok := f.byKey[key]
	if !ok {
		l = f.findLocal(key, at)
		f.byKey[key] = l
	}
	return l
}

func (f *folders) findLocal(key localKey, at fault.Range) *local {
	dir := key.dir
	abs := dir
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(f.dir, dir)
	}
	excludes := f.reading.ignored(dir, key.d, at)
	if n := headerSize(excludes); n > maxHeaders {
		f.faults.Fail(at, "Ignore file too large", "The %d patterns of the ignore file of %s are more than a builder can be sent: they come to %d bytes, and %d are the most. Leave out whole folders instead of single files.",
			len(excludes), ContextText(filepath.ToSlash(dir)), n, maxHeaders)
	}
	kind := "local"
	if key.gitModes {
		kind = "local with the modes of git"
	}
	id := framed.Sum(append([]string{kind, filepath.ToSlash(abs)}, excludes...)...)
	if l, ok := f.byID[id]; ok {
		return l
	}
	hex := strings.TrimPrefix(id, "sha256:")
	l := &local{
		Local: &Local{Name: "ctx-" + hex[:12], Dir: abs, Excludes: excludes, GitModes: key.gitModes},
		paths: map[string]bool{},
	}
	l.node = f.vertices.vertex(id, func(v *Vertex) {
		v.Kind, v.Name, v.Range = LocalContext, filepath.ToSlash(dir), at
	})
	l.node.local, l.node.Local = l, l.Local
	f.byID[id] = l
	return l
}

// ContextRange is where a context is written; an element of contexts may only
// be known by the whole map.
func ContextRange(t *config.Target, attr string) fault.Range {
	if r, ok := t.Ranges[attr]; ok {
		return r
	}
	attr, _, _ = strings.Cut(attr, ".")
	return t.RangeOf(attr)
}

// ContextText names a context in a sentence.
func ContextText(dir string) string {
	if dir == "." {
		return "the context"
	}
	return dir
}
