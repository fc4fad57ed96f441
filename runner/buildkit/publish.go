package buildkit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/orch-build/orch/runner"
)

// Where tags are moved together, an image is pushed under its digest alone;
// its tags are written down in the result, for whoever moves them once the
// whole run is good.

// pushedTags is the key, among the attributes of an export that is being put
// together, of the tags that were taken off its name, and twinExport that of an
// export which is the same image under other names.
const (
	pushedTags = "orch.tags"
	twinExport = "orch.twin"
)

// byDigest takes the tags off the names of an image that is to be pushed, but
// for those in registries where the builder moves them. Where an image has names
// of both kinds, the others are in an export of their own, which is returned.
func (t *target) byDigest(e *client.ExportEntry) (*client.ExportEntry, error) {
	if t.run.opt.ByDigest == nil || t.forCache || e.Type != client.ExporterImage || !isTrue(e.Attrs["push"]) || isTrue(e.Attrs["push-by-digest"]) {
		return nil, nil
	}
	var tags, repos, others []string
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
		tags = append(tags, reference.TagNameOnly(ref).String())
		if repo := ref.Name(); !slices.Contains(repos, repo) {
			repos = append(repos, repo)
		}
	}
	if len(tags) == 0 {
		return nil, nil
	}
	var twin *client.ExportEntry
	if len(others) > 0 {
		twin = &client.ExportEntry{Type: e.Type, Attrs: maps.Clone(e.Attrs)}
		twin.Attrs["name"], twin.Attrs[twinExport] = strings.Join(others, ","), "true"
	}
	e.Attrs[pushedTags] = strings.Join(tags, ",")
	e.Attrs["name"] = strings.Join(repos, ",")
	e.Attrs["push-by-digest"] = "true"
	return twin, nil
}

func isTrue(text string) bool {
	on, err := strconv.ParseBool(text)
	return err == nil && on
}

// apart puts outputs into groups that are exported one after the other. The
// builder names one digest for all images of a group, so that where it matters
// which is which, each pushed image is a group of its own.
func (t *target) apart(exports []client.ExportEntry) [][]client.ExportEntry {
	images := 0
	for _, e := range exports {
		switch e.Type {
		case client.ExporterImage, client.ExporterOCI, client.ExporterDocker:
			images++
		}
	}
	if images < 2 || t.run.opt.ByDigest == nil {
		return [][]client.ExportEntry{exports}
	}
	var groups [][]client.ExportEntry
	var rest []client.ExportEntry
	for _, e := range exports {
		switch {
		case e.Attrs[twinExport] != "":
			last := len(groups) - 1
			groups[last] = append(groups[last], e)
		case e.Attrs[pushedTags] != "":
			groups = append(groups, []client.ExportEntry{e})
		default:
			rest = append(rest, e)
		}
	}
	if len(rest) > 0 {
		groups = append([][]client.ExportEntry{rest}, groups...)
	}
	return groups
}

// tagsOff takes the tags of a group off its attributes, which the builder
// would not know. names are all that the image of the group is called by, if
// tags of it are moved later.
func tagsOff(group []client.ExportEntry) (tags []runner.Tag, names []string) {
	for _, e := range group {
		delete(e.Attrs, twinExport)
		list, ok := e.Attrs[pushedTags]
		if !ok {
			names = append(names, strings.Split(e.Attrs["name"], ",")...)
			continue
		}
		delete(e.Attrs, pushedTags)
		for tag := range strings.SplitSeq(list, ",") {
			tags = append(tags, runner.Tag{Name: tag, Insecure: isTrue(e.Attrs["registry.insecure"])})
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
