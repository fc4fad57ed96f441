package skip

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/registry"
)

const (
	// mostRecords is how many records a lane has in a repository, and
	// perTarget is how many it has at least for each target of a run.
	mostRecords, perTarget = 256, 8
	// writeTime is for how long requests that write records are made again.
	writeTime = 15 * time.Second
)

// Built is a target that a run has built, tested and published.
type Built struct {
	Target *Target
	// Digest is what its tags point to; "" if none was pushed.
	Digest string
	// Size is the size of its file systems, unpacked.
	Size int64
	// Tests are the names of the tests that it has passed.
	Tests []string
	// Bases are the images that it was built on.
	Bases map[string]string
}

// About says which run writes records.
type About struct {
	Orch, Run, Commit string
	Dirty             bool
}

// Write keeps records of what a run has built and published. A record that cannot
// be written is a warning: the next run builds what it would have skipped.
func (s *Skipper) Write(ctx context.Context, about About, list []Built) {
	var ready []Ready
	for _, b := range list {
		p, err := s.draft(about, b)
		if err != nil {
			s.unkept(b.Target.Build.Name(), err)
			continue
		}
		ready = append(ready, Ready{Name: b.Target.Build.Name(), Pending: p, Repos: b.Target.Repos, Digest: b.Digest})
	}
	s.Keep(ctx, ready)
}

// Keep writes the records of builds.
func (s *Skipper) Keep(ctx context.Context, list []Ready) {
	ctx = s.patient(ctx, writeTime)
	var group errgroup.Group
	for _, b := range list {
		group.Go(func() error {
			if err := s.store(ctx, b); err != nil && ctx.Err() == nil {
				s.unkept(b.Name, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	s.prune(ctx, list)
	s.Memory.prune()
}

func (s *Skipper) unkept(name string, err error) {
	s.warn("no record of the build of %s is kept, so that it cannot be skipped: %v", name, err)
}

// draft is the record of a build, without the image.
func (s *Skipper) draft(about About, b Built) (*Pending, error) {
	t := b.Target
	r := &Record{
		Version: recordVersion, Input: t.Input, Publication: t.Publication, ImageInput: t.Image, Lane: t.lane(),
		Platforms: t.Platforms, Size: b.Size, Tests: t.Tests, TestNames: b.Tests, Bases: b.Bases,
		Orch: about.Orch, Run: about.Run, Commit: about.Commit, Dirty: about.Dirty, Built: s.now().UTC().Truncate(time.Second),
	}
	for _, f := range t.Files {
		sum, err := f.sum()
		if errors.Is(err, errLarge) && len(t.Refs) == 0 {
			return nil, fmt.Errorf("%s: %w", f.Dest, err)
		}
		if err != nil {
			return nil, err
		}
		r.Files = append(r.Files, File{f.Kind, sum})
	}
	return &Pending{Record: r, Signed: t.Skip.Signed, Key: t.key}, nil
}

// describe writes down what belongs to an image, and asks for all of it.
func (s *Skipper) describe(ctx context.Context, repo registry.Repo, d digest.Digest, r *Record) (err error) {
	if r.Image, r.Closure, err = s.read(ctx, repo, d); err != nil {
		return err
	}
	if has := platformsOf(r.Closure); len(has) > 0 {
		for _, p := range r.Platforms {
			if !slices.Contains(has, p) {
				return fmt.Errorf("the image that was pushed is not for %s", p)
			}
		}
	}
	return s.whole(ctx, repo, r)
}

// put stores a record under its tag.
func (s *Skipper) put(ctx context.Context, place registry.Ref, r *Record) ([]byte, error) {
	m, blob, err := r.encode(s.Key)
	if err != nil {
		return nil, err
	}
	defer s.slot()()
	for _, data := range [][]byte{empty, blob} {
		if err := s.Client.PutBlob(ctx, place.Repo, data); err != nil {
			return nil, err
		}
	}
	return m.Data, s.Client.Put(ctx, place, m)
}

// Reject replaces the record that a target was skipped by with one that is not
// believed.
func (s *Skipper) Reject(ctx context.Context, about About, v *Verdict, why string) error {
	s.Memory.forget(v.Place.Repo.String(), v.Place.Tag)
	r := *v.Record
	r.Rejected, r.Run, r.Orch, r.Built = why, about.Run, about.Orch, s.now().UTC().Truncate(time.Second)
	if v.Place.Path == "" {
		s.Memory.forget("", v.Place.Tag)
		return nil
	}
	_, err := s.put(s.patient(ctx, writeTime), v.Place, &r)
	if err != nil {
		return fmt.Errorf("rejecting the record %s:%s: %w", v.Place.Repo, v.Place.Tag, err)
	}
	return nil
}

// prune removes the oldest records of the run's lanes where there are too many.
func (s *Skipper) prune(ctx context.Context, list []Ready) {
	type where struct {
		repo registry.Repo
		lane string
	}
	targets := map[where]int{}
	for _, b := range list {
		for _, repo := range b.Repos {
			targets[where{repo, b.Record.Lane}]++
		}
	}
	for w, n := range targets {
		if err := s.pruneLane(ctx, w.repo, w.lane, max(mostRecords, perTarget*n)); err != nil && ctx.Err() == nil {
			s.warn("old records of builds cannot be removed from %s: %v", w.repo, err)
		}
	}
}

func (s *Skipper) pruneLane(ctx context.Context, repo registry.Repo, lane string, most int) error {
	tags, err := s.Client.Tags(ctx, repo)
	if err != nil {
		return err
	}
	tags = slices.DeleteFunc(tags, func(t string) bool { return !isRecord(t, lane) })
	if len(tags) <= most {
		return nil
	}
	type aged struct {
		tag   string
		built time.Time
	}
	records := make([]aged, len(tags))
	group, inner := errgroup.WithContext(ctx)
	for i, t := range tags {
		group.Go(func() error {
			defer s.slot()()
			m, err := s.Client.Manifest(inner, registry.Ref{Repo: repo, Tag: t})
			if err != nil && !registry.Missing(err) {
				return err
			}
			records[i].tag = t
			if err == nil {
				records[i].built = builtOf(m.Data)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b aged) int { return cmp.Or(a.built.Compare(b.built), cmp.Compare(a.tag, b.tag)) })
	// Some more go, so that this is not done by every run.
	for _, old := range records[:len(records)-most*3/4] {
		if err := s.Client.Delete(ctx, registry.Ref{Repo: repo, Tag: old.tag}); err != nil {
			return err
		}
	}
	return nil
}

// builtOf is when the image of a record was built.
func builtOf(data []byte) time.Time {
	var m ocispecs.Manifest
	var r Record
	if json.Unmarshal(data, &m) == nil && len(m.Layers) == 1 {
		_ = json.Unmarshal(m.Layers[0].Data, &r)
	}
	return r.Built
}

// Keys reads the private key of the environment, and sees to it that it is one
// of the public keys of the targets.
func Keys(getenv func(string) string, targets []*Target) (*SigningKey, error) {
	key, err := ReadSigningKey(getenv(KeyVariable))
	if key == nil || err != nil {
		return nil, err
	}
	for _, t := range targets {
		if t.key != nil && !key.Fits(t.key) {
			return nil, errors.New("the private key in " + KeyVariable + " is not that of the public key " + t.Skip.Key)
		}
	}
	return key, nil
}
