package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/template"
	"github.com/orch-build/orch/schema"
)

// Definition is what the files say, evaluated but not yet cut down to what
// is asked for: inheritance, overrides and links are still to be followed.
type Definition struct {
	opts  Options
	files []*schema.File
	mod   *module
	ev    *evaluator
	// imports are the imported files; their targets and groups are among
	// those here.
	imports []*Definition

	// targets holds the targets by name; targetNames is their order.
	targets     map[string]*definedTarget
	targetNames []string
	groupNames  []string

	// incomplete is true if targets are missing because of an error.
	incomplete bool

	// cache is what the cache blocks outside of targets say, or nil.
	cache       *cacheDefault
	cacheFaults map[string]bool // those that were reported
	// skip is what the skip blocks outside of targets say, or nil; skipFaults are
	// those that were reported.
	skip       *skipDefault
	skipFaults map[string]bool
	// tests are the test blocks; testsOf has them by the target.
	tests   []*definedTest
	testsOf map[string][]*spec.Test

	overrides map[string]*attribute.Overrides
	memo      map[memoKey]*resolved
	// inheriting is the way to the target that is being resolved, and
	// resolving how many were resolved.
	inheriting trail
	resolving  int
	// selfishNames holds the targets that refer to self, or inherit one that
	// does.
	selfishNames map[string]bool
	templateSet  *template.Set // see templates
}

// definedTarget is a target of the files: one block, or several that are
// merged in their order.
type definedTarget struct {
	name      string
	local     string // the name in the file that has it, without a namespace
	instances []*instance
	at        hcl.Range
}

// Evaluate evaluates everything that the files say.
func Evaluate(files []*schema.File, opts Options) (*Definition, hcl.Diagnostics) {
	return evaluate(files, opts, &module{count: &importCount{}})
}

func newDefinition(files []*schema.File, opts Options, mod *module) *Definition {
	d := &Definition{opts: opts, files: files, mod: mod, targets: map[string]*definedTarget{}, memo: map[memoKey]*resolved{}, cacheFaults: map[string]bool{}, skipFaults: map[string]bool{}}
	d.ev = newEvaluator(&d.opts, mod)
	return d
}

func evaluate(files []*schema.File, opts Options, mod *module) (*Definition, hcl.Diagnostics) {
	d := newDefinition(files, opts, mod)
	diags := d.ev.declare(files)
	diags = append(diags, d.ev.declareFunctions(files)...)
	diags = append(diags, d.ev.loadVariables()...)
	diags = append(diags, d.addCompose()...)
	made, more := d.addBlocks()
	diags = append(diags, more...)
	diags = append(diags, d.ev.loadConstants()...)
	diags = append(diags, d.checkModes()...)
	diags = append(diags, d.loadCache()...)
	diags = append(diags, d.loadSkip()...)
	diags = append(diags, d.loadAll()...)
	d.addMatrixGroups(made)
	diags = append(diags, d.addTests()...)
	diags = append(diags, d.addImports()...)
	diags = append(diags, d.expandMembers()...)
	if d.mod.prefix == "" && !d.incomplete {
		diags = append(diags, d.placeTests()...)
		diags = append(diags, d.unknownVars()...)
	}
	finishDiags(diags, d.sensitive())
	return d, diags
}

// madeBy says which targets the blocks of one label made.
type madeBy struct {
	label string
	names []string
	at    hcl.Range
}

// addBlocks enters the targets and groups of the files under their names.
func (d *Definition) addBlocks() ([]madeBy, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	var made []madeBy
	for _, f := range d.files {
		base := d.baseOf(f.Name)
		for _, g := range f.Groups {
			if diag := checkName(g.Label, g.LabelRange); diag != nil {
				diags = append(diags, diag)
			}
			d.addGroup(&definedGroup{Group: Group{Name: g.Label, Range: g.DefRange}, block: g})
		}
		for _, t := range f.Targets {
			instances, more := d.ev.expand(newBlockInfo(t, d.ev, base))
			diags = append(diags, more...)
			d.incomplete = d.incomplete || more.HasErrors() || d.ev.gap
			m := madeBy{label: t.Label, at: t.DefRange}
			for _, in := range instances {
				d.addInstance(in)
				m.names = append(m.names, in.name)
			}
			made = append(made, m)
		}
	}
	return made, diags
}

// baseOf returns the folder that contexts written in a file start from, or ""
// for the working directory.
func (d *Definition) baseOf(filename string) string {
	if d.mod.imported {
		return filepath.Dir(filename)
	}
	if !d.opts.FileRelative || filename == "" || filename == "-" || strings.Contains(filename, "://") {
		return ""
	}
	return filepath.Dir(filename)
}

func (d *Definition) addGroup(g *definedGroup) {
	if d.ev.groups[g.Name] == nil {
		d.groupNames = append(d.groupNames, g.Name)
	}
	d.ev.groups[g.Name] = g
}

// addInstance enters a target that expressions can refer to.
func (d *Definition) addInstance(in *instance) {
	d.addTarget(in)
	d.ev.instances[in.name] = append(d.ev.instances[in.name], in)
}

func (d *Definition) addTarget(in *instance) {
	t := d.targets[in.name]
	if t == nil {
		t = &definedTarget{name: in.name, local: in.name, at: in.block.DefRange}
		d.targets[in.name] = t
		d.targetNames = append(d.targetNames, in.name)
	}
	t.instances = append(t.instances, in)
}

// loadAll evaluates every attribute, so that an error in any of them is
// found, asked for or not.
func (d *Definition) loadAll() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range d.targetNames {
		for _, in := range d.targets[name].instances {
			for i := range attribute.Attributes {
				diags = append(diags, in.load(d.ev, i)...)
			}
		}
	}
	for _, name := range d.groupNames {
		diags = append(diags, d.ev.groups[name].load(d.ev)...)
	}
	return diags
}

// addMatrixGroups makes a group of the targets that a label made, unless
// there is only one of that very name or a group has the name.
func (d *Definition) addMatrixGroups(made []madeBy) {
	groups := map[string]*definedGroup{}
	var order []string
	for _, m := range made {
		if groups[m.label] == nil {
			groups[m.label] = &definedGroup{Group: Group{Name: m.label, Range: m.at}, matrix: true}
			order = append(order, m.label)
		}
		g := groups[m.label]
		g.Targets = append(g.Targets, m.names...)
	}
	for _, label := range order {
		g := groups[label]
		g.Targets = attribute.Unique(g.Targets)
		if len(g.Targets) == 0 || slices.Equal(g.Targets, []string{label}) || d.ev.groups[label] != nil {
			continue
		}
		d.addGroup(g)
	}
}
