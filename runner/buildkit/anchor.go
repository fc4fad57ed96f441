package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"

	"github.com/orch-build/orch/planner"
)

// anchor is one open Build. Its function does nothing but wait: what matters
// is that the vertices of every target stay alive until it ends.
type anchor struct {
	run    *run
	creds  *credentials
	builds []*planner.Build
	// folders are what the foreign frontends of its builds ask for by name.
	folders map[string]folder

	session *session.Session
	shared  []session.Attachable
	stores  map[string]content.Store
	gateway gateway.Client
	memo    memo

	mu       sync.Mutex
	results  []*gateway.Result // what the shared cache is made of
	opened   chan struct{}
	finish   chan bool // whether to hand the results to the cache export
	finished chan struct{}
	err      error
}

func newAnchor(r *run) *anchor {
	return &anchor{
		run:      r,
		creds:    newCredentials(),
		folders:  map[string]folder{},
		stores:   map[string]content.Store{},
		opened:   make(chan struct{}),
		finish:   make(chan bool, 1),
		finished: make(chan struct{}),
	}
}

// fits says whether a target may share the anchor's session: what it calls a
// secret, an ssh key or a folder has to be the same that others call so.
func (a *anchor) fits(t *target, folders map[string]folder) bool {
	for name, f := range folders {
		if have, ok := a.folders[name]; ok && have.key != f.key {
			return false
		}
	}
	return a.creds.fits(t.plan.Target)
}

// open starts the Build and returns when its function runs.
func (a *anchor) open(ctx context.Context) error {
	dirs, err := mounts(a.run.plan.Locals)
	if err != nil {
		return err
	}
	for name, f := range a.folders {
		dirs[name] = f.fs
	}
	if a.shared, err = a.run.attachables(a.creds); err != nil {
		return err
	}
	if err := a.openStores(); err != nil {
		return err
	}
	a.session, err = session.NewSession(ctx, "orch-"+a.run.opt.ClientID)
	if err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	cacheFrom, cacheTo := a.caches()
	opt := client.SolveOpt{
		SharedSession:       a.session,
		Session:             a.shared,
		LocalMounts:         dirs,
		OCIStores:           a.stores,
		CacheImports:        cacheFrom,
		CacheExports:        cacheTo,
		AllowedEntitlements: a.entitlements(),
		FrontendAttrs:       map[string]string{},
		SourcePolicy:        a.run.opt.SourcePolicy,
		// Only the exports are worth a record in the builder's history.
		Internal: true,
	}
	go func() {
		defer close(a.finished)
		status, shown := a.run.opt.Progress.anchor()
		_, a.err = a.run.builder.client.Build(ctx, opt, "orch", a.hold, status)
		<-shown
	}()
	select {
	case <-a.opened:
		return nil
	case <-a.finished:
		if a.err == nil {
			a.err = errors.New("the builder ended the run before it began")
		}
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold is the function of the Build.
func (a *anchor) hold(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	a.gateway = gw
	close(a.opened)
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case ok := <-a.finish:
		if !ok || !a.hasSharedCache() {
			return gateway.NewResult(), nil
		}
		return a.union()
	}
}

// close ends the Build; with ok it writes the cache that targets share. It
// does not wait for a builder that does not answer once ctx has ended.
func (a *anchor) close(ctx context.Context, ok bool) error {
	a.finish <- ok
	select {
	case <-a.finished:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep remembers a result for the shared cache.
func (a *anchor) keep(res *gateway.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results = append(a.results, res)
}

// union puts the results of all targets into one, so that one cache export
// covers them. A result of several references needs a name and a platform for
// each; only the names matter here.
func (a *anchor) union() (*gateway.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := gateway.NewResult()
	var ps exptypes.Platforms
	add := func(ref gateway.Reference) error {
		id := strconv.Itoa(len(ps.Platforms))
		out.AddRef(id, ref)
		ps.Platforms = append(ps.Platforms, exptypes.Platform{ID: id, Platform: platforms.DefaultSpec()})
		return nil
	}
	for _, res := range a.results {
		if err := res.EachRef(add); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(ps)
	if err != nil {
		return nil, err
	}
	out.AddMeta(exptypes.ExporterPlatformsKey, data)
	return out, nil
}

// openStores opens the OCI layouts that the builds name.
func (a *anchor) openStores() error {
	for _, b := range a.builds {
		t := a.run.targets[b]
		if err := t.openStores(); err != nil {
			return err
		}
		for _, s := range t.oci {
			a.stores[s.id] = s.store
		}
	}
	return nil
}

// entitlements are those that any target of the anchor asks for.
func (a *anchor) entitlements() []string {
	var out []string
	for _, b := range a.builds {
		out = append(out, allowed(b.Target)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
