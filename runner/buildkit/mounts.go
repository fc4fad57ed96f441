package buildkit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/docker/go-units"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/cachemounts"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/mounts/pack"
	"github.com/orch-build/orch/runner/mounts/store"
)

const (
	// restoreWait and saveWait are how long a mount is waited for that another
	// run has locked. In the first case that run fills it.
	restoreWait = 10 * time.Second
	saveWait    = 30 * time.Second
	// quietTime is how long a registry may neither take nor give anything, and
	// knownTime how long one is asked, before saving, what it has: the two make a
	// minute.
	quietTime = 45 * time.Second
	knownTime = 15 * time.Second
	// mountJobs is how many mounts are read or written at once.
	mountJobs = 4
)

// keeper restores the cache mounts of a run before its steps need them, and saves
// them at its end.
type keeper struct {
	run    *run
	helper *cachemounts.Helper // nil if no mount is kept

	mu   sync.Mutex
	kept map[string]*kept // by the mounts' keys
	// patience has a *store.Patience by the registries in which mounts are kept.
	patience sync.Map
}

// kept is one mount of a run.
type kept struct {
	keeper *keeper
	mount  *cachemounts.Mount
	anchor *anchor
	places planner.MountCache
	limit  int64
	maxAge time.Duration
	unused time.Duration
	steps  map[digest.Digest]bool // as the builder calls them in its statuses
	report runner.MountReport
	begun  time.Time // when it was empty last; zero if that is not known
	filled time.Time // when it was restored, by the builder's clock; zero if not now
	held   *cachemounts.Hold
	once   sync.Once
	ready  chan struct{}
}

// newKeeper finds the program that is needed, if a target keeps mounts. Where
// there is none, they are cold, with a warning.
func (r *run) newKeeper() *keeper {
	k := &keeper{run: r, kept: map[string]*kept{}}
	if !slices.ContainsFunc(r.plan.Builds, func(b *planner.Build) bool { return b.Target.Cache != nil && b.Target.Cache.Mounts.Any() }) {
		return k
	}
	var err error
	if k.helper, err = r.mountHelper(); err != nil {
		r.steps.Warn("cache mounts are not kept: " + err.Error())
	}
	return k
}

// mountHelper is the program that the environment names, the small one that is
// packed inside orch, or orch itself.
func (r *run) mountHelper() (*cachemounts.Helper, error) {
	var own ocispecs.Platform
	if r.builder.Own != nil {
		own = *r.builder.Own
	}
	path, _ := r.opt.LookupEnv("ORCH_MOUNT_HELPER")
	if path == "" {
		if packed := cachemounts.Packed(own); packed != nil {
			return packed, nil
		}
		var err error
		if path, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return cachemounts.NewHelper(path, own)
}

// offer adds what the session has to send for it.
func (k *keeper) offer(dirs map[string]fsutil.FS) error {
	if k.helper == nil {
		return nil
	}
	dir, err := k.helper.FS()
	dirs[cachemounts.HelperName] = dir
	return err
}

// box is what opens containers in the build of an anchor.
func (k *keeper) box(ctx context.Context, a *anchor) (*cachemounts.Box, error) {
	root, err := a.memo.Do(ctx, cachemounts.HelperName, func() (any, error) {
		def, err := k.helper.State(a.files.session.ID()).Marshal(ctx)
		if err != nil {
			return nil, err
		}
		res, err := a.gateway.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
		if err != nil {
			return nil, err
		}
		return res.SingleRef()
	})
	if err != nil {
		return nil, fmt.Errorf("sending orch to the builder: %w", err)
	}
	return &cachemounts.Box{Gateway: a.gateway, Root: root.(gateway.Reference), Helper: k.helper}, nil
}

// restoreMounts waits until the kept mounts of the target's steps are as they can
// be. The error is ctx's.
func (t *target) restoreMounts(ctx context.Context) error {
	k := t.run.keeper
	if k.helper == nil || t.plan.Target.Cache == nil || !t.plan.Target.Cache.Mounts.Any() {
		return nil
	}
	defs, err := t.definitions(ctx)
	if err != nil {
		return err
	}
	var mine []*kept
	for _, def := range defs {
		mounts, err := cachemounts.Find(def)
		if err != nil {
			return err
		}
		names := steps.Digests(def, t.anchor.judge.Proxies())
		for _, m := range mounts {
			if t.plan.Target.Cache.Mounts.Has(m.ID) {
				mine = append(mine, k.add(t, m, names))
			}
		}
	}
	var group errgroup.Group
	group.SetLimit(mountJobs)
	for _, one := range mine {
		group.Go(func() error {
			one.once.Do(func() {
				defer close(one.ready)
				one.restore(ctx)
			})
			return nil
		})
	}
	_ = group.Wait()
	return context.Cause(ctx)
}

// add notes that a target has a mount.
func (k *keeper) add(t *target, m *cachemounts.Mount, names []digest.Digest) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.kept[m.Key]
	if one == nil {
		c := t.plan.Target.Cache
		one = &kept{
			keeper: k, mount: m, anchor: t.anchor, limit: c.Mounts.MaxSize, maxAge: c.Mounts.MaxAge,
			unused: c.Mounts.Unused[m.ID],
			places: t.plan.MountCache(store.Name(m.Namespace+"/"+m.ID, m.Platform, m.Base)),
			steps:  map[digest.Digest]bool{}, ready: make(chan struct{}),
			report: runner.MountReport{ID: m.ID, Platform: m.Platform, Base: m.Base},
		}
		k.kept[m.Key] = one
	}
	for _, i := range m.Steps {
		one.steps[names[i]] = true
	}
	if name := t.plan.Name(); !slices.Contains(one.report.Targets, name) {
		one.report.Targets = append(one.report.Targets, name)
		slices.Sort(one.report.Targets)
	}
	return one
}

