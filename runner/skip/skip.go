package skip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
	"github.com/orch-build/orch/runner"
)

const (
	// parallel is how many requests are made at the same time.
	parallel = 48
	// lookTime is for how long requests are made again that fail, when targets
	// are looked up: building is the other way.
	lookTime = 5 * time.Second
	// sampleSize is how much of the images that stay where they are is asked
	// for, in requests.
	sampleSize = 8
)

// Skipper finds out which targets are skipped, and keeps records.
type Skipper struct {
	Client *registry.Client
	Memory Memory
	// Key signs records; nil signs none.
	Key *SigningKey
	// Patience is for how long requests are made again that fail; 0 is some
	// seconds.
	Patience time.Duration
	// Now is the time; nil is the machine's clock.
	Now func() time.Time
	// Warn, if set, is called with a line that the user has to see.
	Warn func(string)

	once  sync.Once
	slots chan struct{}

	mu     sync.Mutex
	warned map[string]bool
	silent map[string]error // registries that do not answer
}

// Verdict is what a target comes to.
type Verdict struct {
	Target *Target
	// Record is what it is equal to; nil if it has to be built.
	Record *Record
	// Place is the tag of the record, with the repository that it is in.
	Place registry.Ref
	// Moves are the tags that do not point to the image yet.
	Moves []registry.Ref
	// Reason is why it has to be built.
	Reason string

	remembered bool // the record is one of the memory
}

// slot waits until a request may be made, and returns what ends that.
func (s *Skipper) slot() (release func()) {
	s.once.Do(func() { s.slots = make(chan struct{}, parallel) })
	s.slots <- struct{}{}
	return func() { <-s.slots }
}

func (s *Skipper) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// patient bounds for how long requests are made again.
func (s *Skipper) patient(ctx context.Context, otherwise time.Duration) context.Context {
	return retry.WithBudget(ctx, cmp.Or(s.Patience, otherwise))
}

// warn says something once.
func (s *Skipper) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	if !s.warned[text] && s.Warn != nil {
		s.Warn(text)
	}
	s.warned[text] = true
}

