package pin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config/lock"
)

// Change is an entry that differs between two locks, or between a lock and what
// its name means now.
type Change struct {
	Kind lock.Kind `json:"kind"`
	Name string    `json:"name"`
	// Before and After are digests and commits; "" is not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Targets are those that it touches.
	Targets []string `json:"targets"`
	// Platforms are those that came (+) and went (-) of an image that is still the same.
	Platforms []string `json:"platforms,omitempty"`
	// Error is why it could not be looked up.
	Error string `json:"error,omitempty"`
}

// Changes compares two locks.
func Changes(old, next *lock.Lock) []Change {
	out := []Change{}
	for _, e := range next.Entries() {
		before := ""
		if was := old.Get(e.Kind, e.Name); was != nil {
			before = was.Digest
		}
		parts := platformChanges(old.Get(e.Kind, e.Name), e)
		if before != e.Digest || parts != nil {
			out = append(out, Change{Kind: e.Kind, Name: e.Name, Before: before, After: e.Digest, Targets: users(e), Platforms: parts})
		}
	}
	for _, e := range old.Entries() {
		if next.Get(e.Kind, e.Name) == nil {
			out = append(out, Change{Kind: e.Kind, Name: e.Name, Before: e.Digest, Targets: users(e)})
		}
	}
	return out
}

// platformChanges are the platforms for which an image is taken in one of two entries
// with one digest.
func platformChanges(old, next *lock.Entry) []string {
	if old == nil || old.Digest != next.Digest {
		return nil
	}
	var out []string
	for _, p := range slices.Sorted(maps.Keys(next.Platforms)) {
		if old.Platforms[p] == "" {
			out = append(out, "+"+p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(old.Platforms)) {
		if next.Platforms[p] == "" {
			out = append(out, "-"+p)
		}
	}
	return out
}

// users are the targets that an entry says it is used by.
func users(e *lock.Entry) []string {
	out := []string{}
	for _, u := range e.UsedBy {
		out = append(out, lock.ParseUse(u).Target)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Moved looks up what the names of a lock mean now, and returns those that mean
// something else, or that cannot be looked up. dependents adds the targets that are
// built on others.
func (r *Resolver) Moved(ctx context.Context, entries []*lock.Entry, dependents func([]string) []string) ([]Change, error) {
	found := make([]*Change, len(entries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, e := range entries {
		group.Go(func() error {
			now, err := r.Digest(ctx, e.Key)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err == nil && now == e.Digest {
				return nil
			}
			found[i] = &Change{Kind: e.Kind, Name: e.Name, Before: e.Digest, After: now, Targets: dependents(users(e))}
			if err != nil {
				found[i].Error = err.Error()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := []Change{}
	for _, c := range found {
		if c != nil {
			out = append(out, *c)
		}
	}
	return out, nil
}

// Failed says which of the changes could not be looked up.
func Failed(list []Change) error {
	var errs Errors
	for _, c := range list {
		if c.Error != "" {
			errs = append(errs, errors.New(c.Name+": "+c.Error))
		}
	}
	if errs == nil {
		return nil
	}
	return errs
}

// document is what --json prints.
type document struct {
	Version int      `json:"version"`
	Lock    string   `json:"lock"`
	Entries int      `json:"entries"`
	Changes []Change `json:"changes"`
}

// WriteJSON prints changes for programs.
func WriteJSON(w io.Writer, name string, entries int, list []Change) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(document{1, name, entries, list})
}

// WriteText prints changes for people, a line for each.
func WriteText(w io.Writer, list []Change) error {
	var b strings.Builder
	for _, c := range list {
		mark, what := "~", Short(c.Before)+" → "+Short(c.After)
		switch {
		case c.Platforms != nil:
			what = strings.Join(c.Platforms, " ")
		case c.Error != "":
			mark, what = "!", c.Error
		case c.Before == "":
			mark, what = "+", Short(c.After)
		case c.After == "":
			mark, what = "-", Short(c.Before)
		}
		fmt.Fprintf(&b, "%s %s %s  %s  for %s\n", mark, c.Kind, Familiar(c.Name), what, cmp.Or(strings.Join(c.Targets, ", "), "no target"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Short is the beginning of a digest or of a commit, which tells it from others.
func Short(digest string) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok {
		return digest[:min(len(digest), 12)]
	}
	return algorithm + ":" + hex[:min(len(hex), 12)]
}

// Familiar is a name as it is written in Dockerfiles.
func Familiar(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	return strings.TrimPrefix(name, "library/")
}

// Match returns what says whether a name is meant by a pattern: a word is found
// anywhere in it, and * stands for anything.
func Match(pattern string) func(lock.Key) bool {
	parts := strings.Split(pattern, "*")
	return func(k lock.Key) bool {
		rest := k.Name
		if pattern == "" || pattern == string(k.Kind) {
			return true
		}
		for _, part := range parts {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				return false
			}
			rest = after
		}
		return true
	}
}
