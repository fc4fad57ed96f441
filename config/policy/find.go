package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
)

// maxFile is how many bytes a file of a policy may have.
const maxFile = 4 << 20

// Finder finds the policies of targets. It reads each file of this machine
// once.
type Finder struct {
	Files Files
	// Tree opens the tree of a remote context that a target reads; nil means
	// that remote contexts are not looked into.
	Tree func(t *config.Target, c config.Context) (Tree, error)
	// BuiltIn says that the policy which bake brings along holds for every
	// target that does not switch it off.
	BuiltIn bool

	read map[string]content
}

type content struct {
	data []byte
	err  error
}

// Find returns the policies that hold for a target. They are the one beside
// the Dockerfile and then those that the target names, each group of files
// being one policy; "reset" takes away what is before it. What an entry
// without files says counts for the policy before it, or else for the next.
func (f *Finder) Find(t *config.Target) (*Set, hcl.Diagnostics) {
	s := &search{Finder: f, target: t, set: &Set{}}
	first := s.beside()
	if slices.ContainsFunc(t.Policy, func(p config.Policy) bool { return p.Disabled }) {
		s.diags = nil // one that cannot be read does not hold either
		s.switchOff(first)
		return s.set, s.diags
	}
	s.set.Policies = append(s.set.Policies, first...)
	var settings config.Policy
	for _, p := range t.Policy {
		if p.Reset {
			s.set.Off = append(s.set.Off, s.set.Names()...)
			s.set.Policies, s.set.Unseen, s.set.Lost = nil, "", nil
		}
		n := len(s.set.Policies)
		switch {
		case len(p.Files) > 0:
			s.add(p, settings)
		case n == 0:
			settings = over(settings, p)
		default:
			s.set.Policies[n-1].adopt(p)
		}
	}
	if f.BuiltIn {
		s.set.Policies = slices.Insert(s.set.Policies, 0, Policy{BuiltIn: true, Context: t.Context})
	}
	return s.set, s.diags
}

// Under says whether a policy may hold for a target, as far as that can be known without
// opening a file of this machine: nobody may have allowed yet that one is read. What is
// named counts, and what is there. It is not known where a remote context has to be
// looked into.
func (f *Finder) Under(t *config.Target) (under, known bool) {
	if slices.ContainsFunc(t.Policy, func(p config.Policy) bool { return p.Disabled }) {
		return false, true
	}
	if f.BuiltIn || slices.ContainsFunc(t.Policy, func(p config.Policy) bool { return len(p.Files) > 0 }) {
		return true, true
	}
	at, ok := beside(t, f.Files)
	if ok && at.tree != nil {
		return false, false
	}
	return ok && exists(f.Files, at.path), true
}

// search is Find for one target.
type search struct {
	*Finder
	target *config.Target
	set    *Set
	diags  hcl.Diagnostics
}

// switchOff notes what does not hold for a target whose policies are disabled.
func (s *search) switchOff(first []Policy) {
	if len(s.target.Policy) > 1 || !alone(s.target.Policy[0]) {
		s.fail("Contradicting policies", "Target %q: disabled = true cannot be combined with other policies. Remove one or the other.", s.target.Name)
		return
	}
	for i := range first {
		s.set.Off = append(s.set.Off, first[i].Name())
	}
	if s.BuiltIn {
		s.set.Off = append(s.set.Off, BuiltInName)
	}
	s.set.Unseen, s.set.Lost = "", nil
}

// alone says whether an entry disables and does nothing else.
func alone(p config.Policy) bool {
	return len(p.Files) == 0 && !p.Reset && p.Strict == nil && p.LogLevel == nil
}

// beside returns the policy beside the Dockerfile, if there is one.
func (s *search) beside() []Policy {
	at, ok := beside(s.target, s.Files)
	if !ok {
		return nil
	}
	if at.tree != nil && s.Tree == nil {
		s.set.Unseen = at.name
		return nil
	}
	name := filepath.ToSlash(at.path)
	if at.tree != nil {
		name = at.name
	}
	data, err := s.content(at)
	if errors.Is(err, fs.ErrNotExist) && at.tree != nil && path.Base(at.name) == defaultName+suffix {
		// A Dockerfile in lower case is built too where there is no other.
		at.name = path.Join(path.Dir(at.name), strings.ToLower(defaultName)+suffix)
		name = at.name
		data, err = s.content(at)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), s.lost(err):
		return nil
	case err != nil:
		s.fail("Unreadable policy", "Target %q: reading the policy %s beside its Dockerfile: %s.", s.target.Name, name, reason(err))
		return nil
	}
	return []Policy{{Files: []File{{Name: name, Path: at.path, Data: data}}, Context: s.target.Context}}
}

