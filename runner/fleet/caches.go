package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
)

// warnOfCaches names the caches that several builders write: each writes the whole of
// what it has, in place of what was there. Those of a lane are put together.
func (r *run) warnOfCaches(made []*batch) {
	writers := map[string][]string{}
	var order []string
	note := func(c planner.Cache, builds ...*planner.Build) {
		place := placeOf(c)
		if place == "" {
			return
		}
		if writers[place] == nil {
			order = append(order, place)
		}
		for _, b := range made {
			name := b.node.Name
			if !slices.Contains(writers[place], name) && slices.ContainsFunc(builds, func(one *planner.Build) bool { return b.piece(one.Name()) != nil }) {
				writers[place] = append(writers[place], name)
			}
		}
	}
	for _, s := range r.plan.Caches {
		note(s.Cache, s.Builds...)
	}
	for _, b := range r.plan.Builds {
		for _, c := range b.CacheTo {
			note(c, b)
		}
	}
	for _, place := range order {
		if names := writers[place]; len(names) > 1 {
			r.events.warn(fmt.Sprintf("%d builders (%s) write the cache %s, each in place of what another has written: "+
				"only the last one's stays. A cache block keeps what all of them have: cache { type = \"registry\", ref = … }",
				len(names), strings.Join(names, ", "), place))
		}
	}
}

// placeOf is where a cache is written to; "" where nobody is in another's way.
func placeOf(c planner.Cache) string {
	if c.Lane != nil || c.Type == "inline" {
		return ""
	}
	text := c.Type
	for _, key := range []string{"ref", "dest", "scope", "bucket", "account_url", "container", "prefix", "name"} {
		if v := c.Attrs[key]; v != "" {
			text += " " + key + "=" + v
		}
	}
	return text
}
