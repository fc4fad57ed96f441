package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
)

// The words of a skip block, and of the flag --skip; the first is the default.
var (
	SkipModes   = []string{"proven", "never"}
	skipTrusts  = []string{"pushers", "key"}
	skipControl = []string{"sample", "full"}
)

// skip turns the settings of a target into a Skip; nil builds the target
// without keeping a record.
func (d *Decider) skip(r *Draft) (*spec.Skip, hcl.Diagnostics) {
	s, written := r.Values[attribute.AtSkip].(attribute.SkipSettings)
	if !written {
		return nil, nil
	}
	c := &checkedSkip{r: r, settings: s, said: d.said}
	out := &spec.Skip{
		Never:  c.word("mode", SkipModes) == "never",
		MaxAge: c.age(), Audit: c.percent(), Key: s["key"],
		Signed: c.word("trust", skipTrusts) == "key" || s["key"] != "",
		Full:   c.word("check", skipControl) == "full",
	}
	if out.Signed && out.Key == "" {
		c.fail("trust", `trust = "key" needs the key: write key = "orch.pub", the file with the public key.`)
	}
	d.skipLane(r, out)
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return out, c.diags
}

// skipLane says whose records a target has: the lane is the cache's.
func (d *Decider) skipLane(r *Draft, out *spec.Skip) {
	lane := spec.Lane{}
	if d.in.Lane != nil {
		lane = d.in.Lane()
	}
	cache, _ := r.Values[attribute.AtCache].(attribute.CacheSettings)
	trusted, err := strconv.ParseBool(cmp.Or(cache["trusted"], "true"))
	out.Lane = cmp.Or(cache["lane"], lane.Name, defaultLane)
	out.Main = cmp.Or(cache["main"], lane.Main, defaultMain)
	out.Trusted = trusted && err == nil && !lane.Fork
}

// checkedSkip collects what is wrong with a skip block.
type checkedSkip struct {
	r        *Draft
	settings attribute.SkipSettings
	// said holds the faults of a block that several targets share.
	said  map[string]bool
	diags hcl.Diagnostics
}

func (c *checkedSkip) fail(attr, format string, args ...any) {
	at := c.r.RangeOf("skip", attr)
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
	d, ok := age(s)
	if !ok {
		c.fail("max-age", "%q is not a duration: write one as 12h or 30d.", s)
	}
	return d
}

// age reads a duration of Go, or a number of days.
func age(s string) (time.Duration, bool) {
	const day, most = 24 * time.Hour, 100 * 365 * 24 * time.Hour
	d, err := time.ParseDuration(s)
	if number, ok := strings.CutSuffix(s, "d"); ok {
		var days float64
		days, err = strconv.ParseFloat(number, 64)
		if err == nil && days*float64(day) <= float64(most) {
			d = time.Duration(days * float64(day))
		}
	}
	if err != nil || d <= 0 || d > most {
		return 0, false
	}
	return d, true
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
