package buildkit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
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
	// judge is the policy that they are under, or nil.
	judge *arbiter

	session *session.Session
	shared  []session.Attachable
	stores  map[string]content.Store
	gateway gateway.Client
	memo    memo
	asking  sync.Mutex // held while it is asked whether a cache is there

	opened   chan struct{}
	finish   chan struct{}
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
		finish:   make(chan struct{}),
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
	dirs, err := a.run.mounts(a.run.plan.Locals)
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
	opt := client.SolveOpt{
		SharedSession:       a.session,
		Session:             a.shared,
		LocalMounts:         dirs,
		LocalFilterOpt:      watched(dirs),
		OCIStores:           a.stores,
		CacheImports:        a.cacheSources(ctx),
		AllowedEntitlements: a.entitlements(),
		FrontendAttrs:       map[string]string{},
		SourcePolicy:        a.run.opt.SourcePolicy,
		// Only the exports are worth a record in the builder's history.
		Internal: true,
	}
	a.judge.on(&opt)
	go func() {
		defer close(a.finished)
		status, shown := a.run.opt.Progress.anchor()
		_, a.err = a.run.builder.client.Build(ctx, opt, "orch", a.hold, status)
		<-shown
	}()
	select {
	case <-a.opened:
		return a.judged()
	case <-a.finished:
		if a.err == nil {
			a.err = errors.New("the builder ended the run before it began")
		}
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judged makes sure that the builder asks the policy of the anchor.
func (a *anchor) judged() error {
	warning, err := a.judge.supported(a.gateway.BuildOpts().LLBCaps, a.run.builder.Name)
	if err != nil {
		close(a.finish)
		<-a.finished
		return err
	}
	if warning != "" {
		a.run.opt.Progress.warn(warning)
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
	defer func() { _ = a.judge.close() }()
	select {
	case <-a.finished:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
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