// open is the store of a place.
func (o *kept) open(c planner.Cache) (store.Store, error) {
	if c.Type == "local" {
		if err := o.keeper.run.places.CheckLayout(c.Attrs["dest"]); err != nil {
			return nil, err
		}
		return store.Folder(c.Attrs["dest"], c.Attrs["tag"]), nil
	}
	name := registry.Name{Text: c.Attrs["ref"], Insecure: c.Insecure}
	ref, err := name.Parse()
	if err != nil {
		return nil, err
	}
	s, err := store.Registry(o.keeper.run.opt.Registry, name)
	if err != nil {
		return nil, err
	}
	patience, _ := o.keeper.patience.LoadOrStore(ref.Domain, &store.Patience{Quiet: quietTime})
	return patience.(*store.Patience).With(s), nil
}

// load returns what is kept of the mount, and where: the first place that has
// something.
func (o *kept) load(ctx context.Context) (store.Store, *store.Entry, error) {
	for _, c := range o.places.Read {
		s, err := o.open(c)
		if err != nil {
			return nil, nil, err
		}
		e, err := s.Load(ctx)
		if err != nil || e != nil {
			return s, e, err
		}
	}
	return nil, nil, nil
}

// warn notes why something was not done with the mount.
func (o *kept) warn(format string, args ...any) {
	o.report.Warning = o.keeper.run.opt.Mask.Text(fmt.Sprintf(format, args...))
	o.keeper.run.steps.Warn("cache mount " + o.mount.ID + " " + o.report.Warning)
}

// restore fills the mount if it is empty and something is kept of it. Whatever
// goes wrong, the mount is cold or has what it had.
func (o *kept) restore(ctx context.Context) {
	o.report.State = runner.MountCold
	start := time.Now()
	from, entry, err := o.load(ctx)
	if err != nil {
		o.warn("is cold: reading what is kept of it: %v", err)
		entry = nil
	}
	if entry != nil && o.maxAge > 0 && time.Since(entry.Begun) > o.maxAge {
		entry = nil
	}
	if entry != nil && entry.Bytes > o.limit {
		o.warn("is cold: %s are kept of it, and mounts-max-size is %s", units.HumanSize(float64(entry.Bytes)), units.HumanSize(float64(o.limit)))
		entry = nil
	}
	status, err := o.fill(ctx, from, entry)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, cachemounts.ErrInUse):
		o.report.State = runner.MountWarm
	case err != nil:
		o.warn("is cold: %v", err)
	case status.State == pack.Warm:
		o.report.State = runner.MountWarm
		if entry != nil {
			o.begun = entry.Begun
		}
	case status.State == pack.Restored:
		o.report.State, o.begun, o.filled = runner.MountRestored, entry.Begun, status.At
		o.report.Restored = runner.MountTransfer{Bytes: entry.Layer.Size, Took: time.Since(start)}
		o.report.Files, o.report.Bytes = status.Files, status.Bytes
	}
}

// fill puts what is kept into the mount; without an entry it only looks at it.
func (o *kept) fill(ctx context.Context, from store.Store, entry *store.Entry) (*pack.Status, error) {
	box, err := o.keeper.box(ctx, o.anchor)
	if err != nil {
		return nil, err
	}
	opt := pack.RestoreOptions{Limit: o.limit}
	source := cachemounts.Source{}
	if entry != nil {
		opt.BaseSum = entry.Sums.Base
		source.Size = entry.Layer.Size
		source.Open = func(ctx context.Context) (io.ReadCloser, error) { return from.Open(ctx, entry) }
	}
	status, held, err := box.Restore(ctx, o.mount, restoreWait, source, opt)
	o.held = held
	return status, err
}

