package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
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

// inheritCache puts the cache block outside of targets under what a target
// has. One that writes its cache sources or destinations out, and no cache
// block, is left alone.
func (d *Draft) inheritCache(outside Outside) {
	_, own := d.Ranges["cache"]
	written := d.Values[attribute.AtCacheFrom] != nil || d.Values[attribute.AtCacheTo] != nil
	if outside.Cache == nil || written && !own {
		return
	}
	d.putUnder(attribute.AtCache, outside.Cache, outside.CacheRanges)
}

// inheritSkip puts the skip block outside of targets under what a target has.
func (d *Draft) inheritSkip(outside Outside) {
	if outside.Skip != nil {
		d.putUnder(attribute.AtSkip, outside.Skip, outside.SkipRanges)
	}
}

// putUnder merges what a target has into a value, and notes where that is written.
func (d *Draft) putUnder(i int, value any, ranges map[string]hcl.Range) {
	if d.Values[i] != nil {
		value = attribute.Attributes[i].Kind.Merge(value, d.Values[i])
	}
	d.Values[i] = value
	d.own()
	if d.Ranges == nil {
		d.Ranges = map[string]hcl.Range{}
	}
	for k, at := range ranges {
		if _, ok := d.Ranges[k]; !ok {
			d.Ranges[k] = at
		}
	}
}

// cache turns the settings of a target into a Cache, or nil for none.
func (d *Decider) cache(r *Draft) (*spec.Cache, hcl.Diagnostics) {
	s, _ := r.Values[attribute.AtCache].(attribute.CacheSettings)
	if _, block := r.Ranges["cache"]; !block && s["type"] == "" || s["type"] == "none" {
		return nil, nil
	}
	c := &checkedCache{r: r, settings: s, said: d.said}
	lane := spec.Lane{}
	if d.in.Lane != nil {
		lane = d.in.Lane()
	}
	out := &spec.Cache{
		Type:     c.word("type", "", cacheTypes),
		Ref:      s["ref"],
		Mode:     c.word("mode", cacheModes[0], cacheModes),
		Required: c.bool("required", false),
		Lane:     cmp.Or(s["lane"], lane.Name, defaultLane),
		Main:     cmp.Or(s["main"], lane.Main, defaultMain),
		Trusted:  c.bool("trusted", true) && !lane.Fork,
		Options:  s.Options(),
	}
	if out.Type == "local" && s[attribute.RefBase] != "" {
		out.Ref = attribute.FromFolder(s[attribute.RefBase], out.Ref)
	}
	switch c.word("when", cacheWhens[0], cacheWhens) {
	case "always":
		out.Write = true
	case "ci":
		out.Write = lane.CI
	}
	out.Mounts = c.mounts()
	c.check(out)
	return out, c.diags
}

// checkedCache collects what is wrong with a cache block.
type checkedCache struct {
	r        *Draft
	settings attribute.CacheSettings
	// said holds the faults of a block that several targets share.
	said  map[string]bool
	diags hcl.Diagnostics
}

func (c *checkedCache) fail(attr, summary, format string, args ...any) {
	at := c.r.RangeOf("cache", attr)
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

// maxMount is how large a mount may be that is kept, unless it is said.
const maxMount = 5_000_000_000

// mounts reads which cache mounts are kept, and how much of them.
func (c *checkedCache) mounts() spec.Mounts {
	m := spec.Mounts{MaxSize: maxMount}
	switch s := c.settings["mounts"]; s {
	case "", "false":
	case "true":
		m.All = true
	default:
		m.IDs = strings.Split(s, ",")
	}
	if s, ok := c.settings["mounts-max-size"]; ok {
		n, err := units.FromHumanSize(s)
		if err != nil || n <= 0 {
			c.fail("mounts-max-size", "Invalid value in a cache block", "%q is not a size: write one as 500MB or 2GB.", s)
		}
		m.MaxSize = n
	}
	if s, ok := c.settings["mounts-max-age"]; ok {
		if m.MaxAge, ok = age(s); !ok {
			c.fail("mounts-max-age", "Invalid value in a cache block", "%q is not a duration: write one as 12h or 30d.", s)
		}
	}
	m.Unused = c.unused()
	return m
}

// unused reads mounts-unused: times by the ids of mounts.
func (c *checkedCache) unused() map[string]time.Duration {
	s := c.settings["mounts-unused"]
	if s == "" {
		return nil
	}
	out := map[string]time.Duration{}
	for part := range strings.SplitSeq(s, ",") {
		// The times have no equals sign, and ids may have one.
		i := max(strings.LastIndex(part, "="), 0)
		d, ok := age(strings.TrimPrefix(part[i:], "="))
		if i == 0 || !ok {
			c.fail("mounts-unused", "Invalid value in a cache block", "%q is not an id of a mount with a duration: write { go-build = \"14d\" }, or go-build=14d in --set.", part)
			continue
		}
		out[part[:i]] = d
	}
	return out
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
	// What is wrong with the type itself has been reported.
	if out.Mounts.Any() && slices.Contains(cacheTypes, out.Type) && out.Type != "registry" && out.Type != "local" {
		c.fail("mounts", "Invalid mounts", "Cache mounts are kept in a registry or in a folder: mounts goes with type = \"registry\" or \"local\", not %q.", out.Type)
	}
	if out.Mode == "inline" && out.Type != "registry" {
		c.fail("mode", "Invalid mode", "Only images in a registry hold their cache: mode = \"inline\" goes with type = \"registry\", not %q.", out.Type)
	}
	for _, name := range attribute.SortedKeys(out.Options) {
		if slices.Contains([]string{"type", "mode", "ref", "src", "dest", "tag", "name", "scope"}, name) {
			c.fail("options", "Invalid option", "%q follows from the other attributes of the cache block; options are for what these do not say.", name)
		}
	}
}
