package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// checkExport reports what the exporters of images refuse when everything is
// built.
func (ck *checker) checkExport(b *planner.Build, o config.Output, names []string, attr string) {
	switch o.Type {
	case "image", "registry", "oci", "docker":
	default:
		return
	}
	ck.checkAnnotations(b, o)
	if o.Push && o.ByDigest {
		ck.checkByDigest(b, names, attr)
	}
}

// checkByDigest reports tags of an image that is pushed under its digest only.
func (ck *checker) checkByDigest(b *planner.Build, names []string, attr string) {
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(strings.TrimSpace(name))
		if err != nil || reference.IsNameOnly(named) {
			continue
		}
		ck.report.Fail(b.Target.RangeOf(attr), "Tag pushed by digest", "Target %q pushes by digest (push-by-digest=true), and %s has a tag, which no image would get. Write the name without the tag, %q, or leave out push-by-digest.",
			b.Name(), name, reference.FamiliarName(named))
	}
}

// checkAnnotations reports annotations of parts that the exported image does
// not have.
func (ck *checker) checkAnnotations(b *planner.Build, o config.Output) {
	at := b.Target.RangeOf("annotations")
	for _, a := range b.Target.Annotations {
		for _, kind := range annotatedParts(a) {
			if kind == "manifest" {
				continue
			}
			if o.DockerTypes {
				ck.fail(b, at, "Annotation without effect", "Docker's media types have no annotations of the type %s, and its output has oci-mediatypes=false. Leave out the annotation %q or oci-mediatypes.",
					kind, a)
				return
			}
			if kind != "manifest-descriptor" && !hasIndex(b, o) {
				more := ", or add platforms or an attestation (attest)"
				if o.Type == "docker" && o.Form != config.EngineForm {
					more = ", or output type=oci with several platforms"
				}
				ck.fail(b, at, "Annotation without an index", "the annotation %q is for an image index, and an image of one platform without attestations has none. Write \"manifest:%s\"%s.",
					a, a[strings.Index(a, ":")+1:], more)
				return
			}
		}
	}
}

// annotatedParts are the parts of an image that an annotation,
// [TYPE[PLATFORM][,TYPE…]:]KEY=VALUE, is for.
func annotatedParts(annotation string) []string {
	key, _, _ := strings.Cut(annotation, "=")
	kinds, _, ok := strings.Cut(key, ":")
	if !ok {
		return []string{"manifest"}
	}
	var out []string
	for kind := range strings.SplitSeq(kinds, ",") {
		kind, _, _ = strings.Cut(kind, "[")
		out = append(out, kind)
	}
	return out
}

// hasIndex says whether the image that an output writes may be an index of
// manifests. What another frontend than BuildKit's makes is not known here.
func hasIndex(b *planner.Build, o config.Output) bool {
	t := b.Target
	if len(b.Platforms) > 1 || len(b.Stages) > 0 && b.Stages[0].Kind == planner.Opaque || enabled(t.Args["BUILDKIT_MULTI_PLATFORM"]) {
		return true
	}
	if o.Type == "docker" && o.Form != config.EngineForm {
		return false
	}
	// Archives leave out what is for images in a store only, and so the
	// provenance that there is by default.
	archive := (o.Type == "oci" || o.Form == config.EngineForm) && !o.Inlined
	byDefault := !archive && !slices.ContainsFunc(t.Attest, func(a config.Attest) bool { return a.Type == "provenance" })
	return byDefault || slices.ContainsFunc(t.Attest, func(a config.Attest) bool {
		return !a.Disabled && !(archive && a.InlineOnly)
	})
}

// enabled says whether a value is one of those that mean true.
func enabled(value string) bool {
	on, err := strconv.ParseBool(value)
	return err == nil && on
}

// checkNoCache warns of names in no-cache-filter that no stage has. BuildKit
// passes over them, so that all steps come from the cache.
func (ck *checker) checkNoCache(b *planner.Build) {
	d := b.Parsed
	if d == nil {
		return
	}
	var stages []string
	for _, s := range d.Stages {
		if s.Name != "" {
			stages = append(stages, s.Name)
		}
	}
	for _, name := range b.Target.NoCacheFilter {
		if !slices.Contains(stages, strings.ToLower(name)) {
			ck.warn(b, b.Target.RangeOf("no-cache-filter"), "Filter without effect", "no-cache-filter has %q, and no stage of %s has this name.%s",
				name, b.Dockerfile.Name, suggest.Sentence(name, stages))
		}
	}
}