// Decide says for each target whether it is skipped. It fails only if it is
// interrupted.
func (s *Skipper) Decide(ctx context.Context, targets []*Target) ([]*Verdict, error) {
	looking := s.patient(ctx, lookTime)
	out := make([]*Verdict, len(targets))
	var group errgroup.Group
	for i, t := range targets {
		group.Go(func() error {
			out[i] = s.decide(looking, t)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.sample(looking, out)
	return out, nil
}

// decide looks a target up.
func (s *Skipper) decide(ctx context.Context, t *Target) *Verdict {
	v := &Verdict{Target: t}
	if err := s.find(ctx, v); err != nil {
		return v.built(err)
	}
	err := s.place(ctx, v)
	if errors.Is(err, errRemembered) {
		// What is remembered is good for tags that stay.
		if err = s.findRecorded(ctx, v); err == nil {
			err = s.place(ctx, v)
		}
	}
	if err == nil {
		err = t.filesAsRecorded(v.Record)
	}
	if err != nil {
		s.Memory.forget(v.Place.Repo.String(), v.Place.Tag)
		return v.built(err)
	}
	return v
}

// built is the verdict of a target that has to be built.
func (v *Verdict) built(why error) *Verdict {
	v.Record, v.Moves, v.Reason = nil, nil, why.Error()
	return v
}

// find finds the record of a target.
func (s *Skipper) find(ctx context.Context, v *Verdict) error {
	if len(v.Target.Refs) == 0 {
		return s.findHere(v)
	}
	if v.remembered = s.findRemembered(v); v.remembered {
		return nil
	}
	return s.findRecorded(ctx, v)
}

// findRemembered finds a record that was read before.
func (s *Skipper) findRemembered(v *Verdict) bool {
	t := v.Target
	for _, lane := range t.lanes() {
		for _, repo := range t.Repos {
			place := registry.Ref{Repo: repo, Tag: tag(lane, t.Input)}
			data := s.Memory.load(repo.String(), place.Tag, s.now())
			if data != nil && v.take(data, place, lane, s.now()) == nil {
				return true
			}
		}
	}
	return false
}

// findRecorded finds a record in a registry.
func (s *Skipper) findRecorded(ctx context.Context, v *Verdict) error {
	t := v.Target
	v.remembered = false
	why := errors.New("no build of what it is now is recorded")
	for _, lane := range t.lanes() {
		for _, repo := range t.Repos {
			place := registry.Ref{Repo: repo, Tag: tag(lane, t.Input)}
			data, err := s.fetch(ctx, place)
			if err != nil {
				return err
			}
			if data == nil {
				continue
			}
			if err := v.take(data, place, lane, s.now()); err != nil {
				why = err
				continue
			}
			s.Memory.save(repo.String(), place.Tag, s.now(), data)
			return nil
		}
	}
	return why
}

// findHere finds the record of a target that writes nothing but files: it is
// kept on this machine.
func (s *Skipper) findHere(v *Verdict) error {
	lane := v.Target.lane()
	place := registry.Ref{Tag: tag(lane, v.Target.Input)}
	data := s.Memory.load("", place.Tag, s.now())
	if data == nil {
		return errors.New("no build of what it is now is recorded here")
	}
	v.Target.key = nil // nobody else writes here
	return v.take(data, place, lane, s.now())
}

// take takes a record, if it can be believed.
func (v *Verdict) take(data []byte, place registry.Ref, lane string, now time.Time) error {
	r, err := decode(data, v.Target.key)
	if err != nil {
		return err
	}
	repo := ""
	if place.Path != "" {
		repo = place.Repo.String()
	}
	if err := r.believe(v.Target, repo, lane, now); err != nil {
		return err
	}
	v.Record, v.Place = r, place
	return nil
}

// fetch asks for a record; nil is none. A registry that has not answered is not
// asked again.
func (s *Skipper) fetch(ctx context.Context, place registry.Ref) ([]byte, error) {
	s.mu.Lock()
	err := s.silent[place.Domain]
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer s.slot()()
	m, err := s.Client.Manifest(ctx, place)
	if registry.Missing(err) {
		return nil, nil
	}
	if err == nil {
		return m.Data, nil
	}
	if ctx.Err() == nil {
		s.warn("records of builds cannot be read from %s, so that targets are built: %v", place.Domain, err)
	}
	var answered *registry.Error
	if !errors.As(err, &answered) {
		s.mu.Lock()
		if s.silent == nil {
			s.silent = map[string]error{}
		}
		s.silent[place.Domain] = err
		s.mu.Unlock()
	}
	return nil, fmt.Errorf("its record cannot be read: %w", err)
}

// errRemembered says that a tag has to move, for which a remembered record is
// not enough.
var errRemembered = errors.New("the record is only remembered")

// place finds out which tags have to move, and sees to it that the whole image
// is where they are.
func (s *Skipper) place(ctx context.Context, v *Verdict) error {
	t, image := v.Target, v.Record.Image.Digest.String()
	points := make([]string, len(t.Refs))
	group, inner := errgroup.WithContext(ctx)
	for i, ref := range t.Refs {
		group.Go(func() (err error) {
			defer s.slot()()
			points[i], err = s.Client.Head(inner, ref)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("asking where its tags point: %w", err)
	}
	moving := map[registry.Repo]bool{}
	v.Moves = nil
	for i, ref := range t.Refs {
		if points[i] != image {
			v.Moves = append(v.Moves, ref)
			moving[ref.Repo] = true
		}
	}
	switch {
	case len(v.Moves) > 0 && v.remembered:
		return errRemembered
	case len(v.Moves) > 0 || t.Skip.Full:
		return s.everywhere(ctx, v, moving)
	}
	return nil
}

// everywhere asks for the whole image in the repository of its record, and in
// those of tags that move; where it is not there, it is copied.
func (s *Skipper) everywhere(ctx context.Context, v *Verdict, moving map[registry.Repo]bool) error {
	from := v.Place.Repo
	if len(v.Target.Refs) == 0 {
		return nil
	}
	if err := s.whole(ctx, from, v.Record); err != nil {
		return err
	}
	for _, repo := range v.Target.Repos {
		if repo == from || !moving[repo] && !v.Target.Skip.Full {
			continue
		}
		if s.whole(ctx, repo, v.Record) == nil {
			continue
		}
		if err := s.copy(ctx, from, repo, v.Record); err != nil {
			return err
		}
		if err := s.whole(ctx, repo, v.Record); err != nil {
			return err
		}
	}
	return nil
}

// sample asks for a few things of the images that stay where they are, so that
// one that has lost something is found sooner or later, and at once in a small
// run.
func (s *Skipper) sample(ctx context.Context, all []*Verdict) {
	type one struct {
		v    *Verdict
		repo registry.Repo
		content
	}
	var list []one
	for _, v := range all {
		if v.Record == nil || len(v.Moves) > 0 || len(v.Target.Refs) == 0 || v.Target.Skip.Full {
			continue
		}
		for _, repo := range v.Target.Repos {
			for _, c := range v.Record.contents() {
				if c.Digest != v.Record.Image.Digest { // its tag has just been asked for
					list = append(list, one{v, repo, c})
				}
			}
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:min(len(list), sampleSize)]
	missing := make([]bool, len(list))
	var group errgroup.Group
	for i, c := range list {
		group.Go(func() error {
			gone, err := s.ask(ctx, c.repo, []content{c.content})
			missing[i] = err == nil && len(gone) > 0
			return nil
		})
	}
	_ = group.Wait()
	for i, c := range list {
		if missing[i] {
			s.Memory.forget(c.v.Place.Repo.String(), c.v.Place.Tag)
			c.v.built(fmt.Errorf("%s does not have all of the image: %s is gone, or has another length", c.repo, c.content))
		}
	}
}

// Result is the result of a skipped target, as that of a build.
func (v *Verdict) Result() *runner.Result {
	r := v.Record
	res := &runner.Result{
		Digest: r.Image.Digest.String(), ImageSize: r.Size, Metadata: map[string]any{},
		Skipped: &runner.Skipped{Run: r.Run, Built: r.Built},
	}
	for _, name := range r.TestNames {
		if v.Target.Tests != "" {
			res.Tests = append(res.Tests, runner.TestResult{Name: name})
		}
	}
	if len(v.Target.Refs) > 0 {
		res.Skipped.Record = v.Place.Repo.String() + ":" + v.Place.Tag
		res.Metadata["containerimage.digest"] = res.Digest
		res.Metadata["containerimage.descriptor"] = r.Image
		res.Metadata["image.name"] = joinRefs(v.Target.Refs)
	}
	for _, o := range v.Target.Build.Target.Outputs {
		where := o.Dest
		if o.Push {
			where = joinRefs(v.Target.Refs)
		}
		res.Outputs = append(res.Outputs, runner.Output{Type: o.Type, Where: where})
	}
	return res
}

// Tags are the tags of a skipped target, for the publish phase.
func (v *Verdict) Tags() []runner.Tag {
	var out []runner.Tag
	for _, ref := range v.Target.Refs {
		out = append(out, runner.Tag{Name: ref.Repo.String() + ":" + ref.Tag, Digest: v.Record.Image.Digest.String(), Insecure: ref.Insecure})
	}
	return out
}

func joinRefs(refs []registry.Ref) string {
	text := ""
	for i, ref := range refs {
		if i > 0 {
			text += ","
		}
		text += ref.Repo.String() + ":" + ref.Tag
	}
	return text
}
