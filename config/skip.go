package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// The words of a skip block, and of the flag --skip; the first is the default.
var (
	SkipModes   = []string{"proven", "never"}
	skipTrusts  = []string{"pushers", "key"}
	skipControl = []string{"sample", "full"}
)

// skipDefault is the skip block outside of targets; later files win.
type skipDefault struct {
	settings attribute.SkipSettings
	ranges   map[string]hcl.Range
}

// loadSkip evaluates the skip blocks outside of targets.
func (d *Definition) loadSkip() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, f := range d.files {
		var first *schema.Skip
		for _, block := range f.Skips {
			if first != nil {
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError,
					Summary:  "Second skip block",
					Detail:   fmt.Sprintf("There is a skip block at %s already. What is different for a target goes into a skip block inside it.", first.DefRange),
					Subject:  block.DefRange.Ptr(),
				})
				continue
			}
			first = block
			diags = append(diags, d.addSkipDefault(block)...)
		}
	}
	return diags
}

func (d *Definition) addSkipDefault(block *schema.Skip) hcl.Diagnostics {
	expr := blockExpr{&block.Block}
	if d.skip == nil {
		d.skip = &skipDefault{settings: attribute.SkipSettings{}, ranges: map[string]hcl.Range{}}
	}
	maps.Copy(d.skip.ranges, expr.ranges("skip"))
	value, diags := d.ev.eval(expr, d.ev.root, true)
	if diags.HasErrors() || !value.IsWhollyKnown() {
		return diags
	}
	settings, err := attribute.SkipKind{}.Decode(value)
	if err != nil {
		return append(diags, wrongType("skip", expr, d.ev.root, err))
	}
	found := settings.(attribute.SkipSettings)
	if d.mod.imported {
		base := d.baseOf(block.DefRange.Filename)
		found = found.In(func(p string) string { return fromFolder(base, p) })
	}
	d.skip.settings = attribute.SkipKind{}.Merge(d.skip.settings, found).(attribute.SkipSettings)
	return diags
}

// skipOf is the skip block that applies to a target: that of the file which has
// it, or else of the nearest one that imports that file.
func (d *Definition) skipOf(name string) *skipDefault {
	for _, im := range d.imports {
		if im.mod != nil && im.mod.prefix != "" && strings.HasPrefix(name, im.mod.prefix) {
			if s := im.skipOf(name); s != nil {
				return s
			}
		}
	}
	return d.skip
}

// inheritSkip puts the skip block outside of targets under what a target has.
func (d *Definition) inheritSkip(r *resolved) {
	outside := d.skipOf(r.name)
	if outside == nil {
		return
	}
	merged := outside.settings
	if r.values[attribute.AtSkip] != nil {
		merged = attribute.SkipKind{}.Merge(merged, r.values[attribute.AtSkip]).(attribute.SkipSettings)
	}
	r.values[attribute.AtSkip] = merged
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

// decideSkip turns the settings of a target into a Skip; nil builds the target
// in any case.
func (d *Definition) decideSkip(r *resolved) (*spec.Skip, hcl.Diagnostics) {
	s, written := r.values[attribute.AtSkip].(attribute.SkipSettings)
	if !written {
		return nil, nil
	}
	c := &checkedSkip{r: r, settings: s, said: d.skipFaults}
	mode := c.word("mode", SkipModes)
	out := &spec.Skip{
		MaxAge: c.age(), Audit: c.percent(), Key: s["key"],
		Signed: c.word("trust", skipTrusts) == "key" || s["key"] != "",
		Full:   c.word("check", skipControl) == "full",
	}
	if out.Signed && out.Key == "" {
		c.fail("trust", `trust = "key" needs the key: write key = "orch.pub", the file with the public key.`)
	}
	d.skipLane(r, out)
	if mode == "never" || c.diags.HasErrors() {
		return nil, c.diags
	}
	return out, c.diags
}

// skipLane says whose records a target has: the lane is that of the cache.
func (d *Definition) skipLane(r *resolved, out *spec.Skip) {
	lane := spec.Lane{}
	if d.opts.Lane != nil {
		lane = d.opts.Lane()
	}
	cache, _ := r.values[attribute.AtCache].(attribute.CacheSettings)
	trusted, err := strconv.ParseBool(firstOf(cache["trusted"], "true"))
	out.Lane = firstOf(cache["lane"], lane.Name, defaultLane)
	out.Main = firstOf(cache["main"], lane.Main, defaultMain)
	out.Trusted = trusted && err == nil && !lane.Fork
}

// checkedSkip collects what is wrong with a skip block.
type checkedSkip struct {
	r        *resolved
	settings attribute.SkipSettings
	// said holds the faults of a block that several targets share.
	said  map[string]bool
	diags hcl.Diagnostics
}

func (c *checkedSkip) fail(attr, format string, args ...any) {
	at := c.r.rangeOf("skip", attr)
	diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid value in a skip block", Detail: fmt.Sprintf(format, args...), Subject: &at}
	if !c.said[diag.Error()] {
		c.said[diag.Error()] = true
		c.diags = append(c.diags, diag)
	}
}

// word reads an attribute that is one of some words, the first if it is not
// written.
func (c *checkedSkip) word(attr string, words []string) string {
	s, ok := c.settings[attr]
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, s) {
		c.fail(attr, "%q is one of %s, not %q.%s", attr, strings.Join(words, ", "), s, suggest.Sentence(s, words))
	}
	return s
}

// age reads max-age: a duration of Go, or a number of days.
func (c *checkedSkip) age() time.Duration {
	s, ok := c.settings["max-age"]
	if !ok {
		return 0
	}
	const day, most = 24 * time.Hour, 100 * 365 * 24 * time.Hour
	age, err := time.ParseDuration(s)
	if number, ok := strings.CutSuffix(s, "d"); ok {
		var days float64
		days, err = strconv.ParseFloat(number, 64)
		if err == nil && days*float64(day) <= float64(most) {
			age = time.Duration(days * float64(day))
		}
	}
	if err != nil || age <= 0 || age > most {
		c.fail("max-age", "%q is not a duration: write one as 12h or 30d.", s)
		return 0
	}
	return age
}

// percent reads audit.
func (c *checkedSkip) percent() float64 {
	s, ok := c.settings["audit"]
	if !ok {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(n >= 0 && n <= 100) {
		c.fail("audit", "%q is not a number from 0 to 100: write how many of a hundred skipped targets are built all the same.", s)
		return 0
	}
	return n
}
