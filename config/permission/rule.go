package permission

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/policy"
	"github.com/orch-build/orch/internal/ocilayout"
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
	// first is what uses it first.
	first step
	// needs adds what a target needs. It is nil for what is read while the
	// definition is evaluated, which a Guard judges.
	needs func(*collector)
}

// step is a part of a run.
type step int

const (
	inBuild step = iota
	inPlan       // plans and checks read it, before a build
	inFetch      // remote contexts are fetched with it, to look into them
)

// rules are all the things that a definition can name. What is checked, and
// the table in the documentation, come from here.
func rules() []rule {
	return []rule{
		{"context", []string{Read, SSH}, "a folder, or an OCI layout with what links in it lead to; the agent for git over SSH", inPlan, func(c *collector) {
			c.context(c.t.Context, "context", "the context")
		}},
		{"contexts", []string{Read}, "folders, and OCI layouts with what links in them lead to", inPlan, (*collector).contexts},
		{"dockerfile", []string{Read}, "a file of this machine; the ignore files beside it and in the context, if they are links", inPlan, (*collector).dockerfile},
		{"output", []string{Write, Delete}, "`dest`, and what links in a folder of images lead to; deletion for `mode=delete`", inBuild, (*collector).outputs},
		{"cache-from", []string{Read}, "`src` of `type=local`, and what links in it lead to", inBuild, func(c *collector) {
			for _, e := range c.t.CacheFrom {
				if src := e.Attrs["src"]; e.Type == "local" && src != "" {
					c.layout(Read, src, "cache-from", "a cache source")
				}
			}
		}},
		{"cache-to", []string{Write}, "`dest` of `type=local`, and what links in it lead to", inBuild, func(c *collector) {
			for _, e := range c.t.CacheTo {
				if dest := e.Attrs["dest"]; e.Type == "local" && dest != "" {
					c.layout(Write, dest, "cache-to", "a cache destination")
				}
			}
		}},
		{"cache", []string{Read, Write}, "`ref` of `type = \"local\"`, and what links in it lead to; written if `when` says so", inBuild, func(c *collector) {
			cache := c.t.Cache
			if cache == nil || cache.Type != "local" {
				return
			}
			c.layout(Read, cache.Ref, "cache.ref", "the cache")
			if cache.Write {
				c.layout(Write, cache.Ref, "cache.ref", "the cache")
			}
		}},
		{"skip", []string{Read}, "`key`", inBuild, func(c *collector) {
			if s := c.t.Skip; s != nil && s.Key != "" {
				c.path(Read, s.Key, "skip.key", "the public key")
			}
		}},
		{"secret", []string{Read}, "`src`", inFetch, func(c *collector) {
			for _, s := range c.t.Secrets {
				if s.Src != "" {
					c.path(Read, s.Src, "secret", "the secret "+s.ID)
				}
			}
		}},
		{"ssh", []string{Read, SSH}, "keys and sockets that are named; SSH for the agent of the environment", inFetch, func(c *collector) {
			for _, s := range c.t.SSH {
				if len(s.Paths) == 0 {
					c.add(SSH, "", "ssh", "the SSH agent")
				}
				for _, p := range s.Paths {
					c.path(Read, p, "ssh", "a key")
				}
			}
		}},
		{"network", []string{HostNetwork}, "`host`", inBuild, func(c *collector) {
			if c.t.Network == "host" {
				c.add(HostNetwork, "", "network", "the privileges")
			}
		}},
		{"entitlements", []string{HostNetwork, Insecure, Device}, "each by its name", inBuild, (*collector).entitlements},
		{"policy", []string{Read}, "`filename`, and the policy beside the Dockerfile", inPlan, func(c *collector) {
			for _, path := range policy.Paths(c.t, policy.Disk{}) {
				c.path(Read, path, "policy", "a policy")
			}
		}},
		{"`import` blocks", []string{Read}, "`source`; the folder of a file of `-f` is granted", inPlan, nil},
		{"Compose files", []string{Read}, "`include` with its `env_file` and `.env`, `extends`, `env_file`; the folder of a file of `-f` is granted", inPlan, nil},
		{"`.env` of the working directory", []string{Read}, "for Compose files, if it is a link", inPlan, nil},
		{"`homedir()`, `goenv()`", []string{Read}, "the folder that they name, in a definition from elsewhere", inPlan, nil},
	}
}

