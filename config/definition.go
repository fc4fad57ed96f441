package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/block"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/config/trail"
	"github.com/orch-build/orch/internal/template"
	"github.com/orch-build/orch/schema"
)

// Definition is what the files say, evaluated but not yet cut down to what
// is asked for: inheritance, overrides and links are still to be followed.
type Definition struct {
	opts  Options
	files []*schema.File
	mod   *module
	index *block.Index
	ev    *eval.Evaluator
	// imports are the imported files; their targets and groups are among
	// those here.
	imports []*Definition

	// targets holds the targets by name; targetNames is their order.
	targets     map[string]*definedTarget
	targetNames []string
	groups      map[string]*block.Group
	groupNames  []string

	// incomplete is true if targets are missing because of an error.
	incomplete bool

	// cache and skip are what the blocks outside of targets say, or nil.
	cache *block.Outside[attribute.CacheSettings]
	skip  *block.Outside[attribute.SkipSettings]
	// lockAge is what the lock blocks say.
	lockAge decide.LockAge
	// tests are the test blocks; testsOf has them by the target.
	tests   []*block.Test
	testsOf map[string][]*spec.Test

	decider   *decide.Decider
	overrides map[string]*attribute.Overrides
	memo      map[memoKey]*decide.Draft
	// inheriting is the way to the target that is being resolved, and
	// resolving how many were resolved.
	inheriting trail.Trail
	resolving  int
	// selfNames holds the targets that refer to self, or inherit one that does.
	selfNames   map[string]bool
	templateSet *template.Set // see templates
}

// definedTarget is a target of the files: one block, or several that are
// merged in their order.
type definedTarget struct {
	name      string
	local     string // the name in the file that has it, without a namespace
	instances []*block.Target
	at        hcl.Range
}

func newDefinition(files []*schema.File, opts Options, mod *module) *Definition {
	d := &Definition{
		opts: opts, files: files, mod: mod,
		targets: map[string]*definedTarget{}, groups: map[string]*block.Group{},
		memo: map[memoKey]*decide.Draft{}, decider: decide.New(opts.targetInputs()),
	}
	d.index, d.ev = block.NewIndex(d.opts.inputs(mod))
	return d
}

// addCompose enters the services of the Compose files as targets, and those
// of them that are built as the group "default".
func (d *Definition) addCompose() hcl.Diagnostics {
	list, found, diags := d.opts.composeInputs().Load(d.files, d.baseOf)
	group := &block.Group{Group: Group{Name: defaultName}}
	for _, s := range list {
		d.addTarget(d.index.Plain(s.Name, s.Values, s.Base, s.At))
		group.Targets = append(group.Targets, s.Name)
		group.Range = s.At
	}
	if found {
		d.addGroup(group)
	}
	return diags
}

// matrixTargets says which targets the blocks of one label made.
type matrixTargets struct {
	label string
	names []string
	at    hcl.Range
}

// addBlocks enters the targets and groups of the files under their names.
func (d *Definition) addBlocks() ([]matrixTargets, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	var made []matrixTargets
	for _, f := range d.files {
		base := d.baseOf(f.Name)
		for _, g := range f.Groups {
			if diag := block.CheckName(g.Label, g.LabelRange); diag != nil {
				diags = append(diags, diag)
			}
			d.addGroup(&block.Group{Group: Group{Name: g.Label, Range: g.DefRange}, Block: g})
		}
		for _, t := range f.Targets {
			targets, unknown, more := d.index.Expand(t, base)
			diags = append(diags, more...)
			d.incomplete = d.incomplete || more.HasErrors() || unknown
			m := matrixTargets{label: t.Label, at: t.DefRange}
			for _, in := range targets {
				d.addTarget(in)
				d.index.Add(in)
				m.names = append(m.names, in.Name)
			}
			made = append(made, m)
		}
	}
	return made, diags
}

// baseOf returns the folder that contexts written in a file start from, or ""
// for the working directory.
func (d *Definition) baseOf(filename string) string {
	if d.mod.prefix != "" {
		return filepath.Dir(filename)
	}
	if !d.opts.FileRelative || filename == "" || filename == files.Stdin || strings.Contains(filename, "://") {
		return ""
	}
	return filepath.Dir(filename)
}

func (d *Definition) addGroup(g *block.Group) {
	if d.groups[g.Name] == nil {
		d.groupNames = append(d.groupNames, g.Name)
	}
	d.groups[g.Name] = g
	d.index.AddGroup(g)
}

func (d *Definition) addTarget(in *block.Target) {
	t := d.targets[in.Name]
	if t == nil {
		t = &definedTarget{name: in.Name, local: in.Name, at: in.At()}
		d.targets[in.Name] = t
		d.targetNames = append(d.targetNames, in.Name)
	}
	t.instances = append(t.instances, in)
}

// loadAll evaluates every attribute, so that an error in any of them is
// found, asked for or not.
func (d *Definition) loadAll() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range d.targetNames {
		for _, in := range d.targets[name].instances {
			diags = append(diags, in.Load()...)
		}
	}
	for _, name := range d.groupNames {
		diags = append(diags, d.groups[name].Load()...)
	}
	return diags
}

// addMatrixGroups makes a group of the targets that a label made, unless
// there is only one of that very name or a group has the name.
func (d *Definition) addMatrixGroups(made []matrixTargets) {
	groups := map[string]*block.Group{}
	var order []string
	for _, m := range made {
		if groups[m.label] == nil {
			groups[m.label] = &block.Group{Group: Group{Name: m.label, Range: m.at}, Matrix: true}
			order = append(order, m.label)
		}
		g := groups[m.label]
		g.Targets = append(g.Targets, m.names...)
	}
	for _, label := range order {
		g := groups[label]
		g.Targets = attribute.Unique(g.Targets)
		if len(g.Targets) == 0 || slices.Equal(g.Targets, []string{label}) || d.groups[label] != nil {
			continue
		}
		d.addGroup(g)
	}
}
