package exports

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
	"github.com/orch-build/orch/runner/engine/engineout"
)

// Where tags are moved together, an image is pushed under its digest alone;
// its tags are written down in the result, for whoever moves them once the
// whole run is good.

// byDigest takes the tags off the names of an image that is to be pushed, but
// for those in registries where the builder moves them. Where an image has names
// of both kinds, the others are in an export of their own, which is returned.
func (m *Maker) byDigest(e *Entry) (*Entry, error) {
	if m.ByDigest == nil || m.Engine == engineout.Plain || !e.From.Push || e.From.ByDigest {
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
		if !m.ByDigest(reference.Domain(ref)) {
			others = append(others, reference.TagNameOnly(ref).String())
			continue
		}
		e.Tags = append(e.Tags, reference.TagNameOnly(ref).String())
		if repo := ref.Name(); !slices.Contains(repos, repo) {
			repos = append(repos, repo)
		}
	}
	if len(e.Tags) == 0 {
		return nil, nil
	}
	var twin *Entry
	if len(others) > 0 {
		// No Twin of the first: what is attested to an image names its repositories, so
		// that the two can have other digests.
		twin = &Entry{ExportEntry: client.ExportEntry{Type: e.Type, Attrs: maps.Clone(e.Attrs)}, From: e.From}
		twin.Attrs["name"] = strings.Join(others, ",")
	}
	e.Attrs["name"] = strings.Join(repos, ",")
	e.Attrs["push-by-digest"] = "true"
	return twin, nil
}

// apart puts outputs into groups that are exported one after the other. The
// builder names one digest for all images of a group, so that where it matters
// which is which, each pushed image is a group of its own.
func (m *Maker) apart(exports []Entry) [][]Entry {
	images := 0
	for _, e := range exports {
		switch e.Type {
		case client.ExporterImage, client.ExporterOCI, client.ExporterDocker, engineout.Exporter:
			images++
		}
	}
	if images < 2 || m.ByDigest == nil {
		return [][]Entry{exports}
	}
	var groups [][]Entry
	var rest []Entry
	for _, e := range exports {
		switch {
		case e.Twin:
			last := len(groups) - 1
			groups[last] = append(groups[last], e)
		case len(e.Tags) > 0:
			groups = append(groups, []Entry{e})
		default:
			rest = append(rest, e)
		}
	}
	if len(rest) > 0 {
		groups = append([][]Entry{rest}, groups...)
	}
	return groups
}

// Tags returns the tags of a group that are moved later, and all names that
// its image has.
func Tags(group []Entry) (tags []runner.Tag, names []string) {
	for _, e := range group {
		if len(e.Tags) == 0 {
			for name := range strings.SplitSeq(e.Attrs["name"], ",") {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			continue
		}
		for _, tag := range e.Tags {
			tags = append(tags, runner.Tag{Name: tag, Insecure: e.From.Insecure})
			names = append(names, tag)
		}
	}
	return tags, names
}

// Pointed returns tags with the digest that they are to point to, which the
// builder has answered.
func Pointed(tags []runner.Tag, response map[string]string) ([]runner.Tag, error) {
	digest := response[exptypes.ExporterImageDigestKey]
	if digest == "" {
		return nil, errors.New("the builder did not say which digest it pushed")
	}
	out := slices.Clone(tags)
	for i := range out {
		out[i].Digest = digest
	}
	return out, nil
}
