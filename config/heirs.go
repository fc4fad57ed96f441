package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// heirs knows which targets inherit which, and which lines belong to which targets.
// It finds out whether a line also belongs to a target that was not chosen.
type heirs struct {
	of      map[string][]string    // by the parent
	writers map[hcl.Range][]string // of lines that mayBeShared
	outside map[string]bool        // what leadsOutside has found
	shared  map[hcl.Range]bool     // what isShared has found
}

// mayBeShared reports whether an attribute often has entries that one target does
// not use and another one does.
func mayBeShared(attr string) bool {
	attr, _, _ = strings.Cut(attr, ".")
	return attr == "args" || attr == "contexts" || attr == "secret" || attr == "ssh"
}

func (d *Definition) findHeirs() *heirs {
	h := &heirs{of: map[string][]string{}, writers: map[hcl.Range][]string{}, outside: map[string]bool{}, shared: map[hcl.Range]bool{}}
	for _, name := range d.targetNames {
		for _, in := range d.targets[name].instances {
			for _, p := range in.Parents() {
				h.of[p] = append(h.of[p], name)
			}
			for attr, at := range in.Ranges() {
				if mayBeShared(attr) {
					h.writers[at] = append(h.writers[at], name)
				}
			}
		}
	}
	return h
}

// markShared notes which lines of the chosen targets others have too that were
// not chosen.
func (c *chooser) markShared() {
	var h *heirs
	for _, t := range c.cfg.Targets {
		for attr, at := range t.Ranges {
			if !mayBeShared(attr) {
				continue
			}
			if h == nil {
				h = c.d.findHeirs()
			}
			if h.isShared(at, c) {
				if t.Shared == nil {
					t.Shared = map[string]bool{}
				}
				t.Shared[attr] = true
			}
		}
	}
}

// isShared reports whether a line belongs to a target that was not chosen. All targets of
// a matrix have the same lines, so the answer is kept.
func (h *heirs) isShared(line hcl.Range, c *chooser) bool {
	found, ok := h.shared[line]
	if !ok {
		found = slices.ContainsFunc(h.writers[line], func(w string) bool { return h.leadsOutside(w, c) })
		h.shared[line] = found
	}
	return found
}

// leadsOutside reports whether a target that can be built, or one of its heirs, was
// not chosen.
func (h *heirs) leadsOutside(name string, c *chooser) bool {
	if found, ok := h.outside[name]; ok {
		return found
	}
	h.outside[name] = false // for cycles
	_, chosen := c.targets[name]
	h.outside[name] = !chosen && !c.d.templates().Unbuilt(name) ||
		slices.ContainsFunc(h.of[name], func(heir string) bool { return h.leadsOutside(heir, c) })
	return h.outside[name]
}
