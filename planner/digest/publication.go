package digest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// addTarget adds what counts for all platforms of a target beside its
// definition.
func (e *engine) addTarget(f framed, b *planner.Build) {
	f.add("policies", string(e.opt.SourcePolicy))
	if !b.Policies.Empty() {
		for _, p := range b.Policies.Policies {
			f.add("policy", strconv.FormatBool(p.BuiltIn))
			for _, file := range p.Files {
				f.add(string(file.Data))
			}
		}
	}
	f.add("arguments")
	for _, k := range slices.Sorted(maps.Keys(b.Target.Args)) {
		if strings.HasPrefix(k, "BUILDKIT_") {
			f.add(k, b.Target.Args[k])
		}
	}
}

// addProvided adds which of the secrets and ssh sources that steps ask for the
// target provides: without one, a step does something else.
func (e *engine) addProvided(f framed, b *planner.Build, s *skeleton) {
	f.add("secrets")
	for _, id := range s.Secrets {
		f.add(id, strconv.FormatBool(slices.ContainsFunc(b.Target.Secrets, func(x config.Secret) bool { return x.ID == id && !x.Unset })))
	}
	f.add("ssh")
	for _, id := range s.SSH {
		f.add(id, strconv.FormatBool(slices.ContainsFunc(b.Target.SSH, func(x config.SSH) bool { return x.ID == id })))
	}
}

// publication sums up what is published: the image with what its exporter adds.
func publication(b *planner.Build, image string) string {
	t := b.Target
	f := newFramed()
	f.add("publication", image, "annotations")
	f.add(sortedUnique(t.Annotations)...)
	f.add("attestations")
	var attest []string
	for _, a := range t.Attest {
		if a.Disabled {
			// An image that is pushed has provenance unless that is switched off.
			if a.Type == "provenance" {
				attest = append(attest, "no provenance")
			}
			continue
		}
		attest = append(attest, a.Type+"\x00"+attributes(a.Attrs))
	}
	f.add(sortedUnique(attest)...)
	f.add("forms")
	var forms []string
	for _, o := range t.Outputs {
		if text := attributes(form(o.Attrs)); text != "" {
			forms = append(forms, text)
		}
	}
	f.add(sortedUnique(forms)...)
	// The cache that is written into the image is part of it.
	inline := slices.ContainsFunc(t.CacheTo, func(c config.CacheEntry) bool { return c.Type == "inline" })
	f.add("inline cache", strconv.FormatBool(inline))
	return f.hex()
}

func sortedUnique(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func attributes(attrs map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		b.WriteString(strconv.Quote(k) + "=" + strconv.Quote(attrs[k]) + ";")
	}
	return b.String()
}

// places are the attributes of outputs that say where something goes, or how
// it gets there, but not what it is.
var places = []string{
	"dest", "name", "push", "load", "context", "push-by-digest", "registry.insecure", "store", "unpack",
	"dangling-name-prefix", "name-canonical", "mode", "tar",
}

func form(attrs map[string]string) map[string]string {
	out := maps.Clone(attrs)
	maps.DeleteFunc(out, func(k, _ string) bool { return slices.Contains(places, k) })
	return out
}