// looked are the mounts that were restored or looked at: steps of the others have not
// begun. The caller holds the lock.
func (k *keeper) looked() []*kept {
	var out []*kept
	for _, one := range k.kept {
		select {
		case <-one.ready:
			out = append(out, one)
		default:
		}
	}
	return out
}

// saveMounts saves the mounts that steps of the run have used, and reports all.
func (k *keeper) saveMounts(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(mountJobs)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.looked() {
		group.Go(func() error {
			if err := one.save(ctx); err != nil && ctx.Err() == nil {
				one.report.NotSaved = true
				one.warn("is not saved: %v", err)
			}
			return nil
		})
	}
	_ = group.Wait()
	all := make([]*kept, 0, len(k.kept))
	for _, one := range k.kept {
		if one.report.State != "" {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b *kept) int {
		return cmp.Or(cmp.Compare(a.mount.ID, b.mount.ID), cmp.Compare(a.mount.Platform, b.mount.Platform), cmp.Compare(a.mount.Key, b.mount.Key))
	})
	for _, one := range all {
		k.run.send(runner.MountUsed{MountReport: &one.report})
	}
}

// release lets go of the mounts that the run holds.
func (k *keeper) release(ctx context.Context) {
	var group errgroup.Group
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.looked() {
		if one.held != nil {
			group.Go(func() error {
				one.held.Release(ctx)
				return nil
			})
		}
	}
	_ = group.Wait()
}

// save saves the mount, if steps have run that may have changed it, and its
// content is another than what is kept.
func (o *kept) save(ctx context.Context) error {
	if o.places.Write == nil || ctx.Err() != nil {
		return nil
	}
	ran, good := o.keeper.run.steps.Ran(o.steps)
	if !ran || !good {
		// What a killed step leaves is for this builder alone.
		o.report.NotSaved = ran
		return nil
	}
	start := time.Now()
	spool, err := output.NewSpool()
	if err != nil {
		return err
	}
	defer spool.Close()
	status, err := o.pack(ctx, spool)
	if err != nil {
		return err
	}
	o.report.Files, o.report.Bytes = status.Files, status.Bytes
	switch status.State {
	case pack.Same:
		o.report.Unchanged, o.report.Unused = true, status.Unused
		return nil
	case pack.Cold:
		return nil
	case pack.Large:
		return fmt.Errorf("it holds %s, and mounts-max-size is %s", units.HumanSize(float64(status.Bytes)), units.HumanSize(float64(o.limit)))
	case pack.Busy:
		return errors.New("another run was writing to it")
	}
	to, err := o.open(*o.places.Write)
	if err != nil {
		return err
	}
	if err := to.Save(ctx, o.entry(status, start), spool); err != nil {
		return err
	}
	o.report.Saved = runner.MountTransfer{Bytes: status.Size, Took: time.Since(start)}
	o.report.Unused = status.Unused
	return nil
}

// pack writes the archive of the mount to a spool, if its content is another than
// what is kept.
func (o *kept) pack(ctx context.Context, spool io.Writer) (*pack.Status, error) {
	opt := pack.SaveOptions{Limit: o.limit, Unused: o.unused, Since: o.filled}
	if _, known, err := o.load(retry.WithBudget(ctx, knownTime)); err == nil && known != nil && !o.usesAreOld(known) {
		opt.Known = known.Sums
	} // and what is damaged gets replaced
	box, err := o.keeper.box(ctx, o.anchor)
	if err != nil {
		return nil, err
	}
	sum := digest.SHA256.Digester()
	counted := &countingWriter{to: io.MultiWriter(spool, sum.Hash())}
	status, err := box.Save(ctx, o.mount, saveWait, counted, opt)
	if err != nil {
		return nil, err
	}
	if status.State == pack.Packed && (status.Digest != sum.Digest().String() || status.Size != counted.n) {
		return nil, errors.New("the archive did not arrive whole")
	}
	return status, nil
}

// usesAreOld says whether a mount is saved also with the content that is kept: when
// files were used last is kept with them, and is to be right to a quarter of the time
// after which they are left out.
func (o *kept) usesAreOld(known *store.Entry) bool {
	return o.unused > 0 && time.Since(known.Saved) > o.unused/4
}

// entry is what is kept of the mount now.
func (o *kept) entry(status *pack.Status, now time.Time) *store.Entry {
	begun := o.begun
	if begun.IsZero() {
		begun = now
	}
	return &store.Entry{
		ID: o.mount.ID, Platform: o.mount.Platform, Bytes: status.Bytes, Files: status.Files, Sums: status.Sums,
		Begun: begun.UTC(), Saved: now.UTC(),
		Layer: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerZstd, Digest: digest.Digest(status.Digest), Size: status.Size},
	}
}

// countingWriter counts what goes through it.
type countingWriter struct {
	to io.Writer
	n  int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
