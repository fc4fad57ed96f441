// Package pin looks up what the names mean that targets take from outside, for a
// lock: it asks registries for tags, git servers for refs and web servers for
// files.
//
// It does not know how a lock is written, nor how a build applies one.
package pin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// atOnce is how many names are looked up at the same time.
const atOnce = 8

// Resolver looks names up.
type Resolver struct {
	// Mends is the command that looks up anew what has this name.
	Mends    func(name string) string
	Registry *registry.Client
	HTTP     *http.Client // nil is one like http.DefaultClient
	// Mirrors are those that the builder has for registries.
	Mirrors map[string][]string
	// Now is the time that entries get.
	Now time.Time
	// Dir is the folder of the lock, from which the names of OCI layouts start.
	Dir string
}

// Frontend is the image of the frontend that a builder has to run for a target, or
// "" if the linked one does; pull says that a builder is to run all of them.
func Frontend(pull bool) func(*planner.Build) string {
	return func(b *planner.Build) string {
		syntax := strings.TrimSpace(b.Target.Args["BUILDKIT_SYNTAX"])
		if syntax == "" && b.Dockerfile != nil {
			syntax = strings.TrimSpace(b.Dockerfile.Syntax)
		}
		if syntax == "" || b.Dockerfile == nil || !pull && frontend.BuiltIn(syntax) {
			return ""
		}
		name, _, _ := strings.Cut(syntax, " ")
		return name
	}
}

// Errors are the names that could not be looked up, each with its reason.
type Errors []error

func (e Errors) Error() string {
	var lines []string
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors.
func (e Errors) Unwrap() []error { return e }

// Lock makes the next lock out of the one of before, which may be nil: entries of
// old that still say what is needed are kept, everything else is looked up. mine says
// which lines of old the list replaces; what others use stays.
func (r *Resolver) Lock(ctx context.Context, items []*outside.Item, old *lock.Lock, name string, mine func(lock.Use) bool) (*lock.Lock, error) {
	next := lock.New(name)
	keepOthers(next, old, mine)
	entries, err := r.resolve(ctx, items, func(it *outside.Item) *lock.Entry { return old.Get(it.Kind, it.Name) })
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if other := next.Get(e.Kind, e.Name); other != nil {
			e.UsedBy = append(e.UsedBy, other.UsedBy...)
			for p, d := range other.Platforms {
				if _, ok := e.Platforms[p]; !ok && other.Digest == e.Digest {
					e.Platforms[p] = d
				}
			}
		}
		next.Put(e)
	}
	return next, nil
}

// keepOthers takes over the entries that something else uses, and the lines that say
// so.
func keepOthers(next, old *lock.Lock, mine func(lock.Use) bool) {
	for _, e := range old.Entries() {
		kept := *e
		kept.UsedBy = nil
		for _, u := range e.UsedBy {
			if !mine(lock.ParseUse(u)) {
				kept.UsedBy = append(kept.UsedBy, u)
			}
		}
		if len(kept.UsedBy) > 0 || len(e.UsedBy) == 0 && !mine(lock.Use{}) {
			next.Put(kept)
		}
	}
}

// resolve looks items up, several at a time; known returns the entry that stays.
func (r *Resolver) resolve(ctx context.Context, items []*outside.Item, known func(*outside.Item) *lock.Entry) ([]lock.Entry, error) {
	out := make([]lock.Entry, len(items))
	failed := make([]error, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, it := range items {
		group.Go(func() error {
			out[i], failed[i] = r.entry(ctx, it, known(it))
			return context.Cause(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var errs Errors
	for i, err := range failed {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s, of %s: %w%s", items[i].Key, strings.Join(items[i].UsedBy, ", "), err, whenRefused(items[i].Key, err)))
		}
	}
	if errs != nil {
		return nil, errs
	}
	return out, nil
}

// place is where something is written, for the beginning of a message.
func place(at fault.Range) string {
	if at.Start.Line < 1 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", at.Filename, at.Start.Line)
}

// entry makes the entry of an item.
func (r *Resolver) entry(ctx context.Context, it *outside.Item, old *lock.Entry) (lock.Entry, error) {
	e := lock.Entry{Key: it.Key, UsedBy: it.UsedBy, Resolved: r.Now}
	switch {
	case old != nil:
		e.Digest, e.Resolved = old.Digest, old.Resolved
	case it.Digest != "":
		e.Digest = it.Digest
	case it.Why != "":
		return e, errors.New(place(it.At) + it.Why)
	default:
		var err error
		if e.Digest, err = r.Digest(ctx, it.Key); err != nil {
			return e, err
		}
	}
	if e.Kind != lock.Image && e.Kind != lock.Frontend {
		return e, nil
	}
	var err error
	e.Platforms, err = r.platforms(ctx, it, e.Digest)
	return e, err
}

// Digest says what a name means now.
func (r *Resolver) Digest(ctx context.Context, key lock.Key) (string, error) {
	if key.Kind == lock.Definition {
		if key.Kind = lock.HTTP; config.IsGit(key.Name) {
			key.Kind = lock.Git
		}
	}
	switch key.Kind {
	case lock.Git:
		return remoteCommit(ctx, key.Name)
	case lock.HTTP:
		return r.fileSum(ctx, key.Name)
	case lock.Layout:
		_, digest, err := ocilayout.Image(planner.Disk{}, path.Join(filepath.ToSlash(r.Dir), key.Name))
		if err != nil {
			return "", fmt.Errorf("reading the OCI layout: %w", err)
		}
		return digest, nil
	}
	if _, digest := lock.SplitDigest(key.Name); digest != "" {
		return digest, nil
	}
	ref, err := registry.Parse(key.Name)
	if err != nil {
		return "", err
	}
	digest, err := r.Registry.Head(ctx, ref)
	if err == nil && digest == "" {
		err = errors.New("its registry does not have it")
	}
	return digest, err
}

// platforms are the manifests of an image, for the platforms that are taken.
func (r *Resolver) platforms(ctx context.Context, it *outside.Item, digest string) (map[string]string, error) {
	plain, _ := lock.SplitDigest(it.Name)
	ref, err := registry.Parse(plain)
	if err != nil {
		return nil, err
	}
	ref.Tag = digest
	m, err := r.Registry.Manifest(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("reading what it is locked to, %s: %w\n%s", digest, err, r.WhereLost(ctx, it.Name, digest))
	}
	out := map[string]string{}
	for _, name := range it.Platforms {
		p, err := config.ParsePlatform(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = imageconfig.Manifest(m.Data, digest, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}
