package permission

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
)

// rule is something that a definition can name, and what that takes.
type rule struct {
	// name is how it is called in a definition: an attribute of a target, or
	// in words.
	name string
	// keys are the permissions that it may take; none if what it names is no
	// file of this machine and no privilege.
	keys []string
	// when says in words in which cases they are asked for.
	when string
	// needs adds what a target needs. It is nil for what is read while the
	// definition is worked out, which a Guard judges.
	needs func(*collector)
}

// rules are all the things that a definition can name. What is checked, and
// the table in the documentation, come from here.
func rules() []rule {
	return []rule{
		{"context", []string{Read, SSH}, "a folder, or an OCI layout; SSH for git over SSH", func(c *collector) {
			c.context(c.t.Context, "context", "the context")
		}},
		{"contexts", []string{Read}, "folders and OCI layouts", (*collector).contexts},
		{"dockerfile", []string{Read}, "a file of this machine", (*collector).dockerfile},
		{"output", []string{Write, Delete}, "`dest`; deletion for `mode=delete`", (*collector).outputs},
		{"cache-from", []string{Read}, "`src` of `type=local`", func(c *collector) {
			for _, e := range c.t.CacheFrom {
				if src := e.Attrs["src"]; e.Type == "local" && src != "" {
					c.path(Read, src, "cache-from", "a cache source")
				}
			}
		}},
		{"cache-to", []string{Write}, "`dest` of `type=local`", func(c *collector) {
			for _, e := range c.t.CacheTo {
				if dest := e.Attrs["dest"]; e.Type == "local" && dest != "" {
					c.path(Write, dest, "cache-to", "a cache destination")
				}
			}
		}},
		{"cache", []string{Read, Write}, "`ref` of `type = \"local\"`, written if `when` says so", func(c *collector) {
			cache := c.t.Cache
			if cache == nil || cache.Type != "local" {
				return
			}
			c.path(Read, cache.Ref, "cache.ref", "the cache")
			if cache.Write {
				c.path(Write, cache.Ref, "cache.ref", "the cache")
			}
		}},
		{"secret", []string{Read}, "`src`", func(c *collector) {
			for _, s := range c.t.Secrets {
				if s.Src != "" {
					c.path(Read, s.Src, "secret", "the secret "+s.ID)
				}
			}
		}},
		{"ssh", []string{Read, SSH}, "keys and sockets that are named; SSH for the agent of the environment", func(c *collector) {
			for _, s := range c.t.SSH {
				if len(s.Paths) == 0 {
					c.add(SSH, "", "ssh", "the SSH agent")
				}
				for _, p := range s.Paths {
					c.path(Read, p, "ssh", "a key")
				}
			}
		}},
		{"network", []string{HostNetwork}, "`host`", func(c *collector) {
			if c.t.Network == "host" {
				c.add(HostNetwork, "", "network", "the privileges")
			}
		}},
		{"entitlements", []string{HostNetwork, Insecure, Device}, "each by its name", (*collector).entitlements},
		{"policy", []string{Read}, "`filename`, and the policy beside the Dockerfile", func(c *collector) {
			for _, path := range policy.Paths(c.t, policy.Disk{}) {
				c.path(Read, path, "policy", "a policy")
			}
		}},
	}
}

// Of lists what the targets of a definition touch.
func Of(cfg *config.Config) ([]Need, error) {
	var out []Need
	for _, t := range cfg.Targets {
		c := &collector{t: t}
		for _, r := range rules() {
			if r.needs != nil {
				r.needs(c)
			}
		}
		if c.err != nil {
			return nil, c.err
		}
		out = append(out, c.needs...)
	}
	return out, nil
}

// collector collects what one target touches.
type collector struct {
	t     *config.Target
	needs []Need
	err   error
}

func (c *collector) add(key, value, attr, what string) {
	c.needs = append(c.needs, Need{key, value, what + " of the target " + c.t.Name, c.rangeOf(attr)})
}

// rangeOf says where an attribute is written, or else the attribute or block
// that it is part of.
func (c *collector) rangeOf(attr string) hcl.Range {
	if at, ok := c.t.Ranges[attr]; ok {
		return at
	}
	whole, _, _ := strings.Cut(attr, ".")
	return c.t.RangeOf(whole)
}

// path notes a path of this machine.
func (c *collector) path(key, path, attr, what string) {
	real, err := RealPath(path)
	if err != nil {
		c.err = err
		return
	}
	c.add(key, real, attr, what)
}

func (c *collector) entitlements() {
	for _, e := range c.t.Entitlements {
		key, value, _ := strings.Cut(e, "=")
		switch key {
		case HostNetwork, Insecure:
			if key != HostNetwork || c.t.Network != "host" { // which says the same
				c.add(key, "", "entitlements", "the privileges")
			}
		case Device:
			name, err := deviceName(value)
			if err != nil {
				c.err = fmt.Errorf("target %s: the entitlement %q is not a list of comma separated fields", c.t.Name, e)
				return
			}
			c.add(key, name, "entitlements", "the privileges")
		}
	}
}

func (c *collector) contexts() {
	for _, name := range slices.Sorted(maps.Keys(c.t.Contexts)) {
		c.context(c.t.Contexts[name], "contexts."+name, "the context "+name)
	}
}

func (c *collector) context(ctx config.Context, attr, what string) {
	switch ctx.Kind {
	case config.Local:
		c.path(Read, ctx.Value, attr, what)
	case config.OCILayout:
		dir, _, hasDigest := strings.Cut(ctx.Value, "@")
		if i := strings.LastIndexByte(dir, ':'); !hasDigest && i > strings.LastIndexByte(dir, '/') {
			dir = dir[:i]
		}
		c.path(Read, dir, attr, what)
	}
}

// dockerfile notes the Dockerfile, if it is on this machine.
func (c *collector) dockerfile() {
	name := c.t.Dockerfile
	switch local, here := strings.CutPrefix(name, "cwd://"); {
	case c.t.DockerfileInline != nil || config.IsRemote(name):
	case here:
		c.path(Read, filepath.Clean(local), "dockerfile", "the Dockerfile")
	case filepath.IsAbs(name):
		c.path(Read, filepath.Clean(name), "dockerfile", "the Dockerfile")
	case c.t.Context.Kind == config.Local:
		c.path(Read, filepath.Join(c.t.Context.Value, name), "dockerfile", "the Dockerfile")
	}
}

func (c *collector) outputs() {
	for _, o := range c.t.Outputs {
		if dest := o.Attrs["dest"]; dest != "" && dest != "-" {
			c.path(Write, dest, "output", "an output")
		}
		if o.Type == "local" && o.Attrs["mode"] == "delete" {
			c.add(Delete, "", "output", "the output")
		}
	}
}
