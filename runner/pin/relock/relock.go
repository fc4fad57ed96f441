// Package relock writes the lock of a definition anew, or says what has moved since
// it was written. It does not know how definitions are read, nor who is asked what
// names mean.
package relock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/urlsecret"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/pin"
)

// ErrMoved says that something has moved upstream, or could not be looked up.
var ErrMoved = errors.New("the lock is not what is upstream")

// All is the pattern of --update without one.
const All = "*"

// Run is one call of orch lock.
type Run struct {
	// Update are patterns of what is looked up anew.
	Update []string
	// Check writes nothing.
	Check, JSON bool
	// Whole is true if the plan has all targets of the definition, so that an entry
	// that none of them uses has no use.
	Whole bool
	// Name is the lock's file name, and Old what it holds; nil means no lock.
	Name string
	Old  *lock.Lock
	// Origin is where the definition comes from; nil is this machine.
	Origin *Origin
	// Usual are the names that a definition has where it is not named.
	Usual []string

	Plan     *planner.Plan
	Digests  *digest.Digests
	Options  outside.Options
	Resolver *pin.Resolver
	// Out gets what has changed, and Notes what is said beside it.
	Out, Notes io.Writer
}

// Origin is where a definition from elsewhere comes from.
type Origin struct {
	// Key is its entry, and Source the repository or the file that it is in.
	Key, Source lock.Key
	// Digest is the commit that was fetched; "" of a file that is not pinned.
	Digest string
	// Why is why it cannot be locked, or "".
	Why string
}

// Matched says whether an entry is meant by one of the patterns; none of them mean
// nothing.
func (r *Run) Matched(k lock.Key) bool {
	return slices.ContainsFunc(r.Update, func(p string) bool { return pin.Match(p)(k) })
}

// Patterns takes the patterns out of the arguments that a bare --update was given:
// those that name no target. It returns the others.
func (r *Run) Patterns(args []string, target func(string) bool) []string {
	bare := slices.Index(r.Update, All)
	if bare < 0 {
		return args
	}
	var names, patterns []string
	for _, a := range args {
		if target(a) {
			names = append(names, a)
		} else {
			patterns = append(patterns, a)
		}
	}
	if len(patterns) > 0 {
		r.Update = slices.Concat(r.Update[:bare], patterns, r.Update[bare+1:])
	}
	return names
}

// Kept is what stays of the old lock.
func (r *Run) Kept() *lock.Lock {
	if r.Old == nil && r.Origin == nil {
		return nil
	}
	kept := lock.New(r.Name)
	for _, e := range r.Old.Entries() {
		if !r.Matched(e.Key) {
			kept.Put(*e)
		}
	}
	if o := r.Origin; o != nil && o.Digest != "" {
		was := kept.Get(o.Source.Kind, o.Source.Name)
		if was == nil || was.Digest != o.Digest { // the targets are from the commit that the definition is from
			kept.Put(lock.Entry{Key: o.Source, Digest: o.Digest, Resolved: r.Resolver.Now})
		}
	}
	return kept
}

// items are what the targets take, and where their definition comes from.
func (r *Run) items(list *outside.List) []*outside.Item {
	o := r.Origin
	if o == nil {
		return list.Items
	}
	it := &outside.Item{Key: o.Key, Digest: o.Digest, Why: o.Why}
	for _, b := range r.Plan.Builds {
		it.Targets = append(it.Targets, b.Name())
		use := lock.Use{Target: b.Name(), File: b.Target.RangeOf("").Filename, Definition: r.Options.Definition}
		it.UsedBy = append(it.UsedBy, use.String())
	}
	return append(slices.Clone(list.Items), it)
}

