package config

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// defaultName is the group or target that is built when none is named.
const defaultName = "default"

// Choose cuts the definition down to what the options ask for.
func (d *Definition) Choose() (*Config, hcl.Diagnostics) {
	cfg, diags := d.cut()
	sensitive := d.sensitive()
	if cfg != nil {
		cfg.sensitive, cfg.secrets = sensitive, cfg.credentials()
		cfg.environment = d.environment()
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
	c := &chooser{d: d, cfg: &Config{Sources: d.sources(), written: map[string]attribute.Values{}}, targets: map[string]*resolved{}, groups: map[string]*Group{}}
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

// asked finds the names that are asked for; patterns are replaced by what
// they match.
func (d *Definition) asked() ([]string, hcl.Diagnostics) {
	if d.opts.All {
		return slices.Clone(d.targetNames), nil
	}
	wanted := d.opts.Targets
	if len(wanted) == 0 && len(d.opts.Filters) > 0 {
		return d.buildable(d.targetNames, d.templates()), nil
	}
	if len(wanted) == 0 {
		name, diag := d.unasked()
		if diag != nil {
			return nil, hcl.Diagnostics{diag}
		}
		wanted = []string{name}
	}
	var names []string
	var diags hcl.Diagnostics
	for _, w := range wanted {
		if w == "" {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown target",
				Detail:   fmt.Sprintf("A name that is asked for is empty. There are: %s.", some(d.names(), 20)),
			})
			continue
		}
		if !isPattern(w) {
			names = append(names, d.spelled(w))
			continue
		}
		all := d.match(w)
		matched := d.fromPattern(all)
		if len(matched) == 0 {
			diags = append(diags, d.nothingMatches(w, all))
		}
		names = append(names, matched...)
	}
	return attribute.Unique(names), diags
}

// unasked is what is built if nothing is named: the group or target "default",
// or the only target that there is. Bake refuses the latter, so that a file of
// bake's name says the same to both.
func (d *Definition) unasked() (string, *hcl.Diagnostic) {
	targets := d.buildable(d.targetNames, d.templates())
	switch {
	case slices.Contains(d.groupNames, defaultName), slices.Contains(d.targetNames, defaultName), len(targets) == 0:
		return defaultName, nil
	case len(targets) == 1 && !slices.ContainsFunc(d.files, func(f *schema.File) bool {
		return strings.HasPrefix(path.Base(filepath.ToSlash(f.Name)), "docker-bake.")
	}):
		return targets[0], nil
	}
	return "", &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "No target named",
		Detail: fmt.Sprintf("No target was named, and there is no group %q. Name one of %s, or write: group %q { targets = [%q] }",
			defaultName, some(d.names(), 20), defaultName, targets[0]),
	}
}

// nothingMatches reports a pattern that matches nothing but templates.
func (d *Definition) nothingMatches(pattern string, templates []string) *hcl.Diagnostic {
	diag := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unknown target",
		Detail:   fmt.Sprintf("No target or group matches %q. There are: %s.", pattern, some(d.names(), 20)),
	}
	if len(templates) > 0 {
		diag.Detail = fmt.Sprintf("All that %q matches is there to be inherited, and a pattern leaves that out. Ask for it by name: %s.", pattern, some(templates, 20))
	}
	return diag
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[]") }

// match returns the groups and targets whose names match a pattern. In both
// "." can be written as "_".
func (d *Definition) match(pattern string) []string {
	var exact, printed []string
	for _, name := range slices.Concat(d.groupNames, d.targetNames) {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			exact = append(exact, name)
		}
		if ok, err := path.Match(attribute.PrintedName(pattern), attribute.PrintedName(name)); ok && err == nil {
			printed = append(printed, name)
		}
	}
	if len(exact) > 0 {
		return attribute.Unique(exact)
	}
	return attribute.Unique(printed)
}

// some lists names, at most n of them.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// chooser collects the chosen targets and the groups on the way to them.
type chooser struct {
	d       *Definition
	cfg     *Config
	targets map[string]*resolved
	groups  map[string]*Group
	chosen  []string
	except  map[string]bool
	// expanding is the way to the group that is being expanded.
	expanding trail
}

// choose takes a name that is asked for: a group, or else a target.
func (c *chooser) choose(name string) hcl.Diagnostics {
	names, diags := c.expand(name, hcl.Range{})
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
	g, ok := c.d.ev.groups[name]
	if !ok {
		return []member{{name, at}}, nil
	}
	if steps := c.expanding.enter(step{"group " + name, g.Range}); steps != nil {
		if _, ok := c.d.targets[name]; ok {
			return []member{{name, at}}, nil
		}
		return nil, hcl.Diagnostics{cycle("Groups contain each other", steps)}
	}
	defer c.expanding.leave()
	if c.groups[name] != nil {
		return nil, nil
	}
	group := g.Group
	group.Targets = slices.Clone(g.Targets)
	c.groups[name] = &group
	var out []member
	var diags hcl.Diagnostics
	for _, m := range g.Targets {
		at := g.Range
		if g.block != nil {
			at = g.block.AttrRange("targets")
		}
		more, d := c.expand(m, at)
		diags = append(diags, d...)
		out = append(out, more...)
	}
	return out, diags
}

// defaultGroup makes the group "default" stand for what was asked.
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
	for _, name := range sortedKeys(c.targets) {
		t, more := c.d.target(c.targets[name])
		diags = append(diags, more...)
		t.Tests = c.d.testsOf[t.Name]
		t.Template = c.d.templates().Unbuilt(t.Name)
		c.cfg.Targets = append(c.cfg.Targets, t)
		c.cfg.written[t.Name] = c.targets[name].values
	}
	c.markShared()
	for _, name := range sortedKeys(c.groups) {
		c.cfg.Groups = append(c.cfg.Groups, c.groups[name])
	}
	c.cfg.Chosen = c.chosen
	sort.Strings(c.cfg.Chosen)
	return diags
}
