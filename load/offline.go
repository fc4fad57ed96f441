package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
)

// offline takes out of a definition what would go over the network: caches that are
// not in folders, and looking for images that were pushed already. One line says so.
func (l *Loader) offline(cfg *config.Config) {
	off := map[string]bool{}
	for _, t := range cfg.Targets {
		keep := func(list []config.CacheEntry) []config.CacheEntry {
			return slices.DeleteFunc(slices.Clone(list), func(e config.CacheEntry) bool {
				far := e.Type != "local" && e.Type != "inline"
				if far {
					off[strings.TrimSpace("type="+e.Type+" "+e.Attrs["ref"])] = true
				}
				return far
			})
		}
		t.CacheFrom, t.CacheTo = keep(t.CacheFrom), keep(t.CacheTo)
		if c := t.Cache; c != nil && c.Type != "local" {
			off[strings.TrimSpace("type="+c.Type+" "+c.Ref)] = true
			t.Cache = nil
			if c.Mode == "inline" && c.Write { // it is a part of the image, which stays the same
				t.CacheTo = append(t.CacheTo, config.NewCacheEntry(config.Entry{Type: "inline", Attrs: map[string]string{}}))
			}
		}
		if t.Skip != nil {
			off["skip"] = true
			t.Skip = nil
		}
	}
	if len(off) > 0 && !l.saidOffline {
		l.saidOffline = true
		l.Note(fmt.Sprintf("Offline: %s not used, since a network is needed for that.", said(off)))
	}
}

// said lists what is not used.
func said(off map[string]bool) string {
	var out []string
	skip := off["skip"]
	delete(off, "skip")
	if len(off) > 0 {
		out = append(out, "caches ("+config.Redacted(strings.Join(slices.Sorted(maps.Keys(off)), ", "))+")")
	}
	if skip {
		out = append(out, "proven skip")
	}
	verb := " is"
	if len(off) > 0 {
		verb = " are"
	}
	return strings.Join(out, " and ") + verb
}

// reachable refuses a definition that is not here, for a run without a network.
func (l *Loader) reachable() error {
	if !l.Offline || l.URL == "" {
		return nil
	}
	return usage.Errorf("the definition is at %s, and the run is offline: fetch it where there is a network, and name its files with -f", config.Redacted(l.URL))
}
