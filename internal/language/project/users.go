package project

import (
	"cmp"
	"maps"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/schema"
)

// Block names a block of a definition by its file and its label, so that it is found
// again while lines move.
type Block struct {
	Path, Label string
}

// Names says what the names of a definition mean.
type Names struct {
	// Targets and Groups are the blocks behind the names in the whole definition.
	Targets, Groups map[string]Block
	// Prefixes are in front of the names of a file; a file that is imported
	// several times has several.
	Prefixes map[string][]string
	// Blocks are the targets that a block makes.
	Blocks map[Block][]*config.Target
	// users are the targets that have an attribute from a block.
	users map[use][]*config.Target
}

type use struct {
	block Block
	key   string // "target", "args.NAME"
}

// Users lists the targets that have an attribute, or an element of one, from a
// block: its own, and those that inherit it.
func (n *Names) Users(b Block, key string) []*config.Target {
	if users := n.users[use{b, key}]; len(users) > 0 {
		return users
	}
	return n.Blocks[b]
}

// Resolve returns what the name of a target or group means in a file.
func (n *Names) Resolve(path, name string) (b Block, group, ok bool) {
	for _, prefix := range append(slices.Clip(n.Prefixes[path]), "") {
		if b, ok = n.Groups[prefix+name]; ok {
			return b, true, true
		}
		if b, ok = n.Targets[prefix+name]; ok {
			return b, false, true
		}
	}
	return Block{}, false, false
}

// written is a block with the line where it begins.
type written struct {
	line  int
	label string
}

// names finds out what the names of the definition mean.
func (a *Analysis) names() {
	n := &Names{
		Targets: map[string]Block{}, Groups: map[string]Block{}, Prefixes: map[string][]string{},
		Blocks: map[Block][]*config.Target{}, users: map[use][]*config.Target{},
	}
	a.Names = n
	if a.Definition == nil {
		return
	}
	targets, groups := map[string][]written{}, map[string][]written{}
	for _, m := range a.Definition.Modules() {
		for _, f := range m.Files {
			path := a.abs(f.Name)
			n.Prefixes[path] = append(n.Prefixes[path], m.Prefix)
			if len(n.Prefixes[path]) == 1 {
				targets[path], groups[path] = blocks(f)
			}
		}
	}
	ofTargets, ofGroups := a.Definition.Places()
	for name, at := range ofTargets {
		if b, exact := find(targets, a.abs(at.Filename), at.Start.Line); exact {
			n.Targets[name] = b
		}
	}
	for name, at := range ofGroups {
		if b, exact := find(groups, a.abs(at.Filename), at.Start.Line); exact {
			n.Groups[name] = b
		}
	}
	for path, list := range targets {
		for _, w := range list {
			// A matrix makes a group of the label.
			if name := n.Prefixes[path][0] + w.label; n.Targets[name] == (Block{}) && n.Groups[name] == (Block{}) {
				n.Targets[name] = Block{path, w.label}
			}
		}
	}
	a.users(targets)
}

// users finds out which targets have what from which block.
func (a *Analysis) users(targets map[string][]written) {
	if a.Config == nil {
		return
	}
	n := a.Names
	for _, t := range a.Config.Targets {
		if b, _ := find(targets, a.abs(t.Range.Filename), t.Range.Start.Line); b.Path != "" {
			n.Blocks[b] = append(n.Blocks[b], t)
		}
		for _, key := range slices.Sorted(maps.Keys(t.Ranges)) {
			at := t.Ranges[key]
			if b, _ := find(targets, a.abs(at.Filename), at.Start.Line); b.Path != "" {
				n.users[use{b, key}] = append(n.users[use{b, key}], t)
			}
		}
	}
}

// find returns the last block that begins in a line or above it; exact says that it
// begins there.
func find(all map[string][]written, path string, line int) (b Block, exact bool) {
	list := all[path]
	i, exact := slices.BinarySearchFunc(list, line, func(w written, line int) int { return cmp.Compare(w.line, line) })
	if !exact {
		i--
	}
	if i < 0 {
		return Block{}, false
	}
	return Block{path, list[i].label}, exact
}

// blocks lists the targets and the groups of a file in the order of their lines. The
// group that a matrix makes has the place of the target.
func blocks(f *schema.File) (targets, groups []written) {
	for _, t := range f.Targets {
		targets = append(targets, written{t.DefRange.Start.Line, t.Label})
	}
	for _, g := range f.Groups {
		groups = append(groups, written{g.DefRange.Start.Line, g.Label})
	}
	order := func(a, b written) int { return cmp.Compare(a.line, b.line) }
	slices.SortFunc(targets, order)
	slices.SortFunc(groups, order)
	return targets, groups
}