// add adds a policy that the target names, with what was set before it.
func (s *search) add(p, settings config.Policy) {
	out := Policy{Context: s.target.Context}
	out.adopt(settings)
	out.adopt(p)
	for _, f := range p.Files {
		at := locate(s.target, f)
		if at.tree != nil && s.Tree == nil {
			out.Files = append(out.Files, File{Name: f.Filename})
			continue
		}
		data, err := s.content(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.missing(f, at)
		case s.lost(err):
			return
		case err != nil:
			s.fail("Unreadable policy", "Target %q: reading the policy %s: %s.", s.target.Name, f.Filename, reason(err))
		}
		out.Files = append(out.Files, File{Name: f.Filename, Path: at.path, Data: data})
	}
	s.set.Policies = append(s.set.Policies, out)
}

// adopt takes over what an entry of a definition says of a policy.
func (p *Policy) adopt(from config.Policy) {
	if from.Strict != nil {
		p.Strict = *from.Strict
	}
	if from.LogLevel != nil {
		p.LogLevel = *from.LogLevel
	}
}

// over puts what an entry says over what an earlier one did.
func over(earlier, later config.Policy) config.Policy {
	if later.Strict == nil {
		later.Strict = earlier.Strict
	}
	if later.LogLevel == nil {
		later.LogLevel = earlier.LogLevel
	}
	return later
}

// missing reports a policy that is not there.
func (s *search) missing(f config.PolicyFile, at location) {
	if at.tree != nil {
		s.fail("Policy not found", "Target %q is under the policy %s, and %s has no such file.",
			s.target.Name, f.Filename, config.Redacted(at.tree.Value))
		return
	}
	hint := "Its name starts from the context of the target"
	if strings.HasPrefix(f.Filename, cwdScheme) {
		hint = "Its name starts from the working directory"
	} else if _, err := s.content(location{path: filepath.Clean(f.Filename)}); err == nil {
		hint += fmt.Sprintf("; for the one in the working directory write %q", cwdScheme+f.Filename)
	}
	s.fail("Policy not found", "Target %q is under the policy %s, and %s does not exist. %s.",
		s.target.Name, f.Filename, filepath.ToSlash(at.path), hint)
}

// content reads a file.
func (s *search) content(at location) ([]byte, error) {
	if at.tree != nil {
		return s.remote(at)
	}
	c, ok := s.read[at.path]
	if !ok {
		c.data, c.err = s.local(at.path)
		if s.read == nil {
			s.read = map[string]content{}
		}
		s.read[at.path] = c
	}
	return c.data, c.err
}

// lostError is why a tree could not be fetched.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// lost notes that a tree could not be fetched. That is not a fault of the
// definition: the target fails for it, as it would without a policy.
func (s *search) lost(err error) bool {
	var lost lostError
	if !errors.As(err, &lost) {
		return false
	}
	s.set.Lost = lost.error
	return true
}

var errNotRegular = errors.New("it is not a regular file")

func (s *search) local(name string) ([]byte, error) {
	info, err := s.Files.Stat(name)
	if err := readable(info, err); err != nil {
		return nil, err
	}
	return s.Files.ReadFile(name)
}

func (s *search) remote(at location) ([]byte, error) {
	tree, err := s.Tree(s.target, *at.tree)
	if err != nil {
		return nil, lostError{fmt.Errorf("fetching %s: %w", config.Redacted(at.tree.Value), err)}
	}
	name := strings.TrimPrefix(path.Join("/", filepath.ToSlash(at.name)), "/")
	if info, err := tree.Stat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		if err := readable(info, err); err != nil {
			return nil, err
		}
	}
	data, err := tree.ReadFile(name, maxFile)
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	return data, err
}

var errTooLarge = fmt.Errorf("it has more than %d bytes, which is the most", maxFile)

// readable says why a file cannot be a policy.
func readable(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errNotRegular
	case info.Size() > maxFile:
		return errTooLarge
	}
	return nil
}

// reason is an error without the operation and the path in front.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// fail reports a fault in the policies of the target.
func (s *search) fail(summary, format string, args ...any) {
	at := s.target.RangeOf("policy")
	s.diags = append(s.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at,
	})
}
