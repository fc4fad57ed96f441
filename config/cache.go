package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// The words of a cache block.
var (
	cacheTypes = []string{"registry", "local", "gha", "s3", "azblob", "none"}
	cacheModes = []string{"max", "min", "inline"}
	cacheWhens = []string{"always", "ci", "never"}
)

const (
	defaultLane = "local"
	defaultMain = "main"
)

// cacheDefault is the cache block outside of targets; later files win.
type cacheDefault struct {
	settings attribute.CacheSettings
	ranges   map[string]hcl.Range
}

// loadCache evaluates the cache blocks outside of targets.
func (d *Definition) loadCache() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, f := range d.files {
		var first *schema.Cache
		for _, block := range f.Caches {
			if first != nil {
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError,
					Summary:  "Second cache block",
					Detail:   fmt.Sprintf("There is a cache block at %s already. What is different for a target goes into a cache block inside it.", first.DefRange),
					Subject:  block.DefRange.Ptr(),
				})
				continue
			}
			first = block
			diags = append(diags, d.addCacheDefault(block)...)
		}
	}
	return diags
}

func (d *Definition) addCacheDefault(block *schema.Cache) hcl.Diagnostics {
	expr := blockExpr{&block.Block}
	if d.cache == nil {
		d.cache = &cacheDefault{settings: attribute.CacheSettings{}, ranges: map[string]hcl.Range{}}
	}
	maps.Copy(d.cache.ranges, expr.ranges("cache"))
	value, diags := d.ev.eval(expr, d.ev.root, true)
	if diags.HasErrors() || !value.IsWhollyKnown() {
		return diags
	}
	settings, err := attribute.CacheKind{}.Decode(value)
	if err != nil {
		return append(diags, wrongType("cache", expr, d.ev.root, err))
	}
	found := settings.(attribute.CacheSettings)
	if d.mod.imported {
		found = found.In(d.baseOf(block.DefRange.Filename))
	}
	d.cache.settings = attribute.CacheKind{}.Merge(d.cache.settings, found).(attribute.CacheSettings)
	return diags
}

// cacheOf is the cache block that applies to a target: that of the file which
// has it, or else of the nearest one that imports that file.
func (d *Definition) cacheOf(name string) *cacheDefault {
	for _, im := range d.imports {
		if im.mod != nil && im.mod.prefix != "" && strings.HasPrefix(name, im.mod.prefix) {
			if c := im.cacheOf(name); c != nil {
				return c
			}
		}
	}
	return d.cache
}

// inheritCache puts the cache block outside of targets under what a target
// has. One that writes its cache sources or destinations out, and no cache
// block, is left alone.
func (d *Definition) inheritCache(r *resolved) {
	_, own := r.ranges["cache"]
	written := r.values[attribute.AtCacheFrom] != nil || r.values[attribute.AtCacheTo] != nil
	outside := d.cacheOf(r.name)
	if outside == nil || written && !own {
		return
	}
	merged := outside.settings
	if r.values[attribute.AtCache] != nil {
		merged = attribute.CacheKind{}.Merge(merged, r.values[attribute.AtCache]).(attribute.CacheSettings)
	}
	r.values[attribute.AtCache] = merged
	r.own()
	if r.ranges == nil {
		r.ranges = map[string]hcl.Range{}
	}
	for k, at := range outside.ranges {
		if _, ok := r.ranges[k]; !ok {
			r.ranges[k] = at
		}
	}
}

// decideCache turns the settings of a target into a Cache, or nil for none.
func (d *Definition) decideCache(r *resolved) (*spec.Cache, hcl.Diagnostics) {
	s, _ := r.values[attribute.AtCache].(attribute.CacheSettings)
	if _, block := r.ranges["cache"]; !block && s["type"] == "" || s["type"] == "none" {
		return nil, nil
	}
	c := &checkedCache{r: r, settings: s, said: d.cacheFaults}
	lane := spec.Lane{}
	if d.opts.Lane != nil {
		lane = d.opts.Lane()
	}
	out := &spec.Cache{
		Type:     c.word("type", "", cacheTypes),
		Ref:      s["ref"],
		Mode:     c.word("mode", cacheModes[0], cacheModes),
		Required: c.bool("required", false),
		Lane:     firstOf(s["lane"], lane.Name, defaultLane),
		Main:     firstOf(s["main"], lane.Main, defaultMain),
		Trusted:  c.bool("trusted", true) && !lane.Fork,
		Options:  s.Options(),
	}
	if out.Type == "local" && s[attribute.RefBase] != "" {
		out.Ref = fromFolder(s[attribute.RefBase], out.Ref)
	}
	switch c.word("when", cacheWhens[0], cacheWhens) {
	case "always":
		out.Write = true
	case "ci":
		out.Write = lane.CI
	}
	c.check(out)
	return out, c.diags
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// checkedCache collects what is wrong with a cache block.
type checkedCache struct {
	r        *resolved
	settings attribute.CacheSettings
	// said holds the faults of a block that several targets share.
	said  map[string]bool
	diags hcl.Diagnostics
}

func (c *checkedCache) fail(attr, summary, format string, args ...any) {
	at := c.r.rangeOf("cache", attr)
	diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at}
	if !c.said[diag.Error()] {
		c.said[diag.Error()] = true
		c.diags = append(c.diags, diag)
	}
}

// word reads an attribute that is one of some words.
func (c *checkedCache) word(attr, fallback string, words []string) string {
	s, ok := c.settings[attr]
	if !ok {
		s = fallback
	}
	if s == "" {
		c.fail(attr, "Incomplete cache block", "A cache block needs a %s: one of %s.", attr, strings.Join(words, ", "))
		return ""
	}
	if !slices.Contains(words, s) {
		c.fail(attr, "Invalid value in a cache block", "The %s of a cache is one of %s, not %q.%s", attr, strings.Join(words, ", "), s, suggest.Sentence(s, words))
	}
	return s
}

func (c *checkedCache) bool(attr string, fallback bool) bool {
	s, ok := c.settings[attr]
	if !ok {
		return fallback
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		c.fail(attr, "Invalid value in a cache block", "%q of a cache is true or false, not %q.", attr, s)
	}
	return b
}

// check finds settings that do not go together.
func (c *checkedCache) check(out *spec.Cache) {
	if out.Ref == "" && (out.Type == "registry" || out.Type == "local") {
		what := "ref = \"registry.example.com/team/cache\""
		if out.Type == "local" {
			what = "ref = \".cache\", a folder"
		}
		c.fail("type", "Incomplete cache block", "A cache of type %s needs a place: write %s.", out.Type, what)
	}
	if out.Mode == "inline" && out.Type != "registry" {
		c.fail("mode", "Invalid mode", "Only images in a registry hold their cache: mode = \"inline\" goes with type = \"registry\", not %q.", out.Type)
	}
	for _, name := range sortedKeys(out.Options) {
		if slices.Contains([]string{"type", "mode", "ref", "src", "dest", "tag", "name", "scope"}, name) {
			c.fail("options", "Invalid option", "%q follows from the other attributes of the cache block; options are for what these do not say.", name)
		}
	}
}
