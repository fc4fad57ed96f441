package permission

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/output"
)

// Need is something on this machine that a definition touches.
type Need struct {
	Key   string // the name of the permission
	Value string // a path, absolute and without symbolic links, or a device
	Why   string // such as `the context of the target web`
	At    hcl.Range
	// Layout, if set, is the path as a folder of images or of a cache, whose files are
	// opened by their names: what the links in it lead to is needed too.
	Layout string
}

// Behind are the needs of what the links in folders of images lead to. Who asks for them may
// read these folders.
func Behind(needs []Need) []Need {
	var out []Need
	links := map[string][]string{}
	for _, n := range needs {
		if n.Layout == "" {
			continue
		}
		list, ok := links[n.Layout]
		if !ok {
			list = output.Links(n.Layout)
			links[n.Layout] = list
		}
		for _, link := range list {
			real, err := RealPath(link)
			if err != nil { // a loop, which nobody can open
				real = link
			}
			out = append(out, Need{Key: n.Key, Value: real, Why: "a link in " + n.Why, At: n.At})
		}
	}
	return out
}

// files says whether the need is one of those that can be switched off.
func (n Need) files() bool { return n.Key == Read || n.Key == Write || n.Key == SSH }

// flag returns what --allow has to be given, with paths as short as they are
// readable.
func (n Need) flag(wd string) string {
	switch n.Key {
	case Read, Write, readAndWrite:
		return n.Key + "=" + shortPath(n.Value, wd)
	case Device:
		if n.Value == anything {
			return n.Key
		}
		return n.Key + "=" + n.Value
	}
	return n.Key
}

// Action says in words what a need is, with paths from the working directory.
func (n Need) Action(wd string) string {
	switch n.Key {
	case HostNetwork:
		return "steps in the network of the builder's machine"
	case Insecure:
		return "steps with all privileges"
	case SSH:
		return "the use of the SSH agent"
	case Delete:
		return "deletion of files at the destination"
	case Device:
		if n.Value == anything {
			return "all devices"
		}
		return "the device " + n.Value
	case Read:
		return "reading " + shortPath(n.Value, wd)
	}
	return "writing " + shortPath(n.Value, wd)
}

// Missing returns the needs that are not granted, as few as would be enough:
// each once, and no path below another one.
func (s *Set) Missing(needs []Need) []Need {
	var out, granted []Need
	for _, n := range needs {
		if s.allows(n) {
			granted = append(granted, n)
		} else {
			out = append(out, n)
		}
	}
	for _, n := range Behind(granted) {
		if !s.allows(n) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b Need) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), len(a.Value)-len(b.Value), strings.Compare(a.Value, b.Value))
	})
	var few []Need
	for _, n := range out {
		if !n.CoveredBy(few) {
			few = append(few, n)
		}
	}
	return few
}

// MissingPrivileges is Missing where needs about files and SSH count as granted.
func (s *Set) MissingPrivileges(needs []Need) []Need {
	return s.Missing(slices.DeleteFunc(slices.Clone(needs), Need.files))
}

// CoveredBy says whether some needs, if they are granted, are enough for this one.
func (n Need) CoveredBy(needs []Need) bool {
	return slices.ContainsFunc(needs, func(m Need) bool { return m.coversToo(n) })
}

// coversToo says whether a grant of n is one of other.
func (n Need) coversToo(other Need) bool {
	switch {
	case n.Key != other.Key:
		return false
	case n.Key == Read || n.Key == Write:
		return within(other.Value, n.Value)
	case n.Key == Device:
		return n.Value == other.Value || n.Value == anything
	}
	return true
}

// Flags returns the values of --allow that grant the needs. A path that is
// both read and written is granted by one.
func Flags(needs []Need, wd string) []string {
	var out []string
	for _, n := range needs {
		both := func(key string) bool {
			return slices.ContainsFunc(needs, func(m Need) bool { return m.Key == key && m.Value == n.Value })
		}
		switch {
		case n.Key == Read && both(Write):
			n.Key = readAndWrite
		case n.Key == Write && both(Read):
			continue
		}
		out = append(out, n.flag(wd))
	}
	slices.Sort(out)
	return out
}