// Of lists what the targets of a definition touch in a build.
func Of(cfg *config.Config) ([]Need, error) {
	return collect(cfg, func(rule) bool { return true })
}

// Fetched lists what of this machine is read to make a plan of the targets, and used to
// look into their remote contexts: the builder fetches them with the target's keys and
// secrets, and sends those to whatever server the definition names.
func Fetched(cfg *config.Config) ([]Need, error) {
	planned, err := Planned(cfg)
	if err != nil {
		return nil, err
	}
	remote := *cfg
	remote.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t *config.Target) bool {
		return !isFetched(t.Context) && !slices.ContainsFunc(slices.Collect(maps.Values(t.Contexts)), isFetched)
	})
	more, err := collect(&remote, func(r rule) bool { return r.first == inFetch })
	return append(planned, more...), err
}

func isFetched(c config.Context) bool {
	return c.Kind == config.Git || c.Kind == config.HTTP || c.Kind == config.Archive
}

// Planned lists what of this machine is read to make a plan of the targets, and
// to check them.
func Planned(cfg *config.Config) ([]Need, error) {
	needs, err := collect(cfg, func(r rule) bool { return r.first == inPlan })
	return slices.DeleteFunc(needs, func(n Need) bool { return n.Key != Read }), err
}

func collect(cfg *config.Config, wanted func(rule) bool) ([]Need, error) {
	var out []Need
	list := slices.DeleteFunc(rules(), func(r rule) bool { return r.needs == nil || !wanted(r) })
	real := map[string]string{}
	for _, t := range cfg.Targets {
		c := &collector{t: t, real: real}
		for _, r := range list {
			r.needs(c)
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
	real  map[string]string // where paths lead; most targets have the same ones
	needs []Need
	err   error
}

func (c *collector) add(key, value, attr, what string) {
	c.needs = append(c.needs, Need{Key: key, Value: value, Why: what + " of the target " + c.t.Name, At: c.rangeOf(attr)})
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
	real, ok := c.real[path]
	if !ok {
		var err error
		if real, err = RealPath(path); err != nil {
			c.err = err
			return
		}
		c.real[path] = real
	}
	c.add(key, real, attr, what)
}

// layout notes a folder of images or of a cache, or a file.
func (c *collector) layout(key, path, attr, what string) {
	c.path(key, path, attr, what)
	if c.err == nil {
		c.needs[len(c.needs)-1].Layout = path
	}
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
		c.ignoreFile(filepath.Join(ctx.Value, ".dockerignore"))
	case config.OCILayout:
		dir, _, _ := ocilayout.Split(ctx.Value)
		c.layout(Read, dir, attr, what)
	}
}

// dockerfile notes the Dockerfile, if it is on this machine.
func (c *collector) dockerfile() {
	name := c.t.Dockerfile
	note := func(path string) {
		c.path(Read, path, "dockerfile", "the Dockerfile")
		c.ignoreFile(path + ".dockerignore")
	}
	switch local, here := strings.CutPrefix(name, "cwd://"); {
	case c.t.Inline() || config.IsRemote(name):
	case here:
		note(filepath.Clean(local))
	case filepath.IsAbs(name):
		note(filepath.Clean(name))
	case c.t.Context.Kind == config.Local:
		note(filepath.Join(c.t.Context.Value, name))
	}
}

// ignoreFile notes a file with what to leave out of a context, if it is a link:
// else it is where the context or the Dockerfile is.
func (c *collector) ignoreFile(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		c.path(Read, path, "dockerfile", "an ignore file")
	}
}

func (c *collector) outputs() {
	for _, o := range c.t.Outputs {
		if o.Dest != "" && o.Dest != "-" {
			if o.Type == "local" { // files are written below it, whatever is a link there
				c.path(Write, o.Dest, "output", "an output")
			} else {
				c.layout(Write, o.Dest, "output", "an output")
			}
		}
		if o.Delete {
			c.add(Delete, "", "output", "the output")
		}
	}
}
