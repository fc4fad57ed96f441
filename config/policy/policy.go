// Package policy finds the source policies that hold for a target: those that
// the target names, the one that lies beside its Dockerfile, and the one that
// bake brings along. It reads their files, and puts them into the order in
// which they are asked. Every one of them has to allow a source.
//
// It does not know Rego, or what a policy is asked, and it opens no
// connection: what is in a remote context it learns from a [Tree].
package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/config"
)

// Set is the policies that hold for one target, in the order in which they are
// asked.
type Set struct {
	Policies []Policy
	// Off names the policies that would hold if the definition had not
	// switched them off.
	Off []string
	// Unseen names a file that is a policy if it is in the target's remote
	// context, where nobody has looked.
	Unseen string
	// Lost is why the target's remote context, which may have a policy, could not
	// be fetched; such a target must not be built.
	Lost error
}

// Policy is one policy.
type Policy struct {
	// Files are the modules that make it up.
	Files []File
	// Strict says that a builder which cannot ask the policy is an error.
	Strict bool
	// LogLevel is how much the policy logs, in the words of logrus; "" is the
	// usual.
	LogLevel string
	// BuiltIn says that it is the one that bake brings along; it has no files.
	BuiltIn bool
	// Context is the target's: what a policy imports and reads lies there.
	Context config.Context
}

// File is a file of a policy.
type File struct {
	// Name is how the file is called, in logs and by the policy's own errors.
	Name string
	// Path is where it is on this machine, or "".
	Path string
	Data []byte
}

// BuiltInName is how the policy that bake brings along is called.
const BuiltInName = "the built-in policy of BUILDX_DEFAULT_POLICY"

// Empty says whether no policy holds.
func (s *Set) Empty() bool { return s == nil || len(s.Policies) == 0 }

// Names are the names of the policies, in their order.
func (s *Set) Names() []string {
	var out []string
	for i := range s.Policies {
		out = append(out, s.Policies[i].Name())
	}
	return out
}

// Name is how messages call the policy.
func (p *Policy) Name() string {
	if p.BuiltIn {
		return BuiltInName
	}
	var names []string
	for _, f := range p.Files {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// Shown is the file of a policy that has a name, as messages call it: by its
// path if it is on this machine.
func (p *Policy) Shown(name string) string {
	for _, f := range p.Files {
		if f.Name == name {
			return f.Shown()
		}
	}
	return name
}

// Shown is how messages call the file.
func (f *File) Shown() string {
	if f.Path != "" {
		return filepath.ToSlash(f.Path)
	}
	return f.Name
}

// Files is what is read of this machine.
type Files interface {
	ReadFile(path string) ([]byte, error)
	Stat(path string) (fs.FileInfo, error)
}

// Disk is the file system of this machine.
type Disk struct{}

// ReadFile returns the bytes of the file.
func (Disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Stat says what the path is, symbolic links followed.
func (Disk) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

// Tree is a remote context. Names are slash paths from its top.
type Tree interface {
	Stat(name string) (fs.FileInfo, error)
	// ReadFile reads a file of at most max bytes; of a longer one it returns
	// more than max, but not all.
	ReadFile(name string, max int) ([]byte, error)
}

const cwdScheme = "cwd://"

// defaultName is the name of a Dockerfile that is also looked for in lower
// case.
const defaultName = "Dockerfile"

// suffix is what the name of the policy beside a Dockerfile ends in.
const suffix = ".rego"

// Paths lists where on this machine the policies that a target names would be
// read from, and the one beside its Dockerfile if it is there.
func Paths(t *config.Target, files Files) []string {
	var out []string
	for _, p := range t.Policy {
		for _, f := range p.Files {
			if at := locate(t, f); at.path != "" && !p.Disabled {
				out = append(out, at.path)
			}
		}
	}
	if at, ok := beside(t, files); ok && at.path != "" {
		if _, err := files.Stat(at.path); err == nil {
			out = append(out, at.path)
		}
	}
	return out
}

// location is where a file is: a path of this machine, or a name in a tree.
type location struct {
	path string
	tree *config.Context
	name string // in the tree
}

// locate says where a file is that a target names.
func locate(t *config.Target, f config.PolicyFile) location {
	name := f.Filename
	switch rest, here := strings.CutPrefix(name, cwdScheme); {
	case here:
		return location{path: filepath.Clean(rest)}
	case f.Tree != nil:
		return location{tree: f.Tree, name: name}
	case remote(t.Context):
		return location{tree: &t.Context, name: name}
	case filepath.IsAbs(name):
		return location{path: filepath.Clean(name)}
	}
	return location{path: filepath.Join(dir(t.Context), name)}
}

// beside says where the policy is that lies beside a target's Dockerfile, or
// false if the Dockerfile lies nowhere.
func beside(t *config.Target, files Files) (location, bool) {
	name := t.Dockerfile
	if name == "" {
		name = defaultName
	}
	local, here := strings.CutPrefix(name, cwdScheme)
	switch {
	case t.Inline(), config.IsRemote(name):
		return location{}, false
	case here, filepath.IsAbs(name):
		return location{path: spelled(local, files) + suffix}, true
	case remote(t.Context):
		return location{tree: &t.Context, name: name + suffix}, true
	}
	return location{path: spelled(filepath.Join(dir(t.Context), name), files) + suffix}, true
}

// spelled is the path of a Dockerfile, in lower case if it is there so and not
// otherwise.
func spelled(path string, files Files) string {
	path = filepath.Clean(path)
	lower := filepath.Join(filepath.Dir(path), strings.ToLower(defaultName))
	if filepath.Base(path) != defaultName || exists(files, path) || !exists(files, lower) {
		return path
	}
	return lower
}

func exists(files Files, path string) bool {
	_, err := files.Stat(path)
	return err == nil
}

// remote says whether the builder fetches a context.
func remote(c config.Context) bool {
	return c.Kind == config.Git || c.Kind == config.HTTP || c.Kind == config.Archive
}

// dir is the folder of a context on this machine.
func dir(c config.Context) string {
	if c.Value == "" {
		return "."
	}
	return filepath.Clean(c.Value)
}
