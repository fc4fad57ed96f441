package buildkit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/caches"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/rights"
)

// A session hands out what is asked of it, to whichever step asks. So what a
// target's steps ask for is read from its definition before any of it runs: a
// privilege that the target lacks is refused here, a step that another target
// has with other rights becomes a step of its own, and a target that would be
// handed what is not its own moves to another session.

// opaque says whether the builder may ask for anything on behalf of a target
// before its definition is there to be read.
func (t *target) opaque() bool {
	if t.foreign() || t.plan.Dockerfile == nil || fetched(t.plan.Target.Context) {
		return true
	}
	for _, c := range t.plan.Target.Contexts {
		if fetched(c) {
			return true
		}
	}
	return false
}

// fetched says whether the builder fetches a context from somewhere.
func fetched(c config.Context) bool {
	return c.Kind == config.Git || c.Kind == config.HTTP || c.Kind == config.Archive
}

// place sorts the builds into anchors. Targets whose definitions can be read
// before anything runs share one with those under the same policies. Others
// share one only with those of the very same rights, and the same folders.
func (r *run) place(ctx context.Context) error {
	var opaque []*target
	for _, b := range r.plan.Builds {
		t := newTarget(r, nil, b)
		r.targets[b] = t
		if t.opaque() {
			opaque = append(opaque, t)
			continue
		}
		if err := r.enter(ctx, t, func(*anchor) bool { return true }, newAnchor); err != nil {
			return err
		}
	}
	for _, a := range r.anchors {
		a.held, a.creds = usual(a.builds)
	}
	for _, t := range opaque {
		if err := r.placeOpaque(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// placeOpaque puts a target into the first anchor that it fits.
func (r *run) placeOpaque(ctx context.Context, t *target) error {
	folders, err := t.folders()
	if err != nil {
		return fmt.Errorf("target %s: %w", t.plan.Name(), err)
	}
	fits := func(a *anchor) bool { return maps.Equal(a.held, t.held) && a.offers(folders) }
	own := func(r *run) *anchor {
		a := newAnchor(r)
		a.held = maps.Clone(t.held)
		a.creds.Add(t.plan.Target)
		return a
	}
	if err := r.enter(ctx, t, fits, own); err != nil {
		return err
	}
	maps.Copy(t.anchor.folders, folders)
	return nil
}

// enter puts a target into the first anchor that fits and is under the same
// policies, or into a new one.
func (r *run) enter(ctx context.Context, t *target, fits func(*anchor) bool, anew func(*run) *anchor) error {
	j, err := r.judgeOf(ctx, t)
	if err != nil {
		return fmt.Errorf("target %s: %w", t.plan.Name(), err)
	}
	i := slices.IndexFunc(r.anchors, func(a *anchor) bool { return fits(a) && a.judge.TakeIn(j) })
	if i < 0 {
		a := anew(r)
		a.judge, a.files = j, a
		for _, have := range r.anchors {
			if have.judge == nil && j == nil {
				a.files = have.files
			}
		}
		i, r.anchors = len(r.anchors), append(r.anchors, a)
	}
	t.anchor, t.placed = r.anchors[i], r.anchors[i]
	t.anchor.builds = append(t.anchor.builds, t.plan)
	return nil
}

// usual returns what a session of several targets offers: the privileges of
// all, and of what has different meanings for them the one that most have.
func usual(builds []*planner.Build) (rights.Held, *creds.Set) {
	held, set := rights.Held{}, creds.NewSet()
	count := map[rights.Right]map[string]int{}
	for _, b := range builds {
		for right, meaning := range rights.Of(b.Target) {
			if count[right] == nil {
				count[right] = map[string]int{}
			}
			count[right][meaning]++
		}
	}
	for _, b := range builds {
		for right, meaning := range rights.Of(b.Target) {
			if have, ok := held[right]; !ok || count[right][meaning] > count[right][have] {
				held[right] = meaning
			}
		}
	}
	for _, b := range builds {
		mine := rights.Of(b.Target)
		for _, s := range b.Target.Secrets {
			if right := (rights.Right{Kind: rights.Secret, ID: s.ID}); mine[right] == held[right] {
				set.AddSecret(s.ID, s)
			}
		}
		for _, s := range b.Target.SSH {
			right := rights.SSHAgent(s.ID)
			if mine[right] == held[right] {
				set.AddSSH(right.ID, s)
			}
			if len(count[right]) > 1 {
				// An agent cannot be added to a session that is open.
				alias := rights.Alias(right.ID, mine[right])
				set.AddSSH(alias, s)
				held[rights.SSHAgent(alias)] = mine[right]
			}
		}
	}
	return held, set
}

// allowed are the entitlements among rights.
func allowed(held rights.Held) []string {
	var out []string
	for right, meaning := range held {
		switch right.Kind {
		case rights.HostNetwork, rights.Insecure:
			out = append(out, right.String())
		case rights.Device:
			out = append(out, strings.Split(meaning, "\x00")...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// notGranted is how BuildKit says that its configuration forbids an entitlement.
var notGranted = lazyregexp.New(`granting entitlement (\S+) is not allowed by build daemon`)

// refused says of an entitlement that the builder's configuration forbids who asks
// for it, and where it is allowed.
func (a *anchor) refused(err error) error {
	m := notGranted.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	var names []string
	for _, b := range a.builds {
		if slices.Contains(allowed(a.run.targets[b].held), m[1]) {
			names = append(names, b.Target.Name)
		}
	}
	return fmt.Errorf("the builder does not allow %s, which %s asks for: write insecure-entitlements = [%q] at the top of its buildkitd.toml, or use another builder (%w)",
		m[1], strings.Join(names, ", "), m[1], err)
}

// readUses notes what the target's own vertices ask for.
func (t *target) readUses(ctx context.Context, res *gateway.Result) error {
	defs, err := t.definitionsOf(ctx, res)
	if err != nil {
		return err
	}
	t.conversion.uses = nil
	for _, def := range defs {
		uses, err := t.run.reader.Uses(def, t.given)
		if err != nil {
			return err
		}
		t.conversion.uses = append(t.conversion.uses, uses...)
	}
	return nil
}

// bounded makes sure that the target's steps get what the target has, and no
// more, before any of them runs.
func (t *target) bounded(ctx context.Context) error {
	uses := t.conversion.uses
	if len(uses) == 0 {
		return nil
	}
	for _, u := range uses {
		if privilege := u.Right.Kind == rights.HostNetwork || u.Right.Kind == rights.Insecure; privilege && t.held[u.Right] == "" {
			return t.lacks(ctx, u, "")
		}
	}
	names, err := t.partings(ctx, uses)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if uses, err = t.part(ctx, names); err != nil {
			return err
		}
	}
	return t.move(ctx, uses)
}

// lack is the error of a step of which the target does not have what it asks for.
// Another target with the step may have it.
type lack struct{ text string }

func (l *lack) Error() string { return l.text }

// lacks is the error of a step that asks for what its target does not have.
func (t *target) lacks(ctx context.Context, u rights.Use, why string) error {
	var err error = &lack{fmt.Sprintf("this step uses %s, which target %q does not have%s: write %s in the target",
		u.Right, t.plan.Name(), why, u.Right.Remedy())}
	if u.Right.Kind == rights.HostNetwork || u.Right.Kind == rights.Insecure {
		err = fmt.Errorf("%w, and allow it with --allow=%s", err, u.Right)
	}
	defs, derr := t.definitionsOf(ctx, t.result)
	if derr != nil {
		return derr
	}
	for _, def := range defs {
		if src := rights.Place(def, u); src != nil {
			return errdefs.WithSource(err, src)
		}
	}
	return err
}

// deed is what a step does with a right.
type deed struct {
	twins digest.Digest
	right rights.Right
}

// partings finds the steps that other targets have as well, with other rights,
// and says what this target's ask for instead. It depends on nothing but the
// definition, so that an equal run finds the same in its caches: where one of
// the targets has the right, its steps stay as they are.
func (t *target) partings(ctx context.Context, uses []rights.Use) (map[digest.Digest]map[rights.Right]string, error) {
	others, err := t.others(ctx, uses)
	if err != nil || len(others) == 0 {
		return nil, err
	}
	out := map[digest.Digest]map[rights.Right]string{}
	for _, u := range uses {
		mine, found := t.held.Meaning(u), others[deed{u.Twins, u.Right}]
		delete(found, mine)
		if len(found) == 0 || !t.yields(mine, found) {
			continue
		}
		if u.Fixed && mine != "" && len(found) == 1 && found[""] {
			continue // the others are refused, and not this one
		}
		if u.Fixed || mine == "" && u.Required {
			return nil, t.lacks(ctx, u, ", though another target of this run with the same step has it")
		}
		if out[u.Vertex] == nil {
			out[u.Vertex] = map[rights.Right]string{}
		}
		out[u.Vertex][u.Right] = rights.Alias(u.Right.ID, mine)
	}
	return out, nil
}

// yields says whether a step becomes one of its own because others mean
// something else by what it asks for. Whoever is alone in having something
// keeps it by its name.
func (t *target) yields(mine string, others map[string]bool) bool {
	if !t.convertible() {
		return true
	}
	having := len(others)
	if others[""] {
		having--
	}
	if mine == "" {
		return having == 1
	}
	return having > 0
}

// others finds what the targets with other rights have in common with what this
// one uses: for each deed, what it means for them. It waits until those that
// can be converted at any time are. The rest come later: they yield, and each
// counts on the others' having the same.
func (t *target) others(ctx context.Context, uses []rights.Use) (map[deed]map[string]bool, error) {
	out := map[deed]map[string]bool{}
	note := func(u rights.Use, meaning string) {
		d := deed{u.Twins, u.Right}
		if out[d] == nil {
			out[d] = map[string]bool{}
		}
		out[d][meaning] = true
	}
	for _, b := range t.run.plan.Builds {
		o := t.run.targets[b]
		if o == t || !slices.ContainsFunc(uses, func(u rights.Use) bool { return o.held.Meaning(u) != t.held.Meaning(u) }) {
			continue
		}
		if !o.convertible() {
			if !t.convertible() {
				for _, u := range uses {
					note(u, o.held.Meaning(u))
				}
			}
			continue
		}
		select {
		case <-o.conversion.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		for _, u := range o.conversion.uses {
			note(u, o.held.Meaning(u))
		}
	}
	return out, nil
}

// part gives what the target's vertices ask for other names, so that they are
// vertices of its own, and returns what they ask for then.
func (t *target) part(ctx context.Context, names map[digest.Digest]map[rights.Right]string) ([]rights.Use, error) {
	t.known = maps.Clone(t.held)
	for _, u := range t.conversion.uses {
		if alias, ok := names[u.Vertex][u.Right]; ok {
			t.alias(u, alias)
		}
	}
	err := t.replace(ctx, func(def *pb.Definition) (*pb.Definition, error) { return rights.Rename(def, names) })
	if err != nil {
		return nil, err
	}
	t.parted = true
	t.claim(ctx, t.result)
	var uses []rights.Use
	defs, err := t.definitionsOf(ctx, t.result)
	if err != nil {
		return nil, err
	}
	for _, def := range defs {
		more, err := t.run.reader.Uses(def, t.given)
		if err != nil {
			return nil, err
		}
		uses = append(uses, more...)
	}
	return uses, nil
}

// alias has the target and its session know a right by another name too.
func (t *target) alias(u rights.Use, alias string) {
	add := func(id, name string) {
		right := rights.Right{Kind: u.Right.Kind, ID: id}
		meaning, ok := t.held[right]
		if !ok {
			return
		}
		right.ID = name
		t.known[right] = meaning
		for _, s := range t.plan.Target.Secrets {
			if right.Kind == rights.Secret && s.ID == id {
				t.aliases[name] = s
				t.anchor.alias(name, meaning, s)
			}
		}
	}
	add(u.Right.ID, alias)
	for _, id := range u.Also {
		add(id, alias+strings.TrimPrefix(id, u.Right.ID))
	}
}

// replace has the target's result made from other definitions, or by another
// anchor. Nothing has been run yet.
func (t *target) replace(ctx context.Context, change func(*pb.Definition) (*pb.Definition, error)) error {
	imports, err := caches.Imports(t.opts)
	if err != nil {
		return err
	}
	again := func(ref gateway.Reference) (gateway.Reference, error) {
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			return nil, err
		}
		if def, err = change(def); err != nil {
			return nil, err
		}
		sources := imports
		if lazy, ok := ref.(*frontend.LazyRef); ok {
			sources = lazy.CacheImports()
		}
		now := frontend.NewLazyRef(t.anchor.gateway, gateway.SolveRequest{Definition: def, CacheImports: sources})
		t.record(now, def)
		return now, nil
	}
	out := gateway.NewResult()
	out.Metadata = maps.Clone(t.result.Metadata)
	if len(t.result.Refs) == 0 {
		ref, err := again(t.result.Ref)
		if err != nil {
			return err
		}
		out.SetRef(ref)
	}
	for id, ref := range t.result.Refs {
		ref, err := again(ref)
		if err != nil {
			return err
		}
		out.AddRef(id, ref)
	}
	t.result = out
	return nil
}

// move takes the target to an anchor that hands out nothing but what it has.
func (t *target) move(ctx context.Context, uses []rights.Use) error {
	if t.anchor.serves(t, uses) {
		return nil
	}
	a, err := t.run.anchorFor(ctx, t, uses)
	if err != nil {
		return err
	}
	t.anchor = a
	return t.replace(ctx, func(def *pb.Definition) (*pb.Definition, error) { return def, nil })
}

// anchorFor finds an anchor that serves a target, or opens one.
func (r *run) anchorFor(ctx context.Context, t *target, uses []rights.Use) (*anchor, error) {
	r.moving.Lock()
	defer r.moving.Unlock()
	for _, a := range r.moved {
		if a.judge == t.anchor.judge && a.serves(t, uses) {
			return a, nil
		}
	}
	a := newAnchor(r)
	// Of the contexts and layouts the sources name the session, which is that
	// of the anchor that the target comes from.
	a.builds, a.stores, a.judge, a.borrows = t.anchor.builds, t.anchor.stores, t.anchor.judge, true
	a.held = rights.Held{}
	for right, meaning := range t.anchor.held {
		if right.Kind == rights.HostNetwork || right.Kind == rights.Insecure {
			a.held[right] = meaning
		}
	}
	a.creds.Add(t.plan.Target)
	for right, meaning := range t.known {
		a.held[right] = meaning
	}
	for name, s := range t.aliases {
		a.creds.AddSecret(name, s)
	}
	for _, s := range t.plan.Target.SSH {
		if alias := rights.Alias(rights.SSHAgent(s.ID).ID, t.held[rights.SSHAgent(s.ID)]); t.known[rights.SSHAgent(alias)] != "" {
			a.creds.AddSSH(alias, s)
		}
	}
	if err := a.begin(r.ctx, nil); err != nil {
		return nil, err
	}
	r.moved = append(r.moved, a)
	return a, nil
}

// serves says whether what the anchor's session hands out is what a target
// means by it.
func (a *anchor) serves(t *target, uses []rights.Use) bool {
	a.holding.Lock()
	defer a.holding.Unlock()
	return !slices.ContainsFunc(uses, func(u rights.Use) bool {
		switch u.Right.Kind {
		case rights.HostNetwork, rights.Insecure:
			return false // looked at already, for each target
		}
		return a.held.Meaning(u) != t.known.Meaning(u)
	})
}

// alias has the session hand out a secret by another name too.
func (a *anchor) alias(name, meaning string, s config.Secret) {
	a.holding.Lock()
	defer a.holding.Unlock()
	a.held[rights.Right{Kind: rights.Secret, ID: name}] = meaning
	a.creds.AddSecret(name, s)
}
