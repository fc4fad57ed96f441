package contextfs

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// usual is the mode of nearly all folders.
const usual fs.FileMode = 0o755

// FolderModes names the modes of the folders that a context sends: "" if all of
// them are 0755. BuildKit keeps what a context has sent, and changes the mode of
// a folder that it has without noticing that its content is another one then; so
// a context whose folders have other modes has to be another one for it.
//
// Only the folders that differ from most others count, so that a new folder is
// no other context under any umask. With paths, those that none of them goes
// through do not count. What excludes leave out does not count either, but for
// folders that an exception may lead into.
func FolderModes(dir string, paths, excludes []string) string {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "" // the context fails by itself
	}
	f := &folders{root: root, modes: map[string]fs.FileMode{}}
	if len(excludes) > 0 {
		if f.exclude, err = patternmatcher.New(excludes); err != nil {
			return ""
		}
	}
	if paths == nil {
		f.below(".")
	}
	for _, p := range paths {
		f.below(f.through(filepath.FromSlash(p)))
	}
	return f.name()
}

// folders collects the modes of folders.
type folders struct {
	root    string
	exclude *patternmatcher.PatternMatcher
	modes   map[string]fs.FileMode // by path below root
}

// through adds the folders that a path goes through, and returns it without what
// has wildcards.
func (f *folders) through(p string) string {
	at := "."
	for part := range strings.SplitSeq(filepath.Clean(p), string(filepath.Separator)) {
		if part == "" || part == "." {
			continue
		}
		if strings.ContainsAny(part, `*?[\`) {
			break
		}
		at = filepath.Join(at, part)
		if info, err := os.Lstat(filepath.Join(f.root, at)); err == nil && info.IsDir() {
			f.modes[at] = plain(info.Mode())
		}
	}
	return at
}

// below adds all folders below one.
func (f *folders) below(dir string) {
	_ = filepath.WalkDir(filepath.Join(f.root, dir), func(full string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // what cannot be read is the sender's to report
		}
		path, err := filepath.Rel(f.root, full)
		if err != nil || path == "." {
			return nil // the root itself is not sent
		}
		if f.excluded(path) {
			return filepath.SkipDir
		}
		if info, err := d.Info(); err == nil {
			f.modes[path] = plain(info.Mode())
		}
		return nil
	})
}

// excluded says whether nothing of a folder is sent.
func (f *folders) excluded(path string) bool {
	if f.exclude == nil {
		return false
	}
	if out, err := f.exclude.MatchesOrParentMatches(path); err != nil || !out {
		return false
	}
	inside := path + string(filepath.Separator)
	for _, p := range f.exclude.Patterns() {
		if !p.Exclusion() {
			continue
		}
		literal := p.String()
		if i := strings.IndexAny(literal, `*?[\`); i >= 0 {
			literal = literal[:i]
		}
		literal = filepath.FromSlash(literal)
		if strings.HasPrefix(literal, inside) || strings.HasPrefix(inside, literal) {
			return false
		}
	}
	return true
}

// plain is all of a mode that is sent of a folder.
func plain(m fs.FileMode) fs.FileMode {
	return m & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// name sums up what is different.
func (f *folders) name() string {
	counts := map[fs.FileMode]int{}
	for _, m := range f.modes {
		counts[m]++
	}
	most := usual
	for _, m := range slices.SortedFunc(maps.Keys(counts), func(a, b fs.FileMode) int { return cmp.Compare(a, b) }) {
		if counts[m] > counts[most] {
			most = m
		}
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%o", uint32(most))
	different := most != usual
	for _, path := range slices.Sorted(maps.Keys(f.modes)) {
		if m := f.modes[path]; m != most {
			different = true
			fmt.Fprintf(sum, "\x00%s\x00%o", path, uint32(m))
		}
	}
	if !different {
		return ""
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:6])
}
