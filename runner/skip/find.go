package skip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/registry"
)

// Found is the record of the image that a tag of a target points to.
type Found struct {
	*Record
	// Tag is that tag, and Place is where the record is.
	Tag, Place registry.Ref
}

// RecordOf finds the record of the image that the first tag of a target points to,
// whatever the target is now. Only records count that a run may believe. Where several
// targets have the same image, that of the publication is taken, or the newest.
func (s *Skipper) RecordOf(ctx context.Context, t *config.Target, publication string) (*Found, error) {
	if len(t.Tags) == 0 {
		return nil, errors.New("it has no tag, so that no registry has a record of it")
	}
	insecure := slices.ContainsFunc(t.Outputs, func(o config.Output) bool { return o.Insecure })
	ref, err := registry.Name{Text: strings.TrimSpace(t.Tags[0]), Insecure: insecure}.Parse()
	if err != nil {
		return nil, err
	}
	ctx = s.patient(ctx, lookTime)
	image, err := s.Client.Head(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("asking where %s points: %w", t.Tags[0], err)
	}
	if image == "" {
		return nil, fmt.Errorf("there is no image %s", t.Tags[0])
	}
	list, err := s.recordsIn(ctx, ref.Repo, t.Skip)
	if err != nil {
		return nil, err
	}
	var found *Found
	for _, r := range list {
		if r.Image.Digest.String() != image {
			continue
		}
		if r.Tag = ref; r.Publication == publication {
			return r, nil
		}
		if found == nil || r.Built.After(found.Built) {
			found = r
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no record of the image %s is kept in its repository; builds with a skip block or --skip keep them", t.Tags[0])
	}
	return found, nil
}

// recordsIn reads the records of the lanes that a target believes.
func (s *Skipper) recordsIn(ctx context.Context, repo registry.Repo, how *config.Skip) ([]*Found, error) {
	target := &Target{Skip: how}
	if how.Signed {
		key, err := ReadVerifyKey(how.Key)
		if err != nil {
			return nil, err
		}
		target.key = key
	}
	tags, err := s.Client.Tags(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("listing the tags of %s: %w", repo, err)
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool {
		return !slices.ContainsFunc(target.lanes(), func(lane string) bool { return isRecord(tag, lane) })
	})
	all := make([]*Found, len(tags))
	group, inner := errgroup.WithContext(ctx)
	for i, tag := range tags {
		group.Go(func() error {
			place := registry.Ref{Repo: repo, Tag: tag}
			data, err := s.fetch(inner, place)
			if err != nil || data == nil {
				return err
			}
			r, err := decode(data, target.key)
			if err == nil && r.Rejected == "" && r.Repository == repo.String() && tag == tagOf(r) {
				all[i] = &Found{Record: r, Place: place}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(f *Found) bool { return f == nil }), nil
}

func tagOf(r *Record) string { return tag(r.Lane, r.Input) }

// isRecord says whether a tag names a record of a lane.
func isRecord(tag, lane string) bool {
	sum, ok := strings.CutPrefix(tag, tagPrefix(lane))
	return ok && len(sum) == 32 && strings.Trim(sum, "0123456789abcdef") == ""
}