// Do writes the lock, or checks it.
func (r *Run) Do(ctx context.Context) error {
	r.Resolver.Dir = filepath.Dir(r.Name)
	if r.Check {
		return r.check(ctx)
	}
	if err := r.unmatched(); err != nil {
		return err
	}
	list := outside.Of(r.Plan, r.Digests, r.Options)
	list.SayUnread(r.Notes, "locked as far as it was")
	next, err := r.Resolver.Lock(ctx, r.items(list), r.Kept(), r.Name, r.mine())
	if err != nil {
		return err
	}
	changes := pin.Changes(r.Old, next)
	text := next.Bytes()
	if was, err := os.ReadFile(r.Name); err != nil || !bytes.Equal(was, text) {
		if err := output.WriteFile(r.Name, text, 0o644); err != nil {
			return usage.Errorf("writing the lock: %w", err)
		}
	}
	if r.JSON {
		return pin.WriteJSON(r.Out, r.Name, next.Len(), changes)
	}
	if err := pin.WriteText(r.Out, changes); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Out, "%s: %s, %s\n", r.Name, count(next.Len(), "entry", "entries"), summary(changes))
	return err
}

// mine says which lines of the lock are written anew: those of the chosen targets, or
// of all targets of the definition, also of those that it has no longer. Lines of
// another definition are left alone, as long as that is there.
func (r *Run) mine() func(lock.Use) bool {
	chosen := map[string]bool{}
	for _, b := range r.Plan.Builds {
		chosen[b.Name()] = true
	}
	return func(u lock.Use) bool {
		if u.Definition != r.Options.Definition {
			return r.Whole && r.gone(u.Definition)
		}
		return r.Whole || chosen[u.Target]
	}
}

// gone says whether a definition is not there any more. One with the usual name has
// no name in the lock, and where it is not there, the others are all that there is.
func (r *Run) gone(definition string) bool {
	if config.IsRemote(definition) {
		return false // nobody has asked its server
	}
	names := strings.Split(definition, ", ")
	if definition == "" {
		names = r.Usual
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(r.Name), filepath.FromSlash(name)))
		return err == nil
	})
}

// unmatched refuses patterns that match nothing.
func (r *Run) unmatched() error {
	for _, p := range r.Update {
		if p != All && !slices.ContainsFunc(r.Old.Entries(), func(e *lock.Entry) bool { return pin.Match(p)(e.Key) }) {
			return usage.Errorf("--update=%s: nothing in %s has that in its name, and no target is called so", p, r.Name)
		}
	}
	return nil
}

// check says what has moved.
func (r *Run) check(ctx context.Context) error {
	if r.Old == nil {
		return usage.Errorf("there is no %s to check: write it with orch lock", r.Name)
	}
	var entries []*lock.Entry
	chosen := map[string]bool{}
	for _, b := range r.Plan.Builds {
		chosen[b.Name()] = true
	}
	for _, e := range r.Old.Entries() {
		if urlsecret.Lacks(e.Name) {
			continue // it is pinned where it is written, and cannot be looked up by this name
		}
		used := slices.ContainsFunc(e.UsedBy, func(u string) bool {
			use := lock.ParseUse(u)
			return chosen[use.Target] && use.Definition == r.Options.Definition
		})
		if r.Whole || used {
			entries = append(entries, e)
		}
	}
	moved, err := r.Resolver.Moved(ctx, entries, func(names []string) []string { return outside.Dependents(r.Plan, names) })
	if err != nil {
		return err
	}
	if r.JSON {
		err = pin.WriteJSON(r.Out, r.Name, len(entries), moved)
	} else if err = pin.WriteText(r.Out, moved); err == nil && len(moved) == 0 {
		_, err = fmt.Fprintf(r.Out, "%s: nothing has moved\n", r.Name)
	} else if err == nil {
		_, err = fmt.Fprintf(r.Out, "%s: %d of %s moved; orch lock --update takes what is new\n", r.Name, len(moved), count(len(entries), "entry has", "entries have"))
	}
	if err == nil && len(moved) > 0 {
		err = ErrMoved
	}
	return err
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// summary counts changes.
func summary(list []pin.Change) string {
	var added, moved, gone, platforms int
	for _, c := range list {
		switch {
		case c.Platforms != nil:
			platforms++
		case c.Before == "":
			added++
		case c.After == "":
			gone++
		default:
			moved++
		}
	}
	if len(list) == 0 {
		return "nothing changed"
	}
	text := fmt.Sprintf("%d new, %d moved, %d gone", added, moved, gone)
	if platforms > 0 {
		text += fmt.Sprintf(", %d with other platforms", platforms)
	}
	return text
}
