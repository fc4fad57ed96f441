// Package publication decides whether the tags of a run move together at its end,
// and has them moved. It knows what is pushed from the plan and what was pushed
// from the report, and nothing of how a tag is moved: that is package publish's.
package publication

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/netfault"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/record"
)

// Modes say when tags move, as the flag --publish does.
var Modes = []string{"auto", "together", "each"}

// Options say what a run publishes.
type Options struct {
	// Mode is one of Modes.
	Mode string
	// Skips says that targets may be skipped, whose tags move with the others.
	Skips bool
	// Several says that the run has several builders: then nobody but orch can move
	// tags at the end.
	Several bool
	// Earlier are the targets that an earlier run has built.
	Earlier []*record.Target
	// Publisher returns what moves tags.
	Publisher func() (*publish.Publisher, error)
	// Credentials come from the docker configuration.
	Credentials *registry.Credentials
	// Note shows a line to the user; it may be nil.
	Note func(line string)
	// Hold lets something end that must not be torn by an interrupt.
	Hold func() (release func())
}

// Publication is what a run has to publish, and how. A nil one publishes
// nothing together.
type Publication struct {
	*publish.Publisher
	opt Options
	// far are the registries that orch does not reach, with the reasons: there
	// the builder moves the tags.
	far map[string]error
}

// ByDigestAlone is the publication of a run that pushes every image under its
// digest and moves no tag: somebody else does that.
func ByDigestAlone() *Publication { return &Publication{} }

// together says whether the tags of a run move in one phase at its end.
func together(plan *planner.Plan, opt Options) bool {
	if opt.Mode != "auto" {
		return opt.Mode == "together"
	}
	pushed, tested := 0, false // tested, or compared with what the tag names
	for _, b := range plan.Builds {
		if pushes(b) {
			pushed++
			tested = tested || len(b.Target.Tests) > 0 || b.Target.Reproducible
		}
	}
	return pushed > 1 || tested || opt.Several && pushed > 0 || opt.Skips && pushed > 0 || len(Unmoved(nil, opt.Earlier)) > 0
}

// pushes says whether any output of a build goes to a registry.
func pushes(b *planner.Build) bool {
	return slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Push })
}

// Unmoved lists the tags that a run, which may be nil, and the one that it goes
// on from have not moved.
func Unmoved(report *runner.Report, earlier []*record.Target) []publish.Move {
	var moves []publish.Move
	add := func(tags []runner.Tag) {
		for _, t := range tags {
			moves = append(moves, publish.Move{Ref: publish.Ref{Name: t.Name, Insecure: t.Insecure}, New: t.Digest})
		}
	}
	for _, t := range earlier {
		add(t.Unpublished)
	}
	if report == nil {
		return moves
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			add(t.Result.Unpublished)
		}
	}
	return moves
}

// ByDigest says of which registries images are pushed without their tags; it is
// nil if of none.
func (p *Publication) ByDigest() func(domain string) bool {
	if p == nil {
		return nil
	}
	return func(domain string) bool { return p.far[domain] == nil }
}

// Last says of which targets the builder moves tags; it is nil if of none.
func (p *Publication) Last() func(*planner.Build) bool {
	if p == nil || len(p.far) == 0 {
		return nil
	}
	return func(b *planner.Build) bool { return len(p.farRefs(b)) > 0 }
}

// Alone says whether nobody but orch moves tags of the run.
func (p *Publication) Alone() bool { return p != nil && len(p.far) == 0 }

// Moved are the tags that the builder has moved, in registries that orch does
// not reach.
func (p *Publication) Moved(report *runner.Report) []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, t := range report.Targets {
		if t.State != runner.Done {
			continue
		}
		for _, r := range p.farRefs(t.Build) {
			out = append(out, r.Name)
		}
	}
	return out
}

// farRefs are the tags of a target that the builder moves.
func (p *Publication) farRefs(b *planner.Build) []publish.Ref {
	return slices.DeleteFunc(pushedRefs(b), func(r publish.Ref) bool { return p.far[domainOf(r)] == nil })
}

func domainOf(r publish.Ref) string {
	ref, err := registry.Name{Text: r.Name, Insecure: r.Insecure}.Parse()
	if err != nil {
		return ""
	}
	return ref.Domain
}

