package buildkit

import (
	"errors"
	"fmt"
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
// together, of the tags that were taken off its name.
const pushedTags = "orch.tags"

// byDigest takes the tags off the names of an image that is to be pushed.
func (t *target) byDigest(e *client.ExportEntry) error {
	if !t.run.opt.PushByDigest || t.forCache || e.Type != client.ExporterImage || !isTrue(e.Attrs["push"]) || isTrue(e.Attrs["push-by-digest"]) {
		return nil
	}
	var tags, repos []string
	for n := range strings.SplitSeq(e.Attrs["name"], ",") {
		ref, err := reference.ParseNormalizedNamed(strings.TrimSpace(n))
		if err != nil {
			return fmt.Errorf("name of an image %q: %w", n, err)
		}
		if _, ok := ref.(reference.Digested); ok {
			return fmt.Errorf("name of an image %q: it must have no digest", n)
		}
		tags = append(tags, reference.TagNameOnly(ref).String())
		if repo := ref.Name(); !slices.Contains(repos, repo) {
			repos = append(repos, repo)
		}
	}
	e.Attrs[pushedTags] = strings.Join(tags, ",")
	e.Attrs["name"] = strings.Join(repos, ",")
	e.Attrs["push-by-digest"] = "true"
	return nil
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
	if images < 2 || !t.run.opt.PushByDigest {
		return [][]client.ExportEntry{exports}
	}
	var groups [][]client.ExportEntry
	var rest []client.ExportEntry
	for _, e := range exports {
		if e.Attrs[pushedTags] != "" {
			groups = append(groups, []client.ExportEntry{e})
		} else {
			rest = append(rest, e)
		}
	}
	if len(rest) > 0 {
		groups = append([][]client.ExportEntry{rest}, groups...)
	}
	return groups
}

// tagsOff takes the tags of a group off its attributes, which the builder
// would not know.
func tagsOff(group []client.ExportEntry) []runner.Tag {
	var out []runner.Tag
	for _, e := range group {
		tags, ok := e.Attrs[pushedTags]
		if !ok {
			continue
		}
		delete(e.Attrs, pushedTags)
		for tag := range strings.SplitSeq(tags, ",") {
			out = append(out, runner.Tag{Name: tag, Insecure: isTrue(e.Attrs["registry.insecure"])})
		}
	}
	return out
}

// takeTags writes down which tags are to point to what a group was exported
// as, and calls the image by them.
func (t *target) takeTags(tags []runner.Tag, response map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	digest := response[exptypes.ExporterImageDigestKey]
	if digest == "" {
		return errors.New("the builder did not say which digest it pushed")
	}
	var names []string
	for _, tag := range tags {
		tag.Digest = digest
		t.report.Unpublished = append(t.report.Unpublished, tag)
		names = append(names, tag.Name)
	}
	t.report.Metadata["image.name"] = strings.Join(names, ",")
	return nil
}
