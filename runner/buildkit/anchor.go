package buildkit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/tonistiigi/fsutil"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/rights"
)

// anchor is one open Build. Its function does nothing but wait: what matters
// is that the vertices of every target stay alive until it ends.
type anchor struct {
	run    *run
	creds  *creds.Set
	builds []*planner.Build
	// held is what the session hands out, and what the steps may do.
	held    rights.Held
	holding sync.Mutex
	// files is the anchor whose session the local sources name, so that the
	// targets of several anchors read the very same source.
	files *anchor
	// folders are what the foreign frontends of its builds ask for by name.
	folders map[string]folder
	// judge is the policy that they are under, or nil.
	judge *sourcepolicy.Arbiter
	// borrows is true if the policy is another anchor's.
	borrows bool

	session *session.Session
	shared  []session.Attachable
	stores  map[string]content.Store
	gateway gateway.Client
	memo    frontend.Memo
	asking  sync.Mutex // held while it is asked whether a cache is there

	opened   chan struct{}
	finish   chan struct{}
	finished chan struct{}
	err      error
}

func newAnchor(r *run) *anchor {
	return &anchor{
		run:      r,
		creds:    creds.NewSet(),
		held:     rights.Held{},
		folders:  map[string]folder{},
		stores:   map[string]content.Store{},
		opened:   make(chan struct{}),
		finish:   make(chan struct{}),
		finished: make(chan struct{}),
	}
}

// offers says whether the anchor's session can offer folders: what others call
// so has to be the same.
func (a *anchor) offers(folders map[string]folder) bool {
	for name, f := range folders {
		if have, ok := a.folders[name]; ok && have.key != f.key {
			return false
		}
	}
	return true
}

// open opens what the builds read, and starts the Build.
func (a *anchor) open(ctx context.Context) error {
	dirs, err := a.run.mounts(a.run.plan.Locals)
	if err != nil {
		return err
	}
	for name, f := range a.folders {
		dirs[name] = f.fs
	}
	if err := a.run.keeper.offer(dirs); err != nil {
		return err
	}
	if err := a.openStores(); err != nil {
		return err
	}
	return a.begin(ctx, dirs)
}

// begin starts the Build and returns when its function runs. One that a busy builder did
// not enter in time is tried again, with a session of its own.
func (a *anchor) begin(ctx context.Context, dirs map[string]fsutil.FS) error {
	for try := 1; ; try++ {
		began, err := a.start(ctx, dirs)
		if began || err == nil || !builder.MayEnter(ctx, err, try) {
			return err
		}
		a.finished, a.err = make(chan struct{}), nil
	}
}

// start starts the Build, and says whether its function runs.
func (a *anchor) start(ctx context.Context, dirs map[string]fsutil.FS) (began bool, err error) {
	if a.shared, err = a.run.attachables(a.creds); err != nil {
		return false, err
	}
	a.session, err = session.NewSession(ctx, "orch-"+a.run.opt.ClientID)
	if err != nil {
		return false, fmt.Errorf("opening a session: %w", err)
	}
	opt := client.SolveOpt{
		SharedSession:       a.session,
		Session:             a.shared,
		LocalMounts:         dirs,
		LocalFilterOpt:      watched(dirs),
		OCIStores:           a.stores,
		CacheImports:        a.cacheSources(ctx),
		AllowedEntitlements: allowed(a.held),
		FrontendAttrs:       map[string]string{},
		SourcePolicy:        a.run.opt.SourcePolicy,
		// Only the exports are worth a record in the builder's history.
		Internal: true,
	}
	a.judge.On(&opt)
	go func() {
		defer close(a.finished)
		status, shown := a.run.steps.Anchor()
		_, a.err = a.run.builder.Conn.Build(ctx, opt, "orch", a.hold, status)
		<-shown
	}()
	select {
	case <-a.opened:
		return true, a.judged()
	case <-a.finished:
		if a.err == nil {
			a.err = errors.New("the builder ended the run before it began")
		}
		return false, a.refused(a.err)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// judged makes sure that the builder asks the policy of the anchor.
func (a *anchor) judged() error {
	if a.borrows {
		return nil
	}
	warning, err := a.judge.Supported(a.gateway.BuildOpts().LLBCaps, a.run.builder.Name)
	if err != nil {
		close(a.finish)
		<-a.finished
		return err
	}
	if warning != "" {
		a.run.steps.Warn(warning)
	}
	return nil
}

// hold is the function of the Build.
func (a *anchor) hold(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	a.gateway = gw
	close(a.opened)
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-a.finish:
		return gateway.NewResult(), nil
	}
}

// close ends the Build. It does not wait for a builder that does not answer
// once ctx has ended.
func (a *anchor) close(ctx context.Context) error {
	close(a.finish)
	if !a.borrows {
		defer func() { _ = a.judge.Close() }()
	}
	select {
	case <-a.finished:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openStores opens the OCI layouts that the builds name.
func (a *anchor) openStores() error {
	if b := a.run.opt.Bundle; b != nil {
		store, err := contentlocal.NewStore(b.Dir)
		if err != nil {
			return fmt.Errorf("opening the bundle %s: %w", b.Dir, err)
		}
		a.stores[bundle.StoreID] = store
	}
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
