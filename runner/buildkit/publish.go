package buildkit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/orch-build/orch/runner"
)

// Where tags are moved together, an image is pushed under its digest alone;
// its tags are written down in the result, for whoever moves them once the
// whole run is good.

// byDigest takes the tags off the names of an image that is to be pushed, but
// for those in registries where the builder moves them. Where an image has names
// of both kinds, the others are in an export of their own, which is returned.
func (t *target) byDigest(e *exporter) (*exporter, error) {
	if t.run.opt.ByDigest == nil || t.forCache || !e.from.Push || e.from.ByDigest {
		return nil, nil
	}
	var repos, others []string
	for n := range strings.SplitSeq(e.Attrs["name"], ",") {
		ref, err := reference.ParseNormalizedNamed(strings.TrimSpace(n))
		if err != nil {
			return nil, fmt.Errorf("name of an image %q: %w", n, err)
		}
		if _, ok := ref.(reference.Digested); ok {
			return nil, fmt.Errorf("name of an image %q: it must have no digest", n)
		}
		if !t.run.opt.ByDigest(reference.Domain(ref)) {
			others = append(others, reference.TagNameOnly(ref).String())
			continue
		}
		e.tags = append(e.tags, reference.TagNameOnly(ref).String())
		if repo := ref.Name(); !slices.Contains(repos, repo) {
			repos = append(repos, repo)
		}
	}
	if len(e.tags) == 0 {
		return nil, nil
	}
	var twin *exporter
	if len(others) > 0 {
		twin = &exporter{ExportEntry: client.ExportEntry{Type: e.Type, Attrs: maps.Clone(e.Attrs)}, from: e.from, twin: true}
		twin.Attrs["name"] = strings.Join(others, ",")
	}
	e.Attrs["name"] = strings.Join(repos, ",")
	e.Attrs["push-by-digest"] = "true"
	return twin, nil
}

// apart puts outputs into groups that are exported one after the other. The
// builder names one digest for all images of a group, so that where it matters
// which is which, each pushed image is a group of its own.
func (t *target) apart(exports []exporter) [][]exporter {
	images := 0
	for _, e := range exports {
		switch e.Type {
		case client.ExporterImage, client.ExporterOCI, client.ExporterDocker:
			images++
		}
	}
	if images < 2 || t.run.opt.ByDigest == nil {
		return [][]exporter{exports}
	}
	var groups [][]exporter
	var rest []exporter
	for _, e := range exports {
		switch {
		case e.twin:
			last := len(groups) - 1
			groups[last] = append(groups[last], e)
		case len(e.tags) > 0:
			groups = append(groups, []exporter{e})
		default:
			rest = append(rest, e)
		}
	}
	if len(rest) > 0 {
		groups = append([][]exporter{rest}, groups...)
	}
	return groups
}

// tagsOf returns the tags of a group that are moved later, and all names that
// its image has.
func tagsOf(group []exporter) (tags []runner.Tag, names []string) {
	for _, e := range group {
		if len(e.tags) == 0 {
			names = append(names, strings.Split(e.Attrs["name"], ",")...)
			continue
		}
		for _, tag := range e.tags {
			tags = append(tags, runner.Tag{Name: tag, Insecure: e.from.Insecure})
			names = append(names, tag)
		}
	}
	return tags, names
}

// takeTags writes down which tags are to point to what a group was exported
// as, and calls the image by its names.
func (t *target) takeTags(tags []runner.Tag, names []string, response map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	digest := response[exptypes.ExporterImageDigestKey]
	if digest == "" {
		return errors.New("the builder did not say which digest it pushed")
	}
	for _, tag := range tags {
		tag.Digest = digest
		t.report.Unpublished = append(t.report.Unpublished, tag)
	}
	t.report.Metadata["image.name"] = strings.Join(names, ",")
	return nil
}