// pushedRefs are the tags that the outputs of a build push.
func pushedRefs(b *planner.Build) []publish.Ref {
	var out []publish.Ref
	for _, o := range b.Target.Outputs {
		if !o.Push || o.ByDigest {
			continue
		}
		names := b.Target.Tags
		if len(names) == 0 {
			names = o.Names
		}
		for _, name := range names {
			ref, err := registry.Name{Text: strings.TrimSpace(name), Insecure: o.Insecure}.Parse()
			if err == nil {
				out = append(out, publish.Ref{Name: ref.String() + ":" + ref.Tag, Insecure: ref.Insecure})
			}
		}
	}
	return out
}

// Prepare makes ready to publish what a plan pushes, while the builder is being
// reached: it asks each registry whether orch can move tags there, and finishes
// what an earlier run has left of the same tags. The result is nil where no tags
// move together.
func Prepare(ctx context.Context, plan *planner.Plan, opt Options) func() (*Publication, error) {
	if !together(plan, opt) {
		return func() (*Publication, error) { return nil, nil }
	}
	var pub *Publication
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		pub, err = prepare(ctx, plan, opt)
	}()
	return func() (*Publication, error) {
		<-done
		return pub, err
	}
}

func prepare(ctx context.Context, plan *planner.Plan, opt Options) (*Publication, error) {
	p, err := opt.Publisher()
	if err != nil {
		return nil, err
	}
	pub := &Publication{Publisher: p, opt: opt}
	var refs []publish.Ref
	for _, b := range plan.Builds {
		refs = append(refs, pushedRefs(b)...)
	}
	for _, r := range refs {
		opt.Credentials.Look(domainOf(r))
	}
	if remote, ok := p.Registry.(publish.Remote); ok {
		if pub.far, err = remote.Unreached(ctx, refs); err != nil {
			return nil, err
		}
	}
	if err := pub.sayFar(); err != nil {
		return nil, err
	}
	for _, m := range Unmoved(nil, opt.Earlier) {
		refs = append(refs, m.Ref)
	}
	defer opt.Hold()()
	return pub, p.Prepare(ctx, refs)
}

// sayFar says in which registries the builder moves the tags. Where all tags
// have to move together, that is an error.
func (p *Publication) sayFar() error {
	for _, domain := range slices.Sorted(maps.Keys(p.far)) {
		verb, reason := "does not reach", p.far[domain].Error()
		if fault, ok := netfault.Of(p.far[domain]); ok {
			reason = fault.Reason
		}
		if !strings.HasSuffix(reason, "?") {
			reason += "."
		}
		if refused(p.far[domain]) {
			verb = "is refused by"
			reason += fmt.Sprintf(" Is there a docker login %s, and may it push?", domain)
		}
		if p.opt.Mode == "together" {
			return fmt.Errorf("--publish=together: orch has to move the tags in %s, and %s it: %s "+
				"Without the flag the builder moves them, not all or nothing", domain, verb, reason)
		}
		if p.opt.Note != nil {
			p.opt.Note(fmt.Sprintf("orch %s the registry %s: %s\n"+
				"There the builder moves the tags, one target after another, when all targets are good: not all or nothing.", verb, domain, reason))
		}
	}
	return nil
}

// refused says whether a registry was reached and wants another user, or a user at all.
func refused(err error) bool {
	e, ok := errors.AsType[*registry.Error](err)
	return ok && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// Publish moves the tags of a good run.
func Publish(ctx context.Context, p *publish.Publisher, report *runner.Report, earlier []*record.Target) error {
	moves := Unmoved(report, earlier)
	if len(moves) == 0 {
		return nil
	}
	if err := p.Publish(ctx, moves); err != nil {
		return err
	}
	report.Published, report.Stayed = p.Moved, len(moves)-p.Moved
	for _, t := range earlier {
		t.Unpublished = nil
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			t.Result.Unpublished = nil
		}
	}
	return nil
}

// Nothing says whether no tag has moved because of an error of Publish, and
// nothing of it is left to be finished: the error then does not say so itself.
func Nothing(err error) bool {
	var back *publish.PutBackError
	var unfinished *publish.UnfinishedError
	var mixed *publish.MixedError
	return !errors.As(err, &back) && !errors.As(err, &unfinished) && !errors.As(err, &mixed)
}

// Again says whether all that an error of Publish has left can be published by
// resuming the run.
func Again(err error) bool {
	var back *publish.PutBackError
	var unfinished *publish.UnfinishedError
	return !errors.As(err, &unfinished) && (!errors.As(err, &back) || !back.Journal)
}
