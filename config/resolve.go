package config

import (
	"maps"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/schema"
)

// Resolve evaluates what the files say and cuts it down to what is asked for.
// Without errors in the diagnostics, the Config is complete.
func Resolve(files []*schema.File, opts Options) (*Config, hcl.Diagnostics) {
	d, diags := Evaluate(files, opts)
	if diags.HasErrors() && (d.incomplete || !opts.All) {
		return nil, diags
	}
	cfg, more := d.Choose()
	diags = append(diags, more...)
	if diags.HasErrors() {
		return nil, diags
	}
	return cfg, diags
}

// Evaluate evaluates everything that the files say.
func Evaluate(files []*schema.File, opts Options) (*Definition, hcl.Diagnostics) {
	return evaluate(files, opts, &module{count: &importCount{}})
}

func evaluate(files []*schema.File, opts Options, mod *module) (*Definition, hcl.Diagnostics) {
	d := newDefinition(files, opts, mod)
	diags := d.ev.Declare(files)
	diags = append(diags, d.addCompose()...)
	made, more := d.addBlocks()
	diags = append(diags, more...)
	diags = append(diags, d.ev.LoadConstants()...)
	diags = append(diags, d.index.CheckModes(files)...)
	d.cache, more = d.index.Cache(files)
	diags = append(diags, more...)
	d.skip, more = d.index.Skip(files)
	diags = append(diags, more...)
	diags = append(diags, d.readLockAge()...)
	diags = append(diags, d.loadAll()...)
	d.addMatrixGroups(made)
	d.tests, more = d.index.Tests(files)
	diags = append(diags, more...)
	diags = append(diags, d.addImports()...)
	diags = append(diags, d.expandMembers()...)
	if d.mod.prefix == "" && !d.incomplete {
		diags = append(diags, d.placeTests()...)
		diags = append(diags, d.unknownVars()...)
	}
	finishDiags(diags, d.sensitive())
	return d, diags
}

// readLockAge reads the lock blocks, and ignores the lock blocks of imported files.
func (d *Definition) readLockAge() hcl.Diagnostics {
	said, diags := d.index.Lock(d.files)
	if said == nil || diags.HasErrors() || d.mod.prefix != "" {
		return diags
	}
	var more hcl.Diagnostics
	d.lockAge, more = decide.NewLockAge(said.Settings, func(attr string) hcl.Range { return said.Ranges["lock."+attr] })
	return append(diags, more...)
}

// Choose cuts the definition down to what the options ask for.
func (d *Definition) Choose() (*Config, hcl.Diagnostics) {
	cfg, diags := d.cut()
	if d.opts.Groups {
		diags = append(diags, d.groupFaults()...)
	}
	sensitive := d.sensitive()
	if cfg != nil {
		cfg.sensitive, cfg.secrets = sensitive, cfg.credentials()
		cfg.environment = d.environment()
		cfg.LockAge = d.lockAge
		sensitive = cfg.Sensitive()
	}
	finishDiags(diags, sensitive)
	return cfg, diags
}

func (d *Definition) cut() (*Config, hcl.Diagnostics) {
	diags := d.matchOverrides()
	asked, more := d.asked()
	diags = append(diags, more...)
	if diags.HasErrors() {
		return nil, diags
	}
	c := &chooser{d: d, cfg: &Config{Sources: d.sources(), written: map[string]attribute.Values{}}, targets: map[string]*decide.Draft{}, groups: map[string]*Group{}}
	c.except, more = d.excepted()
	diags = append(diags, more...)
	for _, name := range asked {
		diags = append(diags, c.choose(name)...)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	diags = append(diags, c.filter()...)
	diags = append(diags, c.links()...)
	c.defaultGroup(asked)
	c.leaveOut()
	if diags.HasErrors() {
		return nil, diags
	}
	return c.cfg, append(diags, c.finish()...)
}

// sources returns the text of each file that was read, by its name.
func (d *Definition) sources() map[string][]byte {
	out := map[string][]byte{}
	for _, f := range d.files {
		out[f.Name] = f.Src
	}
	for _, im := range d.imports {
		maps.Copy(out, im.sources())
	}
	return out
}
