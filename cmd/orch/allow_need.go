package main

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
)

// need is something on this machine that a definition touches.
type need struct {
	key   string // the name of the permission
	value string // a path, absolute and without symbolic links, or a device
	why   string // such as `the context of the target "web"`
	at    hcl.Range
}

// files says whether the need is one of those that can be switched off.
func (n need) files() bool { return n.key == permitRead || n.key == permitWrite || n.key == permitSSH }

// flag returns what --allow has to be given, with paths as short as they are
// readable.
func (n need) flag(wd string) string {
	switch n.key {
	case permitRead, permitWrite, "fs":
		return n.key + "=" + shortPath(n.value, wd)
	case permitDevice:
		if n.value == anything {
			return n.key
		}
		return n.key + "=" + n.value
	}
	return n.key
}

// shortPath returns a path from the working directory if at most one ".."
// leads to it.
func shortPath(path, wd string) string {
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..")) {
		return path
	}
	return rel
}

// needsOf lists what the targets of a definition touch.
func needsOf(cfg *config.Config) ([]need, error) {
	var out []need
	for _, t := range cfg.Targets {
		c := &needCollector{t: t}
		c.privileges()
		c.reads()
		c.writes()
		if c.err != nil {
			return nil, c.err
		}
		out = append(out, c.needs...)
	}
	return out, nil
}

// needCollector collects what one target touches.
type needCollector struct {
	t     *config.Target
	needs []need
	err   error
}

func (c *needCollector) add(key, value, attr, what string) {
	c.needs = append(c.needs, need{key, value, what + " of the target " + c.t.Name, c.t.RangeOf(attr)})
}

// path notes a path of this machine.
func (c *needCollector) path(key, path, attr, what string) {
	real, err := realPath(path)
	if err != nil {
		c.err = usageError{err}
		return
	}
	c.add(key, real, attr, what)
}

// privileges are what steps may do, and what is deleted.
func (c *needCollector) privileges() {
	for _, e := range c.t.Entitlements {
		key, value, _ := strings.Cut(e, "=")
		switch key {
		case permitHostNetwork, permitInsecure:
			c.add(key, "", c.entitled(key), "the privileges")
		case permitDevice:
			name, err := deviceName(value)
			if err != nil {
				c.err = usagef("target %s: the entitlement %q is not a list of comma separated fields", c.t.Name, e)
				return
			}
			c.add(key, name, "entitlements", "the privileges")
		}
	}
	for _, s := range c.t.SSH {
		if len(s.Paths) == 0 {
			c.add(permitSSH, "", "ssh", "the SSH agent")
		}
	}
	for _, o := range c.t.Outputs {
		if o.Type == "local" && o.Attrs["mode"] == "delete" {
			c.add(permitDelete, "", "output", "the output")
		}
	}
}

// entitled returns the attribute that asks for an entitlement: a network of
// the host implies one.
func (c *needCollector) entitled(key string) string {
	if key == permitHostNetwork && c.t.Network == "host" {
		return "network"
	}
	return "entitlements"
}

// reads are the paths that the builder gets the content of.
func (c *needCollector) reads() {
	c.context(c.t.Context, "context", "the context")
	c.dockerfile()
	for _, name := range slices.Sorted(maps.Keys(c.t.Contexts)) {
		c.context(c.t.Contexts[name], "contexts."+name, "the context "+name)
	}
	for _, e := range c.t.CacheFrom {
		if src := e.Attrs["src"]; e.Type == "local" && src != "" {
			c.path(permitRead, src, "cache-from", "a cache source")
		}
	}
	for _, s := range c.t.Secrets {
		if s.Src != "" {
			c.path(permitRead, s.Src, "secret", "the secret "+s.ID)
		}
	}
	for _, s := range c.t.SSH {
		for _, p := range s.Paths {
			c.path(permitRead, p, "ssh", "a key")
		}
	}
	for _, p := range c.t.Policy {
		for _, f := range p.Files {
			if f.Filename != "" && !p.Disabled {
				c.path(permitRead, f.Filename, "policy", "a policy")
			}
		}
	}
}

func (c *needCollector) context(ctx config.Context, attr, what string) {
	switch ctx.Kind {
	case config.Local:
		c.path(permitRead, ctx.Value, attr, what)
	case config.OCILayout:
		dir, _, hasDigest := strings.Cut(ctx.Value, "@")
		if i := strings.LastIndexByte(dir, ':'); !hasDigest && i > strings.LastIndexByte(dir, '/') {
			dir = dir[:i]
		}
		c.path(permitRead, dir, attr, what)
	}
}

// dockerfile notes the Dockerfile, if it is on this machine.
func (c *needCollector) dockerfile() {
	name := c.t.Dockerfile
	switch local, here := strings.CutPrefix(name, "cwd://"); {
	case c.t.DockerfileInline != nil || config.IsRemote(name):
	case here:
		c.path(permitRead, filepath.Clean(local), "dockerfile", "the Dockerfile")
	case filepath.IsAbs(name):
		c.path(permitRead, filepath.Clean(name), "dockerfile", "the Dockerfile")
	case c.t.Context.Kind == config.Local:
		c.path(permitRead, filepath.Join(c.t.Context.Value, name), "dockerfile", "the Dockerfile")
	}
}

// writes are the paths that something is written to.
func (c *needCollector) writes() {
	for _, o := range c.t.Outputs {
		if dest := o.Attrs["dest"]; dest != "" && dest != "-" {
			c.path(permitWrite, dest, "output", "an output")
		}
	}
	for _, e := range c.t.CacheTo {
		if dest := e.Attrs["dest"]; e.Type == "local" && dest != "" {
			c.path(permitWrite, dest, "cache-to", "a cache destination")
		}
	}
}

// missing returns the needs that are not granted, as few as would be enough:
// each once, and no path below another one.
func (p *permissions) missing(needs []need, files bool) []need {
	var out []need
	for _, n := range needs {
		if !p.allows(n) && (files || !n.files()) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b need) int {
		return cmp.Or(strings.Compare(a.key, b.key), len(a.value)-len(b.value), strings.Compare(a.value, b.value))
	})
	var few []need
	for _, n := range out {
		if !slices.ContainsFunc(few, func(m need) bool { return m.coversToo(n) }) {
			few = append(few, n)
		}
	}
	return few
}

// coversToo says whether a grant of m is one of n.
func (m need) coversToo(n need) bool {
	switch {
	case m.key != n.key:
		return false
	case n.key == permitRead || n.key == permitWrite:
		return within(n.value, m.value)
	case n.key == permitDevice:
		return m.value == n.value || m.value == anything
	}
	return true
}

// flags returns the values of --allow that grant the needs. A path that is
// both read and written is granted by one.
func flags(needs []need, wd string) []string {
	var out []string
	for _, n := range needs {
		both := func(key string) bool {
			return slices.ContainsFunc(needs, func(m need) bool { return m.key == key && m.value == n.value })
		}
		switch {
		case n.key == permitRead && both(permitWrite):
			n.key = "fs"
		case n.key == permitWrite && both(permitRead):
			continue
		}
		out = append(out, n.flag(wd))
	}
	slices.Sort(out)
	return out
}
