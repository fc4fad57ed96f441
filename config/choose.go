package config

import (
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/block"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/trail"
)

// defaultName is the group or target that is built when none is named.
const defaultName = "default"

// chooser collects the chosen targets and the groups on the way to them.
type chooser struct {
	d       *Definition
	cfg     *Config
	targets map[string]*decide.Draft
	groups  map[string]*Group
	chosen  []string
	except  map[string]bool
	// expanding is the way to the group that is being expanded.
	expanding trail.Trail
}

// choose takes a name that is asked for: a group, or else a target.
func (c *chooser) choose(name string) hcl.Diagnostics {
	names, diags := c.expand(name, hcl.Range{})
	if c.d.opts.Groups { // groupFaults says what is wrong with groups
		diags = nil
		names = slices.DeleteFunc(names, func(m member) bool { return c.d.targets[m.name] == nil })
	}
	for _, n := range names {
		if _, ok := c.targets[n.name]; ok || c.except[n.name] {
			continue
		}
		r, more := c.d.resolve(n.name, n.name, n.at)
		diags = append(diags, more...)
		if r != nil {
			c.targets[n.name] = r
			c.chosen = append(c.chosen, n.name)
		}
	}
	return diags
}

// member is a target with the place where a group names it.
type member struct {
	name string
	at   hcl.Range
}

// expand returns the targets behind a name. Inside a group, the name of the
// group itself means the target of that name. A group is expanded once.
func (c *chooser) expand(name string, at hcl.Range) ([]member, hcl.Diagnostics) {
	g, ok := c.d.groups[name]
	if !ok {
		return []member{{name, at}}, nil
	}
	if steps := c.expanding.Enter(trail.Step{What: groupStep + name, At: g.Range}); steps != nil {
		if _, ok := c.d.targets[name]; ok {
			return []member{{name, at}}, nil
		}
		return nil, hcl.Diagnostics{trail.Cycle("Groups contain each other", steps)}
	}
	defer c.expanding.Leave()
	if c.groups[name] != nil {
		return nil, nil
	}
	group := g.Group
	group.Targets = slices.Clone(g.Targets)
	c.groups[name] = &group
	var out []member
	var diags hcl.Diagnostics
	for _, m := range g.Targets {
		more, d := c.expand(m, g.MembersAt())
		diags = append(diags, d...)
		out = append(out, more...)
	}
	return out, diags
}

// leaveOut removes from the groups the names that are not built.
func (c *chooser) leaveOut() {
	if len(c.except) == 0 {
		return
	}
	gone := func(name string) bool { return c.except[name] }
	for name, g := range c.groups {
		if c.except[name] && name != defaultName {
			delete(c.groups, name)
			continue
		}
		g.Targets = slices.DeleteFunc(g.Targets, gone)
	}
}

// defaultGroup puts what was asked for into the group "default".
func (c *chooser) defaultGroup(asked []string) {
	g := c.groups[defaultName]
	for _, name := range asked {
		if g != nil && name == defaultName {
			continue
		}
		if g == nil {
			g = &Group{Name: defaultName}
			c.groups[defaultName] = g
		}
		g.Targets = append(g.Targets, name)
	}
	if g != nil {
		g.Targets = attribute.Unique(g.Targets)
		sort.Strings(g.Targets)
	}
}

// finish fills the Config.
func (c *chooser) finish() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(c.targets) {
		t, more := c.d.decider.Target(c.targets[name], c.d.outside(name))
		diags = append(diags, more...)
		t.Tests = c.d.testsOf[t.Name]
		t.Template = c.d.templates().Unbuilt(t.Name)
		c.cfg.Targets = append(c.cfg.Targets, t)
		c.cfg.written[t.Name] = c.targets[name].Values
	}
	c.markShared()
	for _, name := range attribute.SortedKeys(c.groups) {
		c.cfg.Groups = append(c.cfg.Groups, c.groups[name])
	}
	c.cfg.Chosen = c.chosen
	sort.Strings(c.cfg.Chosen)
	return diags
}

// outside returns what the files say outside of blocks for a target.
func (d *Definition) outside(name string) decide.Outside {
	var out decide.Outside
	if modes, err := d.index.ContextModes(); err == nil {
		out.Modes = modes
	}
	if c := nearest(d, name, func(d *Definition) *block.Outside[attribute.CacheSettings] { return d.cache }); c != nil {
		out.Cache, out.CacheRanges = c.Settings, c.Ranges
	}
	if s := nearest(d, name, func(d *Definition) *block.Outside[attribute.SkipSettings] { return d.skip }); s != nil {
		out.Skip, out.SkipRanges = s.Settings, s.Ranges
	}
	return out
}

// nearest is the block outside of targets that applies to a target: that of the
// file which has it, or else of the nearest one that imports that file.
func nearest[S any](d *Definition, name string, of func(*Definition) *block.Outside[S]) *block.Outside[S] {
	for _, im := range d.imports {
		if im.mod.prefix != "" && strings.HasPrefix(name, im.mod.prefix) {
			if found := nearest(im, name, of); found != nil {
				return found
			}
		}
	}
	return of(d)
}
