package inputs

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tonistiigi/fsutil"
	builder "github.com/tonistiigi/fsutil/copy"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/orch-build/orch/internal/need"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

var names = []string{"a", "b", "c", "go.mod", "x.go", "y.md", ".git"}

// randomTree fills a directory with files, folders and links, some of which
// lead out, to nothing, or to themselves.
func randomTree(t *testing.T, r *rand.Rand, dir string, depth int) {
	t.Helper()
	for range 2 + r.IntN(4) {
		p := filepath.Join(dir, names[r.IntN(len(names))])
		if _, err := os.Lstat(p); err == nil {
			continue
		}
		var err error
		switch n := r.IntN(8); {
		case n < 3 && depth < 3:
			if err = os.Mkdir(p, 0o755); err == nil {
				randomTree(t, r, p, depth+1)
			}
		case n == 3:
			err = os.Symlink(randomLink(r), p)
		default:
			err = os.WriteFile(p, []byte(p), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func randomLink(r *rand.Rand) string {
	prefix := []string{"", "/", "../", "../../", "./"}[r.IntN(5)]
	return prefix + randomPath(r, 2)
}

func randomPath(r *rand.Rand, most int) string {
	var parts []string
	for range 1 + r.IntN(most) {
		parts = append(parts, names[r.IntN(len(names))])
	}
	return strings.Join(parts, "/")
}

// randomPattern is a pattern of an ignore file, or a source with wildcards.
func randomPattern(r *rand.Rand, deep bool) string {
	wild := []string{"*", "*.go", "?", "[ab]", "[^a]", "x*", "*.*"}
	if deep {
		wild = append(wild, "**", "**")
	}
	var parts []string
	for range 1 + r.IntN(3) {
		if r.IntN(2) == 0 {
			parts = append(parts, wild[r.IntN(len(wild))])
		} else {
			parts = append(parts, names[r.IntN(len(names))])
		}
	}
	return strings.Join(parts, "/")
}

func randomIgnore(r *rand.Rand) []string {
	var out []string
	if r.IntN(4) == 0 {
		out = append(out, "*")
	}
	for range r.IntN(6) {
		p := randomPattern(r, true)
		if r.IntN(8) == 0 {
			p = strings.ReplaceAll(p, "go.mod", `go\.mo[d]`)
		}
		if r.IntN(3) == 0 {
			p = "!" + p
		}
		out = append(out, p)
	}
	return out
}

// viewPaths lists what a view holds.
func viewPaths(v *View) []string {
	v.load(&v.root)
	var out []string
	v.root.each(func(dir string, it item) { out = append(out, it.path(dir)) })
	slices.Sort(out)
	return out
}

// sentPaths lists what BuildKit's client sends of a directory.
func sentPaths(t *testing.T, dir string, opt *fsutil.FilterOpt) []string {
	t.Helper()
	var out []string
	err := fsutil.Walk(context.Background(), dir, opt, func(path string, _ fs.FileInfo, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestViewAgainstFsutil holds what ignore files let through against the very
// code that sends contexts to the builder.
func TestViewAgainstFsutil(t *testing.T) {
	for seed := range uint64(need.Rounds(300)) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		randomTree(t, r, dir, 0)
		for range 4 {
			ignore := randomIgnore(r)
			v, err := newView(&tree{source: Disk{}, dir: dir}, ignore)
			if err != nil {
				t.Fatal(err)
			}
			got, want := viewPaths(v), sentPaths(t, dir, &fsutil.FilterOpt{ExcludePatterns: ignore})
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %q: the plan has\n%q, the builder is sent\n%q", seed, ignore, got, want)
			}
		}
	}
}

// randomTake is a COPY or bind mount.
func randomTake(r *rand.Rand) *planner.Take {
	t := &planner.Take{Parents: r.IntN(3) == 0}
	if !t.Parents && r.IntN(4) == 0 {
		return &planner.Take{Mount: true, Sources: []string{randomPath(r, 3)}}
	}
	for range 1 + r.IntN(2) {
		var src string
		switch r.IntN(5) {
		case 0:
			if src = "."; t.Parents {
				src = "**" // without a pattern the frontend refuses it
			}
		case 1:
			src = randomPath(r, 3)
		case 2:
			src = "./" + randomPath(r, 2) + "/../" + randomPath(r, 2) + "/"
		default:
			src = randomPattern(r, t.Parents)
		}
		if t.Parents && r.IntN(2) == 0 {
			src = randomPath(r, 1) + "/./" + src
		}
		t.Sources = append(t.Sources, src)
	}
	for range r.IntN(3) {
		p := randomPattern(r, true)
		if r.IntN(4) == 0 {
			p = "!" + p
		}
		t.Exclude = append(t.Exclude, p)
	}
	return t
}

// copied lists what the builder's copy takes of a directory, source by source:
// the paths that it looks at with everything in them put somewhere. An error
// stands for a source that it does not find.
func copied(t *testing.T, dir string, k *planner.Take, src string) (list []string, err error) {
	t.Helper()
	pattern := ""
	if k.Parents {
		// As dispatchCopy of BuildKit's frontend has it.
		base, rest, ok := strings.Cut(src, "/./")
		if !ok {
			base, rest = "/", src
		}
		src, pattern = base, cleanPath(rest)
	}
	matches := []string{"/" + cleanPath(src)}
	if !k.Mount {
		if matches, err = builder.ResolveWildcards(dir, "/"+cleanPath(src), true); err != nil {
			return nil, err
		}
	}
	for _, m := range matches {
		dest := t.TempDir()
		err := builder.Copy(context.Background(), dir, m, dest, "/out/", func(ci *builder.CopyInfo) {
			if k.Parents {
				ci.IncludePatterns = []string{pattern}
			}
			if !k.Mount {
				ci.ExcludePatterns = k.Exclude
			}
			ci.FollowLinks, ci.CopyDirContents = true, true
			ci.XAttrErrorHandler = func(_, _, _ string, _ error) error { return nil }
		})
		if err != nil {
			return nil, err
		}
		for _, p := range sentPaths(t, filepath.Join(dest, "out"), nil) {
			list = append(list, "/"+cleanPath(m)+": "+p)
		}
	}
	return list, nil
}

// selectedAs writes a selection in the form of copied.
func selectedAs(v *View, k *planner.Take, src string) ([]string, error) {
	s := &selecting{View: v, take: k}
	if err := s.source(src); err != nil {
		return nil, err
	}
	matches := []string{src}
	if !k.Mount {
		base := src
		if k.Parents {
			var ok bool
			if base, _, ok = strings.Cut(src, "/./"); !ok {
				base = "/"
			}
		}
		matches, _, _ = s.matches(cleanPath(base))
	}
	var out []string
	for i, m := range matches[:len(s.roots)] {
		one := selection{roots: s.roots[i : i+1]}
		m = "/" + cleanPath(m)
		root := s.roots[i].path
		one.each(func(dir string, it item) {
			path := it.path(dir)
			switch {
			case path == root && it.dir != nil: // only what is in it is copied
			case path == root:
				out = append(out, m+": "+filepath.Base(m))
			default:
				out = append(out, m+": "+strings.TrimPrefix(strings.TrimPrefix(path, root), "/"))
			}
		})
	}
	return out, nil
}

// send makes the directory that the builder gets: what the ignore file lets
// through and the plan says that is read.
func send(t *testing.T, dir string, ignore, follow []string) string {
	t.Helper()
	dest := t.TempDir()
	err := fsutil.Walk(context.Background(), dir, &fsutil.FilterOpt{ExcludePatterns: ignore, FollowPaths: follow}, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		st := info.Sys().(*fstypes.Stat)
		to := filepath.Join(dest, path)
		switch {
		case info.IsDir():
			return os.Mkdir(to, 0o755)
		case info.Mode()&fs.ModeSymlink != 0:
			return os.Symlink(st.Linkname, to)
		}
		return os.WriteFile(to, nil, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dest
}

// sumFollowsToNothing says whether one of what --parents takes is a link to nothing in
// the top folder: the builder copies it, but follows it for its sum.
func sumFollowsToNothing(t *testing.T, dir string, taken []string) bool {
	t.Helper()
	v, err := newView(&tree{source: Disk{}, dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range taken {
		name, ok := strings.CutPrefix(one, "/: ")
		if !ok || strings.Contains(name, "/") {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		real, err := v.Follow(name)
		if _, there := v.at(real); err != nil || !there {
			return true
		}
	}
	return false
}

// TestTakeAgainstBuilder holds what the plan says that a COPY or a mount reads
// against the code that the builder copies with, on what it is really sent.
func TestTakeAgainstBuilder(t *testing.T) {
	failed, found := 0, 0
	for seed := range uint64(need.Rounds(150)) {
		r := rand.New(rand.NewPCG(seed, 2))
		dir := t.TempDir()
		randomTree(t, r, dir, 0)
		var ignore []string
		if r.IntN(2) == 0 {
			ignore = randomIgnore(r)
		}
		for range 4 {
			k := randomTake(r)
			for _, src := range k.Sources {
				there := send(t, dir, ignore, []string{dockerfile.ContextPath(src)})
				v, err := newView(&tree{source: Disk{}, dir: dir}, ignore)
				if err != nil {
					t.Fatal(err)
				}
				want, wantErr := copied(t, there, k, src)
				got, gotErr := selectedAs(v, k, src)
				if k.Parents && gotErr != nil && wantErr == nil && len(want) == 0 {
					wantErr = fs.ErrNotExist // found missing when its sum is asked for
				}
				if k.Parents && wantErr == nil && sumFollowsToNothing(t, there, want) {
					wantErr = fs.ErrNotExist // likewise
				}
				if wantErr != nil && gotErr == nil && len(got) == 0 {
					gotErr = fs.ErrNotExist // see unmatched.dir
				}
				if wantErr != nil && HasWildcard(filepath.Dir(src)) {
					continue // links behind such wildcards are not sent, so the build fails
				}
				if (gotErr != nil) != (wantErr != nil) {
					t.Fatalf("seed %d, %+v, %q of %q without %q: the plan says %v, the builder %v", seed, *k, src, treeText(dir), ignore, gotErr, wantErr)
				}
				if gotErr != nil {
					failed++
					continue
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, %+v, %q of %q without %q: the plan reads\n%q, the builder\n%q", seed, *k, src, treeText(dir), ignore, got, want)
				}
				found += len(got)
			}
		}
	}
	// The few cases under the race detector may all be of one kind.
	if few := need.Rounds(150) < 30; !few && (failed < need.Rounds(100) || found < need.Rounds(1000)) {
		t.Errorf("the cases show too little: %d sources are missing, %d paths were found", failed, found)
	}
}

func treeText(dir string) []string {
	list := map[string]string{}
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
		rel, _ := filepath.Rel(dir, p)
		if link, err := os.Readlink(p); err == nil {
			rel += " -> " + link
		} else if d.IsDir() {
			rel += "/"
		}
		list[rel] = ""
		return nil
	})
	return slices.Sorted(maps.Keys(list))
}

// TestMatcherIsLinear shows that plain patterns cost nothing for the paths that
// they do not match: what would be tried is counted, not timed.
func TestMatcherIsLinear(t *testing.T) {
	var patterns []string
	for i := range 5000 {
		patterns = append(patterns, fmt.Sprintf("dir-%d/file", i), fmt.Sprintf("**/name-%d", i), fmt.Sprintf("x-%d/*.tmp", i))
	}
	m, err := newMatcher(patterns)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.wildcards("x-7/a.tmp")); n != 1 {
		t.Errorf("%d patterns would be tried one by one", n)
	}
	for path, want := range map[string]bool{"dir-17/file": true, "x/y/name-4999": true, "name-3": true, "x-7/a.tmp": true, "x-7/a.go": false, "dir-17": false, "dir-17/file2": false} {
		if got, _ := m.match(path, nil); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
