package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/orch-build/orch/config/funcs"
)

// Match is a file that an import names.
type Match struct {
	Name      string
	Real      string // without symbolic links
	Namespace string // without a dot behind
}

// Budget is what the imports of one definition may still look at.
type Budget struct{ entries int }

// Source is what one import block asks for.
type Source struct {
	Label   string // the name of the block
	Pattern string // the path or pattern as it is written
	From    string // the file that has the block
}

// maxEntries is how many entries of folders the patterns of a definition may
// look at.
const maxEntries = 100_000

var errTooManyEntries = fmt.Errorf("the pattern makes orch look at more than %d files and folders; write one that names fewer", maxEntries)

// Find returns the files that a source stands for, in the order of their names. At
// least one is there.
func Find(disk Files, source Source, budget *Budget) ([]Match, error) {
	if disk == nil {
		return nil, errors.New("there is nothing to import from here")
	}
	f := &finder{files: disk, budget: budget, label: source.Label, pattern: source.Pattern, seen: map[string]string{}}
	full := source.Pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(source.From), full)
	}
	full = path.Clean(filepath.ToSlash(full))
	if !IsPattern(full) {
		m, err := f.plain(full)
		return []Match{m}, err
	}
	root, segments := "", strings.Split(full, "/")
	if segments[0] == "" {
		root, segments = "/", segments[1:]
	}
	for _, s := range segments {
		if _, err := path.Match(s, ""); err != nil {
			return nil, fmt.Errorf("%q is not a pattern: the bracket is not closed", source.Pattern)
		}
	}
	if err := f.walk(root, segments, nil); err != nil {
		return nil, err
	}
	if len(f.found) == 0 {
		return nil, fmt.Errorf("no file matches %s", full)
	}
	slices.SortFunc(f.found, func(a, b Match) int { return strings.Compare(a.Name, b.Name) })
	return f.found, nil
}

// IsPattern reports whether a name or a path is a pattern.
func IsPattern(name string) bool { return strings.ContainsAny(name, "*?[]") }

// plain looks at a source that is not a pattern.
func (f *finder) plain(name string) (Match, error) {
	info, err := f.files.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Match{}, fmt.Errorf("there is no file %s", name)
	case err != nil:
		return Match{}, Plain(err)
	case info.IsDir():
		return Match{}, fmt.Errorf("the source %s is a folder; name the file in it, such as %s/build.hcl", name, name)
	}
	real, err := f.files.RealPath(name)
	return Match{name, real, f.label}, err
}

// finder matches a pattern against folders, segment by segment.
type finder struct {
	files   Files
	budget  *Budget
	label   string
	pattern string
	found   []Match
	seen    map[string]string // names by real path
}

// walk matches what is left of the pattern below dir; parts holds what the
// wildcards before stood for.
func (f *finder) walk(dir string, segments, parts []string) error {
	segment, rest := segments[0], segments[1:]
	switch {
	case segment == "**" && len(rest) > 0:
		return f.anyDepth(dir, rest, parts)
	case !IsPattern(segment):
		return f.enter(join(dir, segment), rest, parts, written)
	}
	entries, err := f.list(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ok, err := path.Match(segment, e.Name())
		if err != nil {
			return err
		}
		if !ok || hiddenName(e.Name(), segment) {
			continue
		}
		part := e.Name()
		if len(rest) == 0 {
			part = strings.TrimSuffix(part, path.Ext(part))
		}
		if err := f.enter(join(dir, e.Name()), rest, append(slices.Clip(parts), part), matched); err != nil {
			return err
		}
	}
	return nil
}

// anyDepth matches the rest of a pattern behind ** in dir and in all folders
// below it. Symbolic links are not followed here, so it comes to an end.
func (f *finder) anyDepth(dir string, rest, parts []string) error {
	if err := f.walk(dir, rest, parts); err != nil {
		return err
	}
	entries, err := f.list(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || hiddenName(e.Name(), "*") {
			continue
		}
		if err := f.anyDepth(join(dir, e.Name()), rest, append(slices.Clip(parts), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// origin is how a name came about.
type origin bool

const (
	written origin = false // as it is in the pattern
	matched origin = true  // by a wildcard
)

// enter goes on behind a segment that matched: down a folder, or to the end
// with a file. Names that a wildcard found may be of the other kind.
func (f *finder) enter(name string, rest, parts []string, by origin) error {
	info, err := f.files.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil:
		return Plain(err) // such as symbolic links that lead in a circle
	case len(rest) > 0 && info.IsDir():
		return f.walk(name, rest, parts)
	case len(rest) > 0:
		return nil
	case info.IsDir():
		if by == matched {
			return nil
		}
		return fmt.Errorf("the source %s is a folder; let the pattern name the file in it, such as %s/build.hcl", name, f.pattern)
	}
	return f.add(name, parts)
}

// add notes a file. The same file under two names is most likely a symbolic
// link into the folders that the pattern walks through.
func (f *finder) add(name string, parts []string) error {
	real, err := f.files.RealPath(name)
	if err != nil {
		return Plain(err)
	}
	if earlier, ok := f.seen[real]; ok {
		return fmt.Errorf("the names %s and %s are one file, which a symbolic link leads to; write a pattern that finds only one of them", earlier, name)
	}
	f.seen[real] = name
	namespace := f.label
	for _, p := range parts {
		namespace += "." + funcs.SanitizeName(p)
	}
	f.found = append(f.found, Match{name, real, namespace})
	return nil
}

// list reads a folder. One that is not there has no entries.
func (f *finder) list(dir string) ([]fs.DirEntry, error) {
	if dir == "" {
		dir = "."
	}
	entries, err := f.files.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, Plain(err)
	}
	f.budget.entries += len(entries)
	if f.budget.entries > maxEntries {
		return nil, errTooManyEntries
	}
	return entries, nil
}

// hiddenName reports whether a name begins with a dot that the pattern does
// not write, as a shell has it.
func hiddenName(name, pattern string) bool {
	return strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".")
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return path.Join(dir, name)
}
