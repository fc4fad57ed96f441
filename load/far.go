package load

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
)

// Origin is what a definition from elsewhere is in a lock.
type Origin struct {
	// Source is the repository or the file that it is in.
	Source lock.Key
	// Digest is the commit that was fetched, or the sum of a file as far as the URL has
	// it; "" is not known.
	Digest string
	// Why is why it cannot be locked, or "".
	Why string
	// written says that the URL has the digest.
	written bool
}

// Key is its entry.
func (o *Origin) Key() lock.Key { return lock.Key{Kind: lock.Definition, Name: o.Source.Name} }

// definition is what the lines of a lock call it.
func (o *Origin) definition(files []File) string {
	names := []string{o.Source.Name}
	for _, f := range files {
		if !strings.Contains(f.Name, "://") {
			names = append(names, f.Name)
		}
	}
	if len(names) == 2 && slices.Contains(UsualFiles(), names[1]) {
		names = names[:1]
	}
	return strings.Join(names, ", ")
}

// say notes the commit that was fetched, and whether anything says that it is to be
// that one.
func (o *Origin) say(l *Loader, d *Definition) {
	if sha, err := l.remote.tree.GitFact("sha"); err == nil && o.Digest == "" {
		o.Digest, _ = sha.(string)
	}
	if !o.written && l.far.entry(o) == nil {
		d.Config.Unpinned = l.URL
	}
}

// far is a lock of this machine that a definition from elsewhere is under. A nil far
// has nothing.
type far struct {
	name  string
	held  *lock.Lock
	moves func(lock.Key) bool
}

// openFar looks for the lock that a definition from elsewhere is under: the one that
// was named, or that of the working directory if it locks this definition.
func (r *remote) openFar() error {
	one, ok := digest.RemoteOutside(r.URL)
	if !ok {
		r.Origin = &Origin{}
		return nil // fetching it says what is wrong
	}
	o := &Origin{Source: one.Key, Digest: one.Digest, Why: one.Why, written: one.Digest != ""}
	r.Origin, r.far = o, nil
	f := &far{name: cmp.Or(r.Lock, lock.FileName), moves: r.Moves}
	if err := r.mayRead(f.name); err != nil {
		return err
	}
	text, err := r.disk().ReadFile(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (r.Lock == "" || r.Relock):
		if r.Relock {
			r.far = f
		}
		return nil
	case err != nil && (r.Lock != "" || r.Relock):
		return usage.Errorf("reading the lock %s: %w", f.name, err)
	case err != nil:
		return nil
	}
	var broken bool
	if f.held, _ = lock.Parse(f.name, text); f.held == nil {
		broken = bytes.Contains(text, []byte(o.Source.Name)) // what is wrong is said later
	}
	if r.Lock != "" || r.Relock || broken || f.entry(o) != nil {
		r.far = f
	}
	return nil
}

// entry is what the lock says of a definition, or nil.
func (f *far) entry(o *Origin) *lock.Entry {
	if f == nil || f.moves != nil && f.moves(o.Key()) {
		return nil
	}
	return f.held.Get(lock.Definition, o.Source.Name)
}

// policy has the definition be the one that is locked.
func (f *far) policy(o *Origin) *sourcepolicy.Static {
	e := f.entry(o)
	if e == nil {
		return nil
	}
	only := lock.New(f.name)
	only.Put(*e)
	return sourcepolicy.Pins{Lock: only}.Policy()
}
